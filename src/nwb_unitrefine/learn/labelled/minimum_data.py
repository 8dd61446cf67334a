"""How many labelled units it takes to train or to score."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import TrainingError

if TYPE_CHECKING:
    from nwb_unitrefine.learn.dataset import Dataset

__all__ = ["FEW_UNITS", "MIN_UNITS_PER_CLASS", "check_dataset", "require_every_class"]

MIN_UNITS_PER_CLASS = 6
"""UnitRefine's limit: with fewer, there is too little for cross-validation and calibration."""

FEW_UNITS = 50
"""Below this, a model of one's own does worse than the default."""


def check_dataset(dataset: Dataset) -> tuple[str, ...]:
    """Refuse what no model can be trained on; return warnings about what a poor one can be.

    Raises
    ------
    TrainingError
        If a class has fewer than `MIN_UNITS_PER_CLASS` units.
    """
    counts = dataset.counts
    short = {name: count for name, count in counts.items() if count < MIN_UNITS_PER_CLASS}
    if short:
        raise TrainingError(
            f"Too few labels to train on: {', '.join(f'{count} {name}' for name, count in short.items())}; "
            f"at least {MIN_UNITS_PER_CLASS} of each of {', '.join(dataset.classes)} are needed.",
            tip="Label more units, or add your labels to other labelled data.",
        )
    warnings = []
    if len(dataset) < FEW_UNITS:
        warnings.append(
            f"{len(dataset)} labelled units are few: the default model is likely better; add them to its data instead."
        )
    if len(set(dataset.recordings.tolist())) == 1:
        warnings.append("One recording: scores come from a random split and overstate how well it does on others.")
    rows = Counter(map(bytes, dataset.values))
    if doubles := sum(count - 1 for count in rows.values() if count > 1):
        warnings.append(f"{doubles} units have the same metrics as another unit.")
    return tuple(warnings)


def require_every_class(dataset: Dataset, *, without: str) -> None:
    """Refuse units to train on where a class is in none of them.

    Parameters
    ----------
    dataset : Dataset
        What is left when some units are held out.
    without : str
        What was held out, for the error.

    Raises
    ------
    TrainingError
        If a class is missing.
    """
    lacking = [name for name, count in dataset.counts.items() if not count]
    if lacking:
        raise TrainingError(
            f"Without {without}, no unit is labelled {' or '.join(lacking)}, so no model can be made to score on it.",
            tip=f"Add labelled recordings that have all of {', '.join(dataset.classes)}.",
        )
