"""A file or folder appears complete, on the disk, and as private as it is to be."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.journal.appearing import appearing

if TYPE_CHECKING:
    from pathlib import Path


def fill(place: Path, *, is_folder: bool, text: str) -> None:
    """Write a file, or a folder with files in it."""
    if not is_folder:
        place.write_text(text)
        return
    for name in ("0", "inner/1", "inner/deep/2"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)


def read(place: Path) -> set[str]:
    """Texts of a file, or of all files in a folder."""
    return {entry.read_text() for entry in (place.rglob("*") if place.is_dir() else [place]) if entry.is_file()}


@pytest.mark.parametrize("is_folder", [False, True])
def test_all_of_it_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_folder: bool
) -> None:
    """Every file and folder is synced first: a power cut leaves nothing half written under the name."""
    synced, real = set(), os.fsync
    output = tmp_path / "it"

    def syncing(descriptor: int) -> None:
        if not output.exists():
            synced.add(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", syncing)
    with appearing(output) as place:
        fill(place, is_folder=is_folder, text="new")
        assert not output.exists()
    assert {entry.stat().st_ino for entry in (output, *output.rglob("*"))} <= synced
    assert [entry.name for entry in tmp_path.iterdir()] == ["it"]


@pytest.mark.parametrize("is_folder", [False, True])
def test_what_exists_is_replaced_only_when_asked(tmp_path: Path, *, is_folder: bool) -> None:
    """It is the old or the new one, and after an error the old one."""
    output = tmp_path / "it"
    fill(output, is_folder=is_folder, text="old")
    with pytest.raises(WriteError, match="exists already"), appearing(output):
        pass
    with suppress(ValueError), appearing(output, overwrite=True) as place:
        fill(place, is_folder=is_folder, text="new")
        raise ValueError
    assert read(output) == {"old"}
    with appearing(output, overwrite=True) as place:
        fill(place, is_folder=is_folder, text="new")
    assert read(output) == {"new"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["it"]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """What it leads to stays as it is."""
    own, output = tmp_path / "own", tmp_path / "it"
    own.write_text("mine")
    output.symlink_to(own)
    with appearing(output, overwrite=True) as place:
        place.write_text("new")
    assert (own.read_text(), output.read_text(), output.is_symlink()) == ("mine", "new", False)


def test_nobody_can_guess_or_enter_where_it_is_written(tmp_path: Path) -> None:
    """The folder is new each time, and private."""
    places = []
    for _ in range(2):
        with appearing(tmp_path / "it", keep=False) as place:
            places.append(place.parent.name)
            assert place.parent.stat().st_mode & 0o077 == 0
    assert places[0] != places[1]
    assert list(tmp_path.iterdir()) == []
