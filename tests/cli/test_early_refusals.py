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
from helpers.refusals import HEAVY, refusals
from nwb_unitrefine.cli import COMMANDS
from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.write.preflight import require_writable

MISSING = [
    "label {0}",
    "label {0} --dry-run",
    "show {0}",
    "features {0} --model default",
    "predict {0}",
    "explain {0} --unit 1",
    "report {0}",
    "review {0} --by me --no-browser",
    "suggest {0}",
    "compare {0} {0}",
    "verify {0} --recompute",
    "history {0}",
    "relabel {0} --unit 1=sua --by me",
    "undo {0}",
    "export {0} labels.csv",
    "convert {0} --output new.nwb",
    "train {0}",
    "evaluate {0}",
    "recover {0}",
    "model show {0}",
    "model explain {0}",
    "status {0}",
    "dandiset label {0}",
    "dandiset check {0}",
    "dandiset summary {0}",
    "dandiset upload {0} --to DANDI:000456",
]
"""A line for each command that takes a place."""


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A session that is not labelled."""
    return make_small_session(tmp_path / "session.nwb")


def test_a_source_that_does_not_exist(tmp_path: Path) -> None:
    """Every command refuses it in one line that names it."""
    missing = tmp_path / "missing.csv"
    texts = refusals(*(line.format(missing).split() for line in MISSING))
    assert [line for line, text in zip(MISSING, texts, strict=True) if "missing.csv" not in text] == []


def test_every_command_that_takes_a_place_refuses_a_missing_one() -> None:
    """No command is left out of the list above but those that make what they are given, or ask a server."""
    assert set(COMMANDS) - {line.partition(" ")[0] for line in MISSING} == {"demo", "inspect"}


def test_inspect_answers_for_missing_files_without_loading_anything(tmp_path: Path) -> None:
    """To inspect, a source that does not exist is a finding like others, and as quick as a refusal."""
    places = [str(tmp_path / name) for name in ("one.nwb", "two.nwb")]
    program = (
        "import contextlib, io, json, sys\n"
        "from nwb_unitrefine.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()) as printed:\n"
        "    code = main(['inspect', *sys.argv[1:], '--json'])\n"
        "print(json.dumps([code, json.loads(printed.getvalue()), sorted(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", program, *places], capture_output=True, text=True, check=True)
    code, document, modules = json.loads(done.stdout)
    assert code == 1
    assert [(one["importance"], one["code"], one["source"]) for one in document["findings"]] == [
        ("ERROR", "source.unreadable", place) for place in places
    ]
    assert not {*HEAVY, "h5py", "nwb_unitrefine.pipeline"} & set(modules)


def test_an_output_that_exists(session: Path, tmp_path: Path) -> None:
    """A copy, a converted file and the demo's session are not written over something else."""
    (tmp_path / "there.nwb").touch()
    there = tmp_path / "there.nwb"
    commands = [["label", session], ["convert", session], ["demo"]]
    texts = refusals(*([*command, "--output", there] for command in commands))
    assert ["already" in text for text in texts] == [True] * 3


def test_a_unit_that_is_none(session: Path) -> None:
    """A unit to explain or to label is looked for before a model is loaded."""
    texts = refusals(["explain", session, "--unit", "77"], ["relabel", session, "--unit", "77=sua", "--by", "me"])
    assert ["no unit 77" in text for text in texts] == [True] * 2


def test_a_column_of_another_program(session: Path) -> None:
    """Labels are not computed only to be refused: the column that is in the way is named at once."""
    assert "already has 'spike_note'" in refusals(["label", _with_column(session), "--columns", "spike_note,p"])[0]


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
    assert "not on this machine" in refusals(["label", "https://localhost:1/session.nwb"])[0]


def test_metadata_that_a_conversion_needs(tmp_path: Path) -> None:
    """Without the start of the session there is no NWB file, and neuroconv is not imported to find that out."""
    import numpy as np

    folder = tmp_path / "phy"
    folder.mkdir()
    np.save(folder / "spike_times.npy", np.arange(100) * 300)
    np.save(folder / "spike_clusters.npy", np.zeros(100, dtype=np.int64))
    (folder / "params.py").write_text("sample_rate = 30000.0\n")
    assert "session_start_time" in refusals(["convert", folder, "--output", tmp_path / "new.nwb"])[0]


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
