"""Tables as CSV hold no formula."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest

from nwb_unitrefine.read.tables import read_table
from nwb_unitrefine.records.csv_text import to_csv


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\n=1"])
def test_text_that_a_spreadsheet_would_run_is_kept_from_it(text: str) -> None:
    """In a cell, in the heading and in the index; and comes back as it was where nothing is lost on the way."""
    frame = pd.DataFrame({text: [text, "plain"], "n": [-1.5, 2.0]}, index=pd.Index([text, "1"], name="unit_id"))
    rows = list(csv.reader(io.StringIO(to_csv(frame), newline="")))
    assert rows == [["unit_id", f"'{text}", "n"], [f"'{text}", f"'{text}", "-1.5"], ["1", "plain", "2.0"]]


def test_a_carriage_return_ends_no_row() -> None:
    """It becomes a new line within its cell, which no program takes for a new row."""
    frame = pd.DataFrame({"note": ["\r=1\r\nb"]}, index=pd.Index([1], name="unit_id"))
    assert list(csv.reader(io.StringIO(to_csv(frame), newline=""))) == [["unit_id", "note"], ["1", "'\n=1\nb"]]


def test_numbers_are_left_alone(tmp_path) -> None:
    """Negative numbers, numbers that are text and missing cells are written as pandas writes them."""
    frame = pd.DataFrame(
        {"x": [-1e-7, np.nan], "id": ["-5", "+3.5"], "none": [None, "a"], "flag": [True, False]},
        index=pd.Index([-3, 4], name="unit_id"),
    )
    assert to_csv(frame) == frame.to_csv()
    (tmp_path / "a.csv").write_text(to_csv(frame))
    assert read_table(tmp_path / "a.csv").unit_ids().tolist() == [-3, 4]
