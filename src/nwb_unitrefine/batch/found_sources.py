"""Which sources are meant by places: a folder stands for the NWB files in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["find_sources", "list_places"]

_SUFFIXES = (".nwb", ".nwb.zarr")


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
    for place in list_places(places):
        folder = Path(place)
        inside = _nwb_files_below(folder) if folder.is_dir() and not folder.name.endswith(_SUFFIXES) else []
        found.update(dict.fromkeys(inside or [str(place)]))
    return list(found)


def _nwb_files_below(folder: Path) -> list[str]:
    """List the NWB files of a folder; a Zarr store counts once and is not looked into."""
    inside: list[str] = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.name.endswith(_SUFFIXES):
            inside.append(str(entry))
        elif entry.is_dir() and not entry.is_symlink():
            inside += _nwb_files_below(entry)
    return inside


def list_places(places: str | Path | Iterable[str | Path]) -> list[str | Path]:
    """Make a list of what may be one place: a text would be taken letter by letter."""
    return [places] if isinstance(places, str | Path) else list(places)
