"""A `Run` as the extension ``ndx-unit-curation`` stores it, and back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.history.tree import Dataset, Group, text_array
from nwb_unitrefine.records import (
    CLASSES,
    Features,
    ModelIdentity,
    Origin,
    OriginKind,
    Predictions,
    Redaction,
    Run,
    RunKind,
    recorded_name,
)
from nwb_unitrefine.records.names import IN_A_ROW
from nwb_unitrefine.storage.tree import attribute_texts, scalar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nwb_unitrefine.storage import tree as storage

    Parameters = Mapping[str, str | float | int | bool]

__all__ = ["PREDEFINED", "ROWS", "header_from_group", "is_column_name", "run_from_group", "run_to_group"]

ROWS = "Row of the units table that each unit of this run is."

_TYPES: dict[str, type] = {"bool": bool, "int": int, "float": float, "text": str}


PREDEFINED = frozenset(
    {
        "id",
        "spike_times",
        "obs_intervals",
        "electrodes",
        "electrode_group",
        "waveform_mean",
        "waveform_sd",
        "waveforms",
    }
)
"""Columns that NWB's schema gives a meaning of its own: never a place for labels, and never replaced."""

_FORBIDDEN = frozenset("/:.\0")


def is_column_name(name: str) -> bool:
    """Whether a column of labels can have this name; one from a file is asked before anything is done with it.

    Examples
    --------
    >>> [is_column_name(name) for name in ("unitrefine_label", "../../data", "spike_times", "spike_times_index")]
    [True, False, False, False]
    """
    plain = bool(name) and name == name.strip() and not _FORBIDDEN & set(name) and not name.endswith("_index")
    return plain and name not in PREDEFINED


def run_to_group(run: Run, *, rows: NDArray[np.int64], feature_units: Mapping[str, str] | None = None) -> Group:
    """Lay out a run as the extension's ``CurationRun``.

    Parameters
    ----------
    run : Run
    rows : array of int64, shape (n_units,)
        Row of the units table that each unit of the run is.
    feature_units : mapping of str to str, optional
        Physical unit of each feature.
    """
    predictions = run.predictions
    attributes: dict[str, Any] = {
        "kind": run.kind.value,
        "agent": run.agent,
        "created": run.created.astimezone(UTC).isoformat(),
        "classes": list(predictions.classes),
    }
    optional = ("note", "label_column", "probability_column", "uncertain_column", "contamination_column", "undoes")
    attributes |= {name: getattr(run, name) for name in optional if getattr(run, name)}
    datasets = {
        "units": Dataset(rows, refers_to="/units", description=ROWS),
        "unit_id": Dataset(_whole_ids(predictions.unit_ids)),
        "label": Dataset(text_array(predictions.labels)),
        "probability": Dataset(np.asarray(predictions.probabilities, dtype=np.float64)),
        "uncertain": Dataset(np.asarray(predictions.uncertain, dtype=np.bool_)),
        "reason": Dataset(text_array(predictions.reasons)),
        "software": _table(run.software.items(), 2),
        "inputs": _table(run.inputs.items(), 2),
    }
    if run.changed is not None:
        datasets["changed"] = Dataset(np.asarray(run.changed, dtype=np.bool_))
    if run.parameters:
        typed = [(name, _type_name(value), _as_text(value)) for name, value in run.parameters.items()]
        datasets["parameters"] = _table(typed, 3)
    if run.redactions:
        lines = [(one.run, one.field, one.former, one.present) for one in run.redactions]
        datasets["redactions"] = _table(lines, 4)
    groups = {}
    if run.model is not None:
        groups["model"] = _model_to_group(run.model)
    if run.features is not None:
        groups["features"] = _features_to_group(run.features, feature_units or {})
    return Group("CurationRun", attributes, datasets, groups)


def _whole_ids(unit_ids: NDArray[Any]) -> NDArray[np.int64]:
    """Unit ids as a run keeps them; one that does not fit would become another unit's."""
    if unit_ids.dtype.kind == "u" and len(unit_ids) and int(unit_ids.max()) > np.iinfo(np.int64).max:
        raise SourceError(f"Unit id {unit_ids.max()} is beyond the whole numbers that a run can keep (2^63 - 1).")
    return np.asarray(unit_ids, dtype=np.int64)


def run_from_group(name: str, group: Group, *, where: str = "") -> Run:
    """Make a run of what the file holds of it.

    What was not read (`read_tree` with `skip`) of features, model, software, inputs and parameters is empty in the run.

    Raises
    ------
    SourceError
        If something that every run has is not there, or is of another length than the rest.
    """
    try:
        return _run_from_group(name, group)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise _malformed(name, where, error) from error


def header_from_group(name: str, group: storage.Group, *, where: str) -> Run:
    """Read a run's attributes alone: a run without units.

    Raises
    ------
    SourceError
        As of `run_from_group`.
    """
    attributes = group.attributes
    empty = Predictions(
        unit_ids=np.empty(0, dtype=np.int64),
        probabilities=np.empty((0, len(CLASSES))),
        labels=np.empty(0, dtype=np.str_),
        uncertain=np.empty(0, dtype=np.bool_),
        reasons=(),
    )
    try:
        return Run(
            name=name,
            kind=RunKind(_text(attributes, "kind")),
            agent=_text(attributes, "agent"),
            created=datetime.fromisoformat(_text(attributes, "created")),
            predictions=empty,
            software={},
            inputs={},
            label_column=_column(attributes, "label_column"),
            probability_column=_column(attributes, "probability_column"),
            uncertain_column=_column(attributes, "uncertain_column"),
            contamination_column=_column(attributes, "contamination_column"),
            undoes=_text(attributes, "undoes"),
            redactions=(Redaction("", "", "", ""),) if group.array("redactions") is not None else (),
        )
    except (ValueError, TypeError) as error:
        raise _malformed(name, where, error) from error


def _malformed(name: str, where: str, error: Exception) -> SourceError:
    """Make the error of a run that is not as the extension describes it."""
    return SourceError(
        f"{where}{': ' * bool(where)}the curation run {name!r} is not as ndx-unit-curation describes it: {error}.",
        tip="It was not written by nwb-unitrefine, or the file is damaged.",
    )


def _run_from_group(name: str, group: Group) -> Run:
    """Read a run, with whatever error a malformed one leads to."""
    attributes = group.attributes
    unit_ids = group.datasets["unit_id"].values
    if unit_ids.ndim != 1 or unit_ids.dtype.kind not in "iu":
        raise ValueError(f"its unit_id is of type {unit_ids.dtype} and shape {unit_ids.shape}, and no list of ids")
    count = len(unit_ids)
    classes = tuple(attribute_texts(attributes, "classes"))
    probabilities = _values(group, "probability", np.full((count, len(classes)), np.nan))
    if not classes or len(set(classes)) != len(classes) or probabilities.shape != (count, len(classes)):
        raise ValueError(f"its classes are {attributes['classes']}, with probabilities of shape {probabilities.shape}")
    labels = _values(group, "label", None).astype(np.str_)
    if unknown := sorted(set(labels.tolist()) - {*classes, ""}):
        raise ValueError(f"its label {unknown[0]!r} is none of its classes")
    predictions = Predictions(
        unit_ids=unit_ids,
        probabilities=probabilities,
        labels=labels,
        uncertain=_values(group, "uncertain", np.zeros(count, dtype=np.bool_)).astype(np.bool_),
        reasons=tuple(_values(group, "reason", np.full(count, "", dtype=object)).tolist()),
        classes=classes,
    )
    features = group.groups.get("features")
    return Run(
        name=name,
        kind=RunKind(_text(attributes, "kind")),
        agent=_text(attributes, "agent"),
        created=datetime.fromisoformat(_text(attributes, "created")),
        predictions=predictions,
        software=dict(_rows(group, "software")),
        inputs=dict(_rows(group, "inputs")),
        model=_model_from_group(group.groups["model"]) if "model" in group.groups else None,
        features=_features_from_group(features, unit_ids) if features else None,
        parameters=_parameters(group.datasets.get("parameters")),
        changed=_values(group, "changed", None).astype(np.bool_) if "changed" in group.datasets else None,
        note=_text(attributes, "note"),
        label_column=_column(attributes, "label_column"),
        probability_column=_column(attributes, "probability_column"),
        uncertain_column=_column(attributes, "uncertain_column"),
        contamination_column=_column(attributes, "contamination_column"),
        undoes=_text(attributes, "undoes"),
        redactions=tuple(Redaction(*line) for line in _rows(group, "redactions")),
    )


def _model_to_group(model: ModelIdentity) -> Group:
    attributes: dict[str, Any] = {
        "model_name": model.name,
        "source": IN_A_ROW.join(recorded_name(source) for source in model.source.split(IN_A_ROW)),
        "revision": model.revision,
        "digest": model.digest,
        "licence": model.licence,
    }
    return Group("CurationModel", attributes)


def _model_from_group(group: Group) -> ModelIdentity:
    return ModelIdentity(
        name=_text(group.attributes, "model_name"),
        source=_text(group.attributes, "source"),
        revision=_text(group.attributes, "revision"),
        digest=_text(group.attributes, "digest"),
        licence=_text(group.attributes, "licence"),
    )


def _features_to_group(features: Features, units: Mapping[str, str]) -> Group:
    narrowest = np.min_scalar_type(max(len(features.origins) - 1, 0))
    datasets = {
        "feature_name": Dataset(text_array(features.names)),
        "feature_unit": Dataset(text_array([units.get(name, "") for name in features.names])),
        "value": Dataset(np.asarray(features.values, dtype=np.float64)),
        "origin": Dataset(text_array([str(origin) for origin in features.origins])),
        "origin_index": Dataset(features.origin_index.astype(narrowest)),
    }
    if features.notes:
        datasets["notes"] = _table(features.notes.items(), 2)
    return Group("CurationFeatures", {}, datasets)


def _features_from_group(group: Group, unit_ids: NDArray[Any]) -> Features:
    datasets = group.datasets
    origins = []
    for text in datasets["origin"].values.tolist():
        kind, _, detail = text.partition(": ")
        origins.append(Origin(OriginKind(kind), detail))
    return Features(
        unit_ids=unit_ids,
        names=tuple(datasets["feature_name"].values.tolist()),
        values=datasets["value"].values,
        origins=tuple(origins),
        origin_index=datasets["origin_index"].values.astype(np.intp),
        notes=dict(datasets["notes"].values.tolist()) if "notes" in datasets else {},
    )


def _table(rows: Any, width: int) -> Dataset:
    """Return a small text table; one without rows keeps its width."""
    listed = [[str(cell) for cell in row] for row in rows]
    return Dataset(text_array(listed) if listed else np.empty((0, width), dtype=object))


def _type_name(value: str | float | bool) -> str:  # noqa: FBT001 - it is the value that is asked about
    """Return what the extension calls the type of a parameter; a bool is an int for Python, so it comes first."""
    return next(name for name, kind in _TYPES.items() if isinstance(value, kind))


def _as_text(value: str | float | bool) -> str:  # noqa: FBT001 - as above
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parameters(table: Dataset | None) -> Parameters:
    """Read parameters back into the types that they had."""
    rows = table.values.tolist() if table is not None else []
    return {name: text == "true" if kind == "bool" else _TYPES[kind](text) for name, kind, text in rows}


def _values(group: Group, name: str, default: NDArray[Any] | None) -> NDArray[Any]:
    """Return a dataset with one row a unit; one that may be absent has a default."""
    if name not in group.datasets and default is not None:
        return default
    values = group.datasets[name].values
    if values.ndim != (2 if name == "probability" else 1):
        raise ValueError(f"its {name!r} has {values.ndim} dimensions")
    if len(values) != len(group.datasets["unit_id"].values):
        raise ValueError(f"its {name!r} has {len(values)} rows for {len(group.datasets['unit_id'].values)} units")
    return values


def _column(attributes: Mapping[str, Any], name: str) -> str:
    """Return the name of a column that the run wrote, empty where it wrote none."""
    column = _text(attributes, name)
    if column and not is_column_name(column):
        raise ValueError(f"its {name} is {column!r}, which labels are not written to")
    return column


def _rows(group: Group, name: str) -> list[list[str]]:
    """Return the rows of a table of text; none where it is absent or was not read."""
    table = group.datasets.get(name)
    return [] if table is None else table.values.tolist()


def _text(attributes: Mapping[str, Any], name: str) -> str:
    """Return a text attribute, empty where it is absent."""
    value = scalar(attributes.get(name, ""))
    if not isinstance(value, str):
        raise TypeError(f"its attribute {name!r} is not text")
    return value
