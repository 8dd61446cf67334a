"""Labels of every archive in our words."""

from __future__ import annotations

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
        ("is_single", "", [True, False], ["sua", "mua"]),
        ("KSLabel", "", ["good", "mua"], ["sua", "mua"]),
        (
            "curation_label",
            "",
            [["reject"], ["mua", "noise"], ["mua"], ["accept"], []],
            ["noise", "noise", "mua", "sua", ""],
        ),
        ("label", "", ["Single unit", " MULTI ", "Artifact"], ["sua", "mua", "noise"]),
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


@pytest.mark.parametrize("word", ["neural", "fair", "7"])
def test_an_unknown_word_is_not_guessed(word: str) -> None:
    """What nobody has said is refused by name: "neural" is not a single unit."""
    with pytest.raises(TrainingError, match=f"'{word}'"):
        map_labels(["good", word], column="label")


def test_the_callers_meaning_goes_first() -> None:
    """A lab may call its multi-units good."""
    assert map_labels(["Good", "fair"], mapping={"good": "mua", "FAIR": ""}).labels.tolist() == ["mua", ""]


def test_a_meaning_must_be_a_class() -> None:
    """A typing error in a meaning is no new class."""
    with pytest.raises(TrainingError, match="cannot mean 'mau'"):
        map_labels(["good"], mapping={"good": "mau"})
