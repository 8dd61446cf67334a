"""Rebuild the default model from the UnitRefine base dataset."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from nwb_unitrefine.learn.contamination.choose_learner import default_learner
from nwb_unitrefine.learn.labelled.training_data import read_base_dataset
from nwb_unitrefine.learn.train import train_model
from nwb_unitrefine.models.appraisal import read_appraisal, write_appraisal
from nwb_unitrefine.models.folder import read_folder
from nwb_unitrefine.models.load import PACKAGED

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["rebuild_default"]

VERSION = "1.2.0"


def rebuild_default(folder: str | Path, *, output: str | Path | None = None, overwrite: bool = False) -> Path:
    """Train the default model from the UnitRefine base dataset.

    Parameters
    ----------
    folder : str or Path
        The base dataset.
    output : str or Path, optional
        Where to write the model; by default, over the packaged one.
    overwrite : bool, optional
        Whether to replace a model folder at `output`.

    Returns
    -------
    Path
        The model folder: the same bytes whenever it is built by the same scikit-learn. The appraisal of the packaged
        model stays where the model is the same; of another one, ``tests/benchmarks/appraise.py`` makes it anew.
    """
    packaged = PACKAGED / "default"
    appraisal = read_appraisal(packaged, digest=read_folder(packaged).digest)
    trained = train_model(
        read_base_dataset(folder),
        learner=default_learner(),
        output=packaged if output is None else output,
        name="unitrefine-default",
        version=VERSION,
        description=(
            "The model that comes with nwb-unitrefine. It takes metrics of spike times and mean waveforms, and any "
            "subset of them; it does not need raw data."
        ),
        command="nwb-unitrefine train --packaged unitrefine_base",
        keep_training_data=False,
        overwrite=overwrite or output is None,
    )
    assert trained.path is not None
    if appraisal is not None and read_folder(trained.path).digest == appraisal.model:
        write_appraisal(trained.path, appraisal)
    return trained.path


if __name__ == "__main__":
    print(rebuild_default(*sys.argv[1:2], output=sys.argv[2] if len(sys.argv) > 2 else None))  # noqa: T201
