"""What a journal is, and how one that is not whole is told."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - for the fixtures' annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nwb_unitrefine.errors import JournalError
from nwb_unitrefine.journal import Edit, journal_path
from nwb_unitrefine.journal.record import Journal, Outline, read_journal

EDITS = (Edit("", 0, b"abcd", b"ABCD"), Edit("", 4096, b"x", b"XYZ"))
JOURNAL = Journal("session.nwb", 4097, 4099, EDITS)
CONTENT = JOURNAL.encode()
HEAD = len(CONTENT) - len(b"abcdABCDxXYZ") - 65
"""Length of the head with its digest."""

whole = st.builds(
    Journal,
    name=st.text(min_size=1),
    size_before=st.integers(-1, 2**60),
    size_after=st.integers(-1, 2**60),
    edits=st.lists(
        st.builds(
            Edit,
            st.text(),
            st.integers(0, 2**60),
            st.none() | st.binary(max_size=50),
            st.none() | st.binary(max_size=50),
        ),
        max_size=5,
    ).map(tuple),
)


@given(journal=whole)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_journal_is_read_as_it_was_written(journal: Journal, tmp_path: Path) -> None:
    """Name, sizes and every edit come back."""
    place = tmp_path / "journal"
    place.write_bytes(journal.encode())
    assert read_journal(place) == journal


@pytest.mark.parametrize("tail", [0, 5000])
def test_a_journal_without_all_of_its_head_was_never_complete(tmp_path: Path, tail: int) -> None:
    """Where its writing stopped before the end of the head's digest, with zeros behind or not, there is no journal."""
    place = tmp_path / "journal"
    for length in range(HEAD):
        place.write_bytes(CONTENT[:length] + bytes(tail))
        assert read_journal(place) is None


@pytest.mark.parametrize("tail", [0, 5000])
def test_a_journal_without_all_of_its_bytes_says_where_the_change_is(tmp_path: Path, tail: int) -> None:
    """Cut off behind its head, a journal is neither nothing nor to be applied."""
    place = tmp_path / "journal"
    for length in range(HEAD, len(CONTENT)):
        place.write_bytes(CONTENT[:length] + bytes(tail))
        outline = read_journal(place)
        assert isinstance(outline, Outline)
        assert outline.places == (("", 0), ("", 4096))
        assert (outline.before.size, outline.after.size) == (4097, 4099)


def test_a_damaged_journal_is_neither_applied_nor_taken_for_none(tmp_path: Path) -> None:
    """Whatever bit of a complete journal is flipped: in its head it is refused, behind that its bytes are not used."""
    place = tmp_path / "journal"
    for position in range(len(CONTENT)):
        flipped = bytearray(CONTENT)
        flipped[position] ^= 4
        place.write_bytes(flipped)
        if position < HEAD:
            with pytest.raises(JournalError):
                read_journal(place)
        else:
            assert isinstance(read_journal(place), Outline)


def test_another_file_of_that_name_is_not_a_journal(tmp_path: Path) -> None:
    """What is not a journal is not thrown away."""
    place = tmp_path / "journal"
    place.write_text("notes of someone")
    with pytest.raises(JournalError, match="not a journal"):
        read_journal(place)


def test_the_journal_of_a_link_lies_beside_the_file(tmp_path: Path) -> None:
    """A symbolic link and its file have the same journal."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.nwb").touch()
    (tmp_path / "link.nwb").symlink_to(folder / "a.nwb")
    assert journal_path(tmp_path / "link.nwb") == journal_path(folder / "a.nwb")
