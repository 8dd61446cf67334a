"""Label many files: each result is a row, and one bad file does not stop the rest."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import SourceError, WriteError
from nwb_unitrefine.history.authors import LabelAuthors, combine_labels, read_label_authors
from nwb_unitrefine.models import load_model
from nwb_unitrefine.pipeline import curate
from nwb_unitrefine.records.display import Displayed, Summary, count_labels
from nwb_unitrefine.storage.remote.addresses import is_address
from nwb_unitrefine.storage.zarr import is_zarr_folder
from nwb_unitrefine.write import WriteOptions, write_curation
from nwb_unitrefine.write.copies import is_place_for_copies, require_new

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Curation, LabelsInEffect, RawOptions, SourceHints
    from nwb_unitrefine.write import WriteReport

__all__ = ["LabelResult", "find_sources", "label", "label_many"]

NWB_SUFFIXES = (".nwb", ".nwb.zarr")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LabelResult(Displayed):
    """What became of one source.

    Parameters
    ----------
    source : str
        As it was given.
    curation : Curation or None
        None when the source was refused.
    report : WriteReport or None
        What was written; None when nothing was.
    labels : LabelsInEffect or None
        The labels in effect in the file afterwards, those that people set included; those that would be, when nothing
        was written. None when the source was refused.
    error : Exception or None
        Why the source was refused.
    seconds : float
        Time it took.
    """

    source: str
    seconds: float
    curation: Curation | None = None
    report: WriteReport | None = None
    labels: LabelsInEffect | None = None
    error: Exception | None = None

    def summary(self) -> Summary:
        """Return what `repr` and a notebook show."""
        if self.curation is None:
            return Summary(title=f"{self.source}: refused", facts=(("error", str(self.error)),))
        labels = count_labels(self.curation.predictions.labels.tolist())
        written = "nothing written" if self.report is None else f"written to {self.report.path}"
        return replace(
            self.curation.summary(),
            title=f"{self.source}: {labels}; {written}",
            facts=(("run", self.report.run if self.report else ""), ("time", f"{self.seconds:.1f} s")),
        )


def find_sources(places: str | Path | Iterable[str | Path]) -> list[str]:
    """Replace each folder that merely holds NWB files by those files, in the order of their names.

    A folder that is itself a source (a Zarr store, a sorter's output, an analyzer) holds no NWB file and is kept; so is
    every address. Hidden files and folders below a folder are not meant: a copy that was interrupted leaves such.

    Parameters
    ----------
    places : str, Path or iterable of them

    Returns
    -------
    list of str
        Each source once, in the order given.
    """
    found: dict[str, None] = {}
    for place in _listed(places):
        folder = Path(place)
        inside = _nwb_files_below(folder) if folder.is_dir() and not folder.name.endswith(NWB_SUFFIXES) else []
        found.update(dict.fromkeys(inside or [str(place)]))
    return list(found)


def _listed(places: str | Path | Iterable[str | Path]) -> list[str | Path]:
    """Make a list of what may be one place: a text would be taken letter by letter."""
    return [places] if isinstance(places, str | Path) else list(places)


def _nwb_files_below(folder: Path) -> list[str]:
    """List the NWB files of a folder; a Zarr store counts once and is not looked into."""
    inside: list[str] = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.name.endswith(NWB_SUFFIXES):
            inside.append(str(entry))
        elif entry.is_dir() and not entry.is_symlink():
            inside += _nwb_files_below(entry)
    return inside


def label(
    source: str | Path,
    *,
    model: str | Path | Model = "default",
    output: str | Path | None = None,
    dry_run: bool = False,
    raw: RawOptions | None = None,
    hints: SourceHints | None = None,
    write_options: WriteOptions | None = None,
) -> LabelResult:
    """Label the units of one source and write the labels into it.

    Parameters
    ----------
    source : str or Path
        Whatever `read_units` takes.
    model : str, Path or Model, optional
        Whatever `load_model` takes, or a loaded model.
    output : str or Path, optional
        Write a labelled copy there, and leave the source alone.
    dry_run : bool, optional
        Write nothing.
    raw : RawOptions, optional
        As of `curate`.
    hints : SourceHints, optional
        What the source does not state, as of `curate`.
    write_options : WriteOptions, optional
        How to write the labels.

    Returns
    -------
    LabelResult

    Raises
    ------
    UnitRefineError
        If the source cannot be read, labelled or written; it is then as it was.
    """
    start = time.perf_counter()
    options = write_options or WriteOptions()
    if output is not None and not dry_run:
        _require_new(source, Path(output), whole=not options.units_only)
    curation = curate(source, model=model, raw=raw, hints=hints)
    report = None if dry_run else write_curation(curation, output=output, **options.as_keywords())
    labels = report.labels if report is not None else None
    if labels is None:
        authors = LabelAuthors() if options.replace_human else read_label_authors(curation.units.source)
        labels = combine_labels(curation.predictions, authors)
    seconds = time.perf_counter() - start
    return LabelResult(source=str(source), curation=curation, report=report, labels=labels, seconds=seconds)


def _require_new(source: str | Path, output: Path, *, whole: bool) -> None:
    """Look at the place for an NWB file's copy before the labels are computed; that for tables may be there."""
    place = Path(source)
    is_nwb = place.name.endswith(NWB_SUFFIXES) or is_zarr_folder(place) or is_address(str(source))
    if is_nwb and not is_place_for_copies(output):
        require_new(output, copy_of=place if whole else None)


def label_many(
    sources: str | Path | Sequence[str | Path],
    *,
    model: str | Path | Model = "default",
    output: str | Path | None = None,
    dry_run: bool = False,
    raw: RawOptions | None = None,
    hints: SourceHints | None = None,
    write_options: WriteOptions | None = None,
) -> Iterator[LabelResult]:
    """Label sources one after another; an error becomes the outcome of its source, and the next one follows.

    Parameters
    ----------
    sources : str, Path or sequence of them
    output : str or Path, optional
        With one source, the labelled copy; with several, or where it is a folder or ends in ``/``, the folder that gets
        a copy of each, under its own name. It is made where it is not there.
    model, dry_run, raw, hints, write_options
        As of `label`.

    Yields
    ------
    LabelResult
        One for each source, as soon as it is done.

    Raises
    ------
    ModelError
        If the model cannot be loaded; nothing was done then.
    SourceError
        If two sources would write the same copy; nothing was done then.
    WriteError
        If there is something else where the folder for copies is to be, or it cannot be made; nothing was done then.
    """
    listed = _listed(sources)
    folder = _folder_for_copies(listed, output)
    outputs = _outputs(listed, output, folder, named_later=write_options is not None and write_options.units_only)
    loaded = load_model(model)
    if folder is not None and not dry_run:
        _make(folder)
    for source, target in zip(listed, outputs, strict=True):
        start = time.perf_counter()
        try:
            yield label(
                source,
                model=loaded,
                output=target,
                dry_run=dry_run,
                raw=raw,
                hints=hints,
                write_options=write_options,
            )
        except Exception as error:  # noqa: BLE001 - a fault on one file is its row, not the end of the rest
            yield LabelResult(source=str(source), error=error, seconds=time.perf_counter() - start)


def _folder_for_copies(sources: Sequence[str | Path], output: str | Path | None) -> Path | None:
    """The folder that copies go into under names of their own; None where `output` is the copy itself."""
    if output is None or (len(sources) == 1 and not is_place_for_copies(Path(output)) and not _ends_as_folder(output)):
        return None
    folder = Path(output)
    if os.path.lexists(folder) and not is_place_for_copies(folder):
        raise WriteError(f"{output} is not a folder that copies can be put into.", tip="Name another output.")
    return folder


def _ends_as_folder(output: str | Path) -> bool:
    """Whether a text says that it names a folder; a `Path` has lost that."""
    return str(output).endswith(os.sep)


def _outputs(
    sources: Sequence[str | Path], output: str | Path | None, folder: Path | None, *, named_later: bool
) -> list[Path | None]:
    """Decide where each copy goes before anything is written, so that none can overwrite another."""
    if folder is None or named_later:
        return [None if output is None else Path(output)] * len(sources)
    outputs: list[Path | None] = [folder / Path(str(source)).name for source in sources]
    if len(set(outputs)) < len(outputs):
        raise SourceError(
            f"Several sources have the same file name and would overwrite each other in {output}.",
            tip="Label them one folder at a time, each with its own --output.",
        )
    return outputs


def _make(folder: Path) -> None:
    """Make the folder for copies, where it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"The folder {folder} cannot be made: {error.strerror or error}.") from error
