"""What the labels of published models mean.

UnitRefine's and SpikeInterface's models call the same thing by many names. `NEURAL` (not noise: a single unit or a
multi-unit) is a meaning of its own, and is never taken for a single unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nwb_unitrefine.records import CLASSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["NEURAL", "meaning_of", "meanings_of"]

NEURAL = "neural"

_NAMES = {
    "sua": {"sua", "su", "good", "single", "singleunit", "singleunitactivity", "wellisolated"},
    "mua": {"mua", "mu", "multi", "multiunit", "multiunitactivity"},
    "noise": {"noise", "artifact", "artefact", "reject", "rejected"},
    NEURAL: {"neural", "neuron", "neuronal", "notnoise", "nonnoise"},
}
_MEANING = {name: meaning for meaning, names in _NAMES.items() for name in names}

KNOWN = (*CLASSES, NEURAL)


def meaning_of(label: Any) -> str | None:
    """Tell what a label means: sua, mua, noise, neural, or None where the word alone does not say (``1``, ``"bad"``).

    Examples
    --------
    >>> meaning_of("Single-unit"), meaning_of("neural"), meaning_of(1)
    ('sua', 'neural', None)
    """
    letters = "".join(character for character in str(label).casefold() if character.isalnum())
    return _MEANING.get(letters)


def meanings_of(classes: Sequence[Any], conversion: Mapping[str, Any]) -> tuple[str | None, ...]:
    """Tell what the classes of an estimator mean.

    Parameters
    ----------
    classes : sequence
        ``classes_`` of the estimator.
    conversion : mapping of str to label
        ``label_conversion`` of ``model_info.json``, whose keys are text in JSON whatever they were before.
    """
    converted = (conversion.get(_as_text(one), one) for one in classes)
    return tuple(meaning_of(one) for one in converted)


def _as_text(label: Any) -> str:
    """Write a class as a JSON key: numpy's 1 and 1.0 are "1"."""
    if isinstance(label, float) or (hasattr(label, "dtype") and label.dtype.kind == "f"):
        return str(int(label)) if float(label).is_integer() else str(label)
    return str(label)
