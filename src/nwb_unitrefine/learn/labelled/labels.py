"""Which labels of a source to train on or score by, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.records import CLASSES
from nwb_unitrefine.vocabulary.dialects import label_columns
from nwb_unitrefine.vocabulary.labels import NO_DECISION, Meaning, one_label, translate, word_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from nwb_unitrefine.records import Ragged

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
        What words mean (sua, mua, noise, or empty to leave out); it comes before what is known here, and the spelling
        of a word (case, hyphens) does not matter.

    Examples
    --------
    >>> LabelRules(label_column="verdict", mapping={"fair": "mua"}).label_column
    'verdict'
    """

    labels: str | Path | None = None
    label_column: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)


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
        Name of the column: an archive's own column has its own meanings, and numbers mean something only there.
    dialect : str, optional
        Whose file it is, as in `Source.dialect`.
    mapping : mapping of str to str, optional
        As of `LabelRules`.

    Returns
    -------
    MappedLabels
        Units without a decision are left out, as are labels that an archive's own column uses for several classes
        (the Allen Institute's ``good`` is all that is not noise).

    Raises
    ------
    TrainingError
        If a label is not known, or leaves several classes possible; the message lists all of these.

    Examples
    --------
    >>> print(map_labels(["good", "MUA", "artifact", float("nan")]))
    good → sua (1), MUA → mua (1), artifact → noise (1), nan → left out (1)
    >>> print(map_labels([2, 1, 0, 3], column="phy_annotations"))
    2 → sua (1), 1 → mua (1), 0 → noise (1), 3 → left out (1)
    """
    rule = next((known for known in label_columns(dialect) if known.name.casefold() == column.casefold()), None)
    given = _given(mapping or {})
    own = {} if rule is None or rule.who == "rule" else rule.meaning
    found = translate(values, own={**own, **given})
    unclear = [
        word
        for word, meant in found.meanings.items()
        if meant is None or (len(meant) > 1 and word_key(word) not in own)
    ]
    if unclear:
        where = f" in column {column!r}" if column else ""
        listed = ", ".join(_described(word, found.meanings[word]) for word in unclear[:8])
        raise TrainingError(
            f"Labels{where} whose meaning is not known: {listed}{' and more' if len(unclear) > 8 else ''}.",
            tip=f"Give the meaning of each: --mapping {unclear[0]}=mua, or mapping={{{unclear[0]!r}: 'mua'}} in "
            "Python; an empty meaning leaves it out.",
        )
    return MappedLabels(
        labels=found.labels,
        mapping={word: one_label([meant]) for word, meant in found.meanings.items()},
        counts=found.counts,
    )


def _described(word: str, meant: Meaning | None) -> str:
    """Quote a word, with the classes that it leaves possible."""
    return f"{word!r} ({' or '.join(sorted(meant))})" if meant else repr(word)


def _given(mapping: Mapping[str, str]) -> dict[str, Meaning]:
    """Check the caller's meanings, and key them as the tables are."""
    for word, label in mapping.items():
        if label not in (*CLASSES, ""):
            raise TrainingError(
                f"Label {word!r} cannot mean {label!r}.", tip=f"One of: {', '.join(CLASSES)}, or nothing."
            )
    return {word_key(word): frozenset({label}) if label else NO_DECISION for word, label in mapping.items()}
