"""Files that a study makes get no message from DANDI's validation, pynwb and nwbinspector that their sources do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import pynwb
import pytest

from helpers.bare_nwb import make_small_session
from helpers.servers.dandi_stub import known_instances, serve_dandi
from helpers.servers.range_server import serve_ranges
from nwb_unitrefine.batch.conformity import check_study
from nwb_unitrefine.batch.dandisets import plan_dandiset
from nwb_unitrefine.batch.plan import plan_files, write_plan
from nwb_unitrefine.batch.study import label_study, study_options
from nwb_unitrefine.batch.tasks import TaskOptions

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from nwb_unitrefine.batch.plan import Entry

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of the validators, about what they validate
]

CODE = "NWBI.check_subject_species_form"


@pytest.fixture(autouse=True)
def _validators() -> None:
    pytest.importorskip("dandi")
    pytest.importorskip("nwbinspector")


def _labelled(study: Path, entries: Iterable[Entry]) -> Path:
    write_plan(study, entries)
    assert {line["outcome"] for line in label_study(study, study_options(TaskOptions()))} == {"labelled"}
    return study


def test_files_made_of_real_ones_get_nothing_new(tmp_path: Path, shared_data: Path) -> None:
    """Of every NWB file of four labs and ten versions, the derived file is as valid, for pynwb as for DANDI."""
    study = _labelled(tmp_path / "study", plan_files([shared_data / "nwb"], study=tmp_path / "study"))
    found = list(check_study(study))
    assert len(found) == len(list((shared_data / "nwb").glob("*.nwb")))
    assert [(one.source, one.new) for one in found if one.new] == []
    for one in found:
        assert pynwb.validate(path=study / "dandiset" / one.path) == [], one.path


@pytest.mark.parametrize("suffix", [".nwb", ".nwb.zarr"])
@pytest.mark.parametrize("is_remote", [False, True])
def test_what_the_source_gets_does_not_count(tmp_path: Path, suffix: str, *, is_remote: bool) -> None:
    """A species that nobody can look up is the source's message, on disk and in an archive, in HDF5 and in Zarr."""
    data, study = tmp_path / "data", tmp_path / "study"
    data.mkdir()
    source = make_small_session(data / f"sub-1_ecephys{suffix}")
    if suffix == ".nwb":
        with h5py.File(source, "r+") as file:
            del file["general/subject/species"]
            file["general/subject/species"] = "mouse"
    else:
        zarr = pytest.importorskip("zarr")
        zarr.open_group(str(source), "r+")["general/subject/species"][...] = "mouse"
    if not is_remote:
        (found,) = check_study(_labelled(study, plan_files([data], study=study)))
    else:
        with (
            serve_dandi() as stub,
            serve_ranges(data) as blobs,
            known_instances(tmp_path / "known", dandi_stub=stub),
        ):
            is_zarr = suffix != ".nwb"
            url = f"{blobs.url}/{source.name}" + "?/zarr/" * is_zarr
            stub.add(f"sub-1/{source.name}", "00000000-0000-4000-8000-000000000000", url, is_zarr=is_zarr)
            (found,) = check_study(_labelled(study, plan_dandiset("DANDI:000123", instance="dandi-stub")))
    assert (found.new, found.not_compared) == ((), "")
    assert found.n_of_source >= 1


def test_what_labelling_would_spoil_counts(tmp_path: Path) -> None:
    """A message that only the derived file gets is new, and names its code; one for both is not."""
    study = tmp_path / "study"
    source = make_small_session(tmp_path / "sub-1_ecephys.nwb")
    (made,) = _labelled(study, plan_files([source], study=study)).glob("dandiset/*/*.nwb")
    with h5py.File(made, "r+") as file:
        del file["general/subject/species"]
        file["general/subject/species"] = "mouse"
    (found,) = check_study(study)
    assert [message.partition(":")[0] for message in found.new] == [CODE]
