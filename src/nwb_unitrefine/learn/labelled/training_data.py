"""Labelled units that others published or trained on, to add one's own to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn.labelled.labels import LabelRules
from nwb_unitrefine.learn.labelled.tables import read_labelled_tables
from nwb_unitrefine.models.folder import SKOPS, TRAINING_DATA
from nwb_unitrefine.models.load import PACKAGED
from nwb_unitrefine.records import CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nwb_unitrefine.learn.dataset import Dataset

__all__ = ["read_base_dataset", "read_training_data"]


def read_base_dataset(folder: str | Path, *, classes: Sequence[str] = CLASSES, ranks: bool = False) -> Dataset:
    """Read the UnitRefine base dataset: one CSV a recording, named after its mouse.

    Parameters
    ----------
    folder : str or Path
        Where ``mouse1a_imec0.csv`` and the others are.
    classes : sequence of str
        What its labels are to distinguish, as of `LabelRules`.
    ranks : bool, optional
        As of `read_labelled`.
    """
    return read_labelled_tables(
        folder,
        rules=LabelRules(label_column="majority_vote", classes=tuple(classes)),
        definition="0.101",
        subject_pattern=r"^(mouse\d+)",
        description=(
            "UnitRefine base dataset: units of Neuropixels 1.0 recordings in mice, labelled by the majority of two to "
            "five curators; metrics by SpikeInterface of August 2024."
        ),
        licence="MIT",
        ranks=ranks,
    )


def read_training_data(source: str | Path, *, classes: Sequence[str] = CLASSES, ranks: bool = False) -> Dataset:
    """Read labelled units to add one's own to, so that a model keeps what it knew.

    Parameters
    ----------
    source : str or Path
        A model folder that holds its training data, the UnitRefine base dataset, or any CSV of metrics and labels.
    classes : sequence of str
        What its labels are to distinguish, as of `LabelRules`.
    ranks : bool, optional
        As of `read_labelled`.

    Raises
    ------
    TrainingError
        If there is no training data, as in the packaged default.
    """
    folder = PACKAGED / "default" if source == "default" else Path(source)
    if (folder / SKOPS).is_file() and not (folder / TRAINING_DATA).is_file():
        raise TrainingError(
            f"The model {source} comes without the data it was trained on.",
            tip="Give the folder of the data; that of the default model is the UnitRefine base dataset (CSV files).",
        )
    if any(folder.glob("mouse*_imec*.csv")):
        return read_base_dataset(folder, classes=classes, ranks=ranks)
    return read_labelled_tables(folder, rules=LabelRules(classes=tuple(classes)), ranks=ranks)
