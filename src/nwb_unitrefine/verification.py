"""Check a labelled file against its history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import ModelError, SourceError
from nwb_unitrefine.history.digests import digest_value, recorded_fields
from nwb_unitrefine.history.integrity import check_history
from nwb_unitrefine.history.private import private_fields
from nwb_unitrefine.history.runs import read_runs, runs_in_effect
from nwb_unitrefine.history.tree import HISTORY, read_tree
from nwb_unitrefine.records import CONTAMINATION, OriginKind, RunKind
from nwb_unitrefine.records.display import Displayed, Summary
from nwb_unitrefine.write.columns import equal_values, marked_columns, run_values, writers
from nwb_unitrefine.write.digests import ABSENT, SINGLE_WAVEFORMS, digest_inputs
from nwb_unitrefine.write.stores.open import read_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nwb_unitrefine.history.store import UnitsStore
    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Features, Run
    from nwb_unitrefine.storage.tree import Group

__all__ = ["Check", "Verification", "verify"]

_FEATURE_TOLERANCE = 1e-9
_STATED = ("spike_times_in", "sampling_rate_hz")
"""What the user stated about the file when it was labelled, as the run records it."""

_PROBABILITY_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked.

    Parameters
    ----------
    what : str
        As ``"spike_times unchanged"``.
    passed : bool
    detail : str
        What was found.
    """

    what: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True, repr=False)
class Verification(Displayed):
    """Outcome of `verify`.

    Parameters
    ----------
    path : Path
    run : str
        Name of the run in effect.
    checks : tuple of Check
    """

    path: Path
    run: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether everything that was checked is as the history records it."""
        return all(check.passed for check in self.checks)

    def summary(self) -> Summary:
        """Return what `repr` and a notebook show."""
        return Summary(
            title=f"{self.path}: {self.run or 'no curation'} {'verified' if self.passed else 'NOT verified'}",
            facts=[("failed", f"{check.what}: {check.detail}") for check in self.checks if not check.passed],
            headings=("passed", "check", "found"),
            rows=[("yes" if check.passed else "NO", check.what, check.detail) for check in self.checks],
        )


def verify(
    path: str | Path,
    *,
    model: str | Path | Model | Sequence[str | Path] | None = None,
    recompute: bool = False,
    load_options: Mapping[str, Any] | None = None,
) -> Verification:
    """Check that a file's labels are those of its history, and that what they were decided on has not changed.

    Parameters
    ----------
    path : str or Path
        NWB file, HDF5 or Zarr, on this machine.
    model : str, Path, Model or two sources, optional
        Check that it is the model the labels came from, by its digest.
    recompute : bool, optional
        Compute features and probabilities again, with `model` or the model that the run names, and compare them. What
        came from raw traces is not computed again: the recorded values are taken, and the check states it.
    load_options : mapping, optional
        Further arguments of `load_model`; what is not given is as the run records it.

    Returns
    -------
    Verification
        Its `passed` is the overall answer. A file without history does not pass.

    Raises
    ------
    SourceError
        If the file or its history cannot be read.
    ModelError
        If the model cannot be loaded.
    """
    with read_store(path) as store:
        stored = store.group(HISTORY)
        integrity = [Check(f"{one.what} as recorded", one.intact, one.detail) for one in check_history(stored)]
        private = _check_private(stored)
        try:
            history = read_runs(stored, where=store.name)
        except SourceError as error:
            damaged = Check("history", passed=False, detail=error.message)
            return Verification(Path(path), "", (damaged, *integrity, *private))
        chain = runs_in_effect(history)
        if not chain:
            nothing = Check("history", passed=False, detail=_why_nothing(store, history))
            return Verification(Path(path), "", (nothing, *integrity, *private))
        checks = [*_check_inputs(store, chain), *_check_columns(store, chain), *integrity, *private]
    decided = [run for run in chain if run.kind is not RunKind.HUMAN and run.model is not None]
    if decided and (model is not None or recompute):
        loaded = _model_of(decided[-1], model, load_options or {})
        checks.append(_check_model(decided[-1], loaded))
        if recompute:
            checks += _check_outcome(Path(path), decided[-1], loaded)
    return Verification(Path(path), chain[-1].name, tuple(checks))


def _why_nothing(store: UnitsStore, history: Sequence[Run]) -> str:
    """Say why no run is in effect."""
    if ours := marked_columns(store):
        return f"runs were removed: {', '.join(ours)} hold labels that no run in effect records"
    return "its labels were taken back" if history else "the file was not labelled"


def _check_private(history: Group | None) -> list[Check]:
    """Name the fields of a history that hold what should not be published."""
    found = private_fields(history)
    if not found:
        return []
    listed = ", ".join(f"{run}/{field}".strip("/") for run, field in found)
    return [
        Check("nothing private", passed=False, detail=f"paths or secrets in {listed}: take out by history --redact")
    ]


def _check_inputs(store: UnitsStore, chain: Sequence[Run]) -> Iterator[Check]:
    """Compare each input's digest with the newest one that the runs in effect recorded."""
    run, ids = chain[-1], store.read("id")
    same = np.array_equal(ids, run.predictions.unit_ids)
    yield Check("units", passed=same, detail=f"{len(ids)} units" + ("" if same else ", not those that were labelled"))
    recorded: dict[str, str] = {}
    for earlier in chain:
        recorded |= {name: value for name, value in earlier.inputs.items() if ": " not in name}
    recorded |= {name: value for name, value in run.inputs.items() if ": " in name}
    lines: dict[str, str] = {}
    for earlier in chain:
        removed = _removed_lines(store, earlier)
        lines |= {name: value for name, value in removed.items() if earlier is run or ": " not in name}
    found = digest_inputs(store, None, further=[*recorded, *lines])
    for name in dict.fromkeys([*recorded, *lines]):
        now = found.get(name, ABSENT)
        if name in lines:
            same = digest_value(now) == lines[name]
            detail = ("same" if same else "another") + " digest; the run's line for it was removed or changed"
            yield Check(f"{name} unchanged", passed=same, detail=detail)
        elif now == recorded[name]:
            detail = "same digest" if now != ABSENT else "absent, as it was"
            yield Check(f"{name} unchanged", passed=True, detail=detail)
        else:
            detail = "it is gone" if now == ABSENT else "it was added" if recorded[name] == ABSENT else "other values"
            yield Check(f"{name} unchanged", passed=False, detail=detail)
    is_complete = ABSENT in run.inputs.values() or any(": " in name for name in run.inputs)
    if SINGLE_WAVEFORMS not in recorded:
        found = {name: value for name, value in found.items() if name.partition(":")[0] != SINGLE_WAVEFORMS}
    for name in found:
        if is_complete and name not in recorded and name not in lines:
            yield Check(f"{name} unchanged", passed=False, detail="it was added")


def _removed_lines(store: UnitsStore, run: Run) -> dict[str, str]:
    """Digests of the lines about inputs that a run had, and that are no longer in it as they were."""
    history = store.group(HISTORY)
    group = history.group(run.name) if history is not None else None
    fields = recorded_fields(read_tree(group)) if group is not None else None
    lines = {key.removeprefix("inputs/"): value for key, value in (fields or {}).items() if key.startswith("inputs/")}
    return {name: value for name, value in lines.items() if digest_value(run.inputs.get(name, "")) != value}


def _check_columns(store: UnitsStore, chain: Sequence[Run]) -> Iterator[Check]:
    """Compare each column with the newest run that wrote it."""
    unit_ids = store.read("id")
    for name, run in writers(chain).items():
        what = f"{name} as in {run.name}"
        if store.shape(name) is None or name not in store.columns():
            yield Check(what, passed=False, detail="the column is gone")
            continue
        same = equal_values(store.read(name), run_values(run, name, unit_ids))
        yield Check(what, passed=same, detail="same values" if same else "other values")


def _model_of(run: Run, model: str | Path | Model | Sequence[str | Path] | None, options: Mapping[str, Any]) -> Model:
    """Load the model to check with, the one given or the one the run names, as it was loaded for the run."""
    assert run.model is not None
    from nwb_unitrefine.models.load import load_model
    from nwb_unitrefine.models.recorded import recorded_options

    recorded = recorded_options(run.parameters)
    try:
        return load_model(model or run.model, **{**recorded, **options})
    except ModelError as error:
        if model is not None:
            raise
        raise ModelError(
            f"The model {run.model.name} that the labels came from is not found by its recorded name, "
            f"{run.model.source!r}: {error.message}",
            tip="Say where it is: --model FOLDER, or model= in Python. A file records no folders.",
        ) from error


def _check_model(run: Run, model: Model) -> Check:
    """Compare digests."""
    assert run.model is not None
    same = model.identity.digest == run.model.digest
    detail = f"{run.model.name}: same digest"
    if not same:
        recorded, found = (f"{one.name} {one.revision}".strip() for one in (run.model, model.identity))
        detail = f"another digest: labelled by {recorded}, which is needed, and not {found}"
    return Check("model", passed=same, detail=detail)


def _check_outcome(path: Path, run: Run, model: Model) -> Iterator[Check]:
    """Compute features and probabilities again."""
    from nwb_unitrefine.metrics import compute_features
    from nwb_unitrefine.read import read_source
    from nwb_unitrefine.records import SourceHints

    stated: dict[str, Any] = {name: run.parameters[name] for name in _STATED if name in run.parameters}
    units = read_source(path, hints=SourceHints(**stated))
    noted = run.features
    beside = CONTAMINATION if noted is not None and set(CONTAMINATION) <= set(noted.names) else ()
    features = compute_features(units, names=tuple(dict.fromkeys((*model.feature_names, *beside))), of_model=True)
    if noted is not None:
        features, taken = _with_raw(features, noted)
        same_names = noted.names == features.names and noted.values.shape == features.values.shape
        same = same_names and np.allclose(
            features.values, noted.values, rtol=_FEATURE_TOLERANCE, atol=0, equal_nan=True
        )
        detail = "same values" if same else "other values"
        if taken:
            detail += f"; not computed again, since from raw traces: {', '.join(taken)}"
        yield Check("features again", passed=bool(same), detail=detail)
    # The run has the words of people besides the classes of the model.
    again = model.predict(features).with_classes(run.predictions.classes)
    probabilities = again.probabilities
    expected = run.predictions.probabilities
    same = probabilities.shape == expected.shape and np.allclose(
        probabilities, expected, rtol=0, atol=_PROBABILITY_TOLERANCE, equal_nan=True
    )
    yield Check("probabilities again", passed=bool(same), detail="same values" if same else "other values")
    if run.kind is RunKind.RULE:  # has no probabilities, by which the labels could be judged
        decided = slice(None) if run.changed is None else run.changed
        same = np.array_equal(again.labels[decided], run.predictions.labels[decided])
        yield Check("labels again", passed=same, detail="same labels" if same else "other labels")


def _with_raw(features: Features, noted: Features) -> tuple[Features, tuple[str, ...]]:
    """Take recorded values where these are from raw traces, and name the features that have some."""
    if noted.names != features.names or noted.values.shape != features.values.shape:
        return features, ()
    is_raw = np.array([origin.kind is OriginKind.RAW for origin in noted.origins], dtype=np.bool_)[noted.origin_index]
    taken = tuple(name for place, name in enumerate(noted.names) if is_raw[:, place].any())
    return replace(features, values=np.where(is_raw, noted.values, features.values)), taken
