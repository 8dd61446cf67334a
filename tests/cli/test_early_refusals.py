"""What can be known without computing is refused before anything heavy is imported."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from helpers.bare_nwb import make_small_session
from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.write.preflight import require_writable

HEAVY = {
    "sklearn",
    "scipy.stats",
    "numba",
    "pynwb",
    "hdmf",
    "spikeinterface",
    "neuroconv",
    "skops",
    "matplotlib",
    "dandi",
}

PROGRAM = """
import json, sys
from nwb_unitrefine.cli import main
code = main({arguments!r})
print(json.dumps([code, sorted(sys.modules)]))
"""


def _refused(*arguments: str | Path) -> str:
    """Run a command that is refused; return what it says, having seen that nothing heavy was imported for it."""
    program = PROGRAM.format(arguments=list(map(str, arguments)))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 1, done.stderr
    assert set(modules) & HEAVY == set()
    assert len([line for line in done.stderr.splitlines() if line.startswith("error: ")]) == 1
    return done.stderr


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A session that is not labelled."""
    return make_small_session(tmp_path / "session.nwb")


@pytest.mark.parametrize(
    "arguments",
    [
        ["label", "{0}"],
        ["label", "{0}", "--dry-run"],
        ["show", "{0}"],
        ["features", "{0}", "--model", "default"],
        ["predict", "{0}"],
        ["verify", "{0}", "--recompute"],
        ["history", "{0}"],
        ["relabel", "{0}", "--unit", "1=sua", "--by", "me"],
        ["undo", "{0}"],
        ["export", "{0}", "labels.csv"],
        ["convert", "{0}", "--output", "new.nwb"],
        ["train", "{0}"],
        ["evaluate", "{0}"],
    ],
)
def test_a_source_that_does_not_exist(tmp_path: Path, arguments: list[str]) -> None:
    """Every command refuses it in one line that names it."""
    missing = tmp_path / "missing.csv"
    assert "missing.csv" in _refused(*(one.format(missing) for one in arguments))


def test_an_output_that_exists(session: Path, tmp_path: Path) -> None:
    """A copy, a converted file and the demo's session are not written over something else."""
    (tmp_path / "there.nwb").touch()
    there = tmp_path / "there.nwb"
    assert "exists already" in _refused("label", session, "--output", there)
    assert "already" in _refused("convert", session, "--output", there)
    assert "exists already" in _refused("demo", "--output", there)


def test_a_column_of_another_program(session: Path) -> None:
    """Labels are not computed only to be refused: the column that is in the way is named at once."""
    assert "already has 'spike_note'" in _refused("label", _with_column(session), "--columns", "spike_note,p")


def _with_column(session: Path) -> Path:
    """Add a column to a session."""
    import h5py
    import numpy as np

    with h5py.File(session, "r+") as file:
        units = file["units"]
        column = units.create_dataset("spike_note", data=np.zeros(len(units["id"])))
        column.attrs.update(namespace="hdmf-common", neurodata_type="VectorData", description="a number")
        units.attrs["colnames"] = [*units.attrs["colnames"], "spike_note"]
    return session


def test_a_source_on_a_server_that_labels_cannot_be_written_to() -> None:
    """Nothing is fetched: the address alone says that labels need another place."""
    assert "not on this machine" in _refused("label", "https://localhost:1/session.nwb")


def test_metadata_that_a_conversion_needs(tmp_path: Path) -> None:
    """Without the start of the session there is no NWB file, and neuroconv is not imported to find that out."""
    import numpy as np

    folder = tmp_path / "phy"
    folder.mkdir()
    np.save(folder / "spike_times.npy", np.arange(100) * 300)
    np.save(folder / "spike_clusters.npy", np.zeros(100, dtype=np.int64))
    (folder / "params.py").write_text("sample_rate = 30000.0\n")
    assert "session_start_time" in _refused("convert", folder, "--output", tmp_path / "new.nwb")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="this system has no user ids")
def test_a_file_or_folder_that_is_read_only(session: Path) -> None:
    """A file that may not be written, or whose journal has no place, is refused before anything is computed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        place = folder / "session.nwb"
        shutil.copyfile(session, place)
        user = os.geteuid()
        try:
            for mode, folder_mode, why in (
                (0o444, 0o777, "it is read-only"),
                (0o666, 0o555, "its folder is read-only"),
            ):
                place.chmod(mode)
                folder.chmod(folder_mode)
                if user == 0:  # who may write everything sees no modes
                    os.seteuid(65534)
                with pytest.raises(WriteError, match=why):
                    require_writable(place)
                os.seteuid(user)
        finally:
            os.seteuid(user)
            folder.chmod(0o777)
