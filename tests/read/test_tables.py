"""Tables of units: what is plain is read, whoever wrote it; what is not is refused in one line that says where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.read import read_units
from nwb_unitrefine.read.tables import read_table

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = {
    "commas": ("a.csv", b"unit_id,snr,label\n0,1.5,good\n12,,mua\n"),
    "tabs": ("a.tsv", b"unit_id\tsnr\tlabel\n0\t1.5\tgood\n12\t\tmua\n"),
    "tabs in a .csv": ("a.csv", b"unit_id\tsnr\tlabel\n0\t1.5\tgood\n12\t\tmua\n"),
    "commas in a .TSV": ("a.TSV", b"unit_id,snr,label\n0,1.5,good\n12,,mua\n"),
    "semicolons": ("a.csv", b"unit_id;snr;label\n0;1.5;good\n12;;mua\n"),
    "semicolons and decimal commas": ("a.csv", b"unit_id;snr;label\n0;1,5;good\n12,0;;mua\n"),
    "tabs and decimal commas": ("a.csv", b"unit_id\tsnr\tlabel\n0\t1,5\tgood\n12\t\tmua\n"),
    "a byte order mark": ("a.csv", b"\xef\xbb\xbfunit_id,snr,label\n0,1.5,good\n12,,mua\n"),
    "Windows": ("a.csv", b"unit_id,snr,label\r\n0,1.5,good\r\n12,,mua\r\n"),
    "old Macintosh": ("a.csv", b"unit_id,snr,label\r0,1.5,good\r12,,mua\r"),
    "blank rows": ("a.csv", b"\nunit_id,snr,label\n\n0,1.5,good\n,,\n  \n12,,mua\n\n"),
    "ids as floats": ("a.csv", b"unit_id,snr,label\n0.0,1.5,good\n12.0,,mua\n"),
    "quotes": ("a.csv", b'"unit_id","snr","label"\n"0","1.5","good"\n"12","","mua"\n'),
    "spaces": ("a.csv", b"unit_id, snr , label\n 0, 1.5, good\n12 ,, mua \n"),
    "a column without name or cells": ("a.csv", b"unit_id,snr,label,\n0,1.5,good,\n12,,mua,\n"),
    "pandas' index": ("a.csv", b",snr,label\n0,1.5,good\n12,,mua\n"),
    "pandas' index beside ids": ("a.csv", b",unit_id,snr,label\n5,0,1.5,good\n6,12,,mua\n"),
    "missing as words": ("a.csv", b"unit_id,snr,label\n0,1.5,good\n12,N/A,mua\n"),
    "ids called so by Phy": ("a.tsv", b"cluster_id\tsnr\tlabel\n0\t1.5\tgood\n12\t\tmua\n"),
    "ids called so by old Phy": ("a.tsv", b"id\tsnr\tlabel\n0\t1.5\tgood\n12\t\tmua\n"),
    "ids called so by Bombcell": ("a.csv", b"phy_clusterID,snr,label\n0,1.5,good\n12,nan,mua\n"),
    "ids called so by a person": ("a.csv", b"Unit ID,snr,label\n0,1.5,good\n12,,mua\n"),
    "ids in capitals": ("a.csv", b"Unit_ID,snr,label\n0,1.5,good\n12,NaN,mua\n"),
    "commas within tabs": ("a.tsv", b"unit_id\tsnr\tlabel\tsite, depth\n0\t1.5\tgood\t3, 4\n12\t\tmua\t5, 6\n"),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_what_is_plain_is_read(tmp_path: Path, kind: str) -> None:
    """Ids, numbers and text are the same however the table is written."""
    name, content = PLAIN[kind]
    (tmp_path / name).write_bytes(content)
    table = read_table(tmp_path / name)
    assert table.unit_ids().tolist() == [0, 12]
    assert table.ids == ("0", "12")
    np.testing.assert_array_equal(table.values("snr"), [1.5, np.nan])
    assert table.values("label").tolist() == ["good", "mua"]
    units = read_units(tmp_path / name)
    np.testing.assert_array_equal(units.columns["snr"].values, [1.5, np.nan])


REFUSED = {
    "an empty file": (b"", "is empty"),
    "blank lines": (b"\n\n", "is empty"),
    "UTF-16": ("unit_id,snr\n1,2\n".encode("utf-16"), "is UTF-16 text"),
    "zero bytes": (b"unit_id,snr\n1,2\0\n", "zero bytes"),
    "Latin-1": ("unit_id,note\n1,5 µV\n".encode("latin-1"), "not UTF-8 text: line 2 has byte 0xb5"),
    "no ids": (b"snr,label\n1,good\n", "no column of unit ids. Name it unit_id. It has: snr, label"),
    "two columns of one name": (b"unit_id,label,label\n1,good,mua\n", "column 'label' more than once"),
    "a long row": (b"unit_id,snr\n1,2\n3,4,5\n", "row 3 has 3 cells and the heading 2"),
    "a short row": (b"unit_id,snr,label\n1,2\n", "row 2 has 2 cells and the heading 3"),
    "a row without id": (b"unit_id,snr\n1,2\n,3\n", "row 3 has no unit id"),
    "a column without name": (b"unit_id,snr,\n1,2,3\n", "column 3 has no name"),
    "an open quote": (b'unit_id,label\n1,"good\n2,mua\n', "cannot be read as a table"),
    "thousands or decimals": (b"unit_id;num_spikes\n1;1,234\n2;5,678\n", "what the comma means is not plain"),
    "thousands and decimals": (b"unit_id;num_spikes;snr\n1;1,234;2.5\n", "what the comma means is not plain"),
    "millions": (b"unit_id;num_spikes\n1;1,234,567\n2;5,0\n", "what the comma means is not plain"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_plain_is_refused(tmp_path: Path, kind: str) -> None:
    """One line says what and where; no row is dropped and no cell guessed."""
    content, message = REFUSED[kind]
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(SourceError, match=message) as refused:
        read_units(tmp_path / "a.csv")
    assert "a.csv" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_text_with_commas_is_no_number(tmp_path: Path) -> None:
    """Notes such as ``3,5 or 4`` do not make the commas of a table doubtful."""
    (tmp_path / "a.csv").write_text("unit_id;snr;note\n1;2.5;3,5\n2;1.5;see 4\n")
    table = read_table(tmp_path / "a.csv")
    assert table.values("snr").tolist() == [2.5, 1.5]
    assert table.values("note").tolist() == ["3,5", "see 4"]


def test_ids_that_are_no_numbers_stay_text(tmp_path: Path) -> None:
    """Leading zeros are kept where one id is a word."""
    (tmp_path / "a.csv").write_text("unit_id,snr\n007,1\nb#1,2\n3.0,3\n")
    assert read_table(tmp_path / "a.csv").unit_ids().tolist() == ["007", "b#1", "3"]


def test_a_formula_that_was_made_harmless_is_read_as_it_was(tmp_path: Path) -> None:
    """The apostrophe that `to_csv` puts before a formula is not part of the text."""
    (tmp_path / "a.csv").write_text("unit_id,note\n1,'=SUM(A1)\n2,'quoted'\n")
    assert read_table(tmp_path / "a.csv").columns["note"] == ("=SUM(A1)", "'quoted'")


def test_real_tables_of_other_programs(shared_data: Path) -> None:
    """SpikeInterface's with semicolons reads as with commas would; Bombcell's ids are Phy's, and its metrics known."""
    folder = shared_data / "cases" / "metric_tables"
    table = read_units(folder / "si_semicolon.csv")
    assert table.unit_ids.tolist() == [0, 1, 2, 3, 4, 5]
    features = compute_features(table, names=["presence_ratio", "half_width@0.101"])
    assert features.values[0].tolist() == [0.95, 0.0002]
    bombcell = read_units(folder / "bombcell.csv")
    assert (bombcell.source.dialect, bombcell.unit_ids.tolist()) == ("Bombcell", [0, 1, 2, 3, 4, 5])
    assert bombcell.columns["clusterID"].values.tolist() == [1, 2, 3, 4, 5, 6]
    assert compute_features(bombcell, names=["peak_to_trough_duration"]).values[0, 0] == pytest.approx(450e-6)
