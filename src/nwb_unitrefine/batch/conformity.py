"""Check the files that a study made with DANDI's validation and nwbinspector: what counts is what is new in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from nwb_unitrefine.batch.derivative import made_files, programs_found
from nwb_unitrefine.batch.ledger import open_ledger
from nwb_unitrefine.batch.plan import read_plan
from nwb_unitrefine.batch.study import read_options
from nwb_unitrefine.batch.study_folder import DANDISET
from nwb_unitrefine.errors import MissingExtraError
from nwb_unitrefine.read.sources import read_source
from nwb_unitrefine.storage.remote.addresses import is_address, resolve_address
from nwb_unitrefine.storage.zarr import is_zarr_zip
from nwb_unitrefine.write.exports.units_file import write_units_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nwb_unitrefine.batch.plan import Entry
    from nwb_unitrefine.records import SourceHints

__all__ = ["FileCheck", "check_study"]

_LEAST = 30
"""dandi's severity WARNING; hints are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCheck:
    """What the validators say of one derived file.

    Parameters
    ----------
    path : str
        Relative to the study's dandiset.
    source : str
    new : tuple of str
        Messages, each with its code, that the source does not get.
    n_of_source : int
        Number of messages that the source gets, too.
    not_compared : str
        Why the source could not be checked; every message counts as new then. Empty where it was.
    """

    path: str
    source: str
    new: tuple[str, ...]
    n_of_source: int
    not_compared: str = ""


def check_study(study: str | Path) -> Iterator[FileCheck]:
    """Validate each derived file with `dandi validate`, which runs pynwb's validation and nwbinspector, too.

    The source of each is inspected in the same way: a message that it gets for itself is not the derived file's.

    Parameters
    ----------
    study : str or Path

    Yields
    ------
    FileCheck
        For each derived file that the ledger holds with the current options.

    Raises
    ------
    SourceError
        If nothing was labelled yet.
    MissingExtraError
        If DANDI's client is not installed.
    """
    study = Path(study).resolve()
    made, options, ledger = set(made_files(study)), read_options(study), open_ledger(study).refresh()
    assert options is not None
    for entry in read_plan(study):
        line = next(ledger.lines([options.key(entry)]), None)
        output = "" if line is None else line.get("output", "")
        if output not in made:
            continue
        found = _messages(study / DANDISET / output, study / DANDISET)
        try:
            known, why = (_codes_of_source(entry, options.hints), "") if found else (set(), "")
        except Exception as error:  # noqa: BLE001 - of pynwb and nwbinspector, for what they cannot read
            known, why = set(), f"The source cannot be inspected: {type(error).__name__}: {error}"
        new = tuple(f"{code}: {message}" for code, message in found if code not in known)
        yield FileCheck(path=output, source=entry.id, new=new, n_of_source=len(found) - len(new), not_compared=why)


def _messages(path: Path, dandiset: Path) -> list[tuple[str, str]]:
    """Code and message of each result of `dandi validate` that matters."""
    try:
        from dandi.files import dandi_file
    except ImportError as error:
        raise MissingExtraError("dandi", extra="dandi", purpose="to validate files") from error
    with programs_found():
        results = dandi_file(path, dandiset).get_validation_errors()
    return [
        (result.id, " ".join(str(result.message or "").split()))
        for result in results
        if result.severity is not None and result.severity >= _LEAST
    ]


def _codes(path: Path, dandiset: Path) -> set[str]:
    return {code for code, _ in _messages(path, dandiset)}


def _codes_of_source(entry: Entry, hints: SourceHints) -> set[str]:
    """Codes of the messages that the source gets; of an asset on a server, no more is read than inspection needs."""
    address = resolve_address(entry.source) if is_address(entry.source) else None
    place = Path(entry.source)
    if (place.is_dir() or is_zarr_zip(place)) if address is None else address.is_zarr:
        return _codes_without_labels(entry, hints)
    if address is None:
        return _codes(place, place.parent)
    import h5py
    from nwbinspector import inspect_nwbfile_object, load_config
    from pynwb import NWBHDF5IO

    from nwb_unitrefine.storage.remote.http_file import RemoteFile
    from nwb_unitrefine.storage.remote.http_ranges import HttpRanges, Patience

    ranges = HttpRanges(address.url, headers=address.headers, patience=Patience())
    with RemoteFile(ranges) as remote, h5py.File(remote, "r") as file, NWBHDF5IO(file=file, mode="r") as io:
        messages = inspect_nwbfile_object(nwbfile_object=io.read(), config=load_config("dandi"))
        return {f"NWBI.{message.check_function_name}" for message in messages if message is not None}


def _codes_without_labels(entry: Entry, hints: SourceHints) -> set[str]:
    """Codes that the units of a source get as a file of their own, without labels.

    nwbinspector and pynwb's validation do not read Zarr stores of hdmf-zarr with the numcodecs of today, which refuses
    to run the pickled code in them.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sub-source_ecephys.nwb"
        write_units_file(read_source(entry.source, hints=hints), path)
        return _codes(path, path.parent)
