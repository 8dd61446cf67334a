"""Labels that a file already has, in our words, and how far two sets of labels agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.records import CLASSES, Ragged
from nwb_unitrefine.vocabulary.common_classes import block_name, finest_blocks
from nwb_unitrefine.vocabulary.dialects import AUTHORS, label_columns
from nwb_unitrefine.vocabulary.labels import NO_DECISION, meaning, one_label, translate, word_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Units
    from nwb_unitrefine.vocabulary.dialects import LabelColumn
    from nwb_unitrefine.vocabulary.labels import Meaning

__all__ = [
    "Agreement",
    "ExistingLabels",
    "compare_labels",
    "existing_labels",
    "find_labels",
    "in_common_classes",
    "label_candidates",
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExistingLabels:
    """The labels of all units in one column of a file.

    Parameters
    ----------
    column : str
    who : str
        ``"curator"`` (a person), ``"program"``, or ``"rule"`` (a threshold on one number).
    labels : array of str, shape (n_units,)
        One of `CLASSES`, or empty where the value means none of them.
    meaning : mapping of str to str
        Each value in the file, in lower case, and what it was taken for; empty where it decides nothing.
    """

    column: str
    who: str
    labels: NDArray[np.str_]
    meaning: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Agreement:
    """How far two labellings of the same units agree.

    Parameters
    ----------
    confusion : array of int, shape (n_classes, n_classes)
        Units by first (row) and second (column) label; units that either leaves open are not counted.
    classes : tuple of str, length n_classes
        What was compared: sua, mua and noise, or the finest classes that both labellings distinguish.
    """

    confusion: NDArray[np.int64]
    classes: tuple[str, ...] = CLASSES

    @property
    def n_units(self) -> int:
        """Units that both label."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Fraction of these that both label alike; NaN without units."""
        return float(np.trace(self.confusion) / self.n_units) if self.n_units else float("nan")

    @property
    def kappa(self) -> float:
        """Cohen's kappa: agreement beyond chance, (p_o - p_e) / (1 - p_e); NaN where chance alone agrees fully.

        See Cohen (1960), https://doi.org/10.1177/001316446002000104.
        """
        n = self.n_units
        if not n:
            return float("nan")
        expected = float(self.confusion.sum(axis=0) @ self.confusion.sum(axis=1)) / n**2
        return (self.accuracy - expected) / (1 - expected) if expected < 1 else float("nan")


def existing_labels(units: Units) -> dict[str, ExistingLabels]:
    """Find the labels that a file already has.

    Parameters
    ----------
    units : Units

    Returns
    -------
    dict of str to ExistingLabels
        By column, as of `find_labels`.
    """
    return find_labels({name: column.values for name, column in units.columns.items()}, dialect=units.source.dialect)


def find_labels(columns: Mapping[str, Any], *, dialect: str = "") -> dict[str, ExistingLabels]:
    """Find the columns of labels among the columns of a table.

    A curator's column that equals Kilosort's own ``KSLabel`` for every unit is a copy of it, which Kilosort and
    Phy make before anybody looked: it is a program's.

    Parameters
    ----------
    columns : mapping of str to array, Ragged or sequence
        Values of each column, one entry a unit.
    dialect : str, optional
        As in `Source.dialect`.

    Returns
    -------
    dict of str to ExistingLabels
        By column: people's before programs', those before rules', the most specific first. Columns none of whose
        values decides for sua, mua or noise are left out.
    """
    found = []
    sorter = _words(columns.get("KSLabel"))
    for rule, name in _present(columns, dialect):
        values = columns[name]
        translation = translate(values, own=rule.meaning)
        if not (translation.labels != "").any():
            continue
        is_copy = rule.who == "curator" and sorter is not None and _words(values) == sorter
        found.append(
            ExistingLabels(
                column=name,
                who="program" if is_copy else rule.who,
                labels=translation.labels,
                meaning={
                    word.casefold(): one_label([translation.meanings[word]]) for word in sorted(translation.meanings)
                },
            )
        )
    return {labels.column: labels for labels in sorted(found, key=lambda labels: AUTHORS.index(labels.who))}


def label_candidates(columns: Mapping[str, Any], *, dialect: str = "") -> dict[str, str]:
    """Columns to take labels from by default, and who set them: people's before programs'.

    A column that is called so and whose words nobody's table has is among them, after those whose words are known: what
    its words mean has to be asked. Labels of a rule are not.

    Parameters
    ----------
    columns, dialect
        As of `find_labels`.
    """
    who = {name: labels.who for name, labels in find_labels(columns, dialect=dialect).items()}
    for rule, name in _present(columns, dialect):
        words = translate(columns[name], own=rule.meaning).meanings if name not in who else {}
        if any(meant != NO_DECISION for meant in words.values()):
            who[name] = rule.who
    return {name: by for author in ("curator", "program") for name, by in who.items() if by == author}


def _present(columns: Mapping[str, Any], dialect: str) -> Iterator[tuple[LabelColumn, str]]:
    """Columns of labels that a table has, under its own name: ``Quality`` is ``quality``."""
    names = {name.casefold(): name for name in columns}
    for rule in label_columns(dialect):
        name = rule.name if rule.name in columns else names.get(rule.name.casefold())
        if name is not None and getattr(columns[name], "ndim", 1) == 1:
            yield rule, name


def _words(values: Any) -> list[str] | None:
    """Words of a column with one label a unit; None for a column that is not there or has several."""
    if values is None or isinstance(values, Ragged):
        return None
    return [word_key(value) for value in values]


def compare_labels(first: NDArray[Any], second: NDArray[Any]) -> Agreement:
    """Count how two labellings of the same units, in the same order, agree.

    Parameters
    ----------
    first, second : array of str, shape (n_units,)
        Words that mean a set of sua, mua and noise; words of one's own, such as ``axon``, where both labellings use
        them; other and empty ones are not compared. Where one labelling has a word for several classes, such as
        ``neural``, these are one class for the comparison.

    Raises
    ------
    ValueError
        If they are not of the same length.

    Examples
    --------
    >>> agreement = compare_labels(np.array(["sua", "mua", "noise", ""]), np.array(["sua", "mua", "mua", "sua"]))
    >>> agreement.n_units, round(agreement.accuracy, 3), round(agreement.kappa, 3)
    (3, 0.667, 0.5)
    """
    rows, columns, classes = in_common_classes(first, second)
    both = (rows >= 0) & (columns >= 0)
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    if len(classes) > 1:  # a single class is no comparison
        np.add.at(confusion, (rows[both], columns[both]), 1)
    return Agreement(confusion=confusion, classes=classes)


def in_common_classes(
    first: NDArray[Any], second: NDArray[Any]
) -> tuple[NDArray[np.intp], NDArray[np.intp], tuple[str, ...]]:
    """Put two labellings of the same units into the finest classes that both distinguish.

    Parameters
    ----------
    first, second : array of str, shape (n_units,)
        As of `compare_labels`.

    Returns
    -------
    first, second : array of int, shape (n_units,)
        Place of each unit's class; -1 where its label leaves it open.
    classes : tuple of str

    Raises
    ------
    ValueError
        If they are not of the same length.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} labels cannot be compared with {len(second)}")
    words = {*np.asarray(first).tolist()}, {*np.asarray(second).tolist()}
    blocks = finest_blocks(words[0] | words[1])
    own = sorted(_own_words(words[0]) & _own_words(words[1]))
    names = (*(block_name(block) for block in blocks), *own)
    return _places(first, blocks, own), _places(second, blocks, own), names


def _own_words(words: Iterable[str]) -> set[str]:
    """Keys of the words that nobody's table has, such as axon."""
    return {word_key(word) for word in words if meaning(word) is None}


def _places(labels: NDArray[Any], blocks: Sequence[Meaning], own: Sequence[str]) -> NDArray[np.intp]:
    """Place of each unit's class among the blocks, then among own words; -1 for any other word, or nothing."""
    place = {}
    for word in set(np.asarray(labels).tolist()):
        meant, key = meaning(word), word_key(word)
        place[word] = next((i for i, block in enumerate(blocks) if meant and meant <= block), -1)
        if meant is None and key in own:
            place[word] = len(blocks) + own.index(key)
    return np.array([place[word] for word in np.asarray(labels).tolist()], dtype=np.intp)
