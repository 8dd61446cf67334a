"""The whole way on real files that nobody here made: label, look again, verify, and change nothing else."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from nwb_unitrefine.cli import main
from nwb_unitrefine.records import CLASSES

LABELLED = {
    "A8604-211122.nwb": 3,
    "aibs_cropped.nwb": 1,
    "brody_T182_2018_08_29_bank1.nwb": 43,
    "brody_T196_2019_04_22.nwb": 157,
    "brody_T209_2019_05_22_600s.nwb": 22,
    "example_converter_spec_3.nwb": 13,
    "human_mtl_sub-4_ses-4_ecephys+image.nwb": 35,
    "sub-anm369963_ses-20170228.nwb": 1,
    "sub_anm00239123_ses_20170627T093549_ecephys_and_ogen.nwb": 4,
}
"""Units of each real file that get a label: all of them, but for the nine of the cropped file whose spikes are gone."""


@pytest.fixture
def real_file(request: pytest.FixtureRequest, shared_data: Path, tmp_path: Path) -> Path:
    """A copy of one real file, which the test may change."""
    return Path(shutil.copyfile(shared_data / "nwb" / request.param, tmp_path / request.param))


def _digests(path: Path) -> dict[str, str]:
    """Digest of every dataset's bytes and of every attribute, except ``colnames``, which a new column must change."""
    found: dict[str, str] = {}

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            value = item[()]
            stored = (
                value.tobytes()
                if isinstance(value, np.ndarray) and not value.dtype.hasobject
                else repr(_texts(value)).encode()
            )
            found[name] = hashlib.sha256(stored).hexdigest()
        for key, value in item.attrs.items():
            if key != "colnames":
                found[f"{name}@{key}"] = repr(_texts(value))

    with h5py.File(path) as file:
        file.visititems(visit)
        found["@nwb_version"] = repr(file.attrs["nwb_version"])
    return found


def _texts(value: object) -> object:
    """References have no value that can be compared; all else compares by what it prints."""
    if isinstance(value, h5py.Reference | h5py.RegionReference):
        return "reference"
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        return [_texts(item) for item in value.ravel().tolist()]
    if isinstance(value, tuple):
        return [_texts(item) for item in value]
    return value


@pytest.mark.slow
@pytest.mark.parametrize("real_file", LABELLED, indirect=True)
def test_real_file_is_labelled_and_nothing_else_changes(real_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Labelling adds; every dataset, attribute and the version that were there stay, and ``verify`` agrees."""
    before = _digests(real_file)
    assert main(["label", str(real_file), "--json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)
    labels = [unit["label"] for unit in document["units"]]
    assert sum(label in CLASSES for label in labels) == LABELLED[real_file.name]
    assert all(unit["label"] or unit["reason"] for unit in document["units"])
    after = _digests(real_file)
    assert {name: after.get(name) for name in before} == before
    assert main(["verify", str(real_file)]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("real_file", ["human_mtl_sub-4_ses-4_ecephys+image.nwb"], indirect=True)
def test_second_run_keeps_one_pair_of_columns_and_adds_to_the_history(real_file: Path) -> None:
    """Labelled twice, a file has each label column once and, where nothing changed, one run; two when told to."""
    assert main(["label", str(real_file)]) == main(["label", str(real_file)]) == 0
    with h5py.File(real_file) as file:
        names = [name.decode() if isinstance(name, bytes) else name for name in file["units"].attrs["colnames"]]
        assert names.count("unitrefine_label") == names.count("unitrefine_probability") == 1
    from nwb_unitrefine.write import read_history

    assert len(read_history(real_file)) == 1
    assert main(["label", str(real_file), "--again"]) == 0
    assert len(read_history(real_file)) == 2


@pytest.mark.parametrize("real_file", ["A8604-211122.nwb"], indirect=True)
def test_verify_notices_one_changed_spike_time(real_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After a single spike time is changed, ``verify`` says so and exits with 1."""
    assert main(["label", str(real_file)]) == 0
    with h5py.File(real_file, "r+") as file:
        file["units/spike_times"][1000] += 1e-4
    capsys.readouterr()
    assert main(["verify", str(real_file)]) == 1
    assert "spike_times" in "".join(capsys.readouterr())


@pytest.mark.parametrize("name", ["empty.nwb", "text.nwb", "folder.nwb", "no_units.nwb", "truncated.nwb"])
def test_file_that_cannot_be_labelled_is_refused_in_one_line_and_left_alone(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refusal is one line that names the file, a tip, and exit code 1; the file has the bytes it had."""
    path = tmp_path / name
    if name == "folder.nwb":
        path.mkdir()
    elif name == "no_units.nwb":
        with h5py.File(path, "w") as file:
            file.attrs["nwb_version"] = "2.7.0"
    else:
        path.write_bytes(
            {"empty.nwb": b"", "text.nwb": b"not a file of units", "truncated.nwb": b"\x89HDF\r\n\x1a\n"}[name]
        )
    before = None if path.is_dir() else path.read_bytes()
    assert main(["label", str(path)]) == 1
    printed = capsys.readouterr().err
    assert [line for line in printed.splitlines() if line.startswith("error: ") and name in line]
    assert "Traceback" not in printed
    assert "fault" not in printed
    assert before is None or path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [name]
