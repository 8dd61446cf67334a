"""Which metrics a model takes, and which of them a poorer source does not give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.vocabulary import Need, find_metric, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nwb_unitrefine.learn.dataset import Dataset

__all__ = ["INPUT_SETS", "choose_inputs", "feature_groups", "missing_tiers"]

_RAW = {Need.TRACES, Need.AMPLITUDES, Need.LOCATIONS, Need.COMPONENTS}

INPUT_SETS: dict[str, frozenset[Need]] = {
    "all metrics": frozenset(Need),
    "spike times + mean waveform": frozenset({Need.SPIKE_TIMES, Need.WAVEFORM, Need.CHANNELS}),
    "spike times + one channel": frozenset({Need.SPIKE_TIMES, Need.WAVEFORM}),
    "spike times": frozenset({Need.SPIKE_TIMES}),
    "mean waveform": frozenset({Need.WAVEFORM, Need.CHANNELS}),
}
"""What sources have, from the richest to the poorest."""


def choose_inputs(
    dataset: Dataset,
    *,
    inputs: str = "spike times + mean waveform",
    metrics: Sequence[str] = (),
    whole_recordings: bool = False,
    relative: bool = False,
) -> tuple[str, ...]:
    """Choose the metrics of a dataset that a model may lean on.

    Parameters
    ----------
    dataset : Dataset
    inputs : str
        A key of `INPUT_SETS`: what the sources that the model is meant for have.
    metrics : sequence of str
        Names of metrics to take instead; a name without a definition is of any.
    whole_recordings : bool
        Whether to take metrics that grow with the length of a recording (``num_spikes``), too. They tell recordings
        apart better than units, and mislead in a file of minutes.
    relative : bool
        Whether to take ratios of counts, and ranks of metrics among the units of their recording, too: what
        `Dataset.with_evidence` and `Dataset.with_ranks` add. Other programs do not compute them.

    Returns
    -------
    tuple of str
        In the dataset's order. Of a set, a metric that has no value, or one value for all units, is left out.

    Raises
    ------
    TrainingError
        If nothing is left, or one of `metrics` is not in the data or has no two values; if ranks are to be taken and
        the data has none.
    """
    if relative and not any(metric.rank_of for name in dataset.names if (metric := find_metric(name))):
        raise TrainingError(
            "The data has no ranks of metrics within their recordings.",
            tip="Add them while all units of a recording are there: dataset.with_evidence().with_ranks().",
        )
    if metrics:
        return _named_inputs(dataset, metrics)
    if inputs not in INPUT_SETS:
        raise TrainingError(f"There is no set of inputs {inputs!r}.", tip=f"One of: {', '.join(INPUT_SETS)}.")
    chosen = []
    for column, name in enumerate(dataset.names):
        metric = find_metric(name)
        if metric is None:
            suits = inputs == "all metrics"
        else:
            suits = (relative or not metric.derived) and metric.needs <= INPUT_SETS[inputs]
            suits &= whole_recordings or not metric.follows_recording_length
        if suits and _varies(dataset, column):
            chosen.append(name)
    if not chosen:
        raise TrainingError(
            f"The data has none of the metrics of {inputs!r} with more than one value.",
            tip="`nwb-unitrefine features` computes them from a file.",
        )
    return tuple(chosen)


def _varies(dataset: Dataset, column: int) -> bool:
    """Whether a metric has more than one value."""
    known = dataset.values[~np.isnan(dataset.values[:, column]), column]
    return bool(known.size and known.min() < known.max())


def _named_inputs(dataset: Dataset, metrics: Sequence[str]) -> tuple[str, ...]:
    """Take the metrics that the user named; each must be there."""
    bare = {name.partition("@")[0]: name for name in reversed(dataset.names)}
    wanted = {name: name if name in dataset.names else bare.get(name) for name in metrics}
    if absent := [name for name, found in wanted.items() if found is None]:
        for name in absent:
            resolve(name)  # a slip is answered with the name that was meant
        raise TrainingError(f"The data has no metric {', '.join(absent)}.", tip=f"It has: {', '.join(bare) or 'none'}.")
    chosen = tuple(name for name in dataset.names if name in wanted.values())
    if constant := [name for name in chosen if not _varies(dataset, dataset.names.index(name))]:
        raise TrainingError(
            f"All units have the same {', '.join(constant)}, or none: there is nothing to learn from it."
        )
    return chosen


def feature_groups(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Group metrics by what a source must hold for them: it has all of a group or nothing.

    Parameters
    ----------
    names : sequence of str
        Of the vocabulary.

    Returns
    -------
    dict of str to tuple of str
        ``"raw"``, ``"channels"``, ``"waveform"``, as far as `names` has such; in the order in which poorer sources
        lack them. What comes from spike times alone is in no group: a source without it has no units.

    Examples
    --------
    >>> feature_groups(["firing_rate", "snr", "half_width", "spread"])
    {'raw': ('snr',), 'channels': ('spread',), 'waveform': ('half_width',)}
    """
    groups: dict[str, list[str]] = {"raw": [], "channels": [], "waveform": []}
    for name in names:
        metric = find_metric(name)
        if metric is None or metric.needs & _RAW:
            groups["raw"].append(name)
        elif Need.CHANNELS in metric.needs:
            groups["channels"].append(name)
        elif Need.WAVEFORM in metric.needs:
            groups["waveform"].append(name)
    return {group: tuple(members) for group, members in groups.items() if members}


def missing_tiers(names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """List what sources lack, from the richest source to the poorest.

    Examples
    --------
    >>> missing_tiers(["firing_rate", "half_width", "spread"])
    ((), ('channels',), ('channels', 'waveform'))
    """
    groups = feature_groups(names)
    order = tuple(groups)
    tiers = tuple(order[:length] for length in range(len(order) + 1))
    # Where nothing comes from spike times, a source that lacks every group has nothing at all.
    everything = sum(map(len, groups.values())) == len(names)
    return tiers[:-1] if everything and len(tiers) > 1 else tiers
