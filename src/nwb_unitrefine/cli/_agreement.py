"""How far labels agree with columns of labels that a file had before, for `label` and `show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nwb_unitrefine.cli._render import print_table, say, show_number

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy as np
    from numpy.typing import NDArray

    from nwb_unitrefine.records import Units

__all__ = ["agreement_document", "print_agreement"]


def agreement_document(units: Units, labels: NDArray[np.str_], *, ours: Collection[str] = ()) -> dict[str, Any]:
    """Describe, for each column of labels that is not `ours`, its meaning and how far it agrees with `labels`.

    Parameters
    ----------
    units : Units
    labels : array of str, shape (n_units,)
        In the order of the units.
    ours : collection of str, optional
        Columns that this program wrote.
    """
    from nwb_unitrefine.read import compare_labels, existing_labels

    found = {}
    for column, existing in existing_labels(units).items():
        if column in ours:
            continue
        agreement = compare_labels(existing.labels, labels)
        found[column] = {
            "who": existing.who,
            "meaning": existing.meaning,
            "n_units": agreement.n_units,
            "accuracy": agreement.accuracy,
            "kappa": agreement.kappa,
            "classes": agreement.classes,
            "confusion": agreement.confusion.tolist(),
        }
    return found


def print_agreement(units: Units, labels: NDArray[np.str_], *, ours: Collection[str] = ()) -> None:
    """Print, for each column of labels that is not `ours`, a confusion table and one line that sums it up."""
    for column, compared in agreement_document(units, labels, ours=ours).items():
        if not compared["n_units"]:  # nothing to compare
            continue
        say()
        print_table(
            f"Agreement with the column {column} (by a {compared['who']})",
            [column, *(f"labelled {label}" for label in compared["classes"])],
            [[label, *row] for label, row in zip(compared["classes"], compared["confusion"], strict=True) if any(row)],
        )
        share, kappa = show_number(100 * compared["accuracy"]), show_number(compared["kappa"])
        others = [(value, label or "no class") for value, label in compared["meaning"].items() if value != label]
        meanings = f"In {column}, {', '.join(f'{value} means {label}' for value, label in others)}. " if others else ""
        say(f"{meanings}{share} % of {compared['n_units']} units have the same label, kappa {kappa}.")
