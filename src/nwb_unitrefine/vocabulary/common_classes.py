"""The finest classes that two vocabularies both distinguish, as neural and noise where one has no multi-units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nwb_unitrefine.records import CLASSES
from nwb_unitrefine.vocabulary.labels import class_name, meaning, word_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nwb_unitrefine.vocabulary.labels import Meaning

__all__ = ["CommonClasses", "block_name", "common_classes", "finest_blocks"]


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
