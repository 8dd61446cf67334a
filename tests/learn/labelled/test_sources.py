"""Labelled units from files of spikes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np
import pandas as pd
import pytest

from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import curate, write_curation
from nwb_unitrefine.errors import SourceError, TrainingError, UnitRefineError
from nwb_unitrefine.learn import LabelRules, read_labelled, read_labelled_units
from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.read import read_units
from nwb_unitrefine.records import ProblemCode
from nwb_unitrefine.write import relabel, undo

if TYPE_CHECKING:
    from pathlib import Path


def test_an_nwb_file_with_labels(shared_data: Path) -> None:
    """A column whose words the caller explains gives labelled units, with the metrics that the file's spikes have."""
    path = shared_data / "nwb" / "brody_T182_2018_08_29_bank1.nwb"
    found = read_labelled_units(
        path, rules=LabelRules(label_column="is_single", mapping={"true": "sua", "false": "mua"})
    )
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
    found = read_labelled([path], rules=LabelRules(labels=tmp_path / "labels.csv"))
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
    one = read_labelled([path], rules=LabelRules(labels=tmp_path / "labels.csv"))
    table = one.to_frame()[["half_width@0.101", "firing_rate@0.101", "label"]].assign(label="good")
    table.to_csv(tmp_path / "table.csv")
    both = read_labelled([tmp_path / "table.csv"])
    assert both.names == ("half_width@0.101", "firing_rate@0.101")
    np.testing.assert_array_equal(both.values[:, 1], one.values[:, one.names.index("firing_rate@0.101")])


def test_a_file_without_labels_states_what_it_has(tmp_path: Path) -> None:
    """No column of labels is refused, and so is a column that is not there."""
    path = write_nwb(tmp_path / "a.nwb", make_session(n_units=2))
    with pytest.raises(TrainingError, match="no column of labels"):
        read_labelled_units(path)
    with pytest.raises(UnitRefineError, match="'mood'"):
        read_labelled_units(path, rules=LabelRules(label_column="mood"))


def test_one_table_of_labels_is_for_one_source(tmp_path: Path) -> None:
    """Labels for two sources at once would be joined with both."""
    with pytest.raises(TrainingError, match="belongs to one source"):
        read_labelled(["a.nwb", "b.nwb"], rules=LabelRules(labels=tmp_path / "labels.csv"))


def _with_columns(path: Path, **columns: list[str]) -> Path:
    """Add columns of text to a file's units."""
    with h5py.File(path, "a") as file:
        for name, values in columns.items():
            array = file["units"].create_dataset(name, data=values)
            array.attrs.update({"description": name, "neurodata_type": "VectorData", "namespace": "hdmf-common"})
        names = [*file["units"].attrs["colnames"], *columns]
        file["units"].attrs["colnames"] = names
    return path


def test_labels_of_people_are_taken_before_those_of_programs(tmp_path: Path) -> None:
    """Kilosort's column counts only where no person's does, and it is said."""
    path = _with_columns(write_nwb(tmp_path / "a.nwb", make_session(n_units=3)), KSLabel=["good", "mua", "mua"])
    found = read_labelled([path])
    assert found.labels.tolist() == ["sua", "mua", "mua"]
    assert any(problem.code == ProblemCode.LABELS_OF_PROGRAM for problem in found.problems)
    found = read_labelled([_with_columns(path, quality=["good", "mua", "noise"])])
    assert found.labels.tolist() == ["sua", "mua", "noise"]
    assert not any(problem.code == ProblemCode.LABELS_OF_PROGRAM for problem in found.problems)


def test_a_rule_is_not_learnt_from(shared_data: Path) -> None:
    """A boolean column that nobody signed is not a label, and words that only it has are asked for."""
    path = shared_data / "nwb" / "brody_T182_2018_08_29_bank1.nwb"
    with pytest.raises(TrainingError, match="no column of labels"):
        read_labelled_units(path)
    with pytest.raises(TrainingError, match=r"not known: 'True', 'False'|not known: 'False', 'True'"):
        read_labelled_units(path, rules=LabelRules(label_column="is_single"))


def test_labels_beside_a_file_may_be_phys(tmp_path: Path) -> None:
    """A cluster_group.tsv gives labels as a CSV does."""
    session = make_session(n_units=3)
    path = write_nwb(tmp_path / "a.nwb", session)
    rows = zip(session.unit_ids.tolist(), ["good", "mua", "unsorted"], strict=True)
    lines = ["cluster_id\tgroup", *(f"{unit}.0\t{group}" for unit, group in rows)]
    (tmp_path / "cluster_group.tsv").write_text("\n".join(lines))
    found = read_labelled([path], rules=LabelRules(labels=tmp_path / "cluster_group.tsv"))
    assert found.labels.tolist() == ["sua", "mua"]


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A file of six units that the default model labelled in two pairs of columns."""
    path = write_nwb(tmp_path / "a.nwb", make_session(n_units=6))
    for columns in ("unitrefine", "quality"):
        write_curation(curate(path), columns=columns)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["hdf5", "zarr"])
def test_labels_that_people_set_are_taken_by_default(labelled: Path, tmp_path: Path, kind: str) -> None:
    """Only the units that a person decided on count, with that label, whatever a model predicted after it."""
    ids = read_units(labelled).unit_ids.tolist()
    if kind == "zarr":
        write_curation(curate(labelled), output=tmp_path / "a.nwb.zarr", units_only=True)
        labelled = tmp_path / "a.nwb.zarr"
    relabel(labelled, {ids[4]: "sua", ids[1]: "noise", ids[2]: "mua"}, by="me")
    relabel(labelled, {ids[2]: "sua"}, by="you")
    write_curation(curate(labelled), again=True)
    found = read_labelled([labelled])
    expected = {str(ids[1]): "noise", str(ids[2]): "sua", str(ids[4]): "sua"}
    assert dict(zip(found.unit_ids.tolist(), found.labels.tolist(), strict=True)) == expected
    assert any("people set" in problem.what for problem in found.problems)
    assert "people" in found.description
    undo(labelled)
    undo(labelled)
    again = read_labelled([labelled])
    assert dict(zip(again.unit_ids.tolist(), again.labels.tolist(), strict=True)) == expected | {str(ids[2]): "mua"}


def test_labels_that_a_model_wrote_are_no_truth(labelled: Path) -> None:
    """A column of a model's labels is not found by itself, and is refused by name, as its run tells."""
    with pytest.raises(TrainingError, match=r"no column of labels but for those that a model wrote, .*relabel"):
        read_labelled([labelled])
    for column in ("unitrefine_label", "quality_label"):
        with pytest.raises(
            TrainingError, match=f"'{column}' of .* was written by the model unitrefine-default.*relabel"
        ):
            read_labelled([labelled], rules=LabelRules(label_column=column))
    relabel(labelled, {read_units(labelled).unit_ids.tolist()[0]: "sua"}, by="me")
    with pytest.raises(TrainingError, match="the 1 labels that people set are then taken"):
        read_labelled([labelled], rules=LabelRules(label_column="quality_label"))


def test_a_column_that_only_people_wrote_is_taken_by_name(tmp_path: Path) -> None:
    """Labels that people set in a file that no model labelled are those of the column."""
    path = write_nwb(tmp_path / "a.nwb", make_session(n_units=3))
    ids = read_units(path).unit_ids.tolist()
    relabel(path, {ids[0]: "sua", ids[2]: "mua"}, by="me")
    for column in (None, "unitrefine_label"):
        assert read_labelled([path], rules=LabelRules(label_column=column)).labels.tolist() == ["sua", "mua"]


@pytest.mark.slow
def test_a_damaged_run_is_named(labelled: Path) -> None:
    """Where a run cannot be read nobody knows whose labels the file has."""
    with h5py.File(labelled, "a") as file:
        file["general/unit_curation/run_0001"].attrs["kind"] = "weather"
    with pytest.raises(SourceError, match="'run_0001' is not as ndx-unit-curation describes it"):
        read_labelled([labelled])
