"""Conversion: a sorter's folder becomes a labelled NWB file that archives accept, or it is said what is missing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from nwb_unitrefine.errors import SourceError, WriteError
from nwb_unitrefine.integrations import convert, mean_waveforms
from nwb_unitrefine.read import read_units
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import read_history

pytest.importorskip("neuroconv")

pytestmark = pytest.mark.filterwarnings("ignore")
"""neuroconv, neo and hdmf warn of their own coming changes."""

METADATA = {
    "NWBFile": {
        "session_start_time": "2023-03-06T18:24:25+01:00",
        "session_description": "A recording with one probe in the visual cortex of a mouse.",
        "experimenter": ["Doe, Jane"],
        "institution": "An institute",
        "keywords": ["spike sorting"],
        "session_id": "s1",
    },
    "Subject": {"subject_id": "m1", "species": "Mus musculus", "sex": "F", "age": "P90D"},
    "Ecephys": {"ElectrodeGroup": [{"location": "VISp"}]},
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "unit"), [("kilosort_toy", "volts"), ("phy_kilosort25", "a.u.")])
def test_a_folder_becomes_a_labelled_file_that_archives_accept(shared_data, tmp_path, name, unit):
    """Units, templates and places are the folder's; labels verify; nwbinspector and dandi have nothing against it."""
    folder = shared_data / "sorters" / name
    (tmp_path / "sub-m1").mkdir()
    output = tmp_path / "sub-m1" / "sub-m1_ses-s1_ecephys.nwb"
    conversion = convert(folder, output=output, metadata=METADATA)
    assert conversion.missing == ()
    before, after = read_units(folder), read_units(output)
    assert after.columns["unit_name"].values.tolist() == [str(unit_id) for unit_id in before.unit_ids]
    for first, second in zip(before.spike_times_s, after.spike_times_s, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-9)
    np.testing.assert_array_equal(before.waveforms.mean, after.waveforms.mean)
    np.testing.assert_array_equal(before.waveforms.channels, after.waveforms.channels)
    np.testing.assert_array_equal(before.electrodes.positions_um, after.electrodes.positions_um)
    assert after.waveforms.declared_unit == unit
    labels = after.columns["unitrefine_label"].values.tolist()
    assert labels == conversion.curation.predictions.labels.tolist()
    assert len(read_history(output)) == 1
    assert verify(output).passed
    assert _important_findings(output) == []
    assert _dandi_errors(output) == []


def _important_findings(path):
    """What nwbinspector says beyond suggestions."""
    nwbinspector = pytest.importorskip("nwbinspector")
    config = nwbinspector.load_config("dandi")
    found = nwbinspector.inspect_nwbfile(nwbfile_path=path, config=config)
    threshold = nwbinspector.Importance.BEST_PRACTICE_VIOLATION.value
    return [message.message for message in found if message.importance.value >= threshold]


def _dandi_errors(path):
    """What `dandi validate` says of a file, but for the dandiset that is not there."""
    command = [str(Path(sys.executable).with_name("dandi")), "validate", "--ignore", "DANDI.NO_DANDISET", str(path)]
    environment = {**os.environ, "DANDI_NO_ET": "1", "HOME": str(path.parent.parent)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    return [] if done.stdout.strip() == "No errors found." else [done.stdout, done.stderr]


def _reverse_tables(folder):
    """Let every table list the clusters the other way round."""
    for table in folder.glob("cluster_*.tsv"):
        heading, *rows = table.read_text().splitlines()
        table.write_text("\n".join([heading, *rows[::-1]]) + "\n")


def _rename_two_clusters(folder):
    """Give spikes to clusters that no table lists, as a split does."""
    clusters = np.load(folder / "spike_clusters.npy")
    clusters[clusters == 3], clusters[clusters == 5] = 57, 103
    np.save(folder / "spike_clusters.npy", clusters)


def _merge_two_clusters(folder):
    """Leave clusters in the tables that have no spikes any more."""
    clusters = np.load(folder / "spike_clusters.npy")
    clusters[(clusters == 3) | (clusters == 5)] = 13
    np.save(folder / "spike_clusters.npy", clusters)


def _as_it_is(_folder):
    """Change nothing."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kilosort_toy", "phy_kilosort25"])
@pytest.mark.parametrize("change", [_as_it_is, _reverse_tables, _rename_two_clusters, _merge_two_clusters])
def test_every_unit_keeps_its_own_spikes_and_waveform(shared_data, tmp_path, name, change):
    """Whatever the folder's tables list, and in whatever order, a cluster's data are under its id; no spike is lost."""
    folder = tmp_path / "folder"
    shutil.copytree(shared_data / "sorters" / name, folder, copy_function=shutil.copyfile)
    folder.chmod(0o755)
    change(folder)
    convert(folder, output=tmp_path / "a.nwb", metadata=METADATA, model=None)
    before, after = read_units(folder), read_units(tmp_path / "a.nwb")
    assert after.unit_ids.tolist() == after.columns["original_cluster_id"].values.tolist()
    rows = {cluster: row for row, cluster in enumerate(after.columns["original_cluster_id"].values.tolist())}
    clusters = np.load(folder / "spike_clusters.npy").reshape(-1)
    assert sorted(rows) == np.unique(clusters).tolist()
    for place, cluster in enumerate(before.unit_ids.tolist()):
        np.testing.assert_array_equal(after.spike_times_s[rows[cluster]], before.spike_times_s[place])
        assert len(after.spike_times_s[rows[cluster]]) == np.sum(clusters == cluster)
        np.testing.assert_array_equal(after.waveforms.mean[rows[cluster]], before.waveforms.mean[place])


@pytest.mark.slow
def test_columns_that_nwb_would_misunderstand_are_renamed(shared_data, tmp_path):
    """A table's column with the name of one of NWB's keeps its values under another; without places, waveforms stay."""
    folder = tmp_path / "folder"
    shutil.copytree(shared_data / "sorters" / "phy_kilosort25", folder, copy_function=shutil.copyfile)
    folder.chmod(0o755)
    (folder / "channel_positions.npy").unlink()
    (folder / "cluster_odd.tsv").write_text("cluster_id\tspike_times\ta/b\tunit_name\n0\t1\tx\tz\n3\t2\ty\tw\n")
    convert(folder, output=tmp_path / "a.nwb", metadata=METADATA, model=None)
    after = read_units(tmp_path / "a.nwb")
    np.testing.assert_array_equal(after.columns["sorter_spike_times"].values[:4], [1, np.nan, np.nan, 2])
    assert after.columns["a_b"].values[:4].tolist() == ["x", "", "", "y"]
    assert after.columns["sorter_unit_name"].values[:4].tolist() == ["z", "", "", "w"]
    assert after.columns["unit_name"].values[:4].tolist() == ["0", "1", "2", "3"]
    np.testing.assert_array_equal(after.waveforms.mean, read_units(folder).waveforms.mean)


@pytest.mark.slow
def test_clusters_that_tables_and_spikes_disagree_about_are_named(shared_data, tmp_path):
    """Clusters that are listed without spikes, or have spikes and are not listed, are said by their ids."""
    folder = tmp_path / "folder"
    shutil.copytree(shared_data / "sorters" / "phy_kilosort25", folder, copy_function=shutil.copyfile)
    folder.chmod(0o755)
    _rename_two_clusters(folder)
    conversion = convert(folder, output=tmp_path / "a.nwb", metadata=METADATA, model=None)
    named = {problem.unit_ids: problem.what for problem in conversion.problems if problem.unit_ids}
    assert "no spikes and are left out" in named[3, 5]
    assert "in none of the tables" in named[57, 103]


def test_a_file_that_came_out_otherwise_gets_no_name(shared_data, tmp_path, monkeypatch):
    """Where the written units are not those that were read, they are named and no file is left."""
    from nwb_unitrefine.integrations.units_table import add_units

    def add_two_in_each_others_place(nwbfile, units, **options):
        order = np.arange(len(units))
        order[[1, 2]] = 2, 1
        mean = replace(units.waveforms, mean=units.waveforms.mean[order])
        add_units(nwbfile, replace(units, waveforms=mean), **options)

    monkeypatch.setattr(sys.modules[convert.__module__], "add_units", add_two_in_each_others_place)
    with pytest.raises(WriteError, match="other units than were read: 1, 2"):
        convert(shared_data / "sorters" / "phy_kilosort25", output=tmp_path / "a.nwb", metadata=METADATA)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_ids_that_are_text_are_numbered_and_kept_as_names(shared_data, tmp_path):
    """A CellExplorer session's units are numbered; their names, and what neuroconv knows of them, stand beside."""
    folder = shared_data / "sorters" / "cellexplorer"
    convert(folder, output=tmp_path / "a.nwb", metadata=METADATA, model=None)
    before, after = read_units(folder), read_units(tmp_path / "a.nwb")
    assert after.unit_ids.tolist() == list(range(len(before)))
    assert after.columns["unit_name"].values.tolist() == before.unit_ids.tolist()
    assert "clu_id" in after.columns
    np.testing.assert_array_equal(after.spike_times_s.values, before.spike_times_s.values)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"NWBFile": "hello"}, "NWBFile of the metadata is 'hello', and not a section.*may have: .*session_start_time"),
        ({"NWBFile": {"sesion_id": "1"}}, r"unknown key, NWBFile\.sesion_id\. NWBFile may have: .*session_id"),
        ({"NWBFile": {"experimenter": "Doe"}}, "experimenter of the metadata is 'Doe', and not a list"),
        ({"Subject": {"sex": "female"}}, r"Subject\.sex of the metadata cannot be 'female'\. It may be: M, F"),
        ({"Subject": None}, "Subject of the metadata is None, and not a section"),
        ({"Ecephys": {"Device": [{"nam": "P"}]}}, r"unknown key, Ecephys\.Device\[0\]\.nam"),
        ({"Ecephys": {"ElectrodeGroup": {"location": "CA1"}}}, "ElectrodeGroup of the metadata is .*, and not a list"),
        ({"Ecephys": 3}, "Ecephys of the metadata is 3, and not a section"),
    ],
)
def test_metadata_that_nwb_has_no_place_for_are_named(shared_data, tmp_path, metadata, said):
    """One line says which key is wrong and what is allowed there; nothing is made."""
    with pytest.raises(SourceError, match=said) as caught:
        convert(shared_data / "sorters" / "phy_kilosort25", output=tmp_path / "a.nwb", metadata=METADATA | metadata)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_named_and_nothing_is_made(shared_data, tmp_path):
    """Without a start time nothing is made, and every field that is missing is named; without the rest, it is noted."""
    folder = shared_data / "sorters" / "phy_kilosort25"
    output = tmp_path / "a.nwb"
    with pytest.raises(SourceError, match=r"lack NWBFile\.session_start_time, .*Subject\.species.*Subject\.sex"):
        convert(folder, output=output)
    assert list(tmp_path.iterdir()) == []
    some = {"NWBFile": METADATA["NWBFile"], "Subject": {"subject_id": "m1", "species": "Mus musculus"}}
    conversion = convert(folder, output=output, metadata=some, model=None)
    assert conversion.missing == (
        "Subject.sex",
        "Subject.age or Subject.date_of_birth",
        "Ecephys.ElectrodeGroup[0].location",
    )
    assert "unitrefine_label" not in read_units(output).columns


def test_metadata_may_be_yaml_or_json(shared_data, tmp_path):
    """A YAML and a JSON file say what a dictionary says; what is neither is refused by name."""
    folder = shared_data / "sorters" / "phy_kilosort25"
    (tmp_path / "m.json").write_text(json.dumps(METADATA))
    (tmp_path / "m.yaml").write_text("NWBFile:\n  session_start_time: 2023-03-06 18:24:25\nSubject: {subject_id: m1}\n")
    for name in ("m.json", "m.yaml"):
        convert(folder, output=tmp_path / f"{name}.nwb", metadata=tmp_path / name, model=None)
        units = read_units(tmp_path / f"{name}.nwb")
        assert units.source.subject_id == "m1"
        assert units.source.session_start_time.startswith("2023-03-06T18:24:25")
    for name, content in {"bad.json": "{", "bad.yaml": "a: [", "list.yaml": "- 1", "time.yaml": "x"}.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(SourceError, match=name):
            convert(folder, output=tmp_path / "b.nwb", metadata=tmp_path / name)
    with pytest.raises(SourceError, match="session_start_time is 'noon'"):
        convert(folder, output=tmp_path / "b.nwb", metadata={"NWBFile": {"session_start_time": "noon"}})


def test_an_output_that_is_there_is_kept(shared_data, tmp_path):
    """A file in the way is not replaced unasked."""
    output = tmp_path / "a.nwb"
    output.write_text("mine")
    folder = shared_data / "sorters" / "phy_kilosort25"
    with pytest.raises(WriteError, match="already exists"):
        convert(folder, output=output, metadata=METADATA)
    assert output.read_text() == "mine"
    convert(folder, output=output, metadata=METADATA, model=None, overwrite=True)
    assert len(read_units(output)) == 13


def test_what_is_no_sorting_is_refused(tmp_path):
    """A table of metrics has nothing to convert."""
    (tmp_path / "m.csv").write_text("unit_id,snr\n1,2\n")
    with pytest.raises(SourceError, match="nothing to convert"):
        convert(tmp_path / "m.csv", output=tmp_path / "a.nwb", metadata=METADATA)


@pytest.mark.slow
def test_an_analyzer_becomes_a_labelled_file(tmp_path):
    """A SortingAnalyzer without its recording gives a file with its templates in volts and its metrics as columns."""
    si = pytest.importorskip("spikeinterface.full")
    recording, sorting = si.generate_ground_truth_recording(durations=[8.0], num_channels=8, num_units=5, seed=0)
    analyzer = si.create_sorting_analyzer(
        sorting, recording, format="binary_folder", folder=tmp_path / "analyzer", sparse=True
    )
    analyzer.compute(["random_spikes", "waveforms", "templates", "noise_levels"], progress_bar=False)
    analyzer.compute({"quality_metrics": {"metric_names": ["snr"]}}, progress_bar=False)
    convert(tmp_path / "analyzer", output=tmp_path / "a.nwb", metadata=METADATA)
    before, after = read_units(tmp_path / "analyzer"), read_units(tmp_path / "a.nwb")
    np.testing.assert_allclose(after.waveforms.mean, before.waveforms.mean * 1e-6, rtol=1e-6)
    np.testing.assert_allclose(after.columns["snr"].values, before.columns["snr"].values)
    np.testing.assert_allclose(after.spike_times_s.values, before.spike_times_s.values, atol=1e-9)
    assert after.waveforms.declared_unit == "volts"
    assert verify(tmp_path / "a.nwb").passed


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
def test_an_interface_labels_within_the_conversion(shared_data, tmp_path, backend):
    """Placed after the sorting interface, it labels the units as those of the finished file are labelled."""
    from datetime import UTC, datetime

    from neuroconv import NWBConverter
    from neuroconv.datainterfaces import PhySortingInterface

    from nwb_unitrefine import curate
    from nwb_unitrefine.integrations import UnitRefineInterface

    class Session(NWBConverter):
        data_interface_classes: ClassVar[dict[str, type]] = {
            "Sorting": PhySortingInterface,
            "Labels": UnitRefineInterface,
        }

    folder = shared_data / "sorters" / "phy_kilosort25"
    converter = Session({"Sorting": {"folder_path": str(folder)}, "Labels": {"columns": "quality"}})
    metadata = converter.get_metadata()
    metadata["NWBFile"]["session_start_time"] = datetime(2023, 1, 1, tzinfo=UTC)
    output = tmp_path / ("a.nwb.zarr" if backend == "zarr" else "a.nwb")
    converter.run_conversion(nwbfile_path=str(output), metadata=metadata, backend=backend)
    assert verify(output).passed
    units = read_units(output)
    again = curate(output).predictions.labels.tolist()
    assert units.columns["quality_label"].values.tolist() == again


@pytest.mark.slow
def test_labels_of_spike_times_alone_are_warned_of(shared_data, tmp_path):
    """Without mean waveforms the interface warns; given those that are read of the folder, it does not."""
    from datetime import UTC, datetime

    from neuroconv import NWBConverter
    from neuroconv.datainterfaces import PhySortingInterface

    from nwb_unitrefine.integrations import SpikeTimesOnlyWarning, UnitRefineInterface

    class Session(NWBConverter):
        data_interface_classes: ClassVar[dict[str, type]] = {
            "Sorting": PhySortingInterface,
            "Labels": UnitRefineInterface,
        }

    folder = tmp_path / "folder"
    shutil.copytree(shared_data / "sorters" / "phy_kilosort25", folder, copy_function=shutil.copyfile)
    folder.chmod(0o755)
    _reverse_tables(folder)
    session = Session({"Sorting": {"folder_path": str(folder)}, "Labels": {}})
    metadata = session.get_metadata()
    metadata["NWBFile"]["session_start_time"] = datetime(2023, 1, 1, tzinfo=UTC)
    with pytest.warns(SpikeTimesOnlyWarning, match="mean_waveforms"):
        session.run_conversion(nwbfile_path=tmp_path / "a.nwb", metadata=metadata)
    unit_ids = session.data_interface_objects["Sorting"].sorting_extractor.unit_ids
    assert unit_ids[0] == 12
    options = {"Sorting": {"waveform_data_dict": mean_waveforms(folder, unit_ids=unit_ids)}}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        session.run_conversion(nwbfile_path=tmp_path / "b.nwb", metadata=metadata, conversion_options=options)
    assert not [one for one in caught if issubclass(one.category, SpikeTimesOnlyWarning)]
    before, after = read_units(folder), read_units(tmp_path / "b.nwb")
    order = after.columns["original_cluster_id"].values
    np.testing.assert_array_equal(after.waveforms.mean, before.waveforms.mean[order])


@pytest.mark.slow
def test_the_conversion_in_the_documentation_labels_with_waveforms(shared_data, tmp_path):
    """The function that the page shows makes a file with mean waveforms and labels that verify."""
    from datetime import UTC, datetime

    page = (Path(__file__).parents[2] / "docs/how-to/neuroconv.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE)
    names: dict[str, object] = {}
    exec(next(block for block in blocks if "PhySortingInterface" in block), names)
    start = datetime(2023, 1, 1, tzinfo=UTC)
    names["convert_session"](shared_data / "sorters" / "phy_kilosort25", tmp_path / "a.nwb", start)
    assert read_units(tmp_path / "a.nwb").waveforms is not None
    assert verify(tmp_path / "a.nwb").passed


def test_mean_waveforms_of_other_units_are_refused(shared_data):
    """A unit without spikes has NaN; where no unit is the folder's, or it has no waveforms, that is said."""
    folder = shared_data / "sorters" / "phy_kilosort25"
    found = mean_waveforms(folder, unit_ids=[999, 4])
    assert np.isnan(found["means"][0]).all()
    np.testing.assert_array_equal(found["means"][1], read_units(folder).waveforms.mean[4])
    assert found["unit"] == "a.u."
    with pytest.raises(SourceError, match="none of the units"):
        mean_waveforms(folder, unit_ids=["a"])
    with pytest.raises(SourceError, match="no mean waveforms"):
        mean_waveforms(shared_data / "sorters" / "cellexplorer", unit_ids=[1])


@pytest.mark.slow
def test_an_interface_labels_a_file_that_is_appended_to(shared_data, tmp_path):
    """Alone, the interface labels the units of a file on disk, and the file stays valid."""
    import pynwb

    from nwb_unitrefine.integrations import UnitRefineInterface

    output = tmp_path / "a.nwb"
    convert(shared_data / "sorters" / "phy_kilosort25", output=output, metadata=METADATA, model=None)
    before = _important_findings(output)
    UnitRefineInterface().run_conversion(nwbfile_path=str(output), append_on_disk_nwbfile=True)
    assert verify(output).passed
    assert _important_findings(output) == before
    errors = pynwb.validate(path=str(output))
    assert not errors, errors


def test_a_folder_is_labelled_without_conversion(shared_data, tmp_path):
    """Tables appear beside the sorter's files, which stay as they are; labelling again replaces the tables."""
    import hashlib

    from nwb_unitrefine import curate, write_curation

    folder = tmp_path / "ks"
    shutil.copytree(shared_data / "sorters" / "phy_kilosort25", folder)
    folder.chmod(0o755)
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    for _ in range(2):
        curation = curate(folder)
        report = write_curation(curation)
    assert report.path == folder / "unitrefine_labels.csv"
    lines = (folder / "cluster_unitrefine_label.tsv").read_text().splitlines()
    assert lines[0] == "cluster_id\tunitrefine_label"
    labels = dict(line.split("\t") for line in lines[1:])
    assert list(labels.values()) == curation.predictions.labels.tolist()
    new = {path.name for path in folder.iterdir()} - set(digests)
    assert new == {"unitrefine_labels.csv", "cluster_unitrefine_label.tsv"}
    for name, digest in digests.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    elsewhere = write_curation(curation, output=tmp_path / "tables")
    assert elsewhere.path.parent == tmp_path / "tables"
    with pytest.raises(WriteError):
        write_curation(curation, output=Path("/proc/none"))
