"""One table of label words: a word means the same wherever it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from nwb_unitrefine.errors import SourceError, TrainingError
from nwb_unitrefine.learn import map_labels
from nwb_unitrefine.read import find_labels
from nwb_unitrefine.records import CLASSES, Ragged
from nwb_unitrefine.vocabulary.labels import (
    EXPORT_WORDS,
    LABEL_WORDS,
    NOISE,
    SUA,
    meaning,
    one_label,
    spell,
    translate,
    word_key,
)
from nwb_unitrefine.vocabulary.model_classes import class_words, is_class_word
from nwb_unitrefine.write import import_labels

if TYPE_CHECKING:
    from pathlib import Path

"""What a model calls the sets of classes that it can tell apart."""


def _spellings(word: str) -> list[str]:
    """A word as people write it."""
    return [word, word.upper(), f" {word.title()} ", word.replace(" ", "_"), word.replace(" ", "-")]


@pytest.mark.parametrize("word", LABEL_WORDS)
def test_a_word_has_one_meaning_in_every_use(tmp_path: Path, word: str) -> None:
    """`show`, `relabel`, `train` and models take each word of the table for the same set of classes."""
    meant, source = LABEL_WORDS[word]
    label = next(iter(meant)) if len(meant) == 1 else ""
    for spelling in _spellings(word):
        assert meaning(spelling) == meant
        shown = find_labels({"label": ["mua", spelling]})["label"]
        assert shown.labels.tolist() == ["mua", label]
        for words in (class_words([spelling], {}), class_words([0], {"0": spelling})):
            assert words == (spelling if is_class_word(spelling) else None,)
        table = tmp_path / "labels.csv"
        table.write_text(f'unit_id,label\n3,mua\n4,"{spelling}"\n')
        if len(meant) > 1:
            with pytest.raises(SourceError, match=f"of unit 4 means {' or '.join(sorted(meant))}"):
                import_labels(table)
            with pytest.raises(TrainingError, match=f"{' or '.join(sorted(meant))}"):
                map_labels(["mua", spelling], column="label")
        else:
            assert import_labels(table) == {3: "mua"} | ({4: label} if label else {})
            assert map_labels(["mua", spelling], column="label").labels.tolist() == ["mua", label]
    assert source


@pytest.mark.parametrize("word", ["fair", "good?", "mua/sua", "1", "-", "yes", "neural net"])
def test_a_word_of_no_table_is_asked_for(tmp_path: Path, word: str) -> None:
    """Nobody's word has no meaning; the caller's mapping gives it one, in every use that has one."""
    assert meaning(word) is None
    assert find_labels({"label": ["sua", word]})["label"].labels.tolist() == ["sua", ""]
    (tmp_path / "labels.csv").write_text(f"unit_id,label\n3,sua\n4,{word}\n")
    with pytest.raises(SourceError, match="of unit 4 is not a label") as refused:
        import_labels(tmp_path / "labels.csv")
    assert f"--mapping {word}=mua" in refused.value.tip
    with pytest.raises(TrainingError, match="not known"):
        map_labels(["sua", word])
    assert import_labels(tmp_path / "labels.csv", mapping={word: "noise"}) == {3: "sua", 4: "noise"}
    assert map_labels(["sua", word], mapping={word: "noise"}).labels.tolist() == ["sua", "noise"]


def test_the_table_covers_the_classes_and_nothing_else() -> None:
    """Meanings are sets of our classes, and what is exported means what it was."""
    assert {label for meant, _ in LABEL_WORDS.values() for label in meant} == set(CLASSES)
    for words in EXPORT_WORDS.values():
        for label, word in words.items():
            assert one_label([meaning(word)]) == label


@pytest.mark.parametrize(
    ("value", "spelled", "key"),
    [
        (b"Good", "Good", "good"),
        (np.str_("MUA "), "MUA", "mua"),
        (np.bytes_(b"noise"), "noise", "noise"),
        (1.0, "1", "1"),
        (np.float32(1 / 3), "0.33", "0.33"),
        ("2.0", "2", "2"),
        (np.int8(3), "3", "3"),
        (np.True_, "True", "true"),
        (float("nan"), "nan", "nan"),
        (None, "", ""),
        ("Single–unit", "Single–unit", "singleunit"),
        ("", "", ""),
        ("__", "__", "__"),
    ],
)
def test_one_spelling_for_one_word(value: object, spelled: str, key: str) -> None:
    """Bytes, numpy's texts and numbers are what they stand for."""
    assert (spell(value), word_key(value)) == (spelled, key)


def test_of_several_labels_the_one_against_the_unit_counts() -> None:
    """Curators add labels: a unit that is accepted and noise is noise; one that is only "not noise" is undecided."""
    column = Ragged(np.array(["accept", "noise", "mua", "accept", "neural"], object), np.array([0, 2, 4, 5, 5]))
    assert translate(column).labels.tolist() == ["noise", "mua", "", ""]
    assert one_label([SUA, NOISE, None]) == "noise"


def test_labels_of_people_come_before_those_of_programs() -> None:
    """Whatever order the columns have; a rule's come last."""
    columns = {
        "is_single": [True, False],
        "KSLabel": ["good", "mua"],
        "bombcell_label": ["good", "non_soma"],
        "quality": ["mua", "good"],
    }
    assert [(name, found.who) for name, found in find_labels(columns).items()] == [
        ("quality", "curator"),
        ("bombcell_label", "program"),
        ("KSLabel", "program"),
        ("is_single", "rule"),
    ]


def test_a_copy_of_kilosorts_labels_is_nobodys_decision() -> None:
    """A group that says of every unit what Kilosort says is a program's; one difference makes it a person's."""
    sorter = ["good", "mua", "mua"]
    assert find_labels({"KSLabel": sorter, "quality": ["Good", "mua", "mua"]})["quality"].who == "program"
    assert find_labels({"KSLabel": sorter, "quality": ["good", "mua", "noise"]})["quality"].who == "curator"
    others = {"KSLabel": sorter, "quality": sorter, "ground_truth": ["mua", "mua", "noise"]}
    assert [*find_labels(others)] == ["ground_truth", "quality", "KSLabel"]
