"""A folder of two models in a row: a model folder for each step, and what was measured of both together.

::

    cascade.json         ours: see `CascadeManifest`
    README.md            the card
    training_data.csv    one row a unit, one column a metric
    labels.csv           the label of each of these rows
    first/               a model folder that SpikeInterface loads, too: noise or neural
    second/              likewise: sua or mua
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError

from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.models.card import render_cascade_card
from nwb_unitrefine.models.folder import (
    CARD,
    CASCADE,
    INFO,
    LABELS,
    MANIFEST,
    SKOPS,
    STEPS,
    TRAINING_DATA,
    ModelFolder,
    appearing_folder,
    digest_of,
    read_folder,
    write_folder,
    write_training_data,
)
from nwb_unitrefine.models.manifest import (
    MAX_CLASSES,
    Digest,
    Evaluation,
    ManifestValue,
    Round,
    Training,
    manifest_json,
)

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    import pandas as pd

    from nwb_unitrefine.models.cascade import Cascade

__all__ = [
    "CASCADE_FILES",
    "CascadeFolder",
    "CascadeManifest",
    "is_cascade_folder",
    "read_any_folder",
    "read_cascade",
    "write_cascade",
]

_OF_STEPS = tuple(f"{step}/{name}" for step in STEPS for name in (SKOPS, INFO, MANIFEST, CARD))
CASCADE_FILES = (CASCADE, CARD, *_OF_STEPS)
"""What is shared of such a folder; its training data only where that is asked for."""

_VOUCHED_FOR = frozenset({SKOPS, INFO, MANIFEST})


class CascadeManifest(ManifestValue):
    """What describes two models in a row together, as ``cascade.json`` holds it; each step has a manifest of its own.

    Parameters
    ----------
    name, version, description, licence : str
    classes : tuple of str
        Labels of both steps together.
    training : Training
    evaluations : tuple of Evaluation
        Of both steps together, made anew without the units held out.
    lineage : tuple of Round
        As of `Manifest`.
    files : mapping of str to digest
        By path in the folder: the files of both steps.
    """

    schema_version: Literal[1] = 1
    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    description: str = ""
    classes: tuple[str, ...] = Field(min_length=2, max_length=MAX_CLASSES)
    training: Training
    evaluations: tuple[Evaluation, ...] = ()
    lineage: tuple[Round, ...] = ()
    licence: str = ""
    files: dict[str, Digest] = Field(default_factory=dict)

    def to_json(self) -> str:
        """Return the text of ``cascade.json``: the same bytes for the same manifest."""
        return manifest_json(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CascadeFolder:
    """The contents of a folder of two models in a row, neither of them loaded.

    Parameters
    ----------
    path : Path
    manifest : CascadeManifest
    """

    path: Path
    manifest: CascadeManifest

    @property
    def digest(self) -> str:
        """``"sha256:…"`` over ``cascade.json``, which holds the digests of all files that decide a label."""
        return f"sha256:{hashlib.sha256(f'{CASCADE} {digest_of(self.path / CASCADE)}'.encode()).hexdigest()}"

    @property
    def licence(self) -> str:
        """SPDX identifier; empty where it is not stated."""
        return self.manifest.licence


def is_cascade_folder(path: Path) -> bool:
    """Whether a folder holds two models in a row."""
    return (path / CASCADE).is_file()


def read_cascade(path: Path) -> CascadeFolder:
    """Read the folder of two models in a row, and compare the files of the steps with their digests in it.

    Raises
    ------
    ModelError
        If it is not JSON or not a manifest of two steps, or if a file of a step is missing or differs.
    """
    try:
        manifest = CascadeManifest.model_validate_json((path / CASCADE).read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ModelError(f"{path / CASCADE} is not a manifest of two models: {where}: {first['msg']}.") from error
    for name in (name for name in _OF_STEPS if name.rpartition("/")[2] in _VOUCHED_FOR):
        if name not in manifest.files:
            raise ModelError(f"{path / CASCADE} does not record the digest of {name}.", tip="Train the model again.")
        if not (path / name).is_file() or digest_of(path / name) != manifest.files[name]:
            raise ModelError(
                f"{path / name} is missing or is not the file that {CASCADE} was written for.",
                tip="Get the model again; a file of it was changed or damaged.",
            )
    return CascadeFolder(path=path, manifest=manifest)


def read_any_folder(path: Path) -> ModelFolder | CascadeFolder:
    """Read the folder of a model, or of two in a row.

    Raises
    ------
    ModelError
        As of `read_folder` and `read_cascade`.
    """
    return read_cascade(path) if is_cascade_folder(path) else read_folder(path)


def write_cascade(
    path: Path | str,
    cascade: Cascade,
    *,
    training_data: pd.DataFrame | None = None,
    labels: pd.Series[Any] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write two models in a row as one folder, whole or not at all.

    Parameters
    ----------
    path : Path or str
        The folder to make.
    cascade : Cascade
        With a manifest, and with steps that have theirs.
    training_data, labels, overwrite
        As of `write_folder`.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    ModelError
        If something is there that may not be replaced.
    """
    from pathlib import Path

    target, manifest = Path(path), cascade.manifest
    assert manifest is not None
    with appearing_folder(target, overwrite=overwrite) as draft:
        for step, model in zip(STEPS, (cascade.first, cascade.second), strict=True):
            assert model.manifest is not None
            write_folder(draft / step, estimator=model.estimator.fitted, manifest=model.manifest)
        write_training_data(draft, training_data, labels)
        names = [name for name in (TRAINING_DATA, LABELS, *_OF_STEPS) if (draft / name).is_file()]
        manifest = manifest.model_copy(update={"files": {name: digest_of(draft / name) for name in names}})
        (draft / CASCADE).write_text(manifest.to_json(), encoding="utf-8")
        (draft / CARD).write_text(render_cascade_card(manifest), encoding="utf-8")
    return target
