"""Units over the network: the same as from disk, with few bytes and requests, through broken connections."""

from __future__ import annotations

import gc
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.servers.dandi_stub import serve_dandi
from helpers.servers.range_server import serve_ranges
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.read import Patience, read_units
from nwb_unitrefine.storage.remote.addresses import resolve_address
from nwb_unitrefine.storage.remote.http_file import RemoteFile, merge_ranges
from nwb_unitrefine.storage.remote.http_ranges import HttpRanges

AT_ONCE = Patience(attempts=3, wait_s=0, timeout_s=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A session as HDF5, the same with raw data, and as Zarr."""
    folder = tmp_path_factory.mktemp("served")
    session = make_session(n_units=6)
    write_nwb(folder / "small.nwb", session, kinds=True)
    write_nwb(folder / "small.nwb.zarr", session, kinds=True, backend="zarr")
    return folder


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """400 units, a million spikes, and 2 GB of raw data that take no room on disk."""
    path = tmp_path_factory.mktemp("large") / "large.nwb"
    session = make_session(n_units=400, n_channels=32, duration_s=60.0, rate_hz=40.0)
    quality = ["good"] * 400
    write_nwb(path, session, raw=False, columns={"quality": quality, "snr": [1.0] * 400, "firing_rate": [2.0] * 400})
    with h5py.File(path, "a") as file:
        series = file.create_group("acquisition/ElectricalSeries")
        series.attrs.update({"neurodata_type": "ElectricalSeries", "namespace": "core", "object_id": "x"})
        series.create_dataset("data", shape=(2_700_000, 384), dtype="int16")[-1] = 1
        series["starting_time"] = 0.0
        series["starting_time"].attrs["rate"] = 45_000.0
        file.create_group("stimulus/later")["note"] = "written after the raw data"
    return path


def _same(first, second):
    """Whether two readings hold the same units, up to where they come from."""
    assert np.array_equal(first.unit_ids, second.unit_ids)
    assert np.array_equal(first.spike_times_s.values, second.spike_times_s.values)
    assert np.array_equal(first.spike_times_s.offsets, second.spike_times_s.offsets)
    assert np.array_equal(first.waveforms.mean, second.waveforms.mean)
    assert list(first.columns) == list(second.columns)
    assert first.problems == second.problems


@pytest.mark.parametrize("name", ["small.nwb", "small.nwb.zarr"])
def test_over_http_and_from_disk_are_the_same(folder, name):
    """The same units, waveforms and columns come over loopback HTTP."""
    with serve_ranges(folder) as server:
        remote = read_units(f"{server.url}/{name}", patience=AT_ONCE)
    local = read_units(folder / name)
    _same(local, remote)
    assert remote.source.kind == local.source.kind


@pytest.mark.slow
def test_little_more_is_fetched_than_is_needed(large):
    """Of 2 GB, 400 units take at most 1.15 times their own bytes and at most 40 requests."""
    with h5py.File(large) as file:
        tables = (file["units"], file["general/extracellular_ephys/electrodes"])
        needed = sum(dataset.id.get_storage_size() for table in tables for dataset in table.values())
    with serve_ranges(large.parent) as server:
        remote = read_units(f"{server.url}/{large.name}", patience=AT_ONCE)
    assert large.stat().st_size > 2e9
    assert server.n_bytes <= 1.15 * needed
    assert server.n_asked <= 40
    _same(read_units(large), remote)


def test_broken_connections_are_taken_up_where_they_broke(folder):
    """With every second answer cut in half, the units are the same, and nothing is asked for twice."""
    with serve_ranges(folder) as server:
        server.fail = lambda number, _path: "break" if number % 2 else None
        remote = read_units(f"{server.url}/small.nwb", patience=AT_ONCE)
        pieces = sorted((start, start + n) for _, start, n in server.sent)
    _same(read_units(folder / "small.nwb"), remote)
    assert all(stop <= start for (_, stop), (start, _) in pairwise(pieces))


@pytest.mark.slow
def test_a_server_that_is_busy_is_asked_again(folder):
    """Status 503 and 429 are not a refusal."""
    with serve_ranges(folder) as server:
        server.fail = lambda number, _path: {1: 503, 2: 429}.get(number)
        assert len(read_units(f"{server.url}/small.nwb", patience=AT_ONCE)) == 6
        server.n_asked = 0
        assert len(read_units(f"{server.url}/small.nwb.zarr", patience=AT_ONCE)) == 6


@pytest.mark.slow
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(folder, status):
    """Retry-After counts where it is longer than the own wait, up to a limit, for ranges and for small files."""
    with serve_ranges(folder) as server:
        for asked, longest_s, waited_s in (("1", 5.0, 1.0), ("3600", 0.2, 0.2), ("soon", 5.0, 0.0)):
            server.retry_after = asked
            patience = Patience(attempts=3, wait_s=0, timeout_s=5, longest_wait_s=longest_s)
            first = server.n_asked + 1
            server.fail = lambda number, _path, first=first: status if number == first else None
            ranges = HttpRanges(f"{server.url}/small.nwb", patience=patience)
            assert ranges.read(0, 8) == (folder / "small.nwb").read_bytes()[:8]
            assert ranges.waited_s == waited_s
            first = server.n_asked + 1
            server.fail = lambda number, _path, first=first: status if number == first else None
            small = HttpRanges(f"{server.url}/small.nwb.zarr/.zgroup", patience=patience)
            assert small.read_all(most_bytes=1000)
            assert small.waited_s == waited_s


def test_a_server_that_stays_busy_is_given_up(folder):
    """After as many tries as asked for, one line says who did not answer, and why."""
    with serve_ranges(folder) as server:
        server.fail = lambda _number, _path: 503
        with pytest.raises(SourceError, match="does not answer: status 503"):
            read_units(f"{server.url}/small.nwb", patience=AT_ONCE)
        assert server.n_asked == AT_ONCE.attempts
        url = server.url
    with pytest.raises(SourceError, match="does not answer"):
        read_units(f"{url}/small.nwb", patience=AT_ONCE)


@pytest.mark.parametrize(("status", "what"), [(401, "asks who you are"), (403, "does not let"), (404, "is not there")])
@pytest.mark.parametrize("after", [1, 2, 3])
def test_refusals_are_told_apart_whenever_they_come(folder, status, what, after):
    """401, 403 and 404 each have their line and a tip, at the first request as at a later one."""
    with serve_ranges(folder) as server:
        server.fail = lambda number, _path: status if number >= after else None
        with pytest.raises(SourceError, match=what) as caught:
            read_units(f"{server.url}/small.nwb", patience=AT_ONCE)
    assert caught.value.tip


def test_a_server_without_ranges_is_refused(folder):
    """Where only whole files are served, that is said, rather than fetching all."""
    with serve_ranges(folder) as server:
        server.with_ranges = False
        with pytest.raises(SourceError, match="no ranges"):
            read_units(f"{server.url}/small.nwb", patience=AT_ONCE)


def test_a_file_that_changes_meanwhile_is_refused(folder, tmp_path):
    """Pieces of two versions are never put together."""
    path = tmp_path / "small.nwb"
    path.write_bytes((folder / "small.nwb").read_bytes())

    def replace(number, _path):
        if number == 2:
            path.write_bytes(path.read_bytes() + b"more")

    with serve_ranges(tmp_path) as server:
        server.fail = replace
        with pytest.raises(SourceError, match="changed while it was read"):
            read_units(f"{server.url}/small.nwb", patience=AT_ONCE)


def test_s3_is_read_through_its_web_address(folder, monkeypatch):
    """An s3 address is read from Amazon's, or from the server that AWS_ENDPOINT_URL names, by bucket and key."""
    with serve_ranges(folder.parent) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        for name in ("small.nwb", "small.nwb.zarr"):
            assert len(read_units(f"s3://{folder.name}/{name}", patience=AT_ONCE)) == 6


@pytest.mark.parametrize(
    ("source", "url", "is_zarr"),
    [
        ("s3://dandiarchive/blobs/a b.nwb", "https://dandiarchive.s3.amazonaws.com/blobs/a%20b.nwb", False),
        ("s3://my.bucket/x.nwb.zarr/", "https://s3.amazonaws.com/my.bucket/x.nwb.zarr", True),
        ("https://x.org/zarr/11111111-2222-3333-4444-555555555555/", None, True),
        ("https://x.org/a.nwb?token=b.zarr", None, False),
    ],
)
def test_addresses_are_understood(monkeypatch, source, url, is_zarr):
    """Bucket and key make a web address; a Zarr store is known by its name."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    address = resolve_address(source)
    assert address.url == (url or source.rstrip("/"))
    assert address.is_zarr == is_zarr


def test_what_is_no_nwb_file_is_refused(tmp_path):
    """A web page behind an address is not an HDF5 file, and a missing Zarr store is not a store."""
    (tmp_path / "page.nwb").write_text("<html></html>")
    with serve_ranges(tmp_path) as server:
        with pytest.raises(SourceError, match="cannot be read"):
            read_units(f"{server.url}/page.nwb", patience=AT_ONCE)
        with pytest.raises(SourceError, match="not a Zarr store"):
            read_units(f"{server.url}/none.zarr", patience=AT_ONCE)


def test_a_failed_read_leaves_nothing_behind(folder):
    """A process in which a remote read failed in HDF5's hands ends in good order: nothing is left open."""
    script = (
        "import sys; sys.path[:0] = [sys.argv[1], sys.argv[2]]\n"
        "from pathlib import Path\n"
        "from helpers.servers.range_server import serve_ranges\n"
        "from nwb_unitrefine.read import read_units, Patience\n"
        "with serve_ranges(Path(sys.argv[3])) as server:\n"
        "    for after in range(1, 6):\n"
        "        server.n_asked, server.fail = 0, lambda n, p: 404 if n >= after else None\n"
        "        try: read_units(server.url + '/small.nwb', patience=Patience(wait_s=0))\n"
        "        except Exception as error: print(error)\n"
    )
    root = Path(__file__).parents[2]
    arguments = [str(root / "tests"), str(root / "src"), str(folder)]
    done = subprocess.run([sys.executable, "-c", script, *arguments], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout.count("is not there")) == (0, 5), done.stderr


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 60)), max_size=20), st.integers(0, 100))
def test_merged_ranges_hold_all_and_little_more(pieces, surplus):
    """Merged ranges are in order, apart, hold every byte asked for, and no more than the surplus besides."""
    ranges = [(start, start + n) for start, n in pieces]
    merged = merge_ranges(ranges, surplus_bytes=surplus, surplus=0)
    asked = {byte for start, stop in ranges for byte in range(start, stop)}
    held = {byte for start, stop in merged for byte in range(start, stop)}
    assert asked <= held
    assert len(held) - len(asked) <= surplus
    assert all(stop < start for (_, stop), (start, _) in pairwise(merged))


class _Bytes(HttpRanges):
    """Ranges of bytes in memory, which notes what is asked for."""

    def __init__(self, content):
        super().__init__("memory")
        self.content, self.size, self.asked = content, len(content), []

    def read(self, start, stop):
        self.asked.append((start, stop))
        return self.content[start:stop]


@given(st.data())
def test_a_remote_file_reads_like_a_file(data):
    """Whatever is sought, read and fetched beforehand, bytes are the file's, and few are fetched twice."""
    content = bytes(np.random.default_rng(0).integers(0, 256, 200_000, dtype=np.uint8))
    ranges = _Bytes(content)
    file = RemoteFile(ranges)
    place = st.tuples(st.integers(0, 200_000), st.integers(0, 80_000))
    for start, n in data.draw(st.lists(place, max_size=8)):
        if data.draw(st.booleans()):
            file.fetch([(start, min(start + n, 200_000))])
        file.seek(start)
        assert file.read(n) == content[start : start + n]
    assert sum(stop - start for start, stop in ranges.asked) <= len(content) + 16 * (64 << 10)


@pytest.fixture
def archive(monkeypatch, folder):
    """A DANDI server that the real client knows as the default, and a blob server."""
    consts = pytest.importorskip("dandi.consts")
    monkeypatch.setenv("DANDI_NO_ET", "1")
    monkeypatch.delenv("DANDI_API_KEY", raising=False)
    with serve_dandi() as stub, serve_ranges(folder) as blobs:
        instance = consts.DandiInstance("dandi-stub", None, f"{stub.url}/api")
        monkeypatch.setitem(consts.known_instances, "dandi-stub", instance)
        monkeypatch.setenv("DANDI_INSTANCE", "dandi-stub")
        stub.add("sub-1/sub-1_ecephys.nwb", "11111111-2222-3333-4444-555555555555", f"{blobs.url}/small.nwb")
        zarr_id = "21111111-2222-3333-4444-555555555555"
        stub.add("sub-1/sub-1.nwb.zarr", zarr_id, f"{blobs.url}/small.nwb.zarr?/zarr/", is_zarr=True)
        yield stub, blobs
    gc.collect()


dandi = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
"""The client's own: deprecated calls in its dependencies, and sessions that it leaves to the garbage collector."""


@dandi
@pytest.mark.parametrize(
    "source",
    [
        "DANDI:000123/sub-1/sub-1_ecephys.nwb",
        "11111111-2222-3333-4444-555555555555",
        "DANDI:000123/sub-1/sub-1.nwb.zarr",
    ],
)
@pytest.mark.usefixtures("archive")
def test_dandi_assets_are_found_by_path_and_by_id(folder, source):
    """The real client finds an asset on a DANDI server; its units are those of the file."""
    units = read_units(source, patience=AT_ONCE)
    _same(read_units(folder / "small.nwb"), units)
    assert units.source.uri == source


@dandi
def test_the_key_goes_to_dandi_and_no_further(archive, monkeypatch):
    """The API key is sent to DANDI's own address and not to the store that it leads to."""
    stub, blobs = archive
    stub.key = "secret"
    monkeypatch.setenv("DANDI_API_KEY", "secret")
    read_units("DANDI:000123/sub-1/sub-1_ecephys.nwb", patience=AT_ONCE)
    assert set(stub.seen_keys) == {"token secret"}
    assert not any("Authorization" in headers for headers in blobs.headers)


@dandi
def test_dandi_refusals_have_one_line(archive):
    """A path that is not there, an id that is not there, and a server that asks for a key are told apart."""
    stub, _ = archive
    with pytest.raises(SourceError, match="is not there"):
        read_units("DANDI:000123/sub-2/none.nwb")
    with pytest.raises(SourceError, match="is not there"):
        read_units("99999999-2222-3333-4444-555555555555")
    stub.key = "secret"
    with pytest.raises(SourceError, match="401") as caught:
        read_units("DANDI:000123/sub-1/sub-1_ecephys.nwb")
    assert "DANDI_API_KEY" in caught.value.tip
