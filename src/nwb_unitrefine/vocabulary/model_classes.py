"""Names of the classes of models: words that can name one, what each means, and words for an estimator's numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.vocabulary.labels import (
    NEURAL,
    NEURONS,
    NO_DECISION,
    STRONGEST_FIRST,
    meaning,
    spell,
    word_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nwb_unitrefine.vocabulary.labels import Meaning

__all__ = [
    "check_classes",
    "class_name",
    "class_words",
    "classes_in_words",
    "explain_class",
    "in_usual_order",
    "is_class_word",
    "json_key",
]


def class_name(meant: Meaning | None) -> str | None:
    """Name a meaning as models do: sua, mua, noise, neural; None for any other set.

    Examples
    --------
    >>> from nwb_unitrefine.vocabulary.labels import MUA, NOISE, SUA
    >>> class_name(SUA), class_name(SUA | MUA), class_name(MUA | NOISE)
    ('sua', 'neural', None)
    """
    if meant == NEURONS:
        return NEURAL
    return next(iter(meant)) if meant is not None and len(meant) == 1 else None


_SPELLED_OUT = {"sua": "single unit", "mua": "multi-unit"}


def explain_class(name: str) -> str:
    """Explain a class whose name does not say what it means; empty for noise, and for a word of somebody's own.

    Examples
    --------
    >>> [explain_class(name) for name in ("sua", "neural", "bad", "noise", "axon")]
    ['single unit', 'sua or mua', 'mua or noise', '', '']
    """
    meant = [one for one in reversed(STRONGEST_FIRST) if one in (meaning(name) or ())]
    return _SPELLED_OUT.get(name, "" if meant == [name] else " or ".join(meant))


def classes_in_words(names: Sequence[str]) -> str:
    """List the classes of a model in a sentence, sua before mua before noise where it has these.

    Parameters
    ----------
    names : sequence of str

    Examples
    --------
    >>> classes_in_words(("noise", "sua", "mua")), classes_in_words(("noise", "neural"))
    ('single unit (sua), multi-unit (mua) or noise', 'noise or neural (sua or mua)')
    """
    *others, last = (_in_words(name) for name in in_usual_order(names))
    return f"{', '.join(others)} or {last}" if others else last


def in_usual_order(names: Sequence[str]) -> Sequence[str]:
    """Put sua, mua and noise in this order; other classes stay as they are."""
    usual = tuple(reversed(STRONGEST_FIRST))
    return usual if sorted(names) == sorted(usual) else names


def _in_words(name: str) -> str:
    """Name a class with what it means."""
    explained = explain_class(name)
    if not explained:
        return name
    return f"{explained} ({name})" if name in _SPELLED_OUT else f"{name} ({explained})"


def is_class_word(word: Any) -> bool:
    """Whether a word can name a class: short, printable, no number, and not one that stands for no decision.

    Examples
    --------
    >>> [is_class_word(word) for word in ("axon", "fast-spiking", 1, "1", "unsorted", "a=b", "")]
    [True, True, False, False, False, False, False]
    """
    if not isinstance(word, str) or not _CLASS_WORD.fullmatch(word) or spell(word) != word:
        return False
    return meaning(word) != NO_DECISION and not word.replace(".", "").isdigit()


def check_classes(classes: Sequence[str]) -> None:
    """Refuse classes that a model cannot have: words that name none, twice the same meaning, or other names for ours.

    Raises
    ------
    ValueError
        Naming the first that is wrong.

    Examples
    --------
    >>> check_classes(("noise", "neural")), check_classes(("axon", "soma"))
    (None, None)
    >>> check_classes(("sua", "good"))
    Traceback (most recent call last):
    ...
    ValueError: classes 'sua' and 'good' mean the same
    """
    first: dict[Meaning | str, str] = {}
    for word in classes:
        if not is_class_word(word):
            raise ValueError(f"{word!r} cannot name a class")
        meant = meaning(word) or word_key(word)
        if meant in first:
            raise ValueError(f"classes {first[meant]!r} and {word!r} mean the same")
        first[meant] = word
    standard = {name: word for word in classes if (name := class_name(meaning(word))) in STRONGEST_FIRST}
    if len(standard) == len(classes) == len(STRONGEST_FIRST) and (
        other := [word for name, word in standard.items() if name != word]
    ):
        raise ValueError(f"class {other[0]!r} is named {class_name(meaning(other[0]))} here")


_CLASS_WORD = re.compile(r"[^\W_](?:[\w .+-]{0,38}[^\W_]|[+])?")


def class_words(classes: Iterable[Any], conversion: Mapping[str, Any]) -> tuple[str | None, ...]:
    """Find the word for each class of an estimator; None for a number that no word explains.

    Parameters
    ----------
    classes : iterable
        ``classes_`` of the estimator.
    conversion : mapping of str to label
        ``label_conversion`` of ``model_info.json``, whose keys are text in JSON whatever they were before. Where no key
        is a class, and values are, it is taken the other way round.

    Examples
    --------
    >>> class_words([0, 1], {"0": "bad", "1": "good"}), class_words(["axon", 7], {})
    (('bad', 'good'), ('axon', None))
    >>> class_words([False, True], {"0": "neural", "1": "noise"}), class_words([0, 1], {"neural": 0, "noise": 1})
    (('neural', 'noise'), ('neural', 'noise'))
    """
    listed = list(classes)
    given = {json_key(key).casefold(): word for key, word in conversion.items()}
    if not any(spelling in given for one in listed for spelling in _spellings(one)):
        given = {json_key(value).casefold(): word for word, value in conversion.items()}
    words = (next((given[key] for key in _spellings(one) if key in given), one) for one in listed)
    return tuple(word if is_class_word(word) else None for word in words)


def _spellings(label: Any) -> tuple[str, ...]:
    """Keys that stand for a class in JSON: 1, 1.0 and True are one class to a classifier."""
    key = json_key(label).casefold()
    number = {"true": "1", "false": "0"}.get(key, key)
    return tuple(dict.fromkeys((key, number, f"{number}.0")))


def json_key(label: Any) -> str:
    """Write a class as a JSON key: numpy's 1 and 1.0 are "1"."""
    if isinstance(label, float) or (hasattr(label, "dtype") and label.dtype.kind == "f"):
        return str(int(label)) if float(label).is_integer() else str(label)
    return str(label)
