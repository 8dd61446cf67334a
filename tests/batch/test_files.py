"""Which files a list of places stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.bare_nwb import make_small_session
from nwb_unitrefine.batch import find_sources, label_many
from nwb_unitrefine.errors import SourceError, WriteError
from nwb_unitrefine.write import WriteOptions, read_history


def test_folder_stands_for_the_nwb_files_below_it_in_order_of_name(tmp_path) -> None:
    """A folder is replaced by its NWB files, at any depth; other files are not meant."""
    for name in ("b.nwb", "a.nwb", "notes.txt", "inner/c.nwb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert find_sources([tmp_path]) == [str(tmp_path / name) for name in ("a.nwb", "b.nwb", "inner/c.nwb")]


def test_zarr_store_is_one_source(tmp_path) -> None:
    """A folder that is a Zarr store is a source, not a place to look into."""
    (tmp_path / "x.nwb.zarr" / "units").mkdir(parents=True)
    (tmp_path / "x.nwb.zarr" / "units" / "odd.nwb").touch()
    assert find_sources([tmp_path]) == [str(tmp_path / "x.nwb.zarr")]
    assert find_sources([tmp_path / "x.nwb.zarr"]) == [str(tmp_path / "x.nwb.zarr")]


def test_folder_without_nwb_files_and_address_stand_for_themselves(tmp_path) -> None:
    """A sorter's folder and an address are kept as they are, each once."""
    assert find_sources([tmp_path, "DANDI:000001/a.nwb", tmp_path]) == [str(tmp_path), "DANDI:000001/a.nwb"]


def test_two_sources_of_one_name_cannot_go_to_one_folder(tmp_path) -> None:
    """Copies that would overwrite each other are refused before anything is labelled."""
    with pytest.raises(SourceError, match="overwrite each other"):
        list(label_many(["a/x.nwb", "b/x.nwb"], output=tmp_path))


def test_hidden_files_and_folders_below_a_folder_are_not_sources(tmp_path) -> None:
    """What a killed process leaves in a hidden folder is not a second source; a hidden place that is given is one."""
    for name in ("a.nwb", ".nwb-unitrefine-x/copy.nwb", "._a.nwb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert find_sources([tmp_path]) == [str(tmp_path / "a.nwb")]
    hidden = tmp_path / ".nwb-unitrefine-x"
    assert find_sources([hidden]) == [str(hidden / "copy.nwb")]


@pytest.mark.parametrize("kind", [str, Path])
def test_one_place_need_not_be_in_a_list(tmp_path, kind) -> None:
    """A text or a path is one place, and not one for each of its letters."""
    place = kind(tmp_path / "mine.nwb")
    assert find_sources(place) == [str(tmp_path / "mine.nwb")]
    outcomes = list(label_many(place))
    assert [outcome.source for outcome in outcomes] == [str(place)]
    assert "does not exist" in str(outcomes[0].error)


@pytest.mark.slow
@pytest.mark.parametrize("units_only", [False, True])
def test_a_folder_for_copies_is_made(tmp_path, units_only) -> None:
    """Several sources, or an output that ends in a slash, mean a folder; each copy gets a name of its own in it."""
    sources = [make_small_session(tmp_path / name) for name in ("a.nwb", "b.nwb")]
    options = WriteOptions(units_only=units_only)
    small = "sub-m1_ses-s1_desc-curated_ecephys.nwb"
    several = list(label_many(sources, output=tmp_path / "new" / "copies", write_options=options))
    one = list(label_many(sources[:1], output=f"{tmp_path}/one/", write_options=options))
    written = [str(o.report.path.relative_to(tmp_path)) for o in (*several, *one) if o.report]
    if units_only:  # both sources have one subject and session, and the second does not replace the first
        assert "exists already" in str(several[1].error)
        assert written == [f"new/copies/{small}", f"one/{small}"]
    else:
        assert written == ["new/copies/a.nwb", "new/copies/b.nwb", "one/a.nwb"]
    assert all(len(read_history(tmp_path / name)) == 1 for name in written)


def test_a_dry_run_makes_no_folder(tmp_path) -> None:
    """Nothing is written, not even an empty folder."""
    sources = [make_small_session(tmp_path / name) for name in ("a.nwb", "b.nwb")]
    assert all(o.error is None for o in label_many(sources, output=tmp_path / "copies", dry_run=True))
    assert sorted(place.name for place in tmp_path.iterdir()) == ["a.nwb", "b.nwb"]


@pytest.mark.parametrize("kind", ["file", "zarr"])
def test_several_copies_cannot_go_into_a_file_or_store(tmp_path, kind) -> None:
    """What is there and no folder for copies is left alone, and nothing is labelled."""
    output = tmp_path / "there"
    if kind == "file":
        output.write_text("mine")
    else:
        output.mkdir()
        (output / ".zgroup").write_text("{}")
    with pytest.raises(WriteError, match="not a folder that copies can be put into"):
        list(label_many(["a.nwb", "b.nwb"], output=output))
    assert sorted(place.name for place in tmp_path.rglob("*")) == [".zgroup", "there"][kind == "file" :]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "output", "says"),
    [
        ("a.nwb", "b.nwb.zarr", "is an HDF5 file, and so is a whole copy"),
        ("a.nwb.zarr", "b.nwb", "is a Zarr folder, and so is a whole copy"),
        ("a.nwb", "a.nwb", "exists already"),
        ("a.nwb.zarr", "a.nwb.zarr", "exists already"),
        ("a.nwb", "missing/b.nwb", "no folder"),
        ("a.nwb.zarr", "a.nwb.zarr/b.zarr", "inside a.nwb.zarr"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_anything_is_computed(tmp_path, source, output, says) -> None:
    """The place is looked at first: the source, which is not a file that could be read, is not."""
    if source.endswith(".zarr"):
        (tmp_path / source).mkdir()
        (tmp_path / source / ".zgroup").write_text("{}")
    else:
        (tmp_path / source).write_text("not HDF5")
    before = sorted(tmp_path.rglob("*"))
    (outcome,) = label_many([tmp_path / source], output=tmp_path / output)
    assert isinstance(outcome.error, WriteError)
    assert says in outcome.error.message
    assert outcome.error.tip
    assert sorted(tmp_path.rglob("*")) == before
