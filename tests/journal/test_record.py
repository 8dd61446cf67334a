"""What a journal is, who wrote it, and how an incomplete one is recognized."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nwb_unitrefine.errors import JournalError
from nwb_unitrefine.journal import Edit, journal_path
from nwb_unitrefine.journal.header import encode_header, parse_header
from nwb_unitrefine.journal.record import Journal, Outline, read_journal
from nwb_unitrefine.journal.secret import secret_for_reading, secret_for_writing, secret_place

if TYPE_CHECKING:
    from pathlib import Path

EDITS = (Edit("", 0, b"abcd", b"ABCD"), Edit("", 4096, b"x", b"XYZ"))
JOURNAL = Journal("session.nwb", 4097, 4099, EDITS)
STRANGER = b"s" * 32
SECTOR = 512
N_BODY = len(b"abcdABCDxXYZ")

names = st.text(st.characters(codec="utf-8", exclude_characters="/\\\0:"), min_size=1, max_size=20).filter(
    lambda name: name not in {".", ".."}
)
parts = st.none() | st.binary(max_size=50)
folder_edits = st.lists(
    st.builds(Edit, names, st.just(0), parts, parts), max_size=5, unique_by=lambda edit: edit.key
).map(tuple)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a journal is written to."""
    return tmp_path / "session.nwb.unitrefine-journal"


@given(journal=st.builds(Journal, names, st.just(-1), st.just(-1), folder_edits))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_journal_is_read_as_it_was_written(journal: Journal, tmp_path: Path) -> None:
    """Name, sizes and every edit come back."""
    place = tmp_path / "journal"
    place.write_bytes(journal.sealed(secret_for_writing()))
    assert read_journal(place) == journal


def test_the_journal_of_a_file_is_read_as_it_was_written(place: Path) -> None:
    """Sizes, offsets and bytes come back."""
    place.write_bytes(JOURNAL.sealed(secret_for_writing()))
    assert read_journal(place) == JOURNAL


@pytest.mark.parametrize("tail", [0, 5000])
def test_a_journal_without_its_seal_was_never_complete(place: Path, tail: int) -> None:
    """Whatever a power cut left of it, and in whichever order its sectors came to the disk, there is no journal."""
    content, seal, at = JOURNAL.encode(secret_for_writing())
    for length in range(len(content)):
        place.write_bytes(content[:length] + bytes(tail))
        assert read_journal(place) is None
    for sector in range(0, len(content), SECTOR):
        lost = content[:sector] + bytes(len(content[sector : sector + SECTOR])) + content[sector + SECTOR :]
        place.write_bytes(lost)
        assert read_journal(place) is None
    for length in range(len(seal)):
        place.write_bytes(content[:at] + seal[:length] + content[at + length :])
        assert read_journal(place) is None


@pytest.mark.parametrize("tail", [0, 5000])
def test_a_sealed_journal_without_all_of_its_bytes_states_where_the_change_is(place: Path, tail: int) -> None:
    """Cut off behind its head, a journal is neither nothing nor to be applied."""
    content = JOURNAL.sealed(secret_for_writing())
    for length in range(len(content) - N_BODY, len(content)):
        place.write_bytes(content[:length] + bytes(tail))
        outline = read_journal(place)
        assert isinstance(outline, Outline)
        assert outline.header.places == (("", 0), ("", 4096))
        assert (outline.before.size, outline.after.size) == (4097, 4099)


def test_a_damaged_journal_is_neither_applied_nor_taken_for_none(place: Path) -> None:
    """Whatever bit of a complete journal is flipped: in what it says it is refused, in its bytes they are not used."""
    content = JOURNAL.sealed(secret_for_writing())
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 4
        place.write_bytes(flipped)
        try:
            assert isinstance(read_journal(place), Outline)
        except JournalError:
            assert position < len(content) - N_BODY


def test_the_journal_of_a_stranger_is_refused(place: Path) -> None:
    """Right in everything but the secret, which nobody else knows, it is not applied until the user asks for that."""
    place.write_bytes(JOURNAL.sealed(STRANGER))
    with pytest.raises(JournalError, match="was not written by you on this machine") as refusal:
        read_journal(place)
    assert "recover --show session.nwb" in refusal.value.tip
    assert read_journal(place, trusted=True) == JOURNAL


def test_a_stranger_cannot_change_a_journal_of_the_user(place: Path) -> None:
    """Head and bytes are covered: neither those of another journal nor a head under another code are taken."""
    mine, theirs = JOURNAL.sealed(secret_for_writing()), JOURNAL.sealed(STRANGER)
    body = len(mine) - N_BODY
    place.write_bytes(mine[:body] + b"X" * N_BODY)
    assert isinstance(read_journal(place), Outline)
    place.write_bytes(mine[:SECTOR] + theirs[SECTOR:])
    with pytest.raises(JournalError):
        read_journal(place)


def test_the_journal_of_an_earlier_release_is_refused(place: Path) -> None:
    """It says nothing of who wrote it, so it is left to the release that did."""
    place.write_bytes(
        b"nwb-unitrefine journal 1: a write that may be unfinished; `nwb-unitrefine recover` finishes it\n{}"
    )
    with pytest.raises(JournalError, match="another release") as refusal:
        read_journal(place)
    assert "finish it with the release that wrote it" in refusal.value.tip


def test_another_file_of_that_name_is_not_a_journal(place: Path) -> None:
    """What is not a journal is not thrown away."""
    place.write_text("notes of someone")
    with pytest.raises(JournalError, match="not a journal"):
        read_journal(place)


def test_what_is_no_regular_file_is_not_opened(place: Path) -> None:
    """A pipe does not hang, and a link or a folder is not followed."""
    for make in (os.mkfifo, os.mkdir, lambda at: at.symlink_to("/dev/zero")):
        make(place)
        with pytest.raises(JournalError, match="not a regular file"):
            read_journal(place)
        place.rmdir() if place.is_dir() else place.unlink()


@pytest.mark.parametrize(
    "change",
    [
        {"size_after": 0},
        {"size_after": 1 << 42},
        {"size_before": 1 << 42},
        {"size_before": -1},
        {"size_before": 1 << 70},
        {"size_before": True},
        {"size_before": "4097"},
        {"edits": [["units/id", 0, 4, 4]]},
        {"edits": [["", -1, 4, 4]]},
        {"edits": [["", 0, -1, 4]]},
        {"edits": [["", 0, 4]]},
        {"edits": [["", 4098, 4, 4]]},
        {"edits": {}},
        {"edits": None},
        {"target": "../session.nwb"},
        {"target": ""},
        {"token": "../../x"},
        {"digest_before": 3},
    ],
    ids=str,
)
def test_a_head_that_does_not_hold_together_is_refused(change: dict[str, object]) -> None:
    """Sizes follow from the bytes that are listed, and every value is of its kind."""
    document = json.loads(encode_header(JOURNAL.header))
    assert parse_header(json.dumps(document).encode()) == JOURNAL.header
    assert parse_header(json.dumps({**document, **change}).encode()) is None


@pytest.mark.parametrize(
    "key",
    [
        "../outside",
        "/etc/passwd",
        "a/../../b",
        "",
        "a//b",
        "./a",
        "a\\..\\b",
        "C:/x",
        "a\0b",
        "a/" + "b" * 256,
        "\ud800",
    ],
    ids=ascii,
)
def test_a_key_that_leads_out_of_its_folder_is_refused(key: str) -> None:
    """A journal of a folder names files below it and no others."""
    edits = (Edit("inside", 0, None, b"x"),)
    document = json.loads(encode_header(Journal("s.zarr", -1, -1, edits).header))
    assert parse_header(json.dumps(document).encode()) is not None
    document["edits"][0][0] = key
    assert parse_header(json.dumps(document).encode()) is None


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"[]", b"null", b"[" * 100_000, b'{"size_before": ' + b"9" * 5000 + b"}", b"\xff"]
)
def test_a_head_that_is_no_head_is_refused(line: bytes) -> None:
    """Nothing that a head can be ends in an error of Python's."""
    assert parse_header(line) is None


def test_the_secret_is_made_once_and_only_for_its_owner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Reading makes none; one that others may have read, or a link, is replaced."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert secret_for_reading() is None
    assert not (tmp_path / "state").exists()
    first = secret_for_writing()
    assert len(first) == 32
    assert secret_for_writing() == first == secret_for_reading()
    assert secret_place().stat().st_mode & 0o777 == 0o600
    assert list(secret_place().parent.iterdir()) == [secret_place()]
    secret_place().chmod(0o644)
    assert secret_for_reading() is None
    second = secret_for_writing()
    assert second != first
    (other := tmp_path / "other").write_bytes(first)
    secret_place().unlink()
    secret_place().symlink_to(other)
    assert secret_for_reading() is None
    assert secret_for_writing() not in {first, second}
    assert other.read_bytes() == first


def test_without_a_place_for_the_secret_a_process_has_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A write goes on; only its journal is not recognized by other processes."""
    (tmp_path / "state").write_text("no folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert secret_for_writing() == secret_for_writing()
    assert secret_for_reading() is None


def test_the_journal_of_a_link_lies_beside_the_file(tmp_path: Path) -> None:
    """A symbolic link and its file have the same journal."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.nwb").touch()
    (tmp_path / "link.nwb").symlink_to(folder / "a.nwb")
    assert journal_path(tmp_path / "link.nwb") == journal_path(folder / "a.nwb")
