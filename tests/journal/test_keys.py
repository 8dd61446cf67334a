"""Names of files below a folder are checked where they come in."""

from __future__ import annotations

import pytest

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.journal.keys import is_plain_name, parts_of


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "a\\b", "a\0", "C:", "C:x", "a" * 256, "\ud800"])
def test_a_path_is_no_plain_name(name: str) -> None:
    """A name is that of one file in one folder."""
    assert not is_plain_name(name)
    with pytest.raises(WriteError):
        parts_of(f"units/{name}" if name != "a/b" else "a//b")
