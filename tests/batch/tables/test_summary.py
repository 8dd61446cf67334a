"""Tables of a whole study."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import h5py
import pytest

from helpers.bare_nwb import make_small_session
from nwb_unitrefine.batch.conformity import check_study
from nwb_unitrefine.batch.plan import plan_files, write_plan
from nwb_unitrefine.batch.study import label_study, study_options
from nwb_unitrefine.batch.tables.summary import summarize_study
from nwb_unitrefine.batch.tasks import TaskOptions
from nwb_unitrefine.cli import main
from nwb_unitrefine.errors import SourceError


def test_a_study_that_was_not_labelled_has_no_tables(tmp_path: Path) -> None:
    """Nothing is written before there is something to write, and the message names what to do."""
    write_plan(tmp_path, [])
    with pytest.raises(SourceError, match="dandiset label"):
        summarize_study(tmp_path)
    assert [place.name for place in tmp_path.iterdir()] == ["plan.jsonl"]


@pytest.mark.slow
def test_tables_hold_every_unit_and_session_and_no_formula(tmp_path: Path) -> None:
    """Each unit and session is a row; columns are described; text that a spreadsheet would run is escaped."""
    data, study = tmp_path / "data", tmp_path / "study"
    data.mkdir()
    first = make_small_session(data / "a.nwb", columns={"region": ["=1+1"] * 6, "quality": ["good"] * 6})
    shutil.copy(first, data / "b.nwb")
    (data / "c.nwb").write_text("not HDF5")
    write_plan(study, plan_files([data], study=study))
    list(label_study(study, study_options(TaskOptions())))
    tables = summarize_study(study)
    assert (tables.n_sessions, tables.n_units) == (3, 12)
    with (study / "problems.tsv").open(newline="") as file:
        problems = list(csv.DictReader(file, delimiter="\t"))
    short = [row for row in problems if row["code"] == "recording.too-short"]
    assert [Path(row["source"]).name for row in short] == ["a.nwb", "b.nwb"]
    assert {(row["importance"], row["location"], row["n_units"]) for row in short} == {
        ("BEST_PRACTICE_VIOLATION", "/units", "n/a")
    }
    assert all("120 s" in row["message"] and "whole recording" in row["remedy"] for row in short)
    assert [(row["importance"], row["code"]) for row in problems if row["source"].endswith("c.nwb")] == [
        ("ERROR", "source.unreadable")
    ]
    with (study / "units.tsv").open(newline="") as file:
        units = list(csv.DictReader(file, delimiter="\t"))
    with (study / "sessions.tsv").open(newline="") as file:
        sessions = list(csv.DictReader(file, delimiter="\t"))
    assert len(units) == 12
    assert {row["region"] for row in units} == {"'=1+1"}
    assert {row["label_in_quality"] for row in units} == {"sua"}
    assert [row["outcome"] for row in sessions] == ["labelled", "labelled", "refused"]
    assert "c.nwb" in sessions[2]["error"]
    for name, rows in (("units", units), ("sessions", sessions), ("problems", problems)):
        described = json.loads((study / f"{name}.json").read_text())
        assert list(described) == list(rows[0])
        assert all(column["Description"] for column in described.values())
    page = (study / "report.html").read_text()
    assert "Refusals" in page
    assert "=1+1" in page
    again = (study / "units.tsv").read_bytes()
    summarize_study(study)
    assert (study / "units.tsv").read_bytes() == again


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of a session with a name that a spreadsheet would run, and of a file that is damaged."""
    folder = tmp_path_factory.mktemp("labelled")
    (folder / "data").mkdir()
    make_small_session(folder / "data" / "a.nwb", columns={"region": ["=1+1"] * 6})
    (folder / "data" / "c.nwb").write_text("not HDF5")
    write_plan(folder / "study", plan_files([folder / "data"], study=folder / "study"))
    command = ["dandiset", "label", str(folder / "study"), "--columns", "quality"]
    assert main(command) == 1
    return folder / "study"


@pytest.mark.slow
def test_parquet_has_the_types_of_the_values(labelled: Path) -> None:
    """Numbers are numbers, whole ones whole, flags flags and text text, as the JSON descriptions state."""
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    paths = {path.name for path in summarize_study(labelled, parquet=True).paths}
    assert {"units.parquet", "sessions.parquet", "problems.parquet"} <= paths
    kinds = {"integer": "Int64", "number": "Float64", "boolean": "boolean", "string": "string"}
    for name in ("units", "sessions", "problems"):
        table = pandas.read_parquet(labelled / f"{name}.parquet", dtype_backend="numpy_nullable")
        described = json.loads((labelled / f"{name}.json").read_text())
        expected = {column: kinds[about["Format"]] for column, about in described.items()}
        assert {column: str(table[column].dtype) for column in table} == expected
    units = pandas.read_parquet(labelled / "units.parquet")
    assert units["n_spikes"].tolist() == [10, 20, 30, 40, 50, 60]
    assert set(units["region"]) == {"'=1+1"}
    sessions = pandas.read_parquet(labelled / "sessions.parquet")
    assert sessions["n_units"].isna().tolist() == [False, True]


@pytest.mark.slow
def test_published_tables_name_no_folder_of_this_machine(labelled: Path, tmp_path: Path) -> None:
    """Tables that go into a dandiset have the names of files and the kinds of errors, and nothing of where they are."""
    summarize_study(labelled, folder=tmp_path)
    for path in tmp_path.iterdir():
        assert str(labelled.parent) not in path.read_text(), path
    with (tmp_path / "sessions.tsv").open(newline="") as file:
        sessions = list(csv.DictReader(file, delimiter="\t"))
    assert [row["source"] for row in sessions] == ["a.nwb", "c.nwb"]
    assert sessions[1]["error"] == sessions[1]["refused_for"] == "SourceError"
    assert sessions[1]["problems"] == "source.unreadable"


@pytest.mark.slow
def test_standard_columns_are_written_on_request(labelled: Path) -> None:
    """`--columns quality` gives the columns that the NWB schema is to have (nwb-schema #665), in their types."""
    (made,) = labelled.glob("dandiset/*/*.nwb")
    with h5py.File(made) as file:
        units = file["units"]
        assert {"quality_label", "quality_score"} <= set(units.attrs["colnames"])
        assert "unitrefine_label" not in units
        assert set(units["quality_label"].asstr()[:]) <= {"sua", "mua", "noise"}
        scores = units["quality_score"][:]
        assert scores.dtype.kind == "f"  # the schema's float32 is the least precision that it takes
        assert ((scores >= 0) & (scores <= 1)).all()
        assert file["general/unit_curation/run_0001"].attrs["label_column"] == "quality_label"
    assert main(["verify", str(made)]) == 0
    (found,) = check_study(labelled)
    assert found.new == ()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_derived_file_gets_no_message_that_its_source_does_not(tmp_path: Path) -> None:
    """DANDI's validation and nwbinspector find nothing new in the files made; damage to one is found."""
    pytest.importorskip("dandi")
    data, study = tmp_path / "data", tmp_path / "study"
    data.mkdir()
    make_small_session(data / "sub-m1_ses-s1_ecephys.nwb")
    write_plan(study, plan_files([data], study=study))
    (line,) = label_study(study, study_options(TaskOptions()))
    (found,) = check_study(study)
    assert (found.new, found.not_compared) == ((), "")
    with h5py.File(study / "dandiset" / line["output"], "r+") as file:
        del file["session_description"]
    (found,) = check_study(study)
    assert found.new
