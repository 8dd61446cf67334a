"""Sorter output, analyzers and tables: taken for what they are, with the values that their own programs read."""

from __future__ import annotations

import importlib.util
import shutil

import h5py
import numpy as np
import pytest

from nwb_unitrefine.errors import NoUnitsError, SourceError
from nwb_unitrefine.read import existing_labels, find_sorter, read_units

FS = 30_000.0
N_SAMPLES, N_CHANNELS = 20, 4


@pytest.fixture
def mixing():
    """A whitening matrix that mixes channels, and its inverse."""
    rng = np.random.default_rng(1)
    matrix = np.eye(N_CHANNELS) + 0.3 * rng.normal(size=(N_CHANNELS, N_CHANNELS))
    return matrix, np.linalg.inv(matrix)


def _write_folder(folder, mixing, *, normalised, meta=False, inverse=None):
    """A Kilosort folder of two clusters whose mean waveforms, in counts, are known; return these."""
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 40, (2, N_SAMPLES, N_CHANNELS))
    whitened = truth @ mixing[0]
    norms = np.linalg.norm(whitened.reshape(2, -1), axis=1)
    templates = whitened / norms[:, None, None] if normalised else whitened
    clusters = np.array([7, 3, 3, 7, 3], dtype=np.int32)
    template_of = np.array([1, 0, 0, 1, 0], dtype=np.int32)
    amplitudes = norms[template_of] * np.array([1.5, 1.0, 1.0, 0.5, 1.0]) if normalised else np.full(5, 9.0)
    folder.mkdir()
    (folder / "params.py").write_text(f"sample_rate = {FS}\nn_channels_dat = {N_CHANNELS}\nhp_filtered = True\n")
    arrays = {
        "spike_times": np.array([30, 60, 90, 3000, 6000], dtype=np.uint64)[:, None],
        "spike_clusters": clusters,
        "spike_templates": template_of,
        "templates": templates.astype(np.float32),
        "amplitudes": amplitudes,
        "whitening_mat_inv": mixing[1] if inverse is None else inverse,
        "channel_map": np.arange(N_CHANNELS)[:, None],
        "channel_positions": np.column_stack([np.zeros(N_CHANNELS), 20.0 * np.arange(N_CHANNELS)]),
    }
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    (folder / "cluster_KSLabel.tsv").write_text("cluster_id\tKSLabel\n3\tgood\n7\tmua\n")
    if meta:
        (folder / "run.ap.meta").write_text(
            "fileTimeSecs=12.5\nimAiRangeMax=0.6\nimMaxInt=512\n~imroTbl=(0,2)(0 0 0 500 250 1)(1 0 0 500 250 1)\n"
        )
    return truth


@pytest.mark.parametrize("normalised", [True, False], ids=["kilosort 1 to 3", "kilosort 4"])
def test_templates_become_mean_waveforms(tmp_path, mixing, normalised):
    """Unwhitened, and scaled by amplitudes where they were normalised, templates are the mean waveforms in counts."""
    truth = _write_folder(tmp_path / "ks", mixing, normalised=normalised)
    units = read_units(tmp_path / "ks")
    assert (units.source.kind, units.source.dialect) == ("sorter", "Kilosort")
    assert units.unit_ids.tolist() == [3, 7]
    assert [train.tolist() for train in units.spike_times_s] == [[0.002, 0.003, 0.2], [0.001, 0.1]]
    np.testing.assert_allclose(units.waveforms.mean, truth, rtol=1e-3, atol=0.05)
    assert units.waveforms.declared_unit == "counts"
    assert "gain is not known" in units.problems[0].what
    assert units.columns["KSLabel"].values.tolist() == ["good", "mua"]


def test_the_gain_makes_volts(tmp_path, mixing):
    """SpikeGLX's meta file, or the user, gives the gain: 2.34375 µV a count, and the duration."""
    truth = _write_folder(tmp_path / "ks", mixing, normalised=True, meta=True)
    units = read_units(tmp_path / "ks")
    np.testing.assert_allclose(units.waveforms.mean, truth * 2.34375e-6, rtol=1e-3, atol=2e-7)
    assert units.waveforms.declared_unit == "volts"
    assert units.recording_intervals_s.tolist() == [[0.0, 12.5]]
    assert units.problems == ()
    given = read_units(tmp_path / "ks", gain_uv=0.195)
    np.testing.assert_allclose(given.waveforms.mean, truth * 0.195e-6, rtol=1e-3, atol=2e-8)


def test_a_merged_cluster_is_the_mean_of_its_spikes(tmp_path, mixing):
    """A cluster made of two templates has the mean over its spikes, three of one and two of the other."""
    truth = _write_folder(tmp_path / "ks", mixing, normalised=False)
    np.save(tmp_path / "ks" / "spike_clusters.npy", np.full(5, 11))
    units = read_units(tmp_path / "ks")
    assert units.unit_ids.tolist() == [11]
    np.testing.assert_allclose(units.waveforms.mean[0], (3 * truth[0] + 2 * truth[1]) / 5, rtol=1e-3, atol=0.05)


def test_a_matrix_that_only_scales_leaves_them_whitened(tmp_path, mixing):
    """Kilosort 2.5 and 3 write no whitening: that the waveforms stay whitened is said, and no volts are claimed."""
    _write_folder(tmp_path / "ks", mixing, normalised=True, meta=True, inverse=200.0 * np.eye(N_CHANNELS))
    units = read_units(tmp_path / "ks")
    assert units.waveforms.declared_unit == "counts"
    assert "stay whitened" in units.problems[0].what


def test_nothing_in_a_folder_is_run(tmp_path, mixing):
    """A params.py with more than constants, and a pickled array, are read or refused, and not run."""
    _write_folder(tmp_path / "ks", mixing, normalised=True)
    params = tmp_path / "ks" / "params.py"
    params.write_text(f"import os\nos.mkdir({str(tmp_path / 'ran')!r})\n" + params.read_text())
    assert len(read_units(tmp_path / "ks")) == 2
    assert not (tmp_path / "ran").exists()
    np.save(tmp_path / "ks" / "amplitudes.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(SourceError, match=r"amplitudes.npy cannot be read"):
        read_units(tmp_path / "ks")


def test_folders_that_do_not_fit_together_are_refused(tmp_path, mixing):
    """No rate, no spikes, and spikes without clusters each have their line."""
    _write_folder(tmp_path / "ks", mixing, normalised=True)
    np.save(tmp_path / "ks" / "spike_clusters.npy", np.zeros(4, np.int32))
    with pytest.raises(SourceError, match=r"has 4 spikes and spike_times.npy 5"):
        read_units(tmp_path / "ks")
    np.save(tmp_path / "ks" / "spike_clusters.npy", np.zeros(0, np.int32))
    np.save(tmp_path / "ks" / "spike_times.npy", np.zeros(0, np.uint64))
    with pytest.raises(NoUnitsError, match="no spikes"):
        read_units(tmp_path / "ks")
    (tmp_path / "ks" / "params.py").write_text("dat_path = 'x'\n")
    with pytest.raises(SourceError, match="no line that sets sample_rate"):
        read_units(tmp_path / "ks")


def test_what_is_ambiguous_or_unknown_is_said(tmp_path, mixing):
    """A folder of two sorters, an unknown name, and an empty folder raise one line with a way out."""
    _write_folder(tmp_path / "two", mixing, normalised=True)
    (tmp_path / "two" / "firings.mda").touch()
    with pytest.raises(SourceError, match="looks like phy and mountainsort") as caught:
        read_units(tmp_path / "two")
    assert "--sorter" in caught.value.tip
    assert len(read_units(tmp_path / "two", sorter="Kilosort")) == 2
    with pytest.raises(SourceError, match="not a sorter that can be read"):
        read_units(tmp_path / "two", sorter="kilosaurus")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no sorter's output"):
        read_units(tmp_path / "empty")


@pytest.mark.parametrize("name", ["phy_kilosort25", "kilosort_toy"])
def test_real_folders_equal_what_spikeinterface_reads(shared_data, name):
    """Ids and spikes of real Kilosort folders are those of SpikeInterface's own extractor."""
    extractors = pytest.importorskip("spikeinterface.extractors")
    sorting = extractors.read_phy(shared_data / "sorters" / name)
    units = read_units(shared_data / "sorters" / name)
    assert units.unit_ids.tolist() == [int(unit) for unit in sorting.unit_ids]
    for unit, train in zip(sorting.unit_ids, units.spike_times_s, strict=True):
        np.testing.assert_array_equal(np.round(train * units.sampling_rate_hz), sorting.get_unit_spike_train(unit))


def test_a_real_folder_gives_plausible_volts(shared_data):
    """Amplitudes of a Neuropixels recording, unwhitened, lie between 20 and 500 µV."""
    units = read_units(shared_data / "sorters" / "kilosort_toy")
    peaks_v = np.ptp(units.waveforms.mean, axis=1).max(axis=1)
    assert units.waveforms.declared_unit == "volts"
    assert ((peaks_v > 20e-6) & (peaks_v < 500e-6)).all()


def test_phy_labels_are_read(shared_data):
    """Labels of a Phy folder are there to compare with."""
    units = read_units(shared_data / "sorters" / "phy_kilosort25")
    assert units.source.dialect == "Phy"
    assert set(existing_labels(units)) == {"KSLabel"}


def test_cellexplorer_is_read_from_its_folder(shared_data):
    """A CellExplorer session is recognised, and its three units are read with SpikeInterface."""
    pytest.importorskip("pymatreader")
    units = read_units(shared_data / "sorters" / "cellexplorer")
    assert (units.source.dialect, len(units), units.sampling_rate_hz) == ("CellExplorer", 3, 20_000.0)
    assert units.spike_times_s.counts.tolist() == [1368, 2263, 1981]
    assert len(units.electrodes.ids) == 128
    assert "no mean waveforms" in units.problems[0].what


def test_cellexplorer_waveforms_and_places_are_read(tmp_path):
    """Mean waveforms in µV on each unit's main channel, counted from 1, and the channels' places and groups."""
    scipy_io = pytest.importorskip("scipy.io")
    pytest.importorskip("pymatreader")

    def cells(*values):
        array = np.empty((1, len(values)), dtype=object)
        array[0, :] = values
        return array

    waves = [np.arange(5.0), np.arange(5.0) * 2]
    spikes = {
        "times": cells(np.array([[0.1], [0.2]]), np.array([[0.3], [0.5]])),
        "ids": cells(np.array([[1], [2]]), np.array([[3], [4]])),
        "UID": np.array([1, 2]),
        "cluID": np.array([7, 9]),
        "sr": 20_000.0,
        "filtWaveform": cells(*waves),
        "timeWaveform": cells(np.array([-0.1, -0.05, 0.0, 0.05, 0.1]), np.array([-0.1, -0.05, 0.0, 0.05, 0.1])),
        "maxWaveformCh1": np.array([3, 1]),
    }
    places = {"x": np.array([0.0, 10.0, 200.0]), "y": np.array([0.0, 20.0, 40.0])}
    groups = {"channels": cells(np.array([[1, 2]]), np.array([[3]]))}
    session = {"extracellular": {"chanCoords": places, "electrodeGroups": groups, "sr": 20_000.0}}
    scipy_io.savemat(tmp_path / "s1.spikes.cellinfo.mat", {"spikes": spikes})
    scipy_io.savemat(tmp_path / "s1.session.mat", {"session": session})
    units = read_units(tmp_path)
    np.testing.assert_array_equal(units.waveforms.mean[:, :, 0], waves)
    assert units.waveforms.channels.tolist() == [[2], [0]]
    assert (units.waveforms.sampling_rate_hz, units.waveforms.samples_before_peak) == (20_000.0, 2)
    assert units.electrodes.positions_um[:, :2].tolist() == [[0.0, 0.0], [10.0, 20.0], [200.0, 40.0]]
    assert units.electrodes.groups.tolist() == ["1", "1", "2"]
    assert units.problems == ()


def test_a_format_without_a_rate_asks_for_it(tmp_path):
    """MountainSort's firings are read once the sampling rate is given."""
    extractors = pytest.importorskip("spikeinterface.extractors")
    core = pytest.importorskip("spikeinterface.core")
    sorting = core.NumpySorting.from_unit_dict({1: np.array([100, 400]), 4: np.array([50, 900])}, sampling_frequency=FS)
    from spikeinterface.extractors.extractor_classes import MdaSortingExtractor

    MdaSortingExtractor.write_sorting(sorting, str(tmp_path / "firings.mda"))
    assert extractors is not None
    with pytest.raises(SourceError, match="does not hold the sampling rate"):
        read_units(tmp_path)
    units = read_units(tmp_path, sampling_rate_hz=FS)
    assert units.unit_ids.tolist() == [1, 4]
    np.testing.assert_allclose(units.spike_times_s[1], np.array([50, 900]) / FS)


def test_combinato_is_read(tmp_path):
    """Groups of a Combinato channel that it calls units are read, at the rate that the user gives."""
    pytest.importorskip("spikeinterface")
    folder = tmp_path / "CSC1"
    (folder / "sort_neg_simple").mkdir(parents=True)
    with h5py.File(folder / "data_CSC1.h5", "w") as file:
        file["neg/times"] = np.array([1.0, 2.0, 3.0, 4.0, 5.0])  # ms
    with h5py.File(folder / "sort_neg_simple" / "sort_cat.h5", "w") as file:
        file["classes"] = np.array([1, 1, 2, 3, 0])
        file["index"] = np.arange(5)
        file["groups"] = np.array([[0, 0], [1, 1], [2, 1], [3, 2]])
        file["types"] = np.array([[0, 0], [1, 2], [2, 1]])
    with pytest.raises(SourceError, match="taken for combinato") as caught:
        read_units(folder)
    assert "sampling_rate_hz" in caught.value.tip
    units = read_units(folder, sampling_rate_hz=FS)
    assert [train.tolist() for train in units.spike_times_s] == [[0.001, 0.002, 0.003], [0.004]]


def test_spyking_circus_is_read(tmp_path):
    """SpyKING Circus' results are read from the folder that holds its parameters."""
    pytest.importorskip("spikeinterface")
    (tmp_path / "run").mkdir()
    (tmp_path / "run.params").write_text("[data]\nsampling_rate = 20000\n")
    with h5py.File(tmp_path / "run" / "run.result.hdf5", "w") as file:
        file["spiketimes/temp_0"] = np.array([200, 4000])
        file["spiketimes/temp_1"] = np.array([100])
    units = read_units(tmp_path)
    assert [train.tolist() for train in units.spike_times_s] == [[0.01, 0.2], [0.005]]


def test_a_sorter_whose_library_is_missing_is_said(tmp_path):
    """Tridesclous' output needs its own package: one line says so."""
    pytest.importorskip("spikeinterface")
    if importlib.util.find_spec("tridesclous"):
        pytest.skip("tridesclous is installed")
    (tmp_path / "info.json").write_text("{}")
    (tmp_path / "channel_group_0").mkdir()
    with pytest.raises(SourceError, match="taken for tridesclous"):
        read_units(tmp_path)


def test_every_sorter_by_name_is_one_that_spikeinterface_reads():
    """The table of sorters names functions that are there."""
    extractors = pytest.importorskip("spikeinterface.extractors")
    from nwb_unitrefine.read.sorters.catalogue import SORTERS

    assert all(not sorter.extractor or callable(getattr(extractors, sorter.extractor)) for sorter in SORTERS)
    assert find_sorter(None, sorter="PhySortingInterface").name == "phy"
    assert find_sorter("a folder that is not there") is None


@pytest.fixture(scope="module", params=["binary_folder", "zarr"])
def analyzer(request, tmp_path_factory):
    """A saved analyzer of five units with templates and metrics, and itself."""
    si = pytest.importorskip("spikeinterface.full")
    folder = tmp_path_factory.mktemp("analyzers") / ("a.zarr" if request.param == "zarr" else "a")
    recording, sorting = si.generate_ground_truth_recording(durations=[8.0], num_channels=8, num_units=5, seed=0)
    made = si.create_sorting_analyzer(sorting, recording, format=request.param, folder=folder, sparse=True)
    made.compute(["random_spikes", "waveforms", "templates", "noise_levels"], progress_bar=False)
    made.compute({"quality_metrics": {"metric_names": ["snr", "num_spikes"]}}, progress_bar=False)
    return made, folder


@pytest.mark.filterwarnings("ignore")
def test_an_analyzer_gives_its_units_templates_and_metrics(analyzer):
    """Spikes, sparse templates in µV, places and metrics are the analyzer's, from its folder as from memory."""
    made, folder = analyzer
    for units in (read_units(folder), read_units(made)):
        assert units.source.kind == "analyzer"
        assert units.unit_ids.tolist() == [str(unit) for unit in made.unit_ids]
        for unit, train in zip(made.unit_ids, units.spike_times_s, strict=True):
            samples = made.sorting.get_unit_spike_train(unit)
            np.testing.assert_allclose(train, samples / made.sampling_frequency)
        mask = made.sparsity.mask
        templates = made.get_extension("templates").get_templates()
        np.testing.assert_array_equal(~np.isnan(units.waveforms.mean[:, 0]), mask)
        np.testing.assert_array_equal(
            np.nan_to_num(units.waveforms.mean), np.where(mask[:, None], templates, 0).astype(np.float32)
        )
        assert (units.waveforms.channels >= 0).tolist() == mask.tolist()
        assert units.waveforms.declared_unit == "microvolts"
        np.testing.assert_array_equal(units.electrodes.positions_um[:, :2], made.get_channel_locations())
        snr = made.get_extension("quality_metrics").get_data()["snr"]
        np.testing.assert_allclose(units.columns["snr"].values, snr.to_numpy(dtype=float))
        assert units.recording_intervals_s.tolist() == [[0.0, 8.0]]


def test_a_table_of_metrics_is_units_without_spikes(tmp_path):
    """Ids are joined by their column, numbers are numbers, empty cells are NaN; ids that repeat are rows."""
    (tmp_path / "a.csv").write_text("cluster_id,snr,note\n12.0,3.5,ok\n4,,\n")
    units = read_units(tmp_path / "a.csv")
    assert units.source.kind == "csv"
    assert units.unit_ids.tolist() == [12, 4]
    np.testing.assert_array_equal(units.columns["snr"].values, [3.5, np.nan])
    assert units.columns["note"].values.tolist() == ["ok", ""]
    (tmp_path / "b.csv").write_text("unit_id,snr\n0,1\n0,2\n")
    twice = read_units(tmp_path / "b.csv")
    assert twice.unit_ids.tolist() == [0, 1]
    assert twice.columns["unit_id"].values.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "is empty"),
        ("unit_id,snr\n", "no rows"),
        ("snr\n1\n", "no column of unit ids"),
        ("unit_id,snr,snr\n1,2,3\n", "more than once"),
        ("unit_id,snr\n1,2,3\n", "row 2 has 3 cells"),
    ],
)
def test_tables_that_are_none_are_refused(tmp_path, content, what):
    """Each way in which a table is not a table has its line."""
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(SourceError, match=what):
        read_units(tmp_path / "a.csv")


def test_allens_table_of_metrics_is_recognised(shared_data):
    """A metrics.csv of Allen's pipeline is called so, with all of its units."""
    units = read_units(shared_data / "allen_metrics" / "200304_MC01_day1_g4_imec0.metrics.csv")
    assert (units.source.dialect, len(units)) == ("Allen", 412)


def test_labels_of_ours_beside_a_sorter_are_not_read_back(tmp_path, mixing):
    """The table that labelling leaves in a folder is not a column of the sorter's."""
    _write_folder(tmp_path / "ks", mixing, normalised=True)
    (tmp_path / "ks" / "cluster_unitrefine_label.tsv").write_text("cluster_id\tunitrefine_label\n3\tsua\n")
    assert set(read_units(tmp_path / "ks").columns) == {"KSLabel"}
    shutil.rmtree(tmp_path / "ks")
