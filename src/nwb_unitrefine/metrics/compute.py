"""Every feature of every unit, each from the best source there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nwb_unitrefine.metrics.columns import own_column, read_columns
from nwb_unitrefine.metrics.metric_values import Outcome
from nwb_unitrefine.metrics.ranks import add_ranks
from nwb_unitrefine.records import Features, Origin, OriginKind, Problem, ProblemCode, Ragged
from nwb_unitrefine.vocabulary import NEW, Feature, MetricGroup, Need, feature_names, find_metric, resolve
from nwb_unitrefine.vocabulary.metrics.ranks import ranked_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.metrics.columns import ColumnValues
    from nwb_unitrefine.records import Units

__all__ = ["compute_features"]


def compute_features(
    units: Units,
    *,
    names: str | Sequence[str] | None = None,
    raw: Features | None = None,
    definition: str | None = None,
    of_model: bool = False,
) -> Features:
    """Compute features, and say where each value is from.

    A feature is computed where its inputs are there, at SpikeInterface's value; a unit without them gets the value that
    a column of the file has for it, where the vocabulary knows that column and its unit. What is left is NaN, with the
    reason. Nothing is imputed.

    Parameters
    ----------
    units : Units
    names : str or sequence of str, optional
        Names of the vocabulary: ``"recovery_slope"`` in today's definition, ``"recovery_slope@0.101"`` in that of
        SpikeInterface 0.100 to 0.102. By default, all of today's that spike times and mean waveforms can give, and
        those that a column or `raw` has.
    raw : Features, optional
        What `compute_from_raw` got out of the raw traces of the same units.
    definition : {"0.105", "0.101"}, optional
        Which SpikeInterface computed the metrics that the source has as columns, where their names do not state it.
    of_model : bool, optional
        Whether `names` are those of a model, which may have metrics of its own: one that the vocabulary does not have
        is taken from a column of its name.

    Returns
    -------
    Features
        Columns under the names that were asked for, in that order.

    Raises
    ------
    FeatureError
        If the vocabulary does not know a name, unless it is a model's.

    Examples
    --------
    >>> features = compute_features(units, names=["firing_rate", "half_width@0.101"])  # doctest: +SKIP
    >>> str(features.origin(0, "firing_rate"))  # doctest: +SKIP
    'computed: from spike times, definition 0.105'
    """
    columns, dialect, problems = read_columns(units, definition=definition)
    if names is None:
        names = _default_names(columns, raw)
    elif isinstance(names, str):
        names = (names,)
    own = [name for name in names if of_model and find_metric(name) is None]
    known = [name for name in names if name not in own]
    ranked = {name: metric for name in known if (metric := ranked_name(name)) and name not in columns}
    computed = tuple(dict.fromkeys((*(name for name in known if name not in ranked), *ranked.values())))
    asked = [resolve(name) for name in computed]
    notes = {"columns": dialect} if dialect else {}
    outcomes, noticed = _compute(units, asked, notes)
    sheet = _Sheet(len(units), len(asked) + len(own))
    for place, feature in enumerate(asked):
        outcome = outcomes.get(_computed_as(feature))
        _fill(sheet.column(place), feature, outcome=outcome, column=columns.get(feature.name), raw=raw)
    for place, name in enumerate(own, start=len(asked)):
        _fill_own(sheet.column(place), name, own_column(units, name))
    if raw is not None:
        notes |= raw.notes
        noticed += raw.problems
    features = Features(
        unit_ids=units.unit_ids,
        names=(*computed, *own),
        values=sheet.values,
        origins=tuple(sheet.origins),
        origin_index=sheet.origin_index,
        notes=notes,
        problems=(*problems, *noticed),
    )
    return add_ranks(features, names, recordings=_recordings(units)) if ranked else features.select(tuple(names))


def _recordings(units: Units) -> NDArray[np.str_] | None:
    """Recording of each unit, where a table names several."""
    column = units.columns.get("recording") if units.source.kind == "csv" else None
    if column is None or isinstance(column.values, Ragged):
        return None
    return np.asarray(column.values).astype(np.str_)


def _default_names(columns: dict[str, ColumnValues], raw: Features | None) -> tuple[str, ...]:
    """Name what is worth showing when nobody asked for anything in particular."""
    given = {resolve(name).metric.name for name in (*columns, *(raw.names if raw is not None else ()))}
    always = feature_names(groups=(MetricGroup.SPIKE_TRAIN, MetricGroup.WAVEFORM))
    return always + tuple(name for name in feature_names(groups=(MetricGroup.QUALITY,)) if name in given)


def _compute(
    units: Units, asked: Iterable[Feature], notes: dict[str, str]
) -> tuple[dict[str, Outcome], tuple[Problem, ...]]:
    """Run the computations that the features need, each once."""
    from nwb_unitrefine.metrics.prepare.trains import prepare_trains
    from nwb_unitrefine.metrics.spike_trains import spike_train_metrics

    wanted = {feature.name for feature in asked}
    needs = {need for feature in asked for need in feature.metric.needs if feature.metric.group != MetricGroup.QUALITY}
    outcomes: dict[str, Outcome] = {}
    problems: tuple[Problem, ...] = ()
    if Need.SPIKE_TIMES in needs and units.source.kind == "csv":
        absent = Outcome.nowhere(len(units), "a table of metrics has no spike times")
        outcomes |= {name: absent for name in map(_computed_as, asked) if _needs_spikes(name)}
    elif Need.SPIKE_TIMES in needs:
        trains = prepare_trains(units)
        problems += trains.problems
        notes["sampling rate"] = f"{trains.sampling_rate_hz:g} Hz, {trains.rate_note}"
        notes["observed time"] = trains.observed.note
        outcomes |= spike_train_metrics(trains, names=wanted)
    if {Need.WAVEFORM, Need.CHANNELS} & needs:
        computed, noticed = _waveform_metrics(units, wanted=wanted, many=Need.CHANNELS in needs, notes=notes)
        outcomes |= computed
        problems += noticed
    return outcomes, problems


def _needs_spikes(name: str) -> bool:
    """Whether a feature is computed from spike times."""
    return Need.SPIKE_TIMES in resolve(name).metric.needs


def _waveform_metrics(
    units: Units, *, wanted: set[str], many: bool, notes: dict[str, str]
) -> tuple[dict[str, Outcome], tuple[Problem, ...]]:
    """Compute what takes a mean waveform, or give the reason why all of it is missing."""
    from nwb_unitrefine.metrics.many_channels import many_channel_metrics
    from nwb_unitrefine.metrics.old_single_channel import old_single_channel_metrics
    from nwb_unitrefine.metrics.prepare.templates import prepare_templates
    from nwb_unitrefine.metrics.prepare.trains import sampling_rate
    from nwb_unitrefine.metrics.single_channel import single_channel_metrics

    rate, rate_note = sampling_rate(units)
    templates = prepare_templates(units, sampling_rate_hz=rate, rate_note=rate_note, many_channels=many)
    if templates is None:
        absent = Outcome.nowhere(len(units), "the source has no mean waveforms")
        return {name: absent for name in wanted if resolve(name).metric.group == MetricGroup.WAVEFORM}, ()
    notes |= templates.notes
    outcomes: dict[str, Outcome] = {}
    single = [resolve(name) for name in wanted]
    single = [feature for feature in single if Need.WAVEFORM in feature.metric.needs]
    if any(feature.definition == NEW for feature in single):
        outcomes |= single_channel_metrics(templates)
        notes["main channel"] = "largest absolute value of the mean waveform"
    if any(feature.definition != NEW for feature in single):
        outcomes |= old_single_channel_metrics(templates)
        notes["main channel, definition 0.101"] = "largest negative peak of the mean waveform"
    if many:
        many_names = {_computed_as(feature) for feature in map(resolve, wanted)}
        outcomes |= many_channel_metrics(templates, names=many_names)
    problems = []
    if templates.far_from_zero.any():
        what = "Mean waveforms lie far from zero, by half the height of the spike or more; metrics of shape are wrong."
        those = tuple(units.unit_ids[templates.far_from_zero].tolist())
        problems.append(Problem(ProblemCode.WAVEFORMS_OFFSET, what, those))
    if templates.scale.to_microvolts is None and templates.present.any():
        what = f"Unit of the mean waveforms: {templates.scale.note}. Metrics in volts, such as slopes, are missing."
        problems.append(Problem(ProblemCode.WAVEFORMS_SCALE_UNKNOWN, what))
    return outcomes, tuple(problems)


def _computed_as(feature: Feature) -> str:
    """Name under which a feature is computed: an old definition that is today's is computed once."""
    return feature.metric.name if not feature.metric.difference and NEW in feature.metric.definitions else feature.name


class _Sheet:
    """The table that is being filled, with each distinct origin kept once."""

    def __init__(self, n_units: int, n_features: int) -> None:
        self.values = np.full((n_units, n_features), np.nan)
        self.origin_index = np.zeros((n_units, n_features), dtype=np.intp)
        self.origins: dict[Origin, int] = {}

    def column(self, place: int) -> _SheetColumn:
        """Give one feature's part of the table."""
        return _SheetColumn(self.values[:, place], self.origin_index[:, place], self.origins)


class _SheetColumn(NamedTuple):
    """One feature of the table that is being filled."""

    values: NDArray[np.float64]
    origin_index: NDArray[np.intp]
    origins: dict[Origin, int]

    def put(self, mask: NDArray[np.bool_], origin: Origin, values: NDArray[np.float64] | None = None) -> None:
        """Write values, and where they are from, into the units of `mask`."""
        if mask.any():
            if values is not None:
                self.values[mask] = values[mask]
            self.origin_index[mask] = self.origins.setdefault(origin, len(self.origins))


def _fill_own(sheet: _SheetColumn, name: str, values: NDArray[np.float64] | None) -> None:
    """Take the values of a metric of a model's own from the column of its name."""
    everywhere = np.ones(len(sheet.values), dtype=np.bool_)
    sheet.put(everywhere, Origin(OriginKind.MISSING, f"a metric of the model's own, and no column {name}"))
    if values is not None:
        sheet.put(everywhere, Origin(OriginKind.MISSING, f"no value in column {name}"))
        sheet.put(np.isfinite(values), Origin(OriginKind.COLUMN, name), values)


def _fill(
    sheet: _SheetColumn,
    feature: Feature,
    *,
    outcome: Outcome | None,
    column: ColumnValues | None,
    raw: Features | None,
) -> None:
    """Take each unit's value from the first source that has it: computed, raw traces, column."""
    inputs = " and ".join(sorted(need.value for need in feature.metric.needs))
    if outcome is None:
        outcome = Outcome.nowhere(len(sheet.values), f"needs {inputs}")
    computed = ~np.isnan(outcome.values)
    detail = f"from {inputs}, definition {feature.definition}"
    sheet.put(computed, Origin(OriginKind.COMPUTED, detail), outcome.values)
    for mask, why in outcome.reasons():
        sheet.put(mask, Origin(OriginKind.MISSING, why))
    left = ~computed & outcome.without_input
    if raw is not None and (name := _computed_as(feature)) in raw.names:
        values = raw.values[:, raw.names.index(name)]
        got = left & ~np.isnan(values)
        sheet.put(got, raw.origin(int(np.argmax(got)), name), values)
        left &= ~got
    if column is not None:
        sheet.put(left & ~np.isnan(column.values), Origin(OriginKind.COLUMN, column.detail), column.values)
        rejected = Origin(OriginKind.MISSING, f"the value of {column.detail} is out of range")
        sheet.put(left & column.rejected, rejected)
