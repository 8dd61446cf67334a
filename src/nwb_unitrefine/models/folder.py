"""A model folder on disk: what UnitRefine and SpikeInterface read and write, and our manifest beside it.

::

    best_model.skops     the fitted estimator
    classes.json         ours, beside a published model: what its classes mean, as a user stated
    model_info.json      label_conversion, requirements, metric_params: SpikeInterface's half
    manifest.json        ours: see `manifest`
    training_data.csv    one row a unit, one column a metric
    labels.csv           the label of each of these rows
    appraisal.json       ours, where it was measured: other ways, a person, how far scores move; see `appraisal`
    README.md            the card
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.journal.appearing import appearing
from nwb_unitrefine.models.card import render_card
from nwb_unitrefine.models.manifest import read_manifest
from nwb_unitrefine.models.skops.archive import MAX_FILE_BYTES
from nwb_unitrefine.models.skops.reproducible import write_skops
from nwb_unitrefine.records.csv_text import to_csv

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from nwb_unitrefine.models.manifest import Manifest

__all__ = [
    "APPRAISAL",
    "CARD",
    "CASCADE",
    "INFO",
    "LABELS",
    "MANIFEST",
    "MAX_HEAD_BYTES",
    "SKOPS",
    "STEPS",
    "TRAINING_DATA",
    "ModelFolder",
    "appearing_folder",
    "digest_of",
    "read_folder",
    "require_free",
    "write_classes",
    "write_folder",
    "write_training_data",
]

SKOPS = "best_model.skops"
INFO = "model_info.json"
CLASSES_FILE = "classes.json"
MANIFEST = "manifest.json"
CARD = "README.md"
APPRAISAL = "appraisal.json"
TRAINING_DATA = "training_data.csv"
LABELS = "labels.csv"
CASCADE = "cascade.json"
STEPS = ("first", "second")
MAX_TEXT_BYTES = 2**24
MAX_HEAD_BYTES = 2**16
_WRITTEN = frozenset({SKOPS, INFO, MANIFEST, CARD, APPRAISAL, TRAINING_DATA, LABELS})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelFolder:
    """The contents of a model folder, its estimator not yet loaded.

    Parameters
    ----------
    path : Path
        The folder.
    skops : Path
        The file of the estimator.
    info : mapping
        ``model_info.json``, or empty where there is none.
    manifest : Manifest or None
        None for a folder that is not ours.
    described_classes : mapping of str to str
        ``classes.json``: labels that a user gave the classes of a folder that is not ours; empty without any.
    """

    path: Path
    skops: Path
    info: Mapping[str, Any] = field(default_factory=dict)
    manifest: Manifest | None = None
    described_classes: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """``"sha256:…"`` over the files that decide what the model predicts: appraisal, card and tables do not."""
        decisive = (self.skops, self.path / INFO, self.path / MANIFEST)
        lines = [f"{file.name} {digest_of(file)}\n" for file in decisive if file.is_file()]
        return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"

    @property
    def licence(self) -> str:
        """SPDX identifier, from the manifest or from the card's front matter; empty where neither states one."""
        if self.manifest is not None:
            return self.manifest.licence
        return _licence_of(self.path / CARD)


def _licence_of(card: Path) -> str:
    """Read the licence in a card's front matter, line by line; a stranger's YAML is not parsed."""
    if not card.is_file():
        return ""
    with card.open("rb") as stream:
        lines = stream.read(MAX_HEAD_BYTES).decode("utf-8", errors="replace").splitlines()
    if not lines or lines[0].strip() != "---" or "---" not in (line.strip() for line in lines[1:]):
        return ""
    for line in itertools.takewhile(lambda line: line.strip() != "---", lines[1:]):
        found = re.fullmatch(r"license:[ \t]*[\"']?([A-Za-z0-9.+-]{1,60})[\"']?[ \t]*", line)
        if found:
            return found[1]
    return ""


def digest_of(file: Path) -> str:
    """Return ``"sha256:…"`` of a file."""
    with file.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def read_folder(path: Path, *, file: str | None = None) -> ModelFolder:
    """Read a model folder, and compare its files with the digests in its manifest.

    Parameters
    ----------
    path : Path
        The folder, or the ``.skops`` file in it.
    file : str, optional
        Name of the ``.skops`` file, where the folder has several.

    Raises
    ------
    ModelError
        If there is no model, more than one, or one that differs from the manifest.
    """
    if path.is_file():
        path, file = path.parent, path.name
    if not path.is_dir():
        raise ModelError(f"There is no model at {path}.", tip="Give a folder with a .skops file, or 'default'.")
    found = sorted(path.glob("*.skops")) if file is None else [path / file]
    if not found or not found[0].is_file():
        raise ModelError(f"{path} has no {file or '.skops file'}.", tip="Give the folder that best_model.skops is in.")
    if len(found) > 1:
        raise ModelError(
            f"{path} has several models: {', '.join(one.name for one in found)}.", tip="Give the path of one of them."
        )
    for name, most in ((found[0].name, MAX_FILE_BYTES), (MANIFEST, MAX_TEXT_BYTES), (INFO, MAX_TEXT_BYTES)):
        if (path / name).is_file() and (path / name).stat().st_size > most:
            raise ModelError(
                f"{path / name} is larger than {most // 2**20} MiB, which is too large for a model.",
                tip="Get the model again, or give the folder of another.",
            )
    manifest = read_manifest(path / MANIFEST) if (path / MANIFEST).is_file() else None
    if manifest is not None:
        _check_digests(path, manifest, needed=found[0].name)
    return ModelFolder(
        path=path,
        skops=found[0],
        info=_read_info(path / INFO),
        manifest=manifest,
        described_classes={} if manifest is not None else _read_classes(path / CLASSES_FILE),
    )


def _read_classes(file: Path) -> dict[str, str]:
    """Read what `write_classes` wrote."""
    if not file.is_file():
        return {}
    try:
        document = json.loads(file.read_bytes()) if file.stat().st_size <= MAX_HEAD_BYTES else None
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file} is not JSON: {error}.") from error
    classes = document.get("classes") if isinstance(document, dict) else None
    if not isinstance(classes, dict) or not all(isinstance(label, str) for label in classes.values()):
        raise ModelError(
            f"{file} does not hold a label for each class.", tip="Write it with `nwb-unitrefine model describe`."
        )
    return classes


def write_classes(path: Path, classes: Mapping[str, str]) -> Path:
    """Write ``classes.json`` into a model folder, whole or not at all."""
    file = path / CLASSES_FILE
    text = json.dumps({"schema_version": 1, "classes": dict(classes)}, indent=2, ensure_ascii=False) + "\n"
    with appearing(file, overwrite=True) as place:
        place.write_text(text, encoding="utf-8")
    return file


def _check_digests(path: Path, manifest: Manifest, *, needed: str) -> None:
    """A manifest vouches for its estimator; one that was exchanged has other features, classes and calibration."""
    if needed not in manifest.files:
        raise ModelError(f"{path / MANIFEST} does not state the digest of {needed}.", tip="Rebuild the model.")
    for name, expected in manifest.files.items():
        if Path(name).name != name:
            raise ModelError(f"{path / MANIFEST} names a file outside its folder: {name}.")
        if name in _WRITTEN | {needed} and (path / name).is_file() and digest_of(path / name) != expected:
            raise ModelError(
                f"{path / name} is not the file that {MANIFEST} was written for: its digest differs.",
                tip="Get the model again; a file of it was changed or damaged.",
            )


def _read_info(file: Path) -> Mapping[str, Any]:
    """Read SpikeInterface's half, which may be absent and may hold anything."""
    if not file.is_file():
        return {}
    try:
        info = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file} is not JSON: {error}.") from error
    if not isinstance(info, dict):
        raise ModelError(f"{file} is not a JSON object.")
    for key in ("label_conversion", "requirements", "metric_params"):
        if info.get(key) is None:
            info[key] = {}
        if not isinstance(info[key], dict):
            raise ModelError(f"{key} in {file} is not a JSON object.")
    return info


def require_free(path: Path | str, *, overwrite: bool = False) -> None:
    """Refuse a place for a model where something is that must not be lost.

    Parameters
    ----------
    path : Path or str
        The folder to make.
    overwrite : bool
        Whether a model folder that is there may be replaced: one that `write_folder` wrote, with nothing added to it.

    Raises
    ------
    ModelError
        If there is anything else, or a model and `overwrite` is not set.
    """
    target = Path(path)
    if not target.exists() and not target.is_symlink():
        return
    if not overwrite:
        raise ModelError(f"{target} already exists.", tip="Choose another folder, or set the option overwrite.")
    if target.is_symlink() or not target.is_dir():
        raise ModelError(f"{target} is not a model folder, so it is not replaced.", tip="Choose another folder.")
    entries = sorted(target.iterdir())
    needed = {target / SKOPS, target / MANIFEST}
    if target / CASCADE in entries:
        needed = {target / CASCADE}
        for step in (target / name for name in STEPS):
            require_free(step, overwrite=True)
        entries = [entry for entry in entries if entry.name not in (CASCADE, *STEPS)] + list(needed)
    needed_names = {entry.name for entry in needed}
    foreign = [entry.name for entry in entries if entry.name not in _WRITTEN | needed_names or not entry.is_file()]
    if foreign or (entries and not needed <= set(entries)):
        what = f"holds {foreign[0]}, which is not a file of a model" if foreign else "holds no model of this program"
        raise ModelError(f"{target} {what}, so it is not replaced.", tip="Choose another folder.")


@contextmanager
def appearing_folder(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give an empty folder to write a model to, which appears at `target` when it is complete, and vanishes otherwise.

    Folders above `target` are made where there are none.

    Raises
    ------
    ModelError
        As of `require_free`, or if a folder above `target` cannot be made.
    """
    require_free(target, overwrite=overwrite)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"{target} cannot be written: {error.strerror}.", tip="Choose another folder.") from error
    with appearing(target, overwrite=overwrite) as draft:
        draft.mkdir()
        yield draft


def write_folder(
    path: Path | str,
    *,
    estimator: Any,
    manifest: Manifest,
    training_data: pd.DataFrame | None = None,
    labels: pd.Series[Any] | None = None,
    metric_params: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a model folder that this package and SpikeInterface's `load_model` read.

    Everything is written beside `path` first and then moved there, so that no half of a model is ever at `path`.

    Parameters
    ----------
    path : Path or str
        The folder to make.
    estimator : fitted estimator
        Has `predict_proba`, takes the manifest's features in its order, and knows missing values as NaN. For
        SpikeInterface it must be a `Pipeline` that was fitted on a table whose columns are the features' `column`.
    manifest : Manifest
        Its `files` are filled in here.
    training_data, labels : pandas.DataFrame and Series, optional
        What the estimator was fitted on. Left out where the data may not be passed on.
    metric_params : mapping, optional
        Of ``model_info.json``: the parameters that the metrics were computed with.
    overwrite : bool
        Whether to replace a model folder that is there; see `require_free`.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    ModelError
        If something is there that may not be replaced, or if the estimator and the manifest do not agree.
    """
    target = Path(path)
    _check_agreement(estimator, manifest)
    with appearing_folder(target, overwrite=overwrite) as draft:
        write_skops(estimator, draft / SKOPS)
        write_training_data(draft, training_data, labels)
        files = {file.name: digest_of(file) for file in sorted(draft.iterdir())}
        manifest = manifest.model_copy(update={"files": files})
        info = {
            "metric_params": dict(metric_params or _metric_params(manifest)),
            "requirements": dict(manifest.requirements),
            "label_conversion": {
                _key(one): name for one, name in zip(estimator.classes_, manifest.classes, strict=True)
            },
        }
        (draft / INFO).write_text(json.dumps(info, indent=4) + "\n", encoding="utf-8")
        (draft / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
        (draft / CARD).write_text(render_card(manifest), encoding="utf-8")
    return target


def write_training_data(folder: Path, training_data: pd.DataFrame | None, labels: pd.Series[Any] | None) -> None:
    """Write what an estimator was fitted on into a folder, as far as it is given."""
    if training_data is not None:
        (folder / TRAINING_DATA).write_text(to_csv(training_data.rename_axis("unit_id")), encoding="utf-8")
    if labels is not None:
        (folder / LABELS).write_text(to_csv(labels.to_frame().rename_axis("unit_index")), encoding="utf-8")


def _check_agreement(estimator: Any, manifest: Manifest) -> None:
    """Notice at writing what would be a wrong label at predicting."""
    columns = [feature.column for feature in manifest.features]
    names = list(getattr(estimator, "feature_names_in_", columns))
    if names != columns:
        raise ModelError(f"The estimator was fitted on {names}, and the manifest lists {columns}.")
    if len(estimator.classes_) != len(manifest.classes):
        raise ModelError(
            f"The estimator has {len(estimator.classes_)} classes, and the manifest {len(manifest.classes)}."
        )


def _key(one: Any) -> str:
    """SpikeInterface turns these keys into integers, so classes are written as such."""
    return str(int(one))


def _metric_params(manifest: Manifest) -> dict[str, Any]:
    """SpikeInterface looks here for the metrics it has to compute, by the two extensions that it computes them in."""
    from nwb_unitrefine.vocabulary import METRICS, MetricGroup, find_metric

    waveform = {name for name, metric in METRICS.items() if metric.group is MetricGroup.WAVEFORM}
    metrics = [(feature.column, find_metric(feature.name)) for feature in manifest.features]
    columns = [column for column, metric in metrics if metric is None or not metric.derived]
    return {
        "quality_metric_params": {"metric_names": [name for name in columns if name not in waveform]},
        "template_metric_params": {"metric_names": [name for name in columns if name in waveform]},
    }
