"""Writing labels into HDF5 files."""

from __future__ import annotations

import shutil
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
from pynwb import NWBHDF5IO, validate

from helpers.bare_nwb import make_bare
from helpers.curations import curation_of
from nwb_unitrefine.errors import ColumnExistsError, FileChangedError, SourceError
from nwb_unitrefine.write import read_history, write_curation

if TYPE_CHECKING:
    from pathlib import Path

REAL = (
    "A8604-211122.nwb",
    "aibs_cropped.nwb",
    "brody_T182_2018_08_29_bank1.nwb",
    "example_converter_spec_3.nwb",
    "human_mtl_sub-4_ses-4_ecephys+image.nwb",
    "sub-anm369963_ses-20170228.nwb",
    "sub_anm00239123_ses_20170627T093549_ecephys_and_ogen.nwb",
)


@pytest.fixture(params=REAL)
def real_file(request: pytest.FixtureRequest, shared_data: Path, tmp_path: Path) -> Path:
    """A writable copy of each of the real files."""
    copy = tmp_path / request.param
    shutil.copyfile(shared_data / "nwb" / request.param, copy)
    return copy


def everything(path: Path) -> dict[str, tuple]:
    """Every dataset's raw values and every attribute of a file, by name."""
    found: dict[str, tuple] = {}

    def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
        attributes = {key: repr(value) for key, value in item.attrs.items() if not isinstance(value, h5py.Reference)}
        values: bytes | str = b""
        if isinstance(item, h5py.Dataset) and not item.dtype.hasobject:
            values = np.asarray(item[()]).tobytes()
        elif isinstance(item, h5py.Dataset) and h5py.check_string_dtype(item.dtype):
            values = repr(np.asarray(item[()]).tolist())
        found[name] = (attributes, values)

    with h5py.File(path) as file:
        file.visititems(note)
        note("", file)
    return found


def pynwb_says(path: Path) -> list[str]:
    """What pynwb's validation says of a file, or that it fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the files' own age
        try:
            return sorted({str(error) for error in validate(path=str(path))})
        except Exception as error:  # noqa: BLE001 - it fails on one of the files, before as after
            return [type(error).__name__]


def test_everything_that_was_there_is_as_it_was(real_file: Path) -> None:
    """Labelling changes no dataset and no attribute that was there, but `colnames` of the units table."""
    before = everything(real_file)
    write_curation(curation_of(real_file))
    after = everything(real_file)
    changed = {name for name, value in before.items() if after[name] != value}
    assert changed == {"units"}
    assert {k: v for k, v in after["units"][0].items() if k != "colnames"} == {
        k: v for k, v in before["units"][0].items() if k != "colnames"
    }


@pytest.mark.slow
def test_validation_reports_nothing_new(real_file: Path) -> None:
    """`pynwb.validate` says of the labelled file what it said before."""
    before = pynwb_says(real_file)
    write_curation(curation_of(real_file))
    assert pynwb_says(real_file) == before


def test_pynwb_reads_labels_and_history(real_file: Path) -> None:
    """pynwb reads columns and runs of the labelled file."""
    curation = curation_of(real_file)
    write_curation(curation)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the files' own age
        with NWBHDF5IO(real_file, "r") as io:
            nwbfile = io.read()
            assert list(nwbfile.units["unitrefine_label"][:]) == curation.predictions.labels.tolist()
            np.testing.assert_array_equal(nwbfile.units["unitrefine_probability"][:], curation.predictions.confidence)
            run = nwbfile.lab_meta_data["unit_curation"].curation_runs["run_0001"]
            assert run.model.digest == curation.model.digest
            assert run.units.table is nwbfile.units


def test_history_gives_back_what_was_written(real_file: Path) -> None:
    """`read_history` returns what the curation held."""
    curation = curation_of(real_file)
    write_curation(curation)
    (run,) = read_history(real_file)
    assert (run.model, run.parameters, run.created) == (curation.model, curation.parameters, curation.created)
    assert run.predictions.reasons == curation.predictions.reasons
    np.testing.assert_array_equal(run.predictions.probabilities, curation.predictions.probabilities)
    np.testing.assert_array_equal(run.predictions.uncertain, curation.predictions.uncertain)
    assert run.features is not None
    assert run.features.origins == curation.features.origins
    np.testing.assert_array_equal(run.features.values, curation.features.values)
    np.testing.assert_array_equal(run.features.origin_index, curation.features.origin_index)


def test_labelling_twice_gives_one_pair_of_columns_and_two_runs(real_file: Path) -> None:
    """The second time, the columns get new values, and the history a second run."""
    write_curation(curation_of(real_file, seed=1))
    with h5py.File(real_file) as file:
        columns = file["units"].attrs["colnames"].tolist()
    second = curation_of(real_file, seed=2)
    report = write_curation(second)
    assert report.run == "run_0002"
    assert [run.name for run in read_history(real_file)] == ["run_0001", "run_0002"]
    with h5py.File(real_file) as file:
        assert file["units"].attrs["colnames"].tolist() == columns
        assert file["units/unitrefine_label"].asstr()[:].tolist() == second.predictions.labels.tolist()


def test_units_that_changed_are_refused(real_file: Path) -> None:
    """A file whose spike times changed since they were read is not labelled, and stays as it is."""
    curation = curation_of(real_file)
    with h5py.File(real_file, "r+") as file:
        file["units/spike_times"][0] += 1e-6
    content = real_file.read_bytes()
    with pytest.raises(FileChangedError, match="no longer"):
        write_curation(curation)
    assert real_file.read_bytes() == content


def test_a_column_by_another_program_is_not_overwritten(real_file: Path) -> None:
    """A column of the same name by another program is refused, and replaced only when it is named."""
    with h5py.File(real_file, "r+") as file:
        units = file["units"]
        old = units.create_dataset("unitrefine_label", data=["x"] * len(units["id"]), dtype=h5py.string_dtype())
        for name in ("namespace", "neurodata_type", "help"):
            if name in units["id"].attrs:
                old.attrs[name] = units["id"].attrs[name]
        old.attrs["neurodata_type"], old.attrs["object_id"] = "VectorData", "theirs"
        old.attrs["description"] = "by another program"
        units.attrs["colnames"] = np.array([*map(_text, units.attrs["colnames"]), "unitrefine_label"], dtype=object)
    content = real_file.read_bytes()
    with pytest.raises(ColumnExistsError) as refusal:
        write_curation(curation_of(real_file))
    assert refusal.value.columns == ("unitrefine_label",)
    assert real_file.read_bytes() == content
    report = write_curation(curation_of(real_file), overwrite_columns=("unitrefine_label",))
    assert report.replaced == ("unitrefine_label",)
    with h5py.File(real_file) as file:
        kept = file["general/unit_curation/run_0001/replaced_columns/unitrefine_label"]
        assert kept.attrs["object_id"] == "theirs"
        assert set(kept.asstr()[:]) == {"x"}


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def test_ids_beyond_what_a_run_can_keep_are_refused(tmp_path) -> None:
    """An unsigned id of 2^63 or more would come back as another one, so it is not written."""
    path = make_bare(tmp_path / "a.nwb")
    with h5py.File(path, "r+") as file:
        attributes = dict(file["units/id"].attrs)
        del file["units/id"]
        file["units/id"] = np.arange(6, dtype=np.uint64) + np.uint64(2**63)
        file["units/id"].attrs.update(attributes)
    before = path.read_bytes()
    with pytest.raises(SourceError, match="beyond the whole numbers"):
        write_curation(curation_of(path))
    assert path.read_bytes() == before


def test_a_write_states_that_the_file_has_other_names(tmp_path: Path) -> None:
    """A hard link, as snapshots by `cp -al` are, shows the labels too."""
    path = make_bare(tmp_path / "session.nwb")
    assert write_curation(curation_of(path)).other_names == 0
    (tmp_path / "snapshot.nwb").hardlink_to(path)
    assert write_curation(curation_of(path), again=True).other_names == 1
    assert len(read_history(tmp_path / "snapshot.nwb")) == 2


@pytest.mark.parametrize("place", ["general/unit_curation", "general"])
def test_a_history_behind_a_link_is_refused(tmp_path: Path, place: str) -> None:
    """Labels and their history are in one file: nothing is written where a link leads to another."""
    path, other = make_bare(tmp_path / "session.nwb"), make_bare(tmp_path / "other.nwb")
    with h5py.File(other, "r+") as file:
        file.require_group(place)
    with h5py.File(path, "r+") as file:
        if place in file:
            del file[place]
        file[place] = h5py.ExternalLink("other.nwb", place)
    before = path.read_bytes(), other.read_bytes()
    with pytest.raises(SourceError, match="is behind a link"):
        write_curation(curation_of(path))
    assert (path.read_bytes(), other.read_bytes()) == before


@pytest.mark.parametrize("kind", ["link", "storage"])
def test_a_column_in_another_file_is_not_written_through(tmp_path: Path, kind: str) -> None:
    """A link under the name of our column goes, storage outside the file is refused; what they led to stays."""
    path, other = make_bare(tmp_path / "session.nwb"), tmp_path / "other.h5"
    curation = curation_of(path)
    write_curation(curation)
    n_units = len(curation.units)
    with h5py.File(other, "w") as file:
        file["values"] = np.arange(float(n_units))
    with h5py.File(path, "r+") as file:
        del file["units/unitrefine_probability"]
        if kind == "link":
            file["units/unitrefine_probability"] = h5py.ExternalLink("other.h5", "values")
        else:
            where = [(str(other), 0, 8 * n_units)]
            file["units"].create_dataset("unitrefine_probability", (n_units,), "f8", external=where)
    before = other.read_bytes()
    with suppress(SourceError):
        write_curation(curation_of(path), again=True, overwrite_columns=("unitrefine_probability",))
    assert other.read_bytes() == before
