"""From probabilities to a label, and to the reason not to rely on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.models.manifest import Uncertainty
from nwb_unitrefine.models.poor_sources import reasons_of_poor_sources
from nwb_unitrefine.records import CONTAMINATION_LOWER, CONTAMINATION_UPPER, Predictions
from nwb_unitrefine.records.display import plural

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.models.manifest import Feature, Manifest
    from nwb_unitrefine.records import Features

__all__ = ["decide", "out_of_range"]


SUA = "sua"


def decide(
    features: Features,
    *,
    probabilities: NDArray[np.float64],
    scores: NDArray[np.float64],
    inputs: NDArray[np.float64],
    classes: tuple[str, ...],
    manifest: Manifest | None,
) -> Predictions:
    """Label every unit with the class of the largest score, and flag what should not be relied on.

    Parameters
    ----------
    features : Features
        As they were given to the model; their spike counts decide about units with few or no spikes.
    probabilities : array, shape (n_units, n_classes)
        Calibrated, in the order of `classes`.
    scores : array, shape (n_units, n_classes)
        The label is the class of the largest; rows sum to 1.
    inputs : array, shape (n_units, n_inputs)
        What the estimator was given.
    classes : tuple of str
    manifest : Manifest or None
        Its uncertainty rule, training ranges and scores on poorer sources; without one, no label is flagged.

    Returns
    -------
    Predictions
    """
    names = np.array(classes)
    rule = manifest.uncertainty if manifest is not None else Uncertainty()
    spikes = _named(features, rule.spike_count)
    possible, evident = _named(features, CONTAMINATION_UPPER), _named(features, CONTAMINATION_LOWER)
    most_possible = 1.0 if rule.max_contamination is None else rule.max_contamination
    most_evident = 1.0 if rule.max_evident_contamination is None else rule.max_evident_contamination
    unlabelled = np.isnan(inputs).all(axis=1) | ~np.isfinite(probabilities).all(axis=1) | (spikes == 0)
    certainty = probabilities[np.arange(len(scores)), scores.argmax(axis=1)]
    outside = out_of_range(inputs, manifest) if manifest is not None else np.zeros(inputs.shape, dtype=bool)
    poor = reasons_of_poor_sources(manifest, inputs) if manifest is not None else [""] * len(features)
    reasons = []
    for row in range(len(features)):
        if unlabelled[row]:
            reasons.append("no spikes" if spikes[row] == 0 else "no features")
            continue
        why = []
        if spikes[row] < rule.min_spikes:
            why.append(f"{plural(round(spikes[row]), 'spike')}, fewer than {rule.min_spikes}")
        present = int((~np.isnan(inputs[row])).sum())
        if present < rule.min_present:
            why.append(f"{plural(present, 'feature')}, fewer than {rule.min_present}")
        if poor[row]:
            why.append(poor[row])
        if manifest is not None and rule.max_out_of_range is not None and outside[row].sum() > rule.max_out_of_range:
            outliers = [
                _against_range(manifest.features[column], inputs[row, column])
                for column in np.flatnonzero(outside[row])
            ]
            why.append(f"outside the training range: {', '.join(outliers)}")
        if certainty[row] < rule.min_probability:
            first, second = names[np.argsort(scores[row])[:-3:-1]]
            why.append(f"between {first} and {second}")
        is_single = names[scores[row].argmax()] == SUA
        if is_single and evident[row] > most_evident:
            why.append(f"refractory violations show a contamination of {100 * evident[row]:.0f} % or more")
        if is_single and possible[row] > most_possible:
            share = f"contamination of up to {100 * possible[row]:.0f} %"
            count = f" ({plural(round(spikes[row]), 'spike')})" if np.isfinite(spikes[row]) else ""
            why.append(f"{share} cannot be excluded{count}")
        reasons.append("; ".join(why))
    ordered = np.sort(scores, axis=1)
    return Predictions(
        unit_ids=features.unit_ids,
        probabilities=np.where(unlabelled[:, None], np.nan, probabilities),
        labels=np.where(unlabelled, "", names[np.argmax(scores, axis=1)]),
        uncertain=np.array([bool(reason) for reason in reasons], dtype=bool),
        reasons=tuple(reasons),
        classes=classes,
        margins=np.where(unlabelled, np.nan, ordered[:, -1] - ordered[:, -2]),
    )


def _against_range(feature: Feature, value: float) -> str:
    """Name a metric with its value and the range that training saw."""
    unit = f" {feature.unit}" * bool(feature.unit)
    known = [f"{end:.3g}" for end in (feature.low, feature.high) if end is not None]
    ends = "up to" if feature.low is None else "from" if feature.high is None else ""
    seen = f"{ends} {known[0]}" if ends else " to ".join(known)
    return f"{feature.name.partition('@')[0]} {value:.3g}{unit} ({seen})"


def _named(features: Features, name: str) -> NDArray[np.float64]:
    """One metric of each unit, NaN where the features lack it; for metrics that are the same in every definition."""
    for given in features.names:
        if given.partition("@")[0] == name.partition("@")[0]:
            return np.asarray(features.values[:, features.names.index(given)])
    return np.full(len(features), np.nan)


def out_of_range(inputs: NDArray[np.float64], manifest: Manifest) -> NDArray[np.bool_]:
    """Find the inputs that lie outside what training saw; missing ones do not.

    Parameters
    ----------
    inputs : array, shape (n_units, n_inputs)
    manifest : Manifest

    Returns
    -------
    array of bool, shape (n_units, n_inputs)
    """
    low = np.array([-np.inf if feature.low is None else feature.low for feature in manifest.features])
    high = np.array([np.inf if feature.high is None else feature.high for feature in manifest.features])
    with np.errstate(invalid="ignore"):
        return np.asarray((inputs < low) | (inputs > high))
