"""Which labels of a source to train on or score by, and what they mean."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.records import CLASSES
from nwb_unitrefine.vocabulary.dialects import label_columns
from nwb_unitrefine.vocabulary.labels import meaning, one_label, spell_each, word_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Ragged
    from nwb_unitrefine.vocabulary.labels import Meaning

__all__ = ["LabelRules", "MappedLabels", "map_labels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRules:
    """Where the labels of a source are, and what its words mean.

    Parameters
    ----------
    labels : path, optional
        A table of unit ids and labels, for one source that has no labels of its own. Rows are joined by unit id, never
        by position.
    label_column : str, optional
        Column of the labels, of that table or of the source. By default, of a file with a curation history the labels
        that people set; otherwise the first column that holds labels, people's before programs'.
    mapping : mapping of str to str, optional
        What words mean (one of `classes`, sua, mua, noise, or empty to leave out); it comes before what is known here,
        and the spelling of a word (case, hyphens) does not matter.
    classes : tuple of str
        What is to be distinguished; see `map_labels`.

    Examples
    --------
    >>> LabelRules(label_column="verdict", mapping={"fair": "mua"}).label_column
    'verdict'
    """

    labels: str | Path | None = None
    label_column: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] = CLASSES


@dataclass(frozen=True, slots=True, eq=False)
class MappedLabels:
    """Labels of one source as the classes that are to be distinguished.

    Parameters
    ----------
    labels : array of str, shape (n_units,)
        One of the classes, or empty for a unit without a label that means one of them.
    mapping : mapping of str to str
        Each label of the source, in its spelling, and what became of it; empty for what was left out.
    counts : mapping of str to int
        How many units had each label of the source.
    """

    labels: NDArray[np.str_]
    mapping: Mapping[str, str]
    counts: Mapping[str, int]

    def __str__(self) -> str:
        return ", ".join(
            f"{old or '(empty)'} → {new or 'left out'} ({self.counts[old]})" for old, new in self.mapping.items()
        )


def map_labels(
    values: NDArray[Any] | Ragged | Iterable[Any],
    *,
    column: str = "",
    dialect: str = "",
    mapping: Mapping[str, str] | None = None,
    classes: Sequence[str] = CLASSES,
) -> MappedLabels:
    """Translate the labels of a source into the classes that are to be distinguished.

    Parameters
    ----------
    values : array, Ragged, or iterable of labels or of lists of labels
        One entry a unit: text, a number, a truth value, or several of them.
    column : str, optional
        Name of the column: an archive's own column has its own meanings, and numbers mean something only there.
    dialect : str, optional
        Whose file it is, as in `Source.dialect`.
    mapping : mapping of str to str, optional
        As of `LabelRules`.
    classes : sequence of str
        Words that mean a set of sua, mua and noise, or words of one's own. A label is of the class that has its name,
        else of the class that contains all it means: ``good`` is neural.

    Returns
    -------
    MappedLabels
        Units without a decision are left out, as are labels that mean no class (noise, where sua and mua are to be
        distinguished), and labels that an archive's own column uses for several classes (the Allen Institute's
        ``good`` is all that is not noise).

    Raises
    ------
    TrainingError
        If a label is not known, or leaves several classes possible; the message lists all of these. If a unit has
        labels of several classes that are words of one's own.

    Examples
    --------
    >>> print(map_labels(["good", "MUA", "artifact", float("nan")]))
    good → sua (1), MUA → mua (1), artifact → noise (1), nan → left out (1)
    >>> print(map_labels([2, 1, 0, 3], column="phy_annotations"))
    2 → sua (1), 1 → mua (1), 0 → noise (1), 3 → left out (1)
    >>> print(map_labels(["good", "mua", "noise"], classes=("noise", "neural")))
    good → neural (1), mua → neural (1), noise → noise (1)
    """
    rule = next((known for known in label_columns(dialect) if known.name.casefold() == column.casefold()), None)
    direct = _given(mapping or {}, classes)
    own = {} if rule is None or rule.who == "rule" else rule.meaning
    units = [spell_each(value) for value in values]
    counts = Counter(word for words in units for word in words or ("",))
    translated = {word: direct.get(word_key(word), word) for word in counts}
    archive = {word: word_key(word) in own and word_key(word) not in direct for word in counts}
    meanings = {word: meaning(translated[word], own=own if archive[word] else None) for word in counts}
    found = {word: _class_of(translated[word], meanings[word], classes, archive=archive[word]) for word in counts}
    if unclear := [word for word, label in found.items() if label is None]:
        where = f" in column {column!r}" if column else ""
        listed = ", ".join(_described(word, meanings[word]) for word in unclear[:8])
        example = "mua" if "mua" in classes else classes[0]
        raise TrainingError(
            f"Labels{where} whose meaning is not known: {listed}{' and more' if len(unclear) > 8 else ''}.",
            tip=f"Give the meaning of each: --mapping {unclear[0]}={example}, or "
            f"mapping={{{unclear[0]!r}: {example!r}}} in Python; an empty meaning leaves it out.",
        )
    labels = {word: label or "" for word, label in found.items()}
    return MappedLabels(
        labels=np.array([_label_of(words, labels, meanings) for words in units], dtype=str),
        mapping=labels,
        counts=counts,
    )


def _class_of(word: str, meant: Meaning | None, classes: Sequence[str], *, archive: bool) -> str | None:
    """Find the class of a label; empty where it is of none, None where nobody knows."""
    named = next((name for name in classes if word_key(name) == word_key(word)), None)
    if named is not None and not archive:
        return named
    if meant is None:
        return None
    known = {name: what for name in classes if (what := meaning(name))}
    holders = [name for name, what in known.items() if meant and meant <= what]
    if holders:
        return min(holders, key=lambda name: len(known[name]))
    several = any(meant & what for what in known.values())
    return None if several and not archive else ""


def _label_of(words: Sequence[str], labels: Mapping[str, str], meanings: Mapping[str, Meaning | None]) -> str:
    """Decide what the labels of one unit mean together; of several, the worst counts."""
    found = {labels[word] for word in words if labels[word]}
    if len(found) < 2:
        return found.pop() if found else ""
    worst = one_label(meanings[word] for word in words)
    decisive = {labels[word] for word in words if meanings[word] == frozenset({worst})}
    if len(decisive) != 1:
        raise TrainingError(
            f"A unit has the labels {' and '.join(map(repr, words))}, of several classes.",
            tip="Give each unit one label.",
        )
    return decisive.pop()


def _described(word: str, meant: Meaning | None) -> str:
    """Quote a word, with the classes that it leaves possible."""
    return f"{word!r} ({' or '.join(sorted(meant))})" if meant else repr(word)


def _given(mapping: Mapping[str, str], classes: Sequence[str]) -> dict[str, str]:
    """Check the caller's meanings, and key them as the tables are."""
    known = dict.fromkeys((*classes, *CLASSES))
    for word, label in mapping.items():
        if label not in (*known, ""):
            raise TrainingError(
                f"Label {word!r} cannot mean {label!r}.", tip=f"One of: {', '.join(known)}, or nothing."
            )
    return {word_key(word): label for word, label in mapping.items()}
