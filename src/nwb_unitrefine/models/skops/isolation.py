"""Boosters of LightGBM, XGBoost and CatBoost run in a process of their own, with a limit on time and memory.

Their native code reads a format that cannot be checked whole from outside. In a child process a bad model is one
refused model: it can neither end a batch nor read what the program holds.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["IsolatedEstimator", "main", "needs_isolation"]

SECONDS = 120
"""For starting, loading and predicting; a booster of a thousand trees takes a few."""
SECONDS_A_THOUSAND_ROWS = 2
MEMORY_BYTES = 6 * 2**30
"""Of address space; most is never used, and a booster that needs more is not a model of units."""
_PACKAGES = ("lightgbm.", "xgboost.", "catboost.")
_KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG", "LC_ALL")
"""The only variables that the child gets: no token and no key is among them."""
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {module} import main; main()"


def needs_isolation(types: Sequence[str]) -> bool:
    """Whether a model with these types holds a booster."""
    return any(kind.startswith(_PACKAGES) for kind in types)


@dataclass(frozen=True, slots=True, eq=False)
class IsolatedEstimator:
    """A fitted estimator that lives in a child process for as long as it predicts.

    Parameters
    ----------
    path : Path
        The ``.skops`` file, which the child reads and checks by itself.
    allow_types : tuple of str
        As of `load_estimator`.
    description : mapping
        ``kind``, ``columns``, ``n_inputs`` and ``classes``, as the child found them.
    """

    path: Path
    allow_types: tuple[str, ...]
    description: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path, *, allow_types: Sequence[str]) -> IsolatedEstimator:
        """Have a child load the model and describe it.

        Raises
        ------
        ModelError
            If the child refuses the model, or does not survive it.
        """
        allowed = tuple(allow_types)
        description, _ = _ask(path, allowed, table=None)
        return cls(path, allowed, description)

    @property
    def classes_(self) -> NDArray[Any]:
        """Classes, in the order of the probabilities."""
        return np.array(self.description["classes"])

    def predict_proba(self, table: Any) -> NDArray[np.float64]:
        """Probability of each class, shape (n_units, n_classes).

        Parameters
        ----------
        table : pandas.DataFrame or array, shape (n_units, n_inputs)
        """
        columns = [str(name) for name in table.columns] if hasattr(table, "columns") else None
        _, found = _ask(self.path, self.allow_types, table=np.asarray(table), columns=columns)
        return found


def _ask(
    path: Path, allow_types: tuple[str, ...], *, table: NDArray[Any] | None, columns: Sequence[str] | None = None
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Run one child, and read its answer as a stranger's."""
    request = {"path": str(path.absolute()), "allow_types": allow_types, "columns": columns}
    buffer = io.BytesIO()
    buffer.write(json.dumps(request).encode() + b"\n")
    if table is not None:
        np.save(buffer, table, allow_pickle=False)
    seconds = SECONDS + (0 if table is None else SECONDS_A_THOUSAND_ROWS * len(table) / 1000)
    command = [sys.executable, "-c", _START.format(module=__name__), json.dumps(sys.path)]
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        done = subprocess.run(  # noqa: S603 - this very program, by its full path
            command,
            input=buffer.getvalue(),
            capture_output=True,
            timeout=seconds,
            env={**environment, **one_thread},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _lost(path, f"it took more than {seconds:.0f} s") from error
    except OSError as error:
        raise ModelError(f"The process for the model in {path} cannot be started: {error.strerror}.") from error
    head, _, rest = done.stdout.partition(b"\n")
    try:
        answer = json.loads(head)
        if "error" in answer:
            raise ModelError(str(answer["error"]), tip=str(answer["tip"]))
        found = np.load(io.BytesIO(rest), allow_pickle=False) if table is not None else np.empty((0, 0))
    except (ValueError, KeyError, TypeError, EOFError) as error:
        # MemoryError and the like end the child too; its own words are of no use to anybody.
        raise _lost(path, f"its process ended with {done.returncode}") from error
    return answer, np.asarray(found, dtype=np.float64)


def _lost(path: Path, why: str) -> ModelError:
    """Make the error of a model whose process did not answer."""
    return ModelError(
        f"The model in {path} cannot be used: {why}.", tip="The file is damaged, made to do harm, or far too large."
    )


def main() -> None:
    """Load a model and predict: what the child does, with the request on its standard input."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is not an answer
    _limit()
    from nwb_unitrefine.errors import UnitRefineError, first_line
    from nwb_unitrefine.models.skops.estimator import describe_fitted, load_fitted

    request = json.loads(sys.stdin.buffer.readline())
    try:
        fitted = load_fitted(Path(request["path"]), allow_types=request["allow_types"])
        answer = describe_fitted(fitted, path=Path(request["path"]))
        found = _predict(fitted, request["columns"])
    except UnitRefineError as error:
        answer, found = {"error": error.message, "tip": error.tip}, None
    except Exception as error:  # noqa: BLE001 - as in the parent: it means that the model cannot be used
        why = f"{type(error).__name__}: {first_line(error)}"
        answer, found = {"error": f"The model in {request['path']} cannot predict: {why}.", "tip": ""}, None
    answers.write(json.dumps(answer).encode() + b"\n")
    if found is not None:
        table = io.BytesIO()  # numpy asks a file for its place, which a pipe has not
        np.save(table, found, allow_pickle=False)
        answers.write(table.getvalue())
    answers.close()


def _predict(fitted: Any, columns: Sequence[str] | None) -> NDArray[np.float64] | None:
    """Predict for the table that follows the request, if one does."""
    rest = sys.stdin.buffer.read()
    if not rest:
        return None
    import pandas as pd

    from nwb_unitrefine.models.skops.estimator import probabilities_of

    values = np.load(io.BytesIO(rest), allow_pickle=False)
    return probabilities_of(fitted, values if columns is None else pd.DataFrame(values, columns=list(columns)))


def _limit() -> None:
    """Bound memory, time and files, where the system can; elsewhere the parent's limit on time is left."""
    try:
        import resource
    except ImportError:
        return
    limits = (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, 10 * SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    )
    for what, most in limits:
        with contextlib.suppress(ValueError, OSError):  # where the user's own limit is lower
            resource.setrlimit(what, (most, most))
