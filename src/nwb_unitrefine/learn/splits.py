"""Keep apart what is trained on and what is scored: by subject, else by recording, else at random, and record it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nwb_unitrefine.learn.dataset import Dataset

__all__ = ["Split", "split"]

RANDOM_FOLDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """How units are divided into parts that are held out one after another.

    Parameters
    ----------
    scheme : str
        In words, as ``"leave one subject out"``.
    parts : array of int, shape (n_units,)
        Which part each unit is in.
    grouped : bool
        Whether no recording is in two parts; a random split overstates how well a model does on a new recording.
    """

    scheme: str
    parts: NDArray[np.intp]
    grouped: bool

    def __len__(self) -> int:
        return int(self.parts.max()) + 1

    def __iter__(self) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
        """Yield masks of the units to train on and of those held out."""
        for part in range(len(self)):
            yield self.parts != part, self.parts == part


def split(dataset: Dataset, *, by: str = "auto", seed: int = 0) -> Split:
    """Divide a dataset for validation.

    Parameters
    ----------
    dataset : Dataset
    by : {"auto", "subject", "recording", "random"}
        ``"auto"`` takes subjects where there are two or more, else recordings where there are two or more, else draws
        at random.
    seed : int
        Of the random draw, which is stratified by class.

    Returns
    -------
    Split
    """
    for kind, names in (("subject", dataset.subjects), ("recording", dataset.recordings)):
        if by not in ("auto", kind):
            continue
        found, parts = np.unique(names, return_inverse=True)
        if len(found) > 1:
            return Split(f"leave one {kind} out", parts.astype(np.intp), grouped=True)
    parts = np.zeros(len(dataset), dtype=np.intp)
    rng = np.random.default_rng(seed)
    for label in np.unique(dataset.labels):
        rows = np.flatnonzero(dataset.labels == label)
        parts[rng.permutation(rows)] = np.arange(len(rows)) % RANDOM_FOLDS
    scheme = f"{RANDOM_FOLDS} random parts of one recording: overstates how well the model does on another"
    return Split(scheme, parts, grouped=False)
