"""What a store says of its arrays runs no code, takes no memory that it has no data for, and leads nowhere else."""

from __future__ import annotations

import base64
import os
import pickle
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.curations import zarr_curation_of
from helpers.hostile_files import CODECS, DAMAGED_ARRAYS, NO_DOCUMENTS, change_document, encode_alone, zipped
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import label
from nwb_unitrefine.errors import SourceError, UnitRefineError
from nwb_unitrefine.read import read_units
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import read_history, relabel, undo, write_curation

zarr = pytest.importorskip("zarr")
numcodecs = pytest.importorskip("numcodecs")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled session of six units, as Zarr."""
    path = tmp_path_factory.mktemp("whole") / "a.nwb.zarr"
    write_nwb(path, make_session(), backend="zarr", n_groups=2, waveforms="all")
    write_curation(zarr_curation_of(path))
    return path


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    """A copy of it to damage."""
    return Path(shutil.copytree(whole, tmp_path / "a.nwb.zarr"))


class _Marker:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("consolidated", [True, False], ids=["consolidated", "plain"])
@pytest.mark.parametrize("array", ["units/spike_times", "units/id", "general/unit_curation/run_0001/label"])
@pytest.mark.parametrize("place", ["filter", "compressor", "fill value"])
def test_no_command_unpickles(
    store: Path, tmp_path: Path, array: str, place: str, *, consolidated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where numcodecs would let pickle run: in the reading of units, of the history, of a check and before a write."""
    monkeypatch.setenv("NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE", "1")
    marker = tmp_path / "ran"
    evil = pickle.dumps(np.array([_Marker(marker)] * 6, dtype=object))
    if not consolidated:
        (store / ".zmetadata").unlink()
    config = {"id": "pickle", "protocol": 5}
    if place == "filter":
        change_document(store, f"{array}/.zarray", dtype="|O", filters=[config], compressor=None, fill_value=None)
    elif place == "compressor":
        change_document(store, f"{array}/.zarray", compressor=config, filters=None)
    else:
        value = base64.standard_b64encode(evil).decode()
        change_document(store, f"{array}/.zarray", dtype=[["a", "|O"]], filters=[config], fill_value=value)
    for chunk in (store / array).iterdir():
        if not chunk.name.startswith("."):
            chunk.write_bytes(evil)
    for command in (read_units, read_history, verify, undo):
        with suppress(UnitRefineError):
            command(store)
        assert not marker.exists()


@pytest.mark.parametrize(
    "content", [b"\x06", b"", b"\x80\x05.", b"\x80\x05N.", b"\x80\x05]\x94(K\x01e", b"\x80\x05h\x01."]
)
def test_references_that_are_damaged_are_said_to_be(store: Path, content: bytes) -> None:
    """A pickle that is cut off or is none ends in one line, whatever it leads to."""
    array = store / "units/unitrefine_label"
    (store / ".zmetadata").unlink()
    change_document(store, "units/unitrefine_label/.zarray", filters=[{"id": "pickle", "protocol": 5}], compressor=None)
    (array / "0").write_bytes(content)
    for command in (lambda path: relabel(path, {10: "sua"}, by="me"), verify):
        with suppress(UnitRefineError):
            command(store)


def test_an_unknown_codec_is_refused_where_it_is_and_nowhere_else(store: Path) -> None:
    """WavPack in raw data, as some archives have it, is not an obstacle to reading units; in spike times it is."""
    chunk = zarr.open_group(str(store), mode="r+").create_dataset("acquisition/raw", data=np.zeros((4, 2)))
    assert chunk is not None
    zarr.consolidate_metadata(str(store))
    change_document(store, "acquisition/raw/.zarray", compressor={"id": "wavpack", "level": 2})
    assert len(read_units(store)) == 6
    change_document(store, "units/spike_times/.zarray", compressor={"id": "wavpack", "level": 2})
    with pytest.raises(SourceError, match="the codec 'wavpack', which is not read for safety"):
        read_units(store)


@pytest.mark.parametrize("damage", DAMAGED_ARRAYS, ids=str)
def test_damaged_metadata_end_in_one_line(store: Path, damage: str) -> None:
    """No traceback and no memory, whatever a document says."""
    change_document(store, "units/spike_times/.zarray", **DAMAGED_ARRAYS[damage])
    for command in (read_units, verify):
        with pytest.raises(SourceError) as refusal:
            command(store)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("content", NO_DOCUMENTS.values(), ids=NO_DOCUMENTS)
@pytest.mark.parametrize("key", [".zmetadata", ".zgroup", "units/.zattrs", "units/spike_times/.zarray"])
def test_documents_that_are_none_end_in_one_line(store: Path, key: str, content: bytes) -> None:
    """Consolidated or not."""
    if key != ".zmetadata":
        (store / ".zmetadata").unlink()
    (store / key).write_bytes(content)
    with pytest.raises(SourceError) as refusal:
        read_units(store)
    assert "\n" not in str(refusal.value)
    with suppress(SourceError):  # which needs not all of them
        read_history(store)


@pytest.mark.parametrize("name", CODECS)
def test_a_chunk_is_decoded_no_further_than_the_array_has_room_for(store: Path, name: str) -> None:
    """100 MB in a chunk of a small array; each codec of the list, which reads its own chunk all the same."""
    codec = CODECS[name]
    values = read_units(store).spike_times_s.values
    for config in (codec.get_config(),):
        change_document(
            store,
            "units/spike_times/.zarray",
            compressor=config,
            filters=None,
            shape=[len(values)],
            chunks=[len(values)],
        )
    (store / "units/spike_times/0").write_bytes(bytes(codec.encode(values.astype("<f8"))))
    np.testing.assert_array_equal(read_units(store).spike_times_s.values, values)
    (store / "units/spike_times/0").write_bytes(bytes(codec.encode(np.zeros(100_000_000, dtype="u1"))))
    with pytest.raises(SourceError, match="room for"):
        read_units(store)


@pytest.mark.parametrize("name", CODECS)
def test_a_chunk_that_is_cut_off_is_refused_by_name(store: Path, name: str) -> None:
    """Blosc makes up what it does not find; that is noticed before it decodes."""
    codec = CODECS[name]
    values = read_units(store).spike_times_s.values
    encode_alone(store, codec)
    content = bytes(codec.encode(values.astype("<f8")))
    for end in (0, 3, 12, len(content) // 2, len(content) - 1):
        (store / "units/spike_times/0").write_bytes(content[:end])
        with pytest.raises(SourceError, match="cut off" if name == "blosc" else "cannot be read"):
            read_units(store)


@pytest.mark.parametrize("place", ["units/spike_times/0", "units/spike_times", "units"])
def test_links_that_lead_out_of_a_store_are_not_followed(store: Path, tmp_path: Path, place: str) -> None:
    """A chunk, an array or a table elsewhere on this machine is none of this store's; a link within it is followed."""
    outside = tmp_path / "outside"
    (store / place).rename(outside)
    (store / place).symlink_to(outside)
    with pytest.raises(SourceError, match=r"leads out of the store|out of date"):
        read_units(store)
    (store / place).unlink()
    outside.rename(store / "within")
    (store / place).symlink_to(store / "within")
    if place.endswith("0"):
        assert len(read_units(store)) == 6


@pytest.mark.parametrize("start", ["", "a.nwb.zarr/"], ids=["top", "folder"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_a_zipped_store_reads_as_the_store(store: Path, tmp_path: Path, start: str, compression: int) -> None:
    """Whether the ZIP file holds the store's files at its top or in a folder."""
    path = zipped(store, tmp_path / "a.nwb.zarr.zip", start=start, compression=compression)
    expected, units = read_units(store), read_units(path)
    np.testing.assert_array_equal(units.spike_times_s.values, expected.spike_times_s.values)
    assert units.problems == expected.problems
    assert list(units.columns) == list(expected.columns)


@pytest.mark.slow
def test_the_history_of_a_zipped_store_is_read_and_not_changed(store: Path, tmp_path: Path) -> None:
    """It is shown and verified as the folder's is; what writes is refused, whole copies too."""
    write_curation(zarr_curation_of(store))
    path = zipped(store, tmp_path / "a.nwb.zarr.zip", compression=zipfile.ZIP_DEFLATED)
    assert [run.name for run in read_history(path)] == ["run_0001"]
    assert verify(path).passed
    with pytest.raises(SourceError, match="only read"):
        undo(path, by="me")
    with pytest.raises(UnitRefineError, match=r"zipped Zarr store.*--units-only"):
        label(path, output=tmp_path / "copy.nwb.zarr")


def test_a_chunk_whose_content_was_not_fetched_is_missing(store: Path) -> None:
    """git-annex leaves a link to nothing: its values are not zeros."""
    (store / "units/spike_times/0").unlink()
    (store / "units/spike_times/0").symlink_to(store / ".git/annex/objects/0")
    with pytest.raises(SourceError, match="missing"):
        read_units(store)


@pytest.mark.parametrize("key", ["units/.zattrs", "units/spike_times/.zarray", "units/spike_times/0", ".zmetadata"])
def test_devices_and_pipes_are_not_read(store: Path, key: str) -> None:
    """One never ends, the other waits for a writer."""
    for make in (lambda place: place.symlink_to("/dev/zero"), os.mkfifo):
        (store / key).unlink()
        make(store / key)
        with pytest.raises(SourceError):
            read_units(store)


def test_a_zip_bomb_is_not_decompressed(store: Path, tmp_path: Path) -> None:
    """Sizes are compared before anything is decompressed, and no more than stated is."""
    path = zipped(store, tmp_path / "a.zarr.zip", compression=zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    place = content.rindex(b"units/spike_times/0") - 46  # its entry in the central directory
    assert content[place : place + 4] == b"PK\x01\x02"
    content[place + 24 : place + 28] = (1 << 30).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"would be 1073741824 bytes long"):
        read_units(path)
