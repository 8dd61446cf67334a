"""Problems that only all units of a table show together: one neuron twice, a short recording, labels that disagree."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.read.existing_labels import existing_labels
from nwb_unitrefine.read.same_neuron import duplicate_pairs, split_pairs
from nwb_unitrefine.records import Problem, ProblemCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nwb_unitrefine.records import Units

__all__ = ["find_across_units"]

SHORT_S = 120.0
"""Two bins of the presence ratio."""


def find_across_units(units: Units) -> Iterator[Problem]:
    """Yield the problems that only the whole table shows.

    Parameters
    ----------
    units : Units

    Yields
    ------
    Problem
        Units that may be one neuron, a recording that is too short, columns of labels that disagree.
    """
    ids = units.unit_ids.tolist()
    for rows, least in _connected(duplicate_pairs(units), len(units)):
        group = tuple(ids[row] for row in rows)
        named = f"{', '.join(map(str, group[:-1]))} and {group[-1]}"
        share = f"at least {int(100 * least)} %" if least < 1 else "all"
        what = f"Units {named} share {share} of the smaller one's spikes."
        yield Problem(ProblemCode.UNITS_DUPLICATED, what, group)
    for first, second, ratio in split_pairs(units):
        pair = (ids[first], ids[second])
        what = (
            f"Units {pair[0]} and {pair[1]} have similar waveforms on one channel, and {100 * ratio:.0f} % of the "
            "spike pairs within 1.5 ms that independent units would have."
        )
        yield Problem(ProblemCode.UNITS_SPLIT, what, pair)
    times = units.spike_times_s.values
    if times.size and (span := float(times.max() - times.min())) < SHORT_S:
        what = f"The spikes span {span:.3g} s; metrics of stability need at least {SHORT_S:g} s."
        yield Problem(ProblemCode.RECORDING_SHORT, what)
    for (one, first_labels), (other, second_labels) in combinations(existing_labels(units).items(), 2):
        mine, theirs = first_labels.labels, second_labels.labels
        both = (mine != "") & (theirs != "")
        if differing := int((mine[both] != theirs[both]).sum()):
            what = f"The columns {one} and {other} disagree about {differing} of {int(both.sum())} units."
            yield Problem(ProblemCode.LABELS_COLUMNS_DIFFER, what)


def _connected(pairs: list[tuple[int, int, float]], n_units: int) -> Iterator[tuple[list[int], float]]:
    """Join pairs that have a unit in common; yield the rows of each group, and the smallest share in it."""
    if not pairs:
        return
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    first, second, shares = (np.array(one) for one in zip(*pairs, strict=True))
    graph = csr_array((np.ones(len(pairs)), (first, second)), shape=(n_units, n_units))
    _, groups = connected_components(graph, directed=False)
    for group in dict.fromkeys(groups[first].tolist()):
        yield np.flatnonzero(groups == group).tolist(), float(shares[groups[first] == group].min())
