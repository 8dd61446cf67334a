"""Label many files: each result is a row, and one bad file does not stop the rest."""

from __future__ import annotations

import os
import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.batch.found_sources import list_places
from nwb_unitrefine.batch.interrupts import Interrupts
from nwb_unitrefine.errors import NoUnitsError, SourceError, WriteError
from nwb_unitrefine.history.authors import LabelAuthors, combine_labels, read_label_authors
from nwb_unitrefine.models import load_model
from nwb_unitrefine.pipeline import curate
from nwb_unitrefine.read.sources import read_source
from nwb_unitrefine.records.display import Displayed, Summary, count_labels
from nwb_unitrefine.write import WriteOptions, write_curation
from nwb_unitrefine.write.copies import is_place_for_copies
from nwb_unitrefine.write.preflight import require_main_table, require_writable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Curation, LabelsInEffect, RawOptions, SourceHints, Units
    from nwb_unitrefine.write import WriteReport

__all__ = ["LabelResult", "label", "label_many"]


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


def label(
    source: str | Path,
    *,
    model: str | Path | Model = "default",
    output: str | Path | None = None,
    dry_run: bool = False,
    raw: RawOptions | None = None,
    hints: SourceHints | None = None,
    adapt: bool = False,
    adapt_from: Sequence[str | Path] = (),
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
    adapt, adapt_from : optional
        Move the model's boundary to labels of people, as of `curate`.
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
    start, interrupts, options = time.perf_counter(), Interrupts(), write_options or WriteOptions()
    units = _read(source, output=output, dry_run=dry_run, hints=hints, options=options)
    curation = curate(units, model=model, raw=raw, adapt=adapt, adapt_from=adapt_from)
    report = None if dry_run else _write(curation, output, interrupts, options)
    interrupts.raise_if_pending()
    labels = _labels(curation, report, options)
    seconds = time.perf_counter() - start
    return LabelResult(source=str(source), curation=curation, report=report, labels=labels, seconds=seconds)


def _labels(curation: Curation, report: WriteReport | None, options: WriteOptions) -> LabelsInEffect:
    """The labels in effect after the write; without one, those that would be."""
    if report is not None and report.labels is not None:
        return report.labels
    authors = LabelAuthors() if options.replace_human else read_label_authors(curation.units.source)
    return combine_labels(curation.predictions, authors)


def _read(
    source: str | Path, *, output: str | Path | None, dry_run: bool, hints: SourceHints | None, options: WriteOptions
) -> Units:
    """Read a source whose labels can be written, as far as that can be seen before they are computed."""
    if not dry_run and not options.units_only and hints is not None and hints.units is not None:
        require_main_table(hints.units, uri=str(source))
    if not dry_run:
        # what has no units is refused by reading, which names the units that there are at other places
        with suppress(NoUnitsError):
            require_writable(source, output=output, options=options)
    return read_source(source, hints=hints)


def _write(curation: Curation, output: str | Path | None, interrupts: Interrupts, options: WriteOptions) -> WriteReport:
    """Write the labels; into the file itself without interruption, a copy just does not appear when interrupted."""
    with interrupts.held() if output is None else nullcontext():
        return write_curation(curation, output=output, **options.as_keywords())


def label_many(
    sources: str | Path | Sequence[str | Path],
    *,
    model: str | Path | Model | Sequence[str | Path] = "default",
    output: str | Path | None = None,
    dry_run: bool = False,
    raw: RawOptions | None = None,
    hints: SourceHints | None = None,
    adapt: bool = False,
    adapt_from: Sequence[str | Path] = (),
    write_options: WriteOptions | None = None,
    load_options: Mapping[str, Any] | None = None,
) -> Iterator[LabelResult]:
    """Label sources one after another; an error becomes the outcome of its source, and the next one follows.

    Parameters
    ----------
    sources : str, Path or sequence of them
    output : str or Path, optional
        With one source, the labelled copy; with several, or where it is a folder or ends in ``/``, the folder that gets
        a copy of each, under its own name. It is made where it is not there.
    model : str, Path, Model or sequence of str or Path
        As of `label`. The model is loaded when the first source has been read: what cannot be read is refused at once.
    dry_run, adapt : bool
        As of `label`.
    raw : RawOptions, optional
        As of `label`.
    hints : SourceHints, optional
        As of `label`.
    adapt_from : sequence of str or Path
        As of `label`.
    write_options : WriteOptions, optional
        As of `label`.
    load_options : mapping, optional
        Further arguments of `load_model`.

    Yields
    ------
    LabelResult
        One for each source, as soon as it is done.

    Raises
    ------
    ModelError
        If the model cannot be loaded; no source was changed then.
    SourceError
        If two sources would write the same copy; nothing was done then.
    WriteError
        If there is something else where the folder for copies is to be, or it cannot be made; nothing was done then.
    KeyboardInterrupt
        If the user interrupts it. Labels that are being written into a file are written first, and yielded; other work
        on the file in hand is dropped, and the file is as it was.
    """
    listed = list_places(sources)
    folder = _folder_for_copies(listed, output)
    options = write_options or WriteOptions()
    outputs = _outputs(listed, output, folder, named_later=options.units_only)
    if folder is not None and not dry_run:
        _make(folder)
    interrupts = Interrupts()

    @cache
    def loaded() -> Model:
        return load_model(model, **(load_options or {}))

    def labelled(source: str | Path, target: Path | None) -> LabelResult:
        start = time.perf_counter()

        def result(**found: Any) -> LabelResult:
            return LabelResult(source=str(source), seconds=time.perf_counter() - start, **found)

        try:
            units = _read(source, output=target, dry_run=dry_run, hints=hints, options=options)
        except Exception as error:  # noqa: BLE001 - a fault on one file is its row, not the end of the rest
            return result(error=error)
        ready = loaded()  # what is wrong with the model is wrong for every file
        try:
            curation = curate(units, model=ready, raw=raw, adapt=adapt, adapt_from=adapt_from)
            report = None if dry_run else _write(curation, target, interrupts, options)
            labels = _labels(curation, report, options)
        except Exception as error:  # noqa: BLE001 - as above
            return result(error=error)
        return result(curation=curation, report=report, labels=labels)

    for source, target in zip(listed, outputs, strict=True):
        with interrupts.noted():
            result = labelled(source, target)
        yield result
        interrupts.raise_if_pending()


def _folder_for_copies(sources: Sequence[str | Path], output: str | Path | None) -> Path | None:
    """The folder that copies go into under names of their own; None where `output` is the copy itself."""
    if output is None or (len(sources) == 1 and not is_place_for_copies(Path(output)) and not _ends_as_folder(output)):
        return None
    folder = Path(output)
    if os.path.lexists(folder) and not is_place_for_copies(folder):
        raise WriteError(f"{output} is not a folder that copies can be put into.", tip="Name another output.")
    return folder


def _ends_as_folder(output: str | Path) -> bool:
    """Whether a text names a folder by its last character; a `Path` has lost that."""
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
