"""Labels in the formats of other programs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nwb_unitrefine.errors import SourceError, WriteError
from nwb_unitrefine.read import existing_labels, read_units
from nwb_unitrefine.records import Predictions, Run, RunKind
from nwb_unitrefine.write import export_labels, import_labels

if TYPE_CHECKING:
    from pathlib import Path

LABELS = {4: "sua", 7: "noise", 9: "", 12: "mua"}


@pytest.fixture
def run() -> Run:
    """A run with each label, and a unit without one."""
    predictions = Predictions(
        unit_ids=np.array(list(LABELS)),
        probabilities=np.full((4, 3), 1 / 3),
        labels=np.array(list(LABELS.values())),
        uncertain=np.zeros(4, dtype=np.bool_),
        reasons=("",) * 4,
    )
    return Run(
        kind=RunKind.MODEL, agent="m", created=datetime.now(UTC), predictions=predictions, software={}, inputs={}
    )


@pytest.mark.parametrize("name", ["curation.json", "cluster_group.tsv", "labels.csv"])
def test_labels_come_back_from_each_format(run: Run, tmp_path: Path, name: str) -> None:
    """What is exported is imported; a unit without a label has none in any format."""
    place = export_labels(run, tmp_path / name)
    assert import_labels(place) == {unit: label for unit, label in LABELS.items() if label}


def test_spikeinterface_reads_the_curation(run: Run, tmp_path: Path) -> None:
    """SpikeInterface's own model of the format accepts it."""
    model = pytest.importorskip("spikeinterface.curation.curation_model")
    document = json.loads(export_labels(run, tmp_path / "curation.json").read_text())
    curation = model.Curation(**document)
    assert curation.format_version == "2"
    assert {label.unit_id: label.labels["quality"] for label in curation.manual_labels} == {
        4: ["good"],
        7: ["noise"],
        12: ["MUA"],
    }


def test_phy_gets_its_own_words(run: Run, tmp_path: Path) -> None:
    """Phy's file says good, mua, noise and unsorted."""
    text = export_labels(run, tmp_path / "cluster_group.tsv").read_text()
    assert text == "cluster_id\tgroup\n4\tgood\n7\tnoise\n9\tunsorted\n12\tmua\n"


def test_an_existing_file_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    """An export never takes the place of something."""
    place = tmp_path / "labels.csv"
    place.write_text("mine")
    with pytest.raises(WriteError, match="exists already"):
        export_labels(run, place)
    assert place.read_text() == "mine"


def test_an_unknown_kind_is_refused(run: Run, tmp_path: Path) -> None:
    """The file's ending says the format."""
    with pytest.raises(WriteError, match="does not end in a suffix"):
        export_labels(run, tmp_path / "labels.xlsx")


def test_what_is_exported_for_phy_is_read_in_its_folder(run: Run, tmp_path: Path) -> None:
    """A Phy folder with an exported cluster_group.tsv has these labels, as a curator's."""
    (tmp_path / "params.py").write_text("sample_rate = 30000.\n")
    np.save(tmp_path / "spike_times.npy", np.arange(1, 9) * 300)
    np.save(tmp_path / "spike_clusters.npy", np.repeat(list(LABELS), 2))
    export_labels(run, tmp_path / "cluster_group.tsv")
    (labels,) = existing_labels(read_units(tmp_path)).values()
    assert (labels.who, labels.labels.tolist()) == ("curator", list(LABELS.values()))


def in_words(run: Run) -> Run:
    """The run of a model of neural, noise and axon, with a single unit that a person named."""
    words = np.array(["axon", "neural", "", "sua"])
    predictions = replace(run.predictions, labels=words, classes=("neural", "noise", "axon"))
    return replace(run, predictions=predictions)


def test_words_of_ones_own_go_out_and_come_back(run: Run, tmp_path: Path) -> None:
    """SpikeInterface's label definitions have them, and state to the importer that they are labels."""
    place = export_labels(in_words(run), tmp_path / "curation.json")
    document = json.loads(place.read_text())
    options = document["label_definitions"]["quality"]["label_options"]
    assert options == ["neural", "noise", "axon", "good"]
    units = list(LABELS)
    assert import_labels(place) == {units[0]: "axon", units[1]: "neural", units[3]: "sua"}
    model = pytest.importorskip("spikeinterface.curation.curation_model")
    assert len(model.Curation(**document).manual_labels) == 3


def test_a_word_that_is_not_defined_is_still_asked_for(run: Run, tmp_path: Path) -> None:
    """A slip in one entry is not a new word."""
    place = export_labels(in_words(run), tmp_path / "curation.json")
    document = json.loads(place.read_text())
    document["manual_labels"][0]["labels"]["quality"] = ["axom"]
    place.write_text(json.dumps(document))
    with pytest.raises(SourceError, match="'axom'"):
        import_labels(place)
    document["manual_labels"][0]["labels"]["quality"] = ["axon", "noise"]
    place.write_text(json.dumps(document))
    with pytest.raises(SourceError, match="both 'axon' and 'noise'"):
        import_labels(place)


def test_phy_has_no_group_for_them(run: Run, tmp_path: Path) -> None:
    """The words that would be lost are named, and nothing is written."""
    with pytest.raises(WriteError, match="no group for 'axon', 'neural'"):
        export_labels(in_words(run), tmp_path / "cluster_group.tsv")
    assert not (tmp_path / "cluster_group.tsv").exists()
