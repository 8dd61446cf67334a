"""Whole dandisets, through the real client and a server on loopback."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import h5py
import pytest

from helpers.bare_nwb import make_small_session
from helpers.servers.dandi_stub import DandiStub, known_instances, serve_dandi
from helpers.servers.range_server import RangeServer, serve_ranges
from nwb_unitrefine.batch.dandisets import plan_dandiset
from nwb_unitrefine.batch.derivative import upload_study
from nwb_unitrefine.batch.plan import read_plan, write_plan
from nwb_unitrefine.batch.study import label_study, study_options
from nwb_unitrefine.batch.tasks import TaskOptions
from nwb_unitrefine.errors import SourceError, SourceNotFoundError
from nwb_unitrefine.storage.remote.addresses import resolve_address

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


class Archive(NamedTuple):
    """A DANDI server, the server of its blobs, and the environment of processes that know it."""

    stub: DandiStub
    blobs: RangeServer
    environment: dict[str, str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sessions, one of them as Zarr, too, and a file that is not an NWB file."""
    place = tmp_path_factory.mktemp("blobs")
    first = make_small_session(place / "a.nwb")
    shutil.copy(first, place / "b.nwb")
    (place / "broken.nwb").write_text("not HDF5 at all")
    return place


@pytest.fixture
def archive(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """A dandiset of six assets: two with units, one broken, one gone, one without units, one that is not NWB."""
    pytest.importorskip("dandi")
    monkeypatch.delenv("DANDI_API_KEY", raising=False)
    with (
        serve_dandi() as stub,
        serve_ranges(folder) as blobs,
        known_instances(tmp_path / "known", dandi_stub=stub) as environment,
    ):
        for number, (path, file, measured) in enumerate(
            (
                ("sub-1/sub-1_ses-a_ecephys.nwb", "a.nwb", ("Units", "ElectrodeGroup")),
                ("sub-1/sub-1_ses-b_behavior+ecephys.nwb", "b.nwb", ()),
                ("sub-2/sub-2_ecephys.nwb", "broken.nwb", ("Units",)),
                ("sub-2/sub-2_ses-gone_ecephys.nwb", "gone.nwb", ("Units",)),
                ("sub-3/sub-3_behavior.nwb", "a.nwb", ("SpatialSeries",)),
                ("notes.tsv", "a.nwb", ()),
            )
        ):
            stub.add(path, _asset_id(number), f"{blobs.url}/{file}", measured=measured)
        yield Archive(stub, blobs, environment)


def _asset_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def test_assets_are_listed_page_by_page_without_reading_them(archive: Archive) -> None:
    """Every page of the listing counts; what holds no units is skipped for its metadata, and no blob is touched."""
    archive.stub.page_size = 2
    entries = {entry.id: entry for entry in plan_dandiset("DANDI:000123", instance="dandi-stub")}
    assert len(entries) == 6
    skipped = {name.partition("/")[2]: entry.skip for name, entry in entries.items() if entry.skip}
    assert skipped == {
        "sub-3/sub-3_behavior.nwb": "Its metadata lists no units (variableMeasured).",
        "notes.tsv": "It is not an NWB file.",
    }
    first = entries["DANDI-STUB:000123@draft/sub-1/sub-1_ses-a_ecephys.nwb"]
    assert first.source == f"dandi://dandi-stub/assets/{_asset_id(0)}"
    assert first.output == "sub-1/sub-1_ses-a_desc-curated_ecephys.nwb"
    assert archive.blobs.n_asked == 0
    assert not archive.stub.seen_keys


@pytest.mark.parametrize(("selected", "n_assets"), [("sub-1/", 2), ("*_ses-*", 3), ("sub-2/sub-2_ecephys.nwb", 1)])
def test_a_path_a_folder_or_a_pattern_selects_assets(archive: Archive, selected: str, n_assets: int) -> None:
    """What stands behind the dandiset is a path, a folder or a pattern, and selects on the server."""
    assert archive.stub.url
    assert len(list(plan_dandiset(f"DANDI:000123/{selected}", instance="dandi-stub"))) == n_assets


def test_a_dandiset_that_does_not_exist_or_is_embargoed_is_one_line(archive: Archive) -> None:
    """The message names what is missing, or how to log in."""
    for source in ("DANDI:000999", "DANDI:000123@0.1.2", "DANDI:000123/nothing"):
        with pytest.raises(SourceNotFoundError, match=source):
            list(plan_dandiset(source, instance="dandi-stub"))
    with pytest.raises(SourceError, match="not an instance of DANDI"):
        list(plan_dandiset("DANDI:000123", instance="nowhere"))
    with pytest.raises(SourceError, match="not an instance of DANDI"):
        resolve_address(f"dandi://evil.example.org/assets/{_asset_id(0)}")
    archive.stub.key = "secret"
    with pytest.raises(SourceError) as caught:
        list(plan_dandiset("DANDI:000123", instance="dandi-stub"))
    assert "DANDI_API_KEY" in caught.value.tip


@pytest.mark.slow
def test_a_dandiset_is_labelled_once_and_only_what_changed_again(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Derived files name asset, version and digest; a changed asset alone is labelled again; refusals have reasons."""
    archive.stub.key = "secret"
    monkeypatch.setenv("DANDI_API_KEY", "secret")
    archive.stub.metadata["sub-1/sub-1_ses-a_ecephys.nwb"]["digest"] = {"dandi:dandi-etag": "abc-1"}
    study, options = tmp_path / "study", study_options(TaskOptions())
    write_plan(study, plan_dandiset("DANDI:000123", instance="dandi-stub"))
    refused_once: list[str] = []

    def too_many(_number: int, path: str) -> int | None:
        if path.endswith("/info") and "assets" in path and len(refused_once) < 2:
            refused_once.append(path)
            return 429
        return None

    archive.stub.refuse = too_many
    lines = {line["id"].rpartition("/")[2]: line for line in label_study(study, options)}
    assert {name: line["outcome"] for name, line in lines.items()} == {
        "sub-1_ses-a_ecephys.nwb": "labelled",
        "sub-1_ses-b_behavior+ecephys.nwb": "labelled",
        "sub-2_ecephys.nwb": "refused",
        "sub-2_ses-gone_ecephys.nwb": "refused",
    }
    made = study / "dandiset" / "sub-1" / "sub-1_ses-a_desc-curated_ecephys.nwb"
    with h5py.File(made) as file:
        about = dict(file["general/unit_curation"].attrs)
    assert about["source"] == "DANDI-STUB:000123@draft/sub-1/sub-1_ses-a_ecephys.nwb"
    assert about["source_asset"] == _asset_id(0)
    assert about["source_digest"] == "dandi-etag:abc-1"
    assert set(archive.stub.seen_keys) == {"token secret"}
    archive.stub.add("sub-1/sub-1_ses-a_ecephys.nwb", _asset_id(9), f"{archive.blobs.url}/b.nwb")
    assert write_plan(study, plan_dandiset("DANDI:000123", instance="dandi-stub")).n_changed == 1
    assert [line["id"].rpartition("/")[2] for line in label_study(study, options)] == ["sub-1_ses-a_ecephys.nwb"]
    assert len(list(read_plan(study))) == 6


@pytest.mark.slow
def test_two_dask_workers_label_a_dandiset(archive: Archive, tmp_path: Path) -> None:
    """Workers of a Dask cluster resolve the addresses themselves, and the ledger has each asset once."""
    study = tmp_path / "study"
    run = [sys.executable, "-m", "nwb_unitrefine", "dandiset"]
    options = ["--instance", "dandi-stub"]
    subprocess.run([*run, "plan", "DANDI:000123", str(study), *options], check=True, env=archive.environment)
    command = [*run, "label", str(study), "--scheduler", "local", "--workers", "2", "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=archive.environment)
    assert json.loads(done.stdout) == {"n_labelled": 2, "n_refused": 2, "n_left": 0}, done.stderr
    keys = [json.loads(line)["key"] for line in (study / "ledger.jsonl").read_text().splitlines()]
    assert len(keys) == len(set(keys)) == 4
    assert len(list(study.glob("dandiset/sub-1/*.nwb"))) == 2


@pytest.mark.slow
def test_derived_files_are_uploaded_once(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run uploads nothing; an upload brings every file; again, there is nothing to do; a source is refused."""
    study, archive.stub.key = tmp_path / "study", "secret"
    monkeypatch.setenv("DANDI_API_KEY", "secret")
    write_plan(study, plan_dandiset("DANDI:000123/sub-1/", instance="dandi-stub"))
    assert [line["outcome"] for line in label_study(study, study_options(TaskOptions()))] == ["labelled"] * 2
    with pytest.raises(SourceError, match="source of the study"):
        upload_study(study, "DANDI:000123", instance="dandi-stub")
    with serve_dandi("000456") as target, known_instances(tmp_path / "own", dandi_own=target):
        target.key = "secret"
        first = upload_study(study, "DANDI:000456", instance="dandi-own", dry_run=True)
        assert len(first.new) == 2
        assert not target.assets
        assert upload_study(study, "DANDI:000456", instance="dandi-own").new == first.new
        described = ("units", "sessions", "problems")
        tables = {*(f"{name}.{kind}" for name in described for kind in ("tsv", "json")), "report.html"}
        assert set(target.assets) == {*first.new, *tables, "dataset_description.json", "README.md", ".bidsignore"}
        assert target.blobs
        n_uploads = len(target.uploads)
        again = upload_study(study, "DANDI:000456", instance="dandi-own")
        assert (again.new, again.changed, again.same) == ((), (), first.new)
        assert len(target.uploads) == n_uploads
    described = json.loads((study / "dandiset-description" / "dataset_description.json").read_text())
    assert described["SourceDatasets"] == [{"URL": "https://identifiers.org/DANDI-STUB:000123", "Version": "draft"}]
