"""What curators and archives call single units, multi-units and noise.

The same word does not mean the same everywhere: the Allen Institute's "good" says only "not noise", so it is neither
sua nor mua here, and is left out. What is left out is always shown, and a word that is not known is never guessed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.records import CLASSES, Ragged
from nwb_unitrefine.vocabulary.dialects import COMMON_LABELS, DIALECTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from nwb_unitrefine.vocabulary.dialects import LabelColumn

__all__ = ["LABEL_COLUMNS", "MappedLabels", "map_labels"]

LABEL_COLUMNS = (
    "majority_vote",
    "label",
    "labels",
    "manual_label",
    "curation_label",
    "decoder_label",
    "bombcell_label",
    "quality_label",
    "quality",
    "group",
    "phy_annotations",
    "ibl_quality_score",
    "is_single",
    "KSLabel",
)
"""Columns that hold labels, those of people before those of programs."""

_WORDS = {
    "sua": ("sua", "su", "good", "single", "single unit", "single-unit", "accept", "accepted", "excellent"),
    "mua": ("mua", "mu", "multi", "multi unit", "multi-unit", "multiunit"),
    "noise": ("noise", "noisy", "reject", "rejected", "artifact", "artefact", "bad"),
    "": ("", "nan", "none", "<na>", "unsorted", "unlabeled", "unlabelled", "unknown", "n/a", "non_soma", "non-soma"),
}
_NOTHING = _WORDS[""]
_MEANINGS = {word: name for name, words in _WORDS.items() for word in words}

_STRONGEST_FIRST = ("noise", "mua", "sua")
"""Of several labels of one unit, that which says the most against it: Spyglass's curators add, and never take away."""


@dataclass(frozen=True, slots=True, eq=False)
class MappedLabels:
    """Labels of one source in our words.

    Parameters
    ----------
    labels : array of str, shape (n_units,)
        One of `CLASSES`, or empty for a unit without a label that means one of them.
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
) -> MappedLabels:
    """Translate the labels of a source into sua, mua and noise.

    Parameters
    ----------
    values : array, Ragged, or iterable of labels or of lists of labels
        One entry a unit: text, a number, a truth value, or several of them.
    column : str, optional
        Name of the column: numbers mean different things in different columns.
    dialect : str, optional
        Whose file it is, as in ``Source.dialect``.
    mapping : mapping of str to str, optional
        What the caller's labels mean (sua, mua, noise, or empty to leave out); it goes before what is known here, and
        case does not matter.

    Returns
    -------
    MappedLabels

    Raises
    ------
    TrainingError
        If a label is not known; the message lists all of these.

    Examples
    --------
    >>> print(map_labels(["good", "MUA", "artifact", float("nan")]))
    good → sua (1), MUA → mua (1), artifact → noise (1), nan → left out (1)
    >>> print(map_labels([2, 1, 0, 3], column="phy_annotations"))
    2 → sua (1), 1 → mua (1), 0 → noise (1), 3 → left out (1)
    """
    known, complete = _meanings(column, dialect, mapping)
    entries = [tuple(_word(word) for word in _several(value)) for value in values]
    counts = Counter(word for entry in entries for word in (entry or ("",)))
    unknown = [word for word in counts if word.casefold() not in known and word.casefold() not in _NOTHING]
    if unknown and not complete:
        where = f" in column {column!r}" if column else ""
        raise TrainingError(
            f"Labels{where} whose meaning is not known: {', '.join(repr(word) for word in unknown[:8])}"
            f"{' and more' if len(unknown) > 8 else ''}.",
            tip=f"Say what each means, as in --map-label {unknown[0]}=mua; --map-label {unknown[0]}= leaves it out.",
        )
    labels = [_one_of([known.get(word.casefold(), "") for word in entry]) for entry in entries]
    return MappedLabels(
        labels=np.array(labels, dtype="U5"),
        mapping={word: known.get(word.casefold(), "") for word in counts},
        counts=dict(counts),
    )


def _meanings(column: str, dialect: str, mapping: Mapping[str, str] | None) -> tuple[dict[str, str], bool]:
    """Collect what words mean in one column, the caller's meaning first; and whether all other words mean nothing."""
    given = {old.casefold(): new for old, new in (mapping or {}).items()}
    for old, new in given.items():
        if new not in (*CLASSES, ""):
            raise TrainingError(f"Label {old!r} cannot mean {new!r}.", tip=f"One of: {', '.join(CLASSES)}, or nothing.")
    rule, of_this_dialect = _rule(column, dialect)
    if rule is None:
        return {**_MEANINGS, **given}, False
    # Where an archive has its own meaning of "good", everyone's is wrong; where labels are numbers, no word is meant.
    complete = of_this_dialect or not any(word.isalpha() and word not in _FLAGS for word in rule.meaning)
    return {**({} if complete else _MEANINGS), **rule.meaning, **dict.fromkeys(_NOTHING, ""), **given}, complete


def _rule(column: str, dialect: str) -> tuple[LabelColumn | None, bool]:
    """Find what an archive means by a column: the archive at hand, or the only one that has such a column."""
    rules = [(one.name == dialect, rule) for one in DIALECTS for rule in one.labels if rule.name == column]
    rules += [(False, rule) for rule in COMMON_LABELS if rule.name == column]
    for of_this_dialect, rule in rules:
        if of_this_dialect:
            return rule, True
    return (rules[0][1], False) if len(rules) == 1 and column not in _EVERYBODYS else (None, False)


_FLAGS = ("true", "false")
_EVERYBODYS = ("label", "quality")
"""Names of columns that too many use for one archive's meaning to be theirs."""


def _several(value: Any) -> Iterable[Any]:
    """Take one label as a list of one."""
    return value if isinstance(value, list | tuple | set | np.ndarray) else (value,)


def _word(value: Any) -> str:
    """Spell a label: numbers that are whole as whole, thirds with two digits, what is missing as missing."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    text = str(value).strip()
    try:
        number = float(text)
    except ValueError:
        return text
    return "nan" if np.isnan(number) else f"{round(number, 2):g}"


def _one_of(meanings: list[str]) -> str:
    """Decide between the labels of one unit."""
    return next((name for name in _STRONGEST_FIRST if name in meanings), "")
