"""Labels that a person set in another program are read as they were meant, and a program's are refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.write import import_labels

if TYPE_CHECKING:
    from pathlib import Path


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
        ("a.csv", "unit_id,label\n0.999,sua\n", "'0.999' is not the id"),
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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"manual_labels": [{"unit_id": 1, "labels": {"quality": ["nosie"]}}]}, "'nosie' of unit 1"),
        ({"manual_labels": [{"unit_id": 1, "mine": "good"}]}, "category 'mine', which may not mean quality"),
        ({"manual_labels": [{"labels": {"quality": ["good"]}}]}, "no unit_id"),
        ({"manual_labels": [3]}, "no unit_id"),
        ({"manual_labels": {"0": "good"}}, "manual_labels is not a list"),
        ({"manual_labels": [{"unit_id": 1, "labels": ["good"]}]}, "not sorted by category"),
        ({"manual_labels": [{"unit_id": 7, "quality": "good"}]}, "not among its unit_ids"),
        ({"removed": 3}, "removed is not a list"),
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


@pytest.mark.parametrize(
    ("name", "labels"),
    [("category_only.json", {1: "noise"}), ("sv.json", None), ("ks.tsv", None)],
)
def test_curations_that_were_read_wrongly(shared_data: Path, name: str, labels: dict[int, str] | None) -> None:
    """Only quality counts; a merge is refused with its units, and a program's labels are nobody's."""
    place = shared_data / "cases" / "curation_json" / name
    if labels is not None:
        assert import_labels(place, unit_ids=[1, 2, 7]) == labels
        return
    with pytest.raises(SourceError, match=r"sv\.json merges units 1 and 2|ks\.tsv: .*'KSLabel' is a program's"):
        import_labels(place, unit_ids=[1, 2, 7])


def test_sortingview_has_lists_of_labels(tmp_path: Path) -> None:
    """Of several labels the one against the unit counts; a group of one merges nothing."""
    place = tmp_path / "sv.json"
    by_unit = {"1": ["mua"], "2": ["accept", "reject"], "7": ["accept"], "9": []}
    place.write_text(json.dumps({"labelsByUnit": by_unit, "mergeGroups": [[1]]}))
    assert import_labels(place, unit_ids=[1, 2, 7, 9]) == {1: "mua", 2: "noise", 7: "sua"}
    with pytest.raises(SourceError, match="lists unit 9"):
        import_labels(place, unit_ids=[1, 2, 7])
    place.write_text(json.dumps({"labelsByUnit": {"1": ["accept", "burster"]}}))
    with pytest.raises(SourceError, match="'burster' of unit 1"):
        import_labels(place)
    assert import_labels(place, mapping={"burster": ""}) == {1: "sua"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"merges": [{"unit_ids": [3, 4, 5]}]}, "merges units 3 and 4 and 5"),
        ({"merge_unit_groups": [[3, 4]]}, "merges units 3 and 4"),
        ({"splits": [{"unit_id": 6, "mode": "labels"}]}, "splits unit 6"),
    ],
)
def test_units_that_a_curation_changes_are_named(tmp_path: Path, change: dict[str, object], message: str) -> None:
    """A merge or a split changes the units themselves."""
    place = tmp_path / "curation.json"
    place.write_text(json.dumps({"unit_ids": [3, 4, 5, 6], **change}))
    with pytest.raises(SourceError, match=message):
        import_labels(place)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cluster_id\tgroup\n1\tgood\n2\tunsorted\n", {1: "sua"}),
        ("cluster_id\tgroup\n1\t2\n2\t0\n3\t3\n", {1: "sua", 2: "noise"}),
        ("\ufeffunit_id;label\r\n1,0;accept\r\n2,0;non-soma good\r\n", {1: "sua", 2: "sua"}),
        ("id,KSLabel,group\n1,good,noise\n2,mua,mua\n", {1: "noise", 2: "mua"}),
        ("unit_id,unitrefine_label\n1,sua\n", {1: "sua"}),
        ("Unit ID,Label\n12345678901.0,sua\n", {12345678901: "sua"}),
    ],
)
def test_tables_of_people_are_read(tmp_path: Path, text: str, expected: dict[int, str]) -> None:
    """Whatever the delimiter and the age of Phy; a person's column counts before a program's."""
    (tmp_path / "a.tsv").write_text(text)
    assert import_labels(tmp_path / "a.tsv") == expected


@pytest.mark.parametrize(
    "text",
    [
        "cluster_id\tKSLabel\n1\tgood\n",
        "cluster_id\tKSLabel\tgroup\n1\tgood\t\n",
        "cluster_id\tKSLabel\tgroup\n1\tgood\tgood\n2\tmua\tmua\n",
        "cluster_id\tbc_unitType\n1\tGOOD\n",
    ],
)
def test_tables_of_programs_are_nobodys(tmp_path: Path, text: str) -> None:
    """Also where a column is called as a curator's is and only repeats Kilosort's."""
    (tmp_path / "a.tsv").write_text(text)
    with pytest.raises(SourceError, match="nobody decided on its labels"):
        import_labels(tmp_path / "a.tsv")


def test_a_copy_of_the_sorters_table_beside_it_is_nobodys(tmp_path: Path) -> None:
    """Kilosort writes cluster_group.tsv itself, equal to its own labels."""
    (tmp_path / "cluster_KSLabel.tsv").write_text("cluster_id\tKSLabel\n1\tgood\n2\tmua\n")
    (tmp_path / "cluster_group.tsv").write_text("cluster_id\tgroup\n1\tgood\n2\tmua\n")
    with pytest.raises(SourceError, match="repeats Kilosort's KSLabel"):
        import_labels(tmp_path / "cluster_group.tsv")
    (tmp_path / "cluster_group.tsv").write_text("cluster_id\tgroup\n1\tgood\n2\tnoise\n")
    assert import_labels(tmp_path / "cluster_group.tsv") == {1: "sua", 2: "noise"}
