"""Units without a kind of metrics, of which a model's own scores show that too few labels are right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.models.manifest import Manifest

__all__ = ["reasons_of_poor_sources"]

LARGEST_LOSS = 0.05
"""Of the share of right labels among those not marked uncertain, against sources that give all that a model takes."""

KEPT = "accuracy_kept"

_IN_WORDS = {"raw": "metrics of raw traces", "channels": "metrics of several channels", "waveform": "mean waveform"}


def reasons_of_poor_sources(manifest: Manifest, inputs: NDArray[np.float64]) -> list[str]:
    """State for each unit which kind of metrics it lacks, where labels are much poorer without it.

    Its label is then uncertain whatever its probability. How much poorer they are was measured when the model was made:
    on subjects not seen, with these metrics hidden.

    Parameters
    ----------
    manifest : Manifest
        Its first evaluation is with all features, each other one without some of the feature groups.
    inputs : array, shape (n_units, n_features)
        What the estimator was given, in the manifest's order.

    Returns
    -------
    list of str
        Empty for units without such a loss.
    """
    reasons = [""] * len(inputs)
    if not manifest.evaluations or KEPT not in manifest.evaluations[0].pooled:
        return reasons
    best = manifest.evaluations[0].pooled[KEPT]
    names = manifest.input_names
    absent = np.isnan(inputs)
    lacks = {
        group: absent[:, [names.index(name) for name in members]].all(axis=1)
        for group, members in manifest.feature_groups.items()
    }
    # From the least to the most that is hidden: the poorest source that a unit is like decides.
    for one in sorted(manifest.evaluations[1:], key=lambda evaluation: -len(evaluation.features)):
        hidden = [group for group, members in manifest.feature_groups.items() if not set(members) & set(one.features)]
        if not hidden or KEPT not in one.pooled:
            continue
        share = one.pooled[KEPT]
        kind = _IN_WORDS.get(hidden[-1], hidden[-1])
        reason = f"no {kind}: {100 * share:.0f} % of such labels are right" if best - share >= LARGEST_LOSS else ""
        for row in np.flatnonzero(np.all([lacks[group] for group in hidden], axis=0)).tolist():
            reasons[row] = reason
    return reasons
