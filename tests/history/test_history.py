"""The history of labels: corrections, undoing, verification; on HDF5 and on Zarr."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from helpers.bare_nwb import make_small_session
from helpers.curations import curation_of, zarr_curation_of
from nwb_unitrefine.errors import ColumnExistsError, SourceError, WriteError
from nwb_unitrefine.history.runs import human_labels, read_in_effect, read_runs
from nwb_unitrefine.history.tree import HISTORY
from nwb_unitrefine.records import Curation, RunKind
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import diff_runs, read_history, relabel, runs_in_effect, undo, write_curation
from nwb_unitrefine.write.stores.open import read_store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:hdmf_zarr")


@pytest.fixture(params=["hdf5", pytest.param("zarr", marks=pytest.mark.slow)])
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A session with six units and a column `theirs` by another program."""
    return make(tmp_path / ("session.nwb" if request.param == "hdf5" else "session.nwb.zarr"))


def make(path: Path) -> Path:
    """Write a session, whatever its backend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hdmf-zarr's own
        make_small_session(path, columns={"theirs": list("abcdef")})
    return path


def curate(path: Path, seed: int = 0) -> Curation:
    """Labels drawn from a seed."""
    return zarr_curation_of(path, seed=seed) if path.is_dir() else curation_of(path, seed=seed)


def column(path: Path, name: str) -> list:
    """Values of a column of the units table."""
    with read_store(path) as store:
        return store.read(name).tolist()


def columns(path: Path) -> tuple[str, ...]:
    """Names of the columns of the units table."""
    with read_store(path) as store:
        return store.columns()


def content(path: Path) -> dict[str, bytes]:
    """Every file that a file or store is made of."""
    files = [entry for entry in path.rglob("*") if entry.is_file()] if path.is_dir() else [path]
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def test_a_correction_stands_beside_the_run_that_it_corrects(session: Path) -> None:
    """The column has the person's label and no probability; the history has both, and who decided what."""
    first = curate(session)
    write_curation(first)
    old = first.predictions.labels.tolist()
    report = relabel(session, {3: "noise", 0: "sua"}, by="S. Cajal", note="seen on one channel")
    assert column(session, "unitrefine_label") == ["sua", old[1], old[2], "noise", *old[4:]]
    np.testing.assert_array_equal(np.isnan(column(session, "unitrefine_probability"))[[0, 3]], [True, True])
    model, human = read_history(session)
    assert model.predictions.labels.tolist() == old
    assert (human.kind, human.agent, human.note) == (RunKind.HUMAN, "S. Cajal", "seen on one channel")
    assert human.changed.tolist() == [True, False, False, True, False, False]
    assert report.run == "run_0002"
    assert verify(session).passed


def test_a_person_outranks_a_models_later_run(session: Path) -> None:
    """A later model's run leaves corrected labels alone, and records what it would have said."""
    relabel(session, {2: "noise", 4: "noise"}, by="S. Cajal")
    second = curate(session, seed=3)
    report = write_curation(second)
    expected = second.predictions.labels.tolist()
    expected[2] = expected[4] = "noise"
    assert column(session, "unitrefine_label") == expected
    assert report.n_kept == 2
    run = read_history(session)[-1]
    assert run.changed.tolist() == [True, True, False, True, False, True]
    np.testing.assert_array_equal(run.predictions.probabilities, second.predictions.probabilities)
    assert np.isnan(column(session, "unitrefine_probability"))[[2, 4]].all()
    relabel(session, {1: "sua"}, by="R. Levi")
    write_curation(curate(session, seed=4))
    assert [column(session, "unitrefine_label")[unit] for unit in (1, 2, 4)] == ["sua", "noise", "noise"]
    assert verify(session).passed


def test_a_persons_label_is_replaced_when_told(session: Path) -> None:
    """`replace_human` gives the model the last word, and the model's later runs too."""
    relabel(session, {2: "noise"}, by="S. Cajal")
    write_curation(curate(session, seed=3), replace_human=True)
    assert column(session, "unitrefine_label") == curate(session, seed=3).predictions.labels.tolist()
    write_curation(curate(session, seed=4))
    assert column(session, "unitrefine_label") == curate(session, seed=4).predictions.labels.tolist()


def test_undoing_goes_back_run_by_run(session: Path) -> None:
    """Each undo brings back what was before; the last one takes the columns away; the history keeps all of it."""
    before = columns(session)
    states = []
    for seed in (1, 2):
        write_curation(curate(session, seed=seed))
        states.append((column(session, "unitrefine_label"), column(session, "unitrefine_probability")))
    relabel(session, {0: "noise"}, by="S. Cajal")
    for labels, probabilities in reversed(states):
        undo(session, by="R. Levi")
        assert column(session, "unitrefine_label") == labels
        np.testing.assert_array_equal(column(session, "unitrefine_probability"), probabilities)
        assert verify(session).passed
    undo(session)
    assert columns(session) == before
    history = read_history(session)
    assert [run.undoes for run in history] == ["", "", "", "run_0003", "run_0002", "run_0001"]
    assert runs_in_effect(history) == ()
    with pytest.raises(WriteError, match="no labels to take back"):
        undo(session)


def test_a_run_after_an_undo_starts_from_what_was_brought_back(session: Path) -> None:
    """What was taken back does not count: a person's label that was undone is not kept."""
    write_curation(curate(session, seed=1))
    relabel(session, {0: "noise"}, by="S. Cajal")
    undo(session)
    write_curation(curate(session, seed=2))
    assert column(session, "unitrefine_label") == curate(session, seed=2).predictions.labels.tolist()
    assert [run.name for run in runs_in_effect(read_history(session))] == ["run_0001", "run_0004"]


def test_a_column_by_another_program_comes_back(session: Path) -> None:
    """A column that was replaced, when told to, is brought back by undo as it was; asking is needed again."""
    names = ("theirs", "my_probability")
    old = columns(session)
    with pytest.raises(ColumnExistsError, match="'theirs', which another program wrote"):
        write_curation(curate(session), columns=names)
    report = write_curation(curate(session), columns=names, overwrite_columns=["theirs"])
    assert report.replaced == ("theirs",)
    assert column(session, "theirs") == curate(session).predictions.labels.tolist()
    write_curation(curate(session, seed=1), columns=names)
    undo(session)
    undo(session)
    assert column(session, "theirs") == list("abcdef")
    assert sorted(columns(session)) == sorted(old)
    with pytest.raises(ColumnExistsError):
        write_curation(curate(session), columns=names)


def test_other_columns_are_written_beside(session: Path) -> None:
    """Another name for the columns makes another pair; each is verified against the run that wrote it."""
    write_curation(curate(session))
    write_curation(curate(session, seed=1), columns="quality")
    assert columns(session)[-6:] == (
        "unitrefine_label",
        "unitrefine_probability",
        "unitrefine_uncertain",
        "quality_label",
        "quality_score",
        "quality_uncertain",
    )
    assert verify(session).passed


def test_a_store_without_consolidated_metadata_stays_so(tmp_path: Path) -> None:
    """Consolidated metadata are kept up to date where there are some, and not made where there are none."""
    path = make(tmp_path / "session.nwb.zarr")
    consolidated = (path / ".zmetadata").read_bytes()
    write_curation(curate(path))
    assert b"units/unitrefine_label/.zarray" in (path / ".zmetadata").read_bytes()
    undo(path)
    written = json.loads((path / ".zmetadata").read_bytes())["metadata"]
    assert "units/unitrefine_label/.zarray" not in written
    assert json.loads(consolidated)["metadata"].keys() <= written.keys()
    (path / ".zmetadata").unlink()
    write_curation(curate(path))
    assert not (path / ".zmetadata").exists()
    assert verify(path).passed


def test_a_store_with_metadata_out_of_date_is_not_written(tmp_path: Path) -> None:
    """Who reads by the consolidated metadata would not find the labels' units; once they are renewed, it is written."""
    import zarr

    path = make(tmp_path / "session.nwb.zarr")
    zarr.open_group(str(path))["units"].create_dataset("late", data=np.zeros(6))
    old = content(path)
    for change in (lambda: write_curation(curate(path)), lambda: relabel(path, {0: "sua"}, by="S. Cajal")):
        with pytest.raises(SourceError, match=r"\.zmetadata of .* is out of date") as refusal:
            change()
        assert "zarr.consolidate_metadata" in refusal.value.tip
    assert content(path) == old
    zarr.consolidate_metadata(str(path))
    write_curation(curate(path))
    assert verify(path).passed


@pytest.mark.parametrize("place", ["specs", "/specs"])
def test_specifications_are_kept_where_the_store_keeps_them(tmp_path: Path, place: str) -> None:
    """A store may cache its specifications under another name; the extension's goes there, and nowhere else."""
    path = make(tmp_path / "session.nwb.zarr")
    attributes = json.loads((path / ".zattrs").read_bytes()) | {".specloc": place}
    (path / ".zattrs").write_text(json.dumps(attributes))
    (path / "specifications").rename(path / "specs")
    write_curation(curate(path))
    assert (path / "specs" / "ndx-unit-curation").is_dir()
    assert not (path / "specifications").exists()
    assert verify(path).passed


@pytest.mark.parametrize("names", ["other", ("a",), ("a", "a"), ("a/b", "c"), ("a", "b_index"), ("", "b")])
def test_names_that_cannot_be_columns_are_refused(session: Path, names: str | tuple[str, ...]) -> None:
    """Before anything is written."""
    old = content(session)
    with pytest.raises(WriteError):
        write_curation(curate(session), columns=names)
    assert content(session) == old


@pytest.mark.parametrize(
    ("labels", "by", "message"),
    [
        ({0: "good"}, "S. Cajal", "'good' is not a label"),
        ({77: "sua"}, "S. Cajal", "no unit 77"),
        ({0: "sua"}, " ", "needs the name"),
        ({}, "S. Cajal", "no label to set"),
    ],
)
def test_corrections_that_make_no_sense_are_refused(session: Path, labels: dict, by: str, message: str) -> None:
    """And nothing is changed."""
    old = content(session)
    with pytest.raises(WriteError, match=message):
        relabel(session, labels, by=by)
    assert content(session) == old


def test_runs_are_compared_by_unit_id(session: Path) -> None:
    """`diff_runs` lists the units whose label differs."""
    write_curation(curate(session, seed=1))
    old = column(session, "unitrefine_label")
    new = "noise" if old[5] != "noise" else "sua"
    relabel(session, {5: new}, by="S. Cajal")
    (change,) = diff_runs(*read_history(session))
    assert (change.unit_id, change.old, change.new) == (5, old[5], new)


def failed(path: Path) -> set[str]:
    """What does not pass verification."""
    return {check.what for check in verify(path).checks if not check.passed}


def test_verification_finds_what_was_changed(session: Path) -> None:
    """A spike time, a label, a probability: each is found and named."""
    write_curation(curate(session))
    assert failed(session) == set()
    for name, what in (
        ("spike_times", "spike_times unchanged"),
        ("unitrefine_label", "unitrefine_label as in run_0001"),
        ("unitrefine_probability", "unitrefine_probability as in run_0001"),
        ("waveform_mean", "waveform_mean unchanged"),
    ):
        values = np.array(column(session, name), dtype=object if "label" in name else None)
        changed = values.copy()
        changed.reshape(-1)[-1] = "other" if "label" in name else changed.reshape(-1)[-1] * (1 + 1e-7)
        overwrite(session, name, changed)
        assert failed(session) == {what}
        overwrite(session, name, values)
    assert failed(session) == set()


def overwrite(path: Path, name: str, values: np.ndarray) -> None:
    """Change a column as another program would."""
    if path.is_dir():
        import zarr

        zarr.open_group(str(path), mode="r+")["units"][name][...] = values
    else:
        with h5py.File(path, "r+") as file:
            file["units"][name][...] = values


def test_a_file_that_was_never_labelled_does_not_verify(session: Path) -> None:
    """There is nothing to verify, and that is said."""
    outcome = verify(session)
    assert not outcome.passed
    assert outcome.checks[0].detail == "the file was not labelled"


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """With an error of ours."""
    with pytest.raises(SourceError, match="does not exist"):
        read_history(tmp_path / "none.nwb")


@pytest.mark.slow
def test_a_long_history_is_not_read_whole_to_label(session: Path) -> None:
    """Who set each label is known from the newest runs alone; what older ones held is left unread."""
    relabel(session, {2: "noise"}, by="S. Cajal")
    for seed in range(3):
        write_curation(curate(session, seed=seed))
    write_curation(curate(session, seed=4), replace_human=True)
    relabel(session, {1: "sua"}, by="R. Levi")
    with read_store(session) as store:
        partly = read_in_effect(store.group(HISTORY), where=store.name)
        whole = runs_in_effect(read_runs(store.group(HISTORY), where=store.name))
    assert [len(run.predictions) for run in partly] == [0, 0, 0, 0, 6, 6]
    assert [run.columns for run in partly] == [run.columns for run in whole]
    assert human_labels(partly).keys() == human_labels(whole).keys() == {1}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("changed", np.zeros((6, 2), dtype=np.bool_)),
        ("unit_id", np.arange(6).reshape(6, 1)),
        ("unit_id", np.arange(6) + 0.5),
        ("uncertain", np.zeros((6, 1), dtype=np.bool_)),
        ("changed", np.zeros((), dtype=np.bool_)),
    ],
)
def test_a_run_whose_lists_have_another_shape_is_refused(tmp_path: Path, name: str, values: np.ndarray) -> None:
    """In one line that names it, by what reads the history and by what adds to it."""
    path = make(tmp_path / "session.nwb")
    write_curation(curate(path))
    with h5py.File(path, "r+") as file:
        run = file[f"{HISTORY}/run_0001"]
        if name in run:
            del run[name]
        run[name] = values
    with pytest.raises(SourceError, match=f"'run_0001' is not as ndx-unit-curation describes it: its '?{name}"):
        read_history(path)
    with pytest.raises(SourceError, match="'run_0001' is not as ndx-unit-curation describes it"):
        write_curation(curate(path, seed=1))
