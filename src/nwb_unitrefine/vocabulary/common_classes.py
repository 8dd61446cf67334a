"""The finest classes that two vocabularies both distinguish, as neural and noise where one has no multi-units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nwb_unitrefine.records import CLASSES, Problem, ProblemCode
from nwb_unitrefine.vocabulary.labels import meaning, word_key
from nwb_unitrefine.vocabulary.model_classes import class_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nwb_unitrefine.vocabulary.labels import Meaning

__all__ = [
    "CommonClasses",
    "block_name",
    "classes_outside",
    "common_classes",
    "finest_blocks",
    "incomplete_classes",
]


@dataclass(frozen=True, slots=True)
class CommonClasses:
    """How two vocabularies are compared.

    Parameters
    ----------
    predicted : mapping of str to str
        Common class of each class of a model.
    known : mapping of str to str
        Common class of each label of the data; labels that the model cannot give are not in it.
    """

    predicted: Mapping[str, str]
    known: Mapping[str, str]

    @property
    def classes(self) -> tuple[str, ...]:
        """Common classes: those of the data in their order, then others that the model gives."""
        return tuple(dict.fromkeys((*self.known.values(), *self.predicted.values())))


def common_classes(predicted: Sequence[str], known: Sequence[str]) -> CommonClasses:
    """Find the finest classes that a model and the labels of data both distinguish.

    Parameters
    ----------
    predicted : sequence of str
        Classes of a model.
    known : sequence of str
        Classes of labelled data.

    Examples
    --------
    >>> common_classes(("noise", "neural"), ("sua", "mua", "noise")).known
    {'sua': 'neural', 'mua': 'neural', 'noise': 'noise'}
    >>> common_classes(("sua", "mua"), ("sua", "mua", "noise")).known
    {'sua': 'sua', 'mua': 'mua'}
    """
    if {*map(word_key, predicted)} == {*map(word_key, known)}:
        by_key = {word_key(word): word for word in known}
        return CommonClasses({word: by_key[word_key(word)] for word in predicted}, {word: word for word in known})
    blocks = finest_blocks((*predicted, *known))
    given = {word: _common_name(word, blocks) for word in predicted}
    wanted = {word: _common_name(word, blocks) for word in known}
    return CommonClasses(given, {word: name for word, name in wanted.items() if name in given.values()})


def classes_outside(words: Iterable[str]) -> tuple[str, ...]:
    """Find which of sua, mua and noise none of some classes means; none where a class is a word of somebody's own.

    Parameters
    ----------
    words : iterable of str
        Classes of a model.

    Examples
    --------
    >>> classes_outside(["sua", "mua"]), classes_outside(["noise", "neural"]), classes_outside(["axon", "soma"])
    (('noise',), (), ())
    """
    meanings = [meaning(word) for word in words]
    covered = frozenset[str]().union(*(CLASSES if meant is None else meant for meant in meanings))
    return tuple(name for name in CLASSES if name not in covered)


def incomplete_classes(words: Sequence[str], *, model_name: str) -> list[Problem]:
    """State which units a model has no class for, and that they get one of its labels all the same; empty without any.

    Parameters
    ----------
    words : sequence of str
        Its classes.
    model_name : str
    """
    outside = classes_outside(words)
    if not outside:
        return []
    what = (
        f"{model_name} distinguishes {' and '.join(words)} alone: units that are {' or '.join(outside)} get one of "
        "these labels, too. Another model can separate them first: give --model twice."
    )
    return [Problem(ProblemCode.MODEL_CLASSES_INCOMPLETE, what)]


def _common_name(word: str, blocks: Sequence[Meaning]) -> str:
    """Name the block that a word is in; a word of somebody's own is a class by itself."""
    meant = meaning(word)
    return next((block_name(block) for block in blocks if meant and meant <= block), word)


def finest_blocks(words: Iterable[str]) -> list[Meaning]:
    """Divide sua, mua and noise as finely as all of some words allow.

    Examples
    --------
    >>> [sorted(block) for block in finest_blocks(["sua", "bad"])]
    [['sua'], ['mua', 'noise']]
    """
    blocks = [frozenset({name}) for name in CLASSES]
    for meant in filter(None, map(meaning, words)):
        touched = [block for block in blocks if block & meant]
        place = blocks.index(touched[0])
        blocks = [block for block in blocks if not block & meant]
        blocks.insert(place, frozenset[str]().union(*touched))
    return blocks


def block_name(block: Meaning) -> str:
    """Name some classes together.

    Examples
    --------
    >>> block_name(frozenset({"sua", "mua"})), block_name(frozenset({"mua", "noise"}))
    ('neural', 'mua or noise')
    """
    return class_name(block) or " or ".join(name for name in CLASSES if name in block)
