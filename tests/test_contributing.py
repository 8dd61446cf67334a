"""CONTRIBUTING's table of files to touch holds: a metric and a sorter are really added, to the files that it names."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers.bare_nwb import make_small_session, make_trains

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
PACKAGE = "nwb_unitrefine"

METRIC = {
    "vocabulary/metrics/spike_trains.py": (
        "SPIKE_TRAIN_METRICS = (\n",
        '    _metric("interval_variation", "", "Coefficient of variation of the inter-spike intervals."),\n',
    ),
    "metrics/spike_trains.py": (
        '    wanted = {name.partition("@")[0] for name in names}\n',
        """\
    if "interval_variation" in wanted:
        intervals = [np.diff(one) for one in np.split(trains.times_s, trains.offsets[1:-1])]
        variation = np.array([one.std() / one.mean() for one in intervals])
        results["interval_variation"] = Outcome(variation, always)
""",
    ),
}
"""Files of the package, and the lines that a contributor puts after a line of each."""


def _row(what: str) -> str:
    """The cell of the table that lists the files for something to add."""
    found = re.search(rf"^\| {what} \| ([^|]*) \|", CONTRIBUTING, flags=re.MULTILINE)
    assert found is not None, what
    return found[1]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package that a contributor may change."""
    copy = tmp_path / "src" / PACKAGE
    shutil.copytree(ROOT / "src" / PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def _run(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the changed package's command line."""
    paths = [package.parent, ROOT / "extensions/ndx-unit-curation/src/pynwb"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    command = [sys.executable, "-m", PACKAGE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.slow
def test_a_metric_is_added_in_two_files(package: Path, tmp_path: Path) -> None:
    """With its definition and its formula in place it is computed, shown with its origin, and asked for by name."""
    for name, (after, lines) in METRIC.items():
        folder, _, file = name.rpartition("/")
        assert f"`{folder}/`" in _row("a metric")
        assert folder == "metrics" or f"`{file}`" in _row("a metric")
        text = (package / name).read_text()
        assert text.count(after) == 1
        (package / name).write_text(text.replace(after, after + lines))
    session = make_small_session(tmp_path / "a.nwb")
    done = _run(package, "features", str(session), "--names", "interval_variation,num_spikes", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    expected = [np.diff(train).std() / np.diff(train).mean() for train in make_trains()]
    assert [row[0] for row in document["values"]] == pytest.approx(expected)
    assert document["origins"] == ["computed: from spike times, definition 0.105"]
    by_default = _run(package, "features", str(session))
    assert re.search(r"^interval_variation ", by_default.stdout, flags=re.MULTILINE), by_default.stderr


@pytest.mark.slow
def test_a_sorter_is_added_in_one_file(package: Path, tmp_path: Path) -> None:
    """One entry of the catalogue makes output of a sorter be read with SpikeInterface's extractor."""
    assert "`read/sorters/catalogue.py`" in _row("a sorter")
    catalogue = package / "read" / "sorters" / "catalogue.py"
    text = catalogue.read_text()
    entry = '    Sorter(name="lab_sorter", extractor="read_npz_sorting", marks=("lab_sorter.npz",), opens_file=True),\n'
    after = '    Sorter(name="combinato"'
    assert text.count(after) == 1
    catalogue.write_text(text.replace(after, entry + after))
    spikeinterface = pytest.importorskip("spikeinterface", reason="the extra spikeinterface is not installed")
    samples = np.arange(1, 201, dtype=np.int64) * 3000
    sorting = spikeinterface.NumpySorting.from_samples_and_labels(samples, np.arange(200) % 2, 30_000.0)
    folder = tmp_path / "sorted"
    folder.mkdir()
    from spikeinterface.core import NpzSortingExtractor

    NpzSortingExtractor.write_sorting(sorting, folder / "lab_sorter.npz")
    done = _run(package, "show", str(folder), "--sorter", "lab_sorter", "--json")
    assert done.returncode == 0, done.stderr
    assert [unit["spikes"] for unit in json.loads(done.stdout)["units"]] == [100, 100]


def test_the_table_names_files_that_exist() -> None:
    """Every path in its second column is in the package."""
    rows = re.findall(r"^\| (?:an? [^|]*) \| ([^|]*) \|", CONTRIBUTING, flags=re.MULTILINE)
    assert len(rows) > 4
    named = {path for row in rows for path in re.findall(r"`((?:[a-z_]+/)+[a-z_]*(?:\.py)?)`", row)}
    assert [path for path in sorted(named) if not (ROOT / "src" / PACKAGE / path).exists()] == []
