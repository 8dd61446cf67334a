"""Labels of every archive in our words."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn import map_labels
from nwb_unitrefine.records import Ragged


@pytest.mark.parametrize(
    ("column", "dialect", "values", "expected"),
    [
        ("quality", "", ["good", "mua", "noise", "unsorted"], ["sua", "mua", "noise", ""]),
        ("quality", "Phy", ["good", "mua", "noise", "unsorted"], ["sua", "mua", "noise", ""]),
        ("quality", "Allen", ["good", "noise"], ["", "noise"]),
        ("decoder_label", "AIND", ["SUA", "MUA", "noise"], ["sua", "mua", "noise"]),
        ("bombcell_label", "", ["good", "mua", "noise", "non_soma"], ["sua", "mua", "noise", ""]),
        ("phy_annotations", "", [0.0, 1.0, 2.0, 3.0, np.nan], ["noise", "mua", "sua", "", ""]),
        ("phy_annotations", "Steinmetz", [0, 1, 2, 3], ["noise", "mua", "sua", ""]),
        ("KSLabel", "", ["good", "mua"], ["sua", "mua"]),
        (
            "curation_label",
            "",
            [["reject"], ["mua", "noise"], ["mua"], ["accept"], []],
            ["noise", "noise", "mua", "sua", ""],
        ),
        ("label", "", ["Single unit", " MULTI ", "Artifact"], ["sua", "mua", "noise"]),
        ("label", "", ["accept", b"single_unit", np.str_("Multi-unit")], ["sua", "sua", "mua"]),
        ("ibl_quality_score", "", [1.0, 2 / 3, 1 / 3, 0.0], ["sua", "", "", ""]),
    ],
)
def test_dialects(column: str, dialect: str, values: list, expected: list[str]) -> None:
    """Each archive's labels mean what its people say they mean."""
    assert map_labels(values, column=column, dialect=dialect).labels.tolist() == expected


def test_lists_of_labels_as_nwb_has_them() -> None:
    """Spyglass's ragged column is read as it is stored."""
    column = Ragged(np.array(["mua", "reject", "accept"], dtype=object), np.array([0, 2, 2, 3]))
    assert map_labels(column, column="curation_label", dialect="Spyglass").labels.tolist() == ["noise", "", "sua"]


def test_a_missing_label_is_left_out_and_shown() -> None:
    """NaN, None and an empty text are nobody's label."""
    mapped = map_labels(["good", np.nan, None, "", "good"])
    assert mapped.labels.tolist() == ["sua", "", "", "", "sua"]
    assert mapped.counts == {"good": 2, "nan": 1, "": 2}
    assert mapped.mapping["nan"] == ""


@pytest.mark.parametrize("word", ["neural", "non_soma", "bad", "fair", "7", "good?"])
def test_an_unknown_word_is_not_guessed(word: str) -> None:
    """A word that nobody's table has, or that leaves several classes possible, is asked for by name."""
    with pytest.raises(TrainingError, match=re.escape(repr(word))):
        map_labels(["good", word], column="label")


def test_the_callers_meaning_goes_first() -> None:
    """A lab may call its multi-units good."""
    assert map_labels(["Good", "fair"], mapping={"good": "mua", "FAIR": ""}).labels.tolist() == ["mua", ""]


def test_a_meaning_must_be_a_class() -> None:
    """A typing error in a meaning is not a new class."""
    with pytest.raises(TrainingError, match="cannot mean 'mau'"):
        map_labels(["good"], mapping={"good": "mau"})


def test_a_rule_is_nobodys_label() -> None:
    """A boolean column does not state who decided: what it means is asked for, and taken from the caller."""
    with pytest.raises(TrainingError, match="'True', 'False'"):
        map_labels([True, False], column="is_single")
    mapped = map_labels([True, False], column="is_single", mapping={"true": "sua", "False": "mua"})
    assert mapped.labels.tolist() == ["sua", "mua"]


def test_a_word_that_no_table_has_is_asked_for_in_an_archives_own_column_too() -> None:
    """Phy's users have groups of their own."""
    with pytest.raises(TrainingError, match=r"'mine'.*--mapping mine=mua"):
        map_labels(["good", "mine"], column="quality", dialect="Phy")
