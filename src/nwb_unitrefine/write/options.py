"""How labels are to be written, as one value that is handed on."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["WriteOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How labels are to be written: the keywords of `write_curation` that are the same for every file.

    Parameters
    ----------
    columns : str or sequence of str
        As of `write_curation`.
    overwrite_columns : sequence of str
        As of `write_curation`.
    contamination_column, replace_human, units_only, again : bool
        As of `write_curation`.

    Examples
    --------
    >>> WriteOptions(columns="quality").as_keywords()["columns"]
    'quality'
    """

    columns: str | Sequence[str] = "unitrefine"
    contamination_column: bool = False
    overwrite_columns: Sequence[str] = ()
    replace_human: bool = False
    units_only: bool = False
    again: bool = False

    def as_keywords(self) -> dict[str, Any]:
        """Return them as `write_curation` takes them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
