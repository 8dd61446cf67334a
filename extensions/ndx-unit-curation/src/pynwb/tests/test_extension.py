"""The extension alone: round trips, appending, reading without it, and what is generated."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hdmf.common import DynamicTableRegion
from pynwb import NWBHDF5IO, NWBFile, validate

import ndx_unit_curation
from ndx_unit_curation import CurationFeatures, CurationModel, CurationRun, UnitCuration

FOLDER = Path(__file__).parents[3]


def load(path: Path) -> Any:
    """Import a script that is in no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_session() -> NWBFile:
    """A session with three units."""
    nwbfile = NWBFile("session", "identifier", datetime(2026, 1, 1, tzinfo=UTC), session_id="one")
    for unit in range(3):
        nwbfile.add_unit(spike_times=[0.1, 0.2 + unit])
    return nwbfile


def add_run(nwbfile: NWBFile, name: str, **fields: Any) -> None:
    """Add a run with the fields that every run has."""
    if "unit_curation" not in nwbfile.lab_meta_data:
        nwbfile.add_lab_meta_data(UnitCuration(num_runs=1, newest_digest="sha256:1"))
    rows = DynamicTableRegion(name="units", data=[0, 1, 2], description="rows", table=nwbfile.units)
    required = {
        "kind": "human",
        "agent": "R. Cajal",
        "created": "2026-01-01T00:00:00+00:00",
        "classes": ["sua", "mua", "noise"],
        "unit_id": [0, 1, 2],
        "label": ["sua", "", "noise"],
        "software": [["nwb-unitrefine", "0.1.0"]],
        "inputs": [["spike_times", "sha256:0"]],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the run gets its parent a moment later than its region
        run = CurationRun(name=name, units=rows, **(required | fields))
        nwbfile.lab_meta_data["unit_curation"].add_curation_runs(run)


def everything() -> dict[str, Any]:
    """Every optional field."""
    return {
        "kind": "model",
        "note": "a note",
        "label_column": "unitrefine_label",
        "probability_column": "unitrefine_probability",
        "uncertain_column": "unitrefine_uncertain",
        "undoes": "run_0000",
        "previous_digest": "sha256:0",
        "digest": "sha256:1",
        "field_digests": [["label", "0" * 32], ["/source", "1" * 32]],
        "redactions": [["run_0000", "note", "0" * 32, "1" * 32]],
        "probability": np.full((3, 3), 1 / 3),
        "uncertain": np.array([True, False, True]),
        "reason": ["few spikes", "", ""],
        "changed": np.array([True, True, False]),
        "parameters": [["rank", "bool", "true"]],
        "model": CurationModel(
            name="model", model_name="m", source="packaged", revision="1", digest="sha256:1", licence="MIT"
        ),
        "features": CurationFeatures(
            name="features",
            feature_name=["firing_rate"],
            feature_unit=["Hz"],
            value=np.array([[1.0], [np.nan], [3.0]]),
            origin=["computed: spike times", "missing: no spikes"],
            origin_index=np.array([[0], [1], [0]], dtype=np.uint8),
            notes=[["observed time", "600 s"]],
        ),
    }


def check(run: Any, units: Any) -> None:
    """Everything of `everything` is there."""
    assert (run.kind, run.note, run.undoes) == ("model", "a note", "run_0000")
    assert list(run.classes) == ["sua", "mua", "noise"]
    assert list(run.label[:]) == ["sua", "", "noise"]
    assert np.asarray(run.uncertain[:]).tolist() == [True, False, True]
    np.testing.assert_array_equal(run.probability[:], np.full((3, 3), 1 / 3))
    assert [list(row) for row in run.parameters[:]] == [["rank", "bool", "true"]]
    assert (run.model.model_name, run.model.licence) == ("m", "MIT")
    np.testing.assert_array_equal(run.features.value[:], [[1.0], [np.nan], [3.0]])
    assert np.asarray(run.features.origin_index[:]).tolist() == [[0], [1], [0]]
    assert run.units.table is units
    if run.digest is not None:  # since version 0.2.0
        assert (run.uncertain_column, run.previous_digest, run.digest) == (
            "unitrefine_uncertain",
            "sha256:0",
            "sha256:1",
        )
        assert [list(row) for row in run.field_digests[:]] == [["label", "0" * 32], ["/source", "1" * 32]]
        assert [list(row) for row in run.redactions[:]] == [["run_0000", "note", "0" * 32, "1" * 32]]


@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
def test_a_run_is_read_as_it_was_written(tmp_path: Path, backend: str) -> None:
    """Every field of a run survives a round trip, and the file validates."""
    if backend == "zarr":
        io_class: Any = pytest.importorskip("hdmf_zarr").NWBZarrIO
    else:
        io_class = NWBHDF5IO
    path = str(tmp_path / f"file.{backend}")
    nwbfile = make_session()
    add_run(nwbfile, "run_0001", **everything())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hdmf-zarr's own, about what it consolidates
        with io_class(path, "w") as io:
            io.write(nwbfile)
        with io_class(path, "r") as io:
            read = io.read()
            check(read.lab_meta_data["unit_curation"].curation_runs["run_0001"], read.units)
            assert validate(io=io) == []


def test_a_run_is_appended(tmp_path: Path) -> None:
    """The extension adds a run to a file that has one."""
    path = tmp_path / "file.nwb"
    nwbfile = make_session()
    add_run(nwbfile, "run_0001")
    with NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)
    with NWBHDF5IO(path, "a") as io:
        nwbfile = io.read()
        add_run(nwbfile, "run_0002", note="second")
        io.write(nwbfile)
    with NWBHDF5IO(path, "r") as io:
        runs = io.read().lab_meta_data["unit_curation"].curation_runs
        assert sorted(runs) == ["run_0001", "run_0002"]
        assert runs["run_0002"].note == "second"


def test_a_file_is_read_without_the_extension(tmp_path: Path) -> None:
    """Where the extension is not imported, pynwb reads its types from the specification in the file."""
    path = tmp_path / "file.nwb"
    nwbfile = make_session()
    add_run(nwbfile, "run_0001", **everything())
    with NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)
    script = (
        "import sys, pynwb\n"
        f"with pynwb.NWBHDF5IO({str(path)!r}, 'r') as io:\n"
        "    run = io.read().lab_meta_data['unit_curation'].curation_runs['run_0001']\n"
        "    assert 'ndx_unit_curation' not in sys.modules\n"
        "    print(run.model.digest, [str(label) for label in run.label[:]])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "sha256:1 ['sua', '', 'noise']"


@pytest.mark.parametrize("frozen", sorted((Path(__file__).parent / "frozen").glob("*.nwb")), ids=lambda path: path.stem)
def test_files_of_released_versions_are_read(frozen: Path) -> None:
    """A file that a released version wrote is read as it was meant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its cached core schema is older than the installed one, in time
        with NWBHDF5IO(frozen, "r") as io:
            read = io.read()
            check(read.lab_meta_data["unit_curation"].curation_runs["run_0001"], read.units)


def test_the_specification_is_what_the_script_writes(tmp_path: Path) -> None:
    """The YAML in the repository is not stale."""
    load(FOLDER / "src" / "spec" / "create_extension_spec.py").main(tmp_path)
    for place in (FOLDER / "spec").glob("*.yaml"):
        assert yaml.safe_load((tmp_path / place.name).read_text()) == yaml.safe_load(place.read_text())


def test_the_description_of_the_format_is_what_the_script_writes() -> None:
    """``docs/format.md`` is not stale."""
    assert (FOLDER / "docs" / "format.md").read_text() == load(FOLDER / "docs" / "render.py").render()


def test_the_version_is_the_same_everywhere() -> None:
    """Package, specification, project and catalogue record name one version."""
    version = ndx_unit_curation.__version__
    namespace = yaml.safe_load((FOLDER / "spec" / "ndx-unit-curation.namespace.yaml").read_text())["namespaces"][0]
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]
    record = yaml.safe_load((FOLDER / "ndx-meta.yaml").read_text())
    assert {namespace["version"], project["version"], record["version"]} == {version}


def test_the_readme_runs(tmp_path: Path) -> None:
    """The README's example of writing works as it stands."""
    block = (FOLDER / "README.md").read_text().split("## Write")[1].split("```python")[1].split("```")[0]
    path = str(tmp_path / "curated.nwb")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a region whose parent comes a moment later
        exec(compile(block.replace("curated.nwb", path), "README.md", "exec"), {})
    assert validate(path=path) == []
