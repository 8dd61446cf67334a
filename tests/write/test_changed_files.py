"""Labelled files that other programs or people change, and what becomes of the labels and the history then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest

from helpers.bare_nwb import make_small_session
from helpers.curations import curation_of, zarr_curation_of
from nwb_unitrefine.errors import ColumnExistsError, WriteError
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import read_history, relabel, undo, write_curation
from nwb_unitrefine.write.stores.open import read_store

if TYPE_CHECKING:
    from pathlib import Path

    from nwb_unitrefine.records import Curation

pytestmark = pytest.mark.filterwarnings("ignore")  # pynwb's and hdmf-zarr's own

LABEL = "unitrefine_label"


@pytest.fixture(params=["hdf5", "zarr"])
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A session with six units, on both backends."""
    return make_small_session(tmp_path / ("session.nwb" if request.param == "hdf5" else "session.nwb.zarr"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A session with six units in an HDF5 file."""
    return make_small_session(tmp_path / "session.nwb")


def curate(path: Path, seed: int = 0) -> Curation:
    """Labels drawn from a seed."""
    return zarr_curation_of(path, seed=seed) if path.is_dir() else curation_of(path, seed=seed)


def column(path: Path, name: str = LABEL) -> list[Any]:
    """Values of a column of the units table."""
    with read_store(path) as store:
        return store.read(name).tolist()


def edit(path: Path, name: str, row: int, value: Any) -> None:
    """Change one value of a column in place, as pynwb's and Zarr's users do."""
    if path.is_dir():
        import zarr

        zarr.open_group(str(path), mode="r+")["units"][name][row] = value
    else:
        with h5py.File(path, "r+") as opened:
            opened["units"][name][row] = value


def append_unit(path: Path, **values: Any) -> None:
    """Append a unit with pynwb."""
    from pynwb import NWBHDF5IO

    with NWBHDF5IO(path, "a") as io:
        nwbfile = io.read()
        shape = np.full((60, 4), 1e-5)
        nwbfile.add_unit(spike_times=[1.0, 2.0], electrodes=[0, 1, 2, 3], waveform_mean=shape, **values)
        io.write(nwbfile)


def reorder(path: Path, rows: list[int]) -> None:
    """Put the units of a file, without their waveforms, into another order."""
    with h5py.File(path, "r+") as opened:
        units = opened["units"]
        ends = units["spike_times_index"][()].astype(int)
        trains = np.split(units["spike_times"][()], ends[:-1])
        units["id"][...] = units["id"][()][rows]
        units["spike_times"][...] = np.concatenate([trains[row] for row in rows])
        units["spike_times_index"][...] = np.cumsum([len(trains[row]) for row in rows])


def test_units_can_be_appended_to_a_labelled_file(file: Path) -> None:
    """The columns grow with their table; labels of units that were there stay, and the new one gets its own."""
    write_curation(curate(file))
    relabel(file, {2: "noise"}, by="S. Cajal")
    append_unit(file, unitrefine_label="", unitrefine_probability=np.nan, unitrefine_uncertain=False)
    write_curation(curate(file, seed=1))
    assert len(column(file)) == 7
    assert column(file)[2] == "noise"
    assert verify(file).passed


def test_an_append_can_be_followed_by_an_undo(file: Path) -> None:
    """The run before knew fewer units: they have their labels again, and the new one has none."""
    write_curation(curate(file))
    before = column(file)
    relabel(file, {2: "noise"}, by="S. Cajal")
    append_unit(file, unitrefine_label="", unitrefine_probability=np.nan, unitrefine_uncertain=False)
    undo(file)
    assert column(file) == [*before, ""]
    relabel(file, {6: "mua"}, by="S. Cajal")
    assert column(file) == [*before, "mua"]


def test_a_persons_label_follows_its_unit(file: Path) -> None:
    """Units are known by their ids, and not by the rows that they are in."""
    relabel(file, {0: "noise"}, by="S. Cajal")
    reorder(file, [5, 4, 3, 2, 1, 0])
    report = write_curation(curate(file), overwrite_columns=[LABEL])
    labels = dict(zip(column(file, "id"), column(file), strict=True))
    assert labels[0] == "noise"
    assert report.n_kept == 1
    run = read_history(file)[-1].predictions
    assert not run.uncertain[run.unit_ids.tolist().index(0)]


def test_a_label_for_other_spikes_is_kept_and_marked(file: Path) -> None:
    """The person saw other spikes under this id: nothing is thrown away, and nobody is misled."""
    relabel(file, {0: "noise"}, by="S. Cajal")
    reorder(file, [5, 4, 3, 2, 1, 0])
    with h5py.File(file, "r+") as opened:
        opened["units/id"][...] = np.arange(6)
    write_curation(curate(file))
    predictions = read_history(file)[-1].predictions
    assert predictions.labels[0] == "noise"
    assert predictions.uncertain[0]
    assert "spikes are others than when S. Cajal labelled it" in predictions.reasons[0]


def test_a_label_in_a_cropped_file_is_not_taken_for_one_of_other_spikes(file: Path) -> None:
    """Fewer spikes are there than the index promises, before the label as after it."""
    with h5py.File(file, "r+") as opened:
        times, attributes = opened["units/spike_times"][:35], dict(opened["units/spike_times"].attrs)
        del opened["units/spike_times"]
        opened["units"].create_dataset("spike_times", data=times).attrs.update(attributes)
    relabel(file, {0: "noise", 1: "sua"}, by="S. Cajal")
    write_curation(curate(file))
    predictions = read_history(file)[-1].predictions
    assert predictions.labels[:2].tolist() == ["noise", "sua"]
    assert not predictions.uncertain[:2].any()


def test_labels_of_units_that_are_gone_are_counted(file: Path) -> None:
    """A unit that a person labelled may be gone from the table: that is said."""
    relabel(file, {0: "noise", 1: "sua"}, by="S. Cajal")
    with h5py.File(file, "r+") as opened:
        opened["units/id"][0] = 99
    report = write_curation(curate(file), overwrite_columns=[LABEL])
    assert (report.n_kept, report.n_gone) == (1, 1)


def test_an_edited_column_is_not_overwritten(session: Path) -> None:
    """What somebody wrote into our column is refused like another program's, and kept when it is replaced."""
    write_curation(curate(session))
    edit(session, LABEL, 0, "mine")
    edited = column(session)
    for change in (
        lambda: write_curation(curate(session, seed=1)),
        lambda: relabel(session, {1: "noise"}, by="S. Cajal"),
        lambda: undo(session),
    ):
        with pytest.raises(ColumnExistsError, match="was edited since"):
            change()
    assert column(session) == edited
    report = write_curation(curate(session, seed=1), overwrite_columns=[LABEL])
    assert report.replaced == (LABEL,)
    assert verify(session).passed
    undo(session)
    assert column(session) == edited


def test_undoing_restores_the_columns_that_the_run_wrote(session: Path) -> None:
    """Even where the run before wrote other columns."""
    write_curation(curate(session))
    first = column(session)
    write_curation(curate(session, seed=1), columns="quality")
    relabel(session, {0: "noise" if first[0] != "noise" else "sua"}, columns="unitrefine", by="S. Cajal")
    undo(session)
    assert column(session) == first
    assert column(session, "quality_label") == curate(session, seed=1).predictions.labels.tolist()
    assert verify(session).passed


def test_a_ragged_column_by_another_program_comes_back(tmp_path: Path) -> None:
    """With its index, on both backends, and read by pynwb as what it is in between."""
    from hdmf_zarr import NWBZarrIO
    from pynwb import NWBHDF5IO

    for name, backend in {"session.nwb": NWBHDF5IO, "session.nwb.zarr": NWBZarrIO}.items():
        path = make_small_session(tmp_path / name)
        with backend(str(path), "a") as io:
            nwbfile = io.read()
            texts = [[f"{unit}", "x"] for unit in range(6)]
            nwbfile.add_unit_column("quality_label", "Many labels.", data=texts, index=True)
            io.write(nwbfile)
        old = column(path, "quality_label"), column(path, "quality_label_index")
        write_curation(curate(path), columns="quality", overwrite_columns=["quality_label"])
        with backend(str(path), "r") as io:
            run = io.read().lab_meta_data["unit_curation"]["run_0001"]
            assert list(run.replaced_columns["quality_label"][1]) == ["1", "x"]
        undo(path)
        assert (column(path, "quality_label"), column(path, "quality_label_index")) == old


def test_what_the_names_of_columns_leave_out_is_not_overwritten_either(file: Path) -> None:
    """A dataset that is not a column any more, as a failed append leaves it, is still somebody's data."""
    with h5py.File(file, "r+") as opened:
        opened["units"].create_dataset("quality_label", data=["good"] * 6, dtype=h5py.string_dtype())
    with pytest.raises(ColumnExistsError, match="'quality_label', which another program wrote"):
        write_curation(curate(file), columns="quality")


@pytest.mark.parametrize("name", ["id", "spike_times", "electrodes", "waveform_mean"])
def test_nwbs_own_columns_are_no_place_for_labels(session: Path, name: str) -> None:
    """Not even when it is asked for."""
    with pytest.raises(WriteError, match="NWB's own column"):
        write_curation(curate(session), columns=(name, "probability"), overwrite_columns=[name])


def test_a_run_that_was_deleted_leaves_its_number_unused(file: Path) -> None:
    """The next run does not get the name of one that is there."""
    write_curation(curate(file))
    write_curation(curate(file, seed=1))
    with h5py.File(file, "r+") as opened:
        del opened["general/unit_curation/run_0001"]
    assert write_curation(curate(file, seed=2)).run == "run_0003"
