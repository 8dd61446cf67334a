"""Labels in the formats of other programs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nwb_unitrefine.errors import SourceError, WriteError
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


def test_removed_units_are_noise(tmp_path: Path) -> None:
    """SpikeInterface's ``removed`` means that a unit is none; format 1 has labels beside the id."""
    place = tmp_path / "curation.json"
    document = {
        "format_version": "1",
        "unit_ids": [1, 2, 3],
        "manual_labels": [{"unit_id": 1, "quality": ["good"], "putative_type": ["excitatory"]}],
        "removed_units": [3],
    }
    place.write_text(json.dumps(document))
    assert import_labels(place) == {1: "sua", 3: "noise"}


@pytest.mark.parametrize("name", ["cluster_group.tsv", "cluster_KSLabel.tsv"])
def test_what_kilosort_wrote_is_no_persons(shared_data: Path, name: str) -> None:
    """Kilosort's own tables, of which one looks like Phy's, hold labels that nobody decided on."""
    with pytest.raises(SourceError, match=f"{name}: the column 'KSLabel' is a program's: nobody decided"):
        import_labels(shared_data / "sorters" / "phy_kilosort25" / name)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "unit_id,label\n1,sua\n1,mua\n", "both 'sua' and 'mua'"),
        ("a.csv", "unit_id,label\n1,strange\n", "'strange' of unit 1"),
        ("a.csv", "unit_id,label\nx,sua\n", "'x' is not the id"),
        ("a.csv", "a,b\n1,2\n", "no column of unit ids"),
        ("a.csv", "unit_id,b\n1,2\n", "has the columns unit_id, b"),
        ("a.csv", "", "is empty"),
        ("a.json", "{", "cannot be read"),
        ("a.json", "[]", "not a curation of SpikeInterface"),
        ("a.json", '{"unit_ids": [1, 2], "merges": [{"unit_ids": [1, 2]}]}', "merges units 1 and 2"),
    ],
)
def test_tables_that_make_no_sense_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    """With one line that names the file."""
    place = tmp_path / name
    place.write_text(text)
    with pytest.raises(SourceError, match=message) as refusal:
        import_labels(place)
    assert name in str(refusal.value)


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"manual_labels": [{"unit_id": 1, "labels": {"quality": ["nosie"]}}]}, "'nosie' of unit 1"),
        ({"manual_labels": [{"unit_id": 1, "mine": "good"}]}, "category 'mine', which may not mean quality"),
        ({"manual_labels": [{"labels": {"quality": ["good"]}}]}, "no unit_id"),
        ({"manual_labels": [3]}, "no unit_id"),
        ({"manual_labels": {"0": "good"}}, "manual_labels is no list"),
        ({"manual_labels": [{"unit_id": 1, "labels": ["good"]}]}, "not sorted by category"),
        ({"manual_labels": [{"unit_id": 7, "quality": "good"}]}, "not among its unit_ids"),
        ({"removed": 3}, "removed is no list"),
        ({"unit_ids": 3}, "not a curation of SpikeInterface"),
        ({"unit_ids": [1, 2, 8]}, "unit 8, which the file does not have"),
    ],
)
def test_a_curation_that_makes_no_sense_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    """An unknown word is refused as in a table, and so is what SpikeInterface does not write, or of other units."""
    place = tmp_path / "curation.json"
    place.write_text(json.dumps({"unit_ids": [1, 2, 3], **changes}))
    with pytest.raises(SourceError, match=message):
        import_labels(place, unit_ids=[1, 2, 3, 4])


def test_a_unit_without_a_word_has_no_label(tmp_path: Path) -> None:
    """Null says nothing of a unit, and neither does a category that sorts units in another way."""
    place = tmp_path / "curation.json"
    entries = [{"unit_id": 1, "labels": {"quality": None}}, {"unit_id": 2, "labels": {"type": ["excitatory"]}}]
    place.write_text(json.dumps({"unit_ids": [1, 2], "manual_labels": entries}))
    assert import_labels(place) == {}
