"""A table as CSV that a spreadsheet opens without running anything in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["plain_cell", "to_csv"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf)", re.IGNORECASE)
_FORMULA = ("=", "+", "-", "@", "\t", "\n")


def plain_cell(value: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet would take for a formula; numbers stay, as text too.

    See https://owasp.org/www-community/attacks/CSV_Injection.

    Examples
    --------
    >>> plain_cell("=1+1"), plain_cell("-0.5"), plain_cell(-0.5), plain_cell("mua")
    ("'=1+1", '-0.5', -0.5, 'mua')
    """
    if not isinstance(value, str):
        return value
    text = value.replace("\r\n", "\n").replace("\r", "\n")  # a bare carriage return would end the row
    is_formula = text.startswith(_FORMULA) and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text


def to_csv(frame: pd.DataFrame) -> str:
    """Write a table as CSV, with its index first; no text in it, the heading included, is a formula.

    Parameters
    ----------
    frame : pandas.DataFrame
    """
    from pandas.api.types import is_numeric_dtype

    safe = frame.rename(columns=plain_cell)
    for place, dtype in enumerate(frame.dtypes):
        if not is_numeric_dtype(dtype):
            safe.isetitem(place, [plain_cell(value) for value in frame.iloc[:, place]])
    if not is_numeric_dtype(frame.index.dtype):
        safe.index = frame.index.map(plain_cell)
    return str(safe.to_csv())
