"""Tables of a Phy folder: what the curator decided is read, whichever table has it; what is not read is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from nwb_unitrefine.read import existing_labels, read_units
from nwb_unitrefine.records import ProblemCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nwb_unitrefine.records import Problem, Units

CLUSTERS = (0, 1, 2, 5)


@pytest.fixture
def phy(tmp_path: Path) -> Callable[..., Units]:
    """Write a folder of four clusters with these tables, and read it."""

    def make(**tables: str | bytes) -> Units:
        (tmp_path / "params.py").write_text("sample_rate = 30000.\n")
        np.save(tmp_path / "spike_times.npy", np.arange(1, 9) * 300)
        np.save(tmp_path / "spike_clusters.npy", np.repeat(CLUSTERS, 2))
        for name, content in tables.items():
            stem, _, suffix = name.rpartition("_")
            path = tmp_path / f"{stem}.{suffix}"
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_units(tmp_path)

    return make


def _found(units: Units, code: ProblemCode) -> list[Problem]:
    return [problem for problem in units.problems if problem.code == code]


def _labels(units: Units) -> dict[str, tuple[str, list[str]]]:
    return {name: (found.who, found.labels.tolist()) for name, found in existing_labels(units).items()}


GROUP = "cluster_id\tgroup\n0\tgood\n1\tmua\n2\tnoise\n5\tgood\n"


@pytest.mark.parametrize(
    "tables",
    [
        {"cluster_group_tsv": GROUP},
        {"cluster_groups_csv": GROUP},
        {"cluster_groups_csv": GROUP.replace("\t", ",")},
        {"cluster_group_tsv": GROUP.replace("\t", ";")},
        {"cluster_group_tsv": GROUP.replace("\n", "\r\n")},
        {"cluster_group_tsv": "\ufeff" + GROUP},
        {"cluster_group_TSV": GROUP},
        {"cluster_group_tsv": GROUP.replace("group", "Group").replace("good", "Good")},
        {"cluster_info_tsv": GROUP.replace("cluster_id", "id")},
        {"cluster_group_tsv": "cluster_id\tgroup\n0.0\t good\n\n1.0\t'mua'\n2\tnoise\n5\tgood\n".replace("'", '"')},
        {"cluster_groups_csv": "cluster_id,group\n0,2\n1,1\n2,0\n5,2\n"},
        {"cluster_group_tsv": GROUP, "cluster_unitrefine_label_tsv": "cluster_id\tunitrefine_label\n0\tnoise\n"},
    ],
)
def test_the_curators_labels_are_read(phy: Callable[..., Units], tables: dict[str, str]) -> None:
    """Whatever the delimiter, the line ends, the spelling of ids or the age of Phy."""
    units = phy(**tables)
    assert units.source.dialect == "Phy"
    assert _labels(units) == {"quality": ("curator", ["sua", "mua", "noise", "sua"])}
    assert not _found(units, ProblemCode.LABELS_NOT_READ)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (GROUP.encode("utf-16"), "UTF-16"),
        (b"", "is empty"),
        (GROUP.replace("noise", "noise\tnoise").encode(), "row 4 has 3 cells"),
        (GROUP.replace("2\tnoise", "two\tnoise").encode(), "'two' is not the id of a cluster"),
        ((GROUP + "2\tgood\n").encode(), "cluster 2 twice"),
        (GROUP.replace("cluster_id\t", "cluster_id\tgroup\t").encode(), "'group' more than once"),
        (GROUP.replace("cluster_id", "cluster number").encode(), "no column of unit ids"),
    ],
)
def test_a_curators_table_that_is_not_read_is_named(phy: Callable[..., Units], content: bytes, why: str) -> None:
    """The folder is read without it, and the problem says which table and why."""
    units = phy(cluster_group_tsv=content, cluster_KSLabel_tsv="cluster_id\tKSLabel\n0\tgood\n")
    (problem,) = _found(units, ProblemCode.LABELS_NOT_READ)
    assert "cluster_group.tsv" in problem.what
    assert why in problem.what
    assert set(units.columns) == {"KSLabel"}


def test_labels_under_another_name_are_named(phy: Callable[..., Units]) -> None:
    """A table of labels that Phy would not find is not read in silence; a table of metrics is no such table."""
    units = phy(labels_csv="cluster_id,label\n0,good\n", metrics_csv="cluster_id,snr\n0,3\n")
    (problem,) = _found(units, ProblemCode.LABELS_NOT_READ)
    assert problem.what.startswith("labels.csv has labels")


def test_group_and_quality_are_two_columns(phy: Callable[..., Units]) -> None:
    """A rating called quality stays; the group is the curator's label."""
    units = phy(cluster_group_tsv=GROUP, cluster_quality_tsv="cluster_id\tquality\n0\t3\n1\t1\n2\t1\n5\t2\n")
    assert units.columns["quality"].values.tolist() == [3, 1, 1, 2]
    assert units.columns["group"].values.tolist() == ["good", "mua", "noise", "good"]
    assert units.columns["group"].description.startswith("Group that the cluster was put into in Phy")
    assert units.columns["quality"].description == "quality of the sorter's cluster tables."
    assert _labels(units) == {"group": ("curator", ["sua", "mua", "noise", "sua"])}


def test_phys_own_table_outranks_cluster_info(phy: Callable[..., Units]) -> None:
    """The difference is reported with the clusters; an empty group and an unsorted one are the same."""
    info = "cluster_id\tKSLabel\tgroup\tfr\n0\tgood\tgood\t1.5\n1\tmua\t\t2\n2\tmua\tmua\t3\n5\tgood\tgood\t4\n"
    units = phy(cluster_info_tsv=info, cluster_group_tsv="cluster_id\tgroup\n0\tnoise\n1\tunsorted\n5\tgood\n")
    assert units.columns["quality"].values.tolist() == ["noise", "unsorted", "", "good"]
    assert units.columns["fr"].values.tolist() == [1.5, 2, 3, 4]
    (problem,) = _found(units, ProblemCode.LABELS_DIFFER)
    assert problem.unit_ids == (0, 2)
    assert "cluster_group.tsv counts" in problem.what


def test_tables_that_agree_are_not_reported(phy: Callable[..., Units]) -> None:
    """Phy's snapshot of the same state is not a difference."""
    assert not _found(phy(cluster_info_tsv=GROUP, cluster_group_tsv=GROUP), ProblemCode.LABELS_DIFFER)


def test_a_group_that_repeats_kilosort_is_nobodys(phy: Callable[..., Units]) -> None:
    """As Kilosort writes it before Phy is opened."""
    sorter = "cluster_id\tKSLabel\n0\tgood\n1\tmua\n2\tmua\n5\tgood\n"
    units = phy(cluster_KSLabel_tsv=sorter, cluster_group_tsv=sorter.replace("KSLabel", "group"))
    assert {who for who, _ in _labels(units).values()} == {"program"}
    (problem,) = _found(units, ProblemCode.LABELS_OF_PROGRAM)
    assert "nobody decided" in problem.what


def test_a_heading_without_rows_decides_nothing(phy: Callable[..., Units]) -> None:
    """Phy writes one where nobody labelled anything."""
    units = phy(cluster_group_tsv="cluster_id\tgroup\n")
    assert _labels(units) == {}
    assert not _found(units, ProblemCode.LABELS_NOT_READ)


@pytest.mark.parametrize(
    ("case", "column", "labels"),
    [
        ("phy_byte_order_mark", "quality", ["sua", "mua", "noise", "sua"]),
        ("phy_tab_separated_csv", "quality", ["sua", "mua", "noise", "sua"]),
        ("phy_quality_and_group", "group", ["sua", "mua", "noise", "sua"]),
        ("phy_stale_cluster_info", "quality", ["noise", "sua", "noise", "sua"]),
    ],
)
def test_folders_that_were_read_wrongly(shared_data: Path, case: str, column: str, labels: list[str]) -> None:
    """Folders after public reports give the curator's labels."""
    assert _labels(read_units(shared_data / "cases" / case))[column] == ("curator", labels)
