"""Names of columns, as a file's own history gives them, checked before anything is written or removed by them."""

from __future__ import annotations

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.journal.keys import is_plain_name

__all__ = ["require_column_name"]


def require_column_name(name: str, *, file: str) -> None:
    """Refuse a name that is a path: a column is an object right below the units table.

    Raises
    ------
    WriteError
        If it is one.
    """
    if not is_plain_name(name):
        raise WriteError(
            f"{file}: its history names a column {name[:100]!r}, which no units table can have; nothing was written.",
            tip="The history of this file was not written by nwb-unitrefine, or was changed since.",
        )
