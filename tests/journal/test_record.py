"""What a journal is, and how one that is not whole is told."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path  # noqa: TC003 - for the fixtures' annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nwb_unitrefine.errors import JournalError
from nwb_unitrefine.journal import Edit, journal_path
from nwb_unitrefine.journal.record import Journal, read_journal

EDITS = (Edit("", 0, b"abcd", b"ABCD"), Edit("", 4096, b"x", b"XYZ"))
JOURNAL = Journal("session.nwb", 4097, 4099, EDITS)

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


def test_a_journal_that_was_cut_off_was_never_complete(tmp_path: Path) -> None:
    """At whatever byte its writing stopped, a journal reads as none: its target has not been touched."""
    place = tmp_path / "journal"
    content = JOURNAL.encode()
    for length in range(len(content)):
        place.write_bytes(content[:length])
        assert read_journal(place) is None


def test_a_journal_of_zeros_was_never_complete(tmp_path: Path) -> None:
    """After a power failure a file may have its length and no content."""
    place = tmp_path / "journal"
    place.write_bytes(bytes(5000))
    assert read_journal(place) is None


def test_a_damaged_journal_is_never_applied(tmp_path: Path) -> None:
    """Whatever bit of a complete journal is flipped, it is refused or taken for incomplete."""
    place = tmp_path / "journal"
    content = JOURNAL.encode()
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 4
        place.write_bytes(damaged)
        with suppress(JournalError):
            assert read_journal(place) is None


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
