"""What curators, archives, programs and published models call single units, multi-units and noise.

This is the only table of label words. A word means a set of the classes sua, mua and noise: ``good`` is ``{"sua"}``;
``neural`` is ``{"sua", "mua"}``, which excludes noise and no more; ``unsorted`` is the empty set, no decision. A
word that is in no table is asked for, never guessed.

An archive that means something else by a word states it for its own column, in its file in
`nwb_unitrefine.vocabulary.dialects`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Ragged

__all__ = [
    "EXPORT_WORDS",
    "LABEL_WORDS",
    "MUA",
    "NEURAL",
    "NEURONS",
    "NOISE",
    "NOT_SINGLE",
    "NO_DECISION",
    "STRONGEST_FIRST",
    "SUA",
    "LabelTranslation",
    "Meaning",
    "likely_meant",
    "meaning",
    "one_label",
    "spell",
    "spell_each",
    "translate",
    "word_key",
]

Meaning = frozenset[str]
"""The classes that a word leaves possible; empty for no decision."""

SUA: Meaning = frozenset({"sua"})
MUA: Meaning = frozenset({"mua"})
NOISE: Meaning = frozenset({"noise"})
NEURONS: Meaning = SUA | MUA
NOT_SINGLE: Meaning = MUA | NOISE
NO_DECISION: Meaning = frozenset()

NEURAL = "neural"
"""Name of the class that a model of two classes has beside noise: a single unit or a multi-unit."""

_MODELS = "UnitRefine's published models, https://huggingface.co/AnoushkaJain3"
_PHY = "Phy, https://phy.readthedocs.io"
_SPIKEINTERFACE = "SpikeInterface's curation format, https://spikeinterface.readthedocs.io"
_SPYGLASS = "Spyglass, https://lorenfranklab.github.io/spyglass"
_BOMBCELL = "Bombcell, https://github.com/Julie-Fabre/bombcell"
_AIND = "AIND, https://github.com/AllenNeuralDynamics/aind-ephys-pipeline"
_ALM = "Svoboda laboratory's ALM data on DANDI, column quality"
_USAGE = "common spelling in tables of curators"
_PANDAS = "how pandas and spreadsheets write a missing cell"

_TABLE: dict[Meaning, dict[str, str]] = {
    SUA: {
        "good": f"{_PHY}; Kilosort; {_SPIKEINTERFACE}; {_BOMBCELL} (Allen means only 'not noise')",
        "sua": f"{_AIND}; this package",
        "su": _USAGE,
        "single": _USAGE,
        "single unit": _USAGE,
        "single unit activity": _USAGE,
        "well isolated": _USAGE,
        "accept": _SPYGLASS,
        "accepted": _SPYGLASS,
        "excellent": _ALM,
        "non soma good": f"{_BOMBCELL}, where non-somatic units are split",
    },
    MUA: {
        "mua": f"{_PHY}; Kilosort; {_SPIKEINTERFACE}; {_BOMBCELL}; {_AIND}; {_SPYGLASS}",
        "mu": _USAGE,
        "multi": _USAGE,
        "multi unit": _USAGE,
        "multi unit activity": _USAGE,
        "non soma mua": f"{_BOMBCELL}, where non-somatic units are split",
    },
    NOISE: {
        "noise": f"{_PHY}; {_SPIKEINTERFACE}; {_BOMBCELL}; {_AIND}; Allen",
        "noisy": _USAGE,
        "artifact": _SPYGLASS,
        "artefact": _SPYGLASS,
        "reject": _SPYGLASS,
        "rejected": _SPYGLASS,
    },
    NEURONS: {
        "neural": _MODELS,
        "neuron": _MODELS,
        "neuronal": _MODELS,
        "not noise": _MODELS,
        "non noise": _MODELS,
        "non soma": f"{_BOMBCELL}: spikes of an axon, of one cell or of several",
    },
    NOT_SINGLE: {
        "bad": "the other class of models that distinguish good from bad",
    },
    NO_DECISION: {
        "": "an empty cell",
        "nan": _PANDAS,
        "none": _PANDAS,
        "na": _PANDAS,
        "n/a": _PANDAS,
        "<na>": _PANDAS,
        "null": _PANDAS,
        "nat": _PANDAS,
        "unsorted": _PHY,
        "unlabeled": _SPIKEINTERFACE,
        "unlabelled": _USAGE,
        "unknown": _USAGE,
    },
}

_BETWEEN = re.compile(r"(?<=[^\W_])[\s_\-\u2010-\u2013]+(?=[^\W_])")
STRONGEST_FIRST = ("noise", "mua", "sua")
"""Of several labels of one unit, the worst counts: Spyglass's curators only add labels."""


def spell(value: Any) -> str:
    """Spell a label as people would read it.

    Bytes are text, whole numbers have no decimals (``1.0`` is ``1``) and others two (a third is ``0.33``), surrounding
    space goes, and what is missing (None, NaN) is empty or ``nan``.

    Examples
    --------
    >>> [spell(value) for value in ("Single-Unit", b"MUA ", 1.0, 1 / 3, True, None, float("nan"))]
    ['Single-Unit', 'MUA', '1', '0.33', 'True', '', 'nan']
    """
    if value is None:
        return ""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    text = str(value).strip()
    try:
        number = float(text)
    except ValueError:
        return text
    return f"{round(number, 2):g}"


def word_key(value: Any) -> str:
    """Reduce a label to the key that the tables have: one word has one key, whoever wrote it.

    Case does not matter, nor the space, hyphen or underscore between the parts of a word. Other signs do: ``good?`` is
    not ``good``.

    Examples
    --------
    >>> [word_key(value) for value in ("Single-Unit", b"single_unit", 1.0, True, "good?")]
    ['singleunit', 'singleunit', '1', 'true', 'good?']
    """
    return _BETWEEN.sub("", spell(value).casefold())


LABEL_WORDS: Mapping[str, tuple[Meaning, str]] = MappingProxyType(
    {word: (meant, source) for meant, words in _TABLE.items() for word, source in words.items()}
)
"""Every word, the classes that it means, and who uses it so."""

_MEANINGS = {word_key(word): meant for word, (meant, _) in LABEL_WORDS.items()}

EXPORT_WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "phy": {"sua": "good", "mua": "mua", "noise": "noise", "": "unsorted"},
        "spikeinterface": {"sua": "good", "mua": "MUA", "noise": "noise"},  # spikeinterface-gui has keys for these
    }
)
"""What to write for each class for another program."""


def meaning(value: Any, *, own: Mapping[str, Meaning] | None = None) -> Meaning | None:
    """Look up what a label means.

    Parameters
    ----------
    value : str, bytes, number, bool or None
    own : mapping of str to set of str, optional
        What one column means by its words, by their `word_key`; it comes before the common table.

    Returns
    -------
    frozenset of str or None
        Classes; empty for no decision; None for a word that nobody's table has.

    Examples
    --------
    >>> sorted(meaning("Single-unit")), sorted(meaning("neural")), meaning("unsorted"), meaning("fair")
    (['sua'], ['mua', 'sua'], frozenset(), None)
    """
    key = word_key(value)
    if own is not None and key in own:
        return own[key]
    return _MEANINGS.get(key)


def one_label(meanings: Iterable[Meaning | None]) -> str:
    """Decide what the labels of one unit mean together: sua, mua, noise, or nothing.

    Of several, noise counts before mua and mua before sua. A label that leaves several classes possible decides none.

    Examples
    --------
    >>> one_label([SUA, NOISE]), one_label([SUA | MUA]), one_label([])
    ('noise', '', '')
    """
    found = {next(iter(meant)) for meant in meanings if meant is not None and len(meant) == 1}
    return next((label for label in STRONGEST_FIRST if label in found), "")


@dataclass(frozen=True, slots=True, eq=False)
class LabelTranslation:
    """A column of labels in our words.

    Parameters
    ----------
    labels : array of str, shape (n_units,)
        One of `CLASSES`, or empty for a unit whose labels decide none of them.
    meanings : mapping of str to frozenset of str, or None
        Each label in its own spelling, and what it means; None for a word that nobody's table has.
    counts : mapping of str to int
        How many units have each label.
    """

    labels: NDArray[np.str_]
    meanings: Mapping[str, Meaning | None]
    counts: Mapping[str, int]


def translate(
    values: NDArray[Any] | Ragged | Iterable[Any], *, own: Mapping[str, Meaning] | None = None
) -> LabelTranslation:
    """Translate a column of labels.

    Parameters
    ----------
    values : array, Ragged, or iterable of labels or of lists of labels
        One entry a unit: text, a number, a truth value, or several of them.
    own : mapping of str to set of str, optional
        As of `meaning`.
    """
    units = [spell_each(value) for value in values]
    counts = Counter(word for words in units for word in words or ("",))
    meanings = {word: meaning(word, own=own) for word in counts}
    labels = np.array([one_label(meanings[word] for word in words) for words in units], dtype="U5")
    return LabelTranslation(labels, meanings, counts)


def spell_each(value: Any) -> tuple[str, ...]:
    """Spell the labels of one unit: one, or several."""
    several = value if isinstance(value, list | tuple | set | np.ndarray) else (value,)
    return tuple(spell(one) for one in several)


def likely_meant(word: str, known: Iterable[str]) -> str:
    """Find the known label that a word is a slip of; empty where it is none, or a word of its own.

    Examples
    --------
    >>> likely_meant("niose", ["noise", "mua"]), likely_meant("axon", ["noise", "mua"])
    ('noise', '')
    """
    listed = list(known)
    if word in listed:
        return ""
    near = get_close_matches(word.casefold(), listed, n=1, cutoff=0.75)
    return near[0] if near else ""
