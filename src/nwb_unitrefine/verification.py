"""Check a labelled file against its history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.history.runs import effective_chain, runs_of
from nwb_unitrefine.records import OriginKind, RunKind
from nwb_unitrefine.records.display import Displayed, Summary
from nwb_unitrefine.write.columns import equal_values, run_values, writers
from nwb_unitrefine.write.digests import digest_input
from nwb_unitrefine.write.stores.open import read_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nwb_unitrefine.history.store import UnitsStore
    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Features, Run

__all__ = ["Check", "Verification", "verify"]

_FEATURE_TOLERANCE = 1e-9
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
        """Whether everything that was checked is as the history says."""
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
        came from raw traces is not computed again: the recorded values are taken, and the check says so.
    load_options : mapping, optional
        Further arguments of `load_model`; what is not given is as the run records it.

    Returns
    -------
    Verification
        Its `passed` says it in one word. A file without history does not pass.

    Raises
    ------
    SourceError
        If the file or its history cannot be read.
    ModelError
        If the model cannot be loaded.
    """
    with read_store(path) as store:
        history = runs_of(store)
        chain = effective_chain(history)
        if not chain:
            detail = "its labels were taken back" if history else "the file was not labelled"
            return Verification(Path(path), "", (Check("history", passed=False, detail=detail),))
        checks = [*_check_inputs(store, chain[-1]), *_check_columns(store, chain)]
    decided = [run for run in chain if run.kind is RunKind.MODEL and run.model is not None]
    if decided and (model is not None or recompute):
        loaded = _model_of(decided[-1], model, load_options or {})
        checks.append(_check_model(decided[-1], loaded))
        if recompute:
            checks += _check_outcome(Path(path), decided[-1], loaded)
    return Verification(Path(path), chain[-1].name, tuple(checks))


def _check_inputs(store: UnitsStore, run: Run) -> Iterator[Check]:
    """Compare each input's digest with the one that the run noted."""
    ids = store.read("id")
    same = np.array_equal(ids, run.predictions.unit_ids)
    yield Check("units", passed=same, detail=f"{len(ids)} units" + ("" if same else ", not those that were labelled"))
    for name, noted in run.inputs.items():
        if store.shape(name) is None:
            yield Check(f"{name} unchanged", passed=False, detail="it is gone")
            continue
        same = digest_input(store, name) == noted
        yield Check(f"{name} unchanged", passed=same, detail="same digest" if same else "other values than then")


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
    from nwb_unitrefine.models.load import load_model, recorded_options

    return load_model(model or run.model, **{**recorded_options(run.parameters), **options})


def _check_model(run: Run, model: Model) -> Check:
    """Compare digests."""
    assert run.model is not None
    same = model.identity.digest == run.model.digest
    return Check("model", passed=same, detail=f"{run.model.name}: {'same' if same else 'another'} digest")


def _check_outcome(path: Path, run: Run, model: Model) -> Iterator[Check]:
    """Compute features and probabilities again."""
    from nwb_unitrefine.metrics import compute_features
    from nwb_unitrefine.read import read_units

    units = read_units(path)
    features = compute_features(units, names=model.feature_names)
    noted = run.features
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
    probabilities = model.predict(features).probabilities
    expected = run.predictions.probabilities
    same = probabilities.shape == expected.shape and np.allclose(
        probabilities, expected, rtol=0, atol=_PROBABILITY_TOLERANCE, equal_nan=True
    )
    yield Check("probabilities again", passed=bool(same), detail="same values" if same else "other values")


def _with_raw(features: Features, noted: Features) -> tuple[Features, tuple[str, ...]]:
    """Take recorded values where these are from raw traces, and name the features that have some."""
    if noted.names != features.names or noted.values.shape != features.values.shape:
        return features, ()
    is_raw = np.array([origin.kind is OriginKind.RAW for origin in noted.origins], dtype=np.bool_)[noted.origin_index]
    taken = tuple(name for place, name in enumerate(noted.names) if is_raw[:, place].any())
    return replace(features, values=np.where(is_raw, noted.values, features.values)), taken
