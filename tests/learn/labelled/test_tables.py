"""Labelled units from CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from nwb_unitrefine.errors import TrainingError, UnitRefineError
from nwb_unitrefine.learn import LabelRules, read_labelled_tables
from nwb_unitrefine.learn.labelled.training_data import read_base_dataset

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def metrics() -> pd.DataFrame:
    ids = [7, 1, 10, 3]
    return pd.DataFrame({"unit_id": ids, "snr": [7.0, 1.0, 10.0, 3.0], "half_width": [0.1, 0.2, np.inf, 0.4]})


def _write(folder: Path, name: str, table: pd.DataFrame) -> Path:
    table.to_csv(folder / name, index=False)
    return folder / name


def test_labels_are_joined_by_unit_id(tmp_path: Path, metrics) -> None:
    """Labels sorted by id, metrics in the analyzer's order: each unit keeps its own."""
    labels = pd.DataFrame({"unit_id": [1, 3, 7, 10], "label": ["noise", "mua", "good", "good"]})
    found = read_labelled_tables(
        _write(tmp_path, "m.csv", metrics), rules=LabelRules(labels=_write(tmp_path, "l.csv", labels))
    )
    snr = found.values[:, found.names.index("snr@0.101")]
    assert dict(zip(snr.tolist(), found.labels.tolist(), strict=True)) == {7: "sua", 1: "noise", 10: "sua", 3: "mua"}


def test_the_order_of_labels_does_not_matter(tmp_path: Path, metrics) -> None:
    """A permuted table of labels is the same table."""
    labels = pd.DataFrame({"unit_id": [1, 3, 7, 10], "label": ["noise", "mua", "good", "good"]})
    path = _write(tmp_path, "m.csv", metrics)
    one = read_labelled_tables(path, rules=LabelRules(labels=_write(tmp_path, "l.csv", labels)))
    other = read_labelled_tables(path, rules=LabelRules(labels=_write(tmp_path, "r.csv", labels.iloc[::-1])))
    assert one.digest == other.digest


def test_ids_without_a_partner_are_said(tmp_path: Path, metrics) -> None:
    """A unit without a label and a label without a unit are left out, and named."""
    labels = pd.DataFrame({"unit_id": [1, 3, 99], "label": ["noise", "mua", "good"]})
    found = read_labelled_tables(
        _write(tmp_path, "m.csv", metrics), rules=LabelRules(labels=_write(tmp_path, "l.csv", labels))
    )
    assert found.unit_ids.tolist() == ["1", "3"]
    assert {problem.unit_ids for problem in found.problems} == {("7", "10"), ("99",)}


def test_two_rows_of_one_unit_are_refused(tmp_path: Path, metrics) -> None:
    """A label that was corrected by adding a row is not a label."""
    labels = pd.DataFrame({"unit_id": [1, 3, 1], "label": ["noise", "mua", "good"]})
    with pytest.raises(TrainingError, match="unit '1' more than once"):
        read_labelled_tables(
            _write(tmp_path, "m.csv", metrics), rules=LabelRules(labels=_write(tmp_path, "l.csv", labels))
        )
    with pytest.raises(TrainingError, match="more than once"):
        read_labelled_tables(_write(tmp_path, "d.csv", pd.concat([metrics, metrics]).assign(label="good")))


def test_tables_of_different_units_are_refused(tmp_path: Path, metrics) -> None:
    """No id in common means the wrong file, not zero units."""
    labels = pd.DataFrame({"unit_id": ["a"], "label": ["noise"]})
    with pytest.raises(TrainingError, match="no unit id in common"):
        read_labelled_tables(
            _write(tmp_path, "m.csv", metrics), rules=LabelRules(labels=_write(tmp_path, "l.csv", labels))
        )


def test_ids_may_be_text(tmp_path: Path, metrics) -> None:
    """Text ids stay as they are, with their leading zeros."""
    table = metrics.assign(unit_id=["007", "b#1", "10", "NA"], label=["good", "mua", "noise", "good"])
    assert read_labelled_tables(_write(tmp_path, "m.csv", table)).unit_ids.tolist() == ["007", "b#1", "10", "NA"]


def test_whole_numbers_written_as_floats_are_the_same_ids(tmp_path: Path, metrics) -> None:
    """pandas turns ids into floats as soon as one is missing somewhere; 10.0 is unit 10, and not unit 1."""
    labels = pd.DataFrame({"unit_id": [1.0, 10.0], "label": ["noise", "good"]})
    found = read_labelled_tables(
        _write(tmp_path, "m.csv", metrics), rules=LabelRules(labels=_write(tmp_path, "l.csv", labels))
    )
    assert dict(zip(found.unit_ids.tolist(), found.labels.tolist(), strict=True)) == {"1": "noise", "10": "sua"}


def test_missing_labels_are_left_out(tmp_path: Path, metrics) -> None:
    """An empty cell of the label column is a unit to be left out."""
    table = metrics.assign(label=["good", None, "mua", ""])
    found = read_labelled_tables(_write(tmp_path, "m.csv", table))
    assert found.labels.tolist() == ["sua", "mua"]
    assert found.unit_ids.tolist() == ["7", "10"]


def test_metric_names_need_not_be_given(tmp_path: Path, metrics) -> None:
    """Every column that is a known metric is one; labels, verdicts and comments never are."""
    table = metrics.assign(label="good", is_noise=0, comment="x", KSLabel="good")
    found = read_labelled_tables(_write(tmp_path, "m.csv", table))
    assert found.names == ("snr@0.101", "half_width@0.101")
    assert np.isnan(found.values[2, 1])


def test_the_definition_is_told_by_the_names(tmp_path: Path, metrics) -> None:
    """half_width is the old trough_half_width; what both define alike has one name, so that data can be combined."""
    new = metrics.rename(columns={"half_width": "trough_half_width"}).assign(label="good", firing_rate=1.0)
    assert read_labelled_tables(_write(tmp_path, "new.csv", new)).names == (
        "snr",
        "trough_half_width",
        "firing_rate@0.101",
    )


@pytest.mark.parametrize(
    ("drop", "message"), [("unit_id", "unit ids"), ("label", "labels"), ("snr half_width", "known metric")]
)
def test_what_a_table_must_have(tmp_path: Path, metrics, drop: str, message: str) -> None:
    """Ids, labels and metrics: what is absent is said."""
    table = metrics.assign(label="good").drop(columns=drop.split())
    with pytest.raises(UnitRefineError, match=message):
        read_labelled_tables(_write(tmp_path, "m.csv", table))


def test_subjects_are_found_in_names(tmp_path: Path, metrics) -> None:
    """A pattern groups recordings by subject; one that does not fit is refused."""
    for name in ("mouse1a.csv", "mouse1b.csv", "mouse2.csv"):
        _write(tmp_path, name, metrics.assign(label="good"))
    found = read_labelled_tables(tmp_path, subject_pattern=r"(mouse\d)")
    assert sorted(set(found.subjects.tolist())) == ["mouse1", "mouse2"]
    assert len(set(found.recordings.tolist())) == 3
    with pytest.raises(TrainingError, match="does not fit"):
        read_labelled_tables(tmp_path, subject_pattern="(rat)")


def test_the_base_dataset(shared_data: Path) -> None:
    """Nine recordings of four mice, 38 metrics of the old definitions, no unit without a label."""
    found = read_base_dataset(shared_data / "unitrefine_base")
    assert found.counts == {"sua": 964, "mua": 2239, "noise": 1217}
    assert sorted(set(found.subjects.tolist())) == ["mouse1", "mouse2", "mouse3", "mouse4"]
    assert len(found.names) == 38
    assert all(name.endswith("@0.101") for name in found.names)
