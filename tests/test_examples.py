"""Every example runs as its first lines say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from helpers.servers.archive import small_archive
from nwb_unitrefine.cli import main

ROOT = Path(__file__).parents[1]
ARCHIVE = "label_a_dandiset.py"
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py") if path.name != ARCHIVE)


@pytest.fixture(scope="module")
def labelled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated session with labels, for the examples that read one."""
    path = tmp_path_factory.mktemp("examples") / "session.nwb"
    assert main(["demo", "--output", str(path)]) == 0
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_example_runs(name: str, labelled_file: Path, tmp_path: Path) -> None:
    """Each example ends without an error and prints something, given a labelled file where it takes one."""
    done = _run(name, labelled_file, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def _run(name: str, *arguments: str | Path, folder: Path, modules: Path | None = None) -> CompletedProcess[str]:
    """Run an example in a folder, with modules that come before all others."""
    paths = [*filter(None, [modules]), ROOT / "src", ROOT / "extensions/ndx-unit-curation/src/pynwb"]
    return subprocess.run(
        [sys.executable, ROOT / "examples" / name, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": ":".join(map(str, paths))},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_assets_of_an_archive_are_labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sessions get files of their own; one that is not an NWB file and one without units are named."""
    pytest.importorskip("dandi")
    monkeypatch.delenv("DANDI_API_KEY", raising=False)
    with small_archive(tmp_path / "archive") as modules:
        done = _run(ARCHIVE, "DANDI:000123", folder=tmp_path, modules=modules)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" sua, ") == len(list((tmp_path / "curated").glob("*.nwb"))) == 3
    assert "left out. Its metadata lists no units" in done.stdout
    assert len(done.stdout.splitlines()) == 5


@pytest.mark.slow
def test_single_units_that_a_person_vouched_for_are_kept(labelled_file: Path, tmp_path: Path) -> None:
    """A label that a person set has no probability, and is printed whatever a model says after it."""
    path = tmp_path / "a.nwb"
    shutil.copyfile(labelled_file, path)
    assert main(["relabel", str(path), "--unit", "0=sua", "--by", "me"]) == 0
    assert main(["label", str(path)]) == 0
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "keep_single_units.py", path], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("unit 0: 222 spikes, set by a person\n")
    assert "unit 3:" not in done.stdout
