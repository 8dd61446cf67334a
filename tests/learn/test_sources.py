"""Labelled units from files of spikes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from factories import make_session, write_nwb
from nwb_unitrefine.errors import TrainingError, UnitRefineError
from nwb_unitrefine.learn import read_labelled, read_labelled_units
from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.read import read_units

if TYPE_CHECKING:
    from pathlib import Path


def test_an_nwb_file_with_labels(shared_data: Path) -> None:
    """A file whose column says single or not gives labelled units, with the metrics that its spikes have."""
    path = shared_data / "nwb" / "brody_T182_2018_08_29_bank1.nwb"
    found = read_labelled_units(path)
    units = read_units(path)
    single = dict(zip(map(str, units.unit_ids.tolist()), units.columns["is_single"].values.tolist(), strict=True))
    assert len(found) == len(units)
    for unit, label in zip(found.unit_ids.tolist(), found.labels.tolist(), strict=True):
        assert label == ("sua" if single[unit] else "mua")
    expected = compute_features(units, names=["half_width@0.101"]).values[:, 0]
    np.testing.assert_array_equal(found.values[:, found.names.index("half_width@0.101")], expected)
    assert len(set(found.recordings.tolist())) == 1


def test_labels_beside_a_file_are_joined_by_id(tmp_path: Path) -> None:
    """Labels in another order than the units, one without a unit: each unit gets its own."""
    session = make_session(n_units=4)
    path = write_nwb(tmp_path / "a.nwb", session)
    ids = session.unit_ids.tolist()
    table = pd.DataFrame({"unit_id": [999, *ids[::-1]], "label": ["noise", "good", "mua", "noise", None]})
    table.to_csv(tmp_path / "labels.csv", index=False)
    found = read_labelled([path], labels=tmp_path / "labels.csv")
    assert dict(zip(found.unit_ids.tolist(), found.labels.tolist(), strict=True)) == {
        str(ids[3]): "sua",
        str(ids[2]): "mua",
        str(ids[1]): "noise",
    }
    assert any("without a usable label" in problem.what for problem in found.problems)


def test_files_and_tables_are_read_together(tmp_path: Path) -> None:
    """A CSV of metrics and an NWB file make one dataset of two recordings, under the same names."""
    session = make_session(n_units=3)
    path = write_nwb(tmp_path / "a.nwb", session)
    pd.DataFrame({"unit_id": session.unit_ids, "label": "good"}).to_csv(tmp_path / "labels.csv", index=False)
    one = read_labelled([path], labels=tmp_path / "labels.csv")
    table = one.to_frame()[["half_width@0.101", "firing_rate@0.101", "label"]].assign(label="good")
    table.to_csv(tmp_path / "table.csv")
    both = read_labelled([tmp_path / "table.csv"])
    assert both.names == ("half_width@0.101", "firing_rate@0.101")
    np.testing.assert_array_equal(both.values[:, 1], one.values[:, one.names.index("firing_rate@0.101")])


def test_a_file_without_labels_says_what_it_has(tmp_path: Path) -> None:
    """No column of labels is refused, and so is a column that is not there."""
    path = write_nwb(tmp_path / "a.nwb", make_session(n_units=2))
    with pytest.raises(TrainingError, match="no column of labels"):
        read_labelled_units(path)
    with pytest.raises(UnitRefineError, match="'mood'"):
        read_labelled_units(path, label_column="mood")


def test_one_table_of_labels_is_for_one_source(tmp_path: Path) -> None:
    """Labels for two sources at once would be joined with both."""
    with pytest.raises(TrainingError, match="belongs to one source"):
        read_labelled(["a.nwb", "b.nwb"], labels=tmp_path / "labels.csv")
