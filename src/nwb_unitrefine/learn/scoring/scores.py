"""How good predictions are: what is measured, exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.records import CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "accuracy_at_coverage",
    "balanced_accuracy",
    "bootstrap_interval",
    "brier_score",
    "calibration_error",
    "macro_f1",
    "recalls",
    "reliability",
    "roc_auc",
    "score",
    "share_interval",
    "units_interval",
]

BINS = 10


def recalls(
    targets: NDArray[np.intp], labels: NDArray[np.intp], *, n_classes: int = len(CLASSES)
) -> NDArray[np.float64]:
    """Share of each class's units that got its label, shape (n_classes,); NaN for a class that does not occur.

    Examples
    --------
    >>> recalls(np.array([0, 0, 1]), np.array([0, 1, 1])).tolist()
    [0.5, 1.0, nan]
    """
    occurs = np.bincount(targets, minlength=n_classes).astype(float)
    hit = np.bincount(targets[targets == labels], minlength=n_classes)
    return np.asarray(np.divide(hit, occurs, out=np.full(n_classes, np.nan), where=occurs > 0))


def balanced_accuracy(targets: NDArray[np.intp], labels: NDArray[np.intp]) -> float:
    """Mean recall of the classes that occur."""
    return float(np.nanmean(recalls(targets, labels, n_classes=_n_classes(targets, labels))))


def _n_classes(*places: NDArray[np.intp]) -> int:
    """Count the classes up to the last that occurs."""
    return 1 + max(int(one.max(initial=0)) for one in places)


def macro_f1(targets: NDArray[np.intp], labels: NDArray[np.intp]) -> float:
    """Mean of F1 = 2 TP / (2 TP + FP + FN) of the classes that occur or were given."""
    scores = []
    for number in np.union1d(targets, labels).tolist():
        both = int(((targets == number) & (labels == number)).sum())
        either = int((targets == number).sum() + (labels == number).sum())
        scores.append(2 * both / either)
    return float(np.mean(scores))


def roc_auc(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Probability that a random positive scores above a random negative, ties counting half; NaN without either.

    Examples
    --------
    >>> roc_auc(np.array([False, False, True]), np.array([0.1, 0.5, 0.5]))
    0.75
    """
    from scipy.stats import rankdata

    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return float("nan")
    ranks = rankdata(scores)
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def brier_score(targets: NDArray[np.intp], probabilities: NDArray[np.float64]) -> float:
    """Mean over units of the squared distance of the probabilities from the truth: 0 is best, 2 worst.

    References
    ----------
    Brier 1950, "Verification of forecasts expressed in terms of probability", in its original form for several classes.
    """
    return float(((probabilities - np.eye(probabilities.shape[1])[targets]) ** 2).sum(axis=1).mean())


def reliability(
    targets: NDArray[np.intp], probabilities: NDArray[np.float64], *, bins: int = BINS
) -> NDArray[np.float64]:
    """Compare confidence with accuracy in bins of equal width.

    Parameters
    ----------
    targets : array of int, shape (n_units,)
    probabilities : array of float64, shape (n_units, n_classes)
    bins : int

    Returns
    -------
    array of float64, shape (bins, 3)
        Number of units, mean largest probability, share of units whose most probable class is the truth; NaN where
        there are no units.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == targets
    bin_of = np.clip((confidence * bins).astype(int), 0, bins - 1)
    counts = np.bincount(bin_of, minlength=bins).astype(float)
    sums = [np.bincount(bin_of, weights=each, minlength=bins) for each in (confidence, right.astype(float))]
    means = [np.divide(each, counts, out=np.full(bins, np.nan), where=counts > 0) for each in sums]
    return np.column_stack([counts, *means])


def calibration_error(targets: NDArray[np.intp], probabilities: NDArray[np.float64], *, bins: int = BINS) -> float:
    """Expected calibration error of the most probable class.

    ``sum over bins of n_bin / n * |accuracy - mean confidence|``, with confidence the largest of the
    probabilities and 10 bins of equal width from 0 to 1.

    References
    ----------
    Guo et al. 2017, "On calibration of modern neural networks", equation 3.
    """
    counts, confidence, accuracy = reliability(targets, probabilities, bins=bins).T
    return float(np.nansum(counts * np.abs(accuracy - confidence)) / counts.sum())


def accuracy_at_coverage(
    targets: NDArray[np.intp], labels: NDArray[np.intp], certainty: NDArray[np.float64], *, coverage: float
) -> float:
    """Share of right labels among the units whose certainty is among the highest `coverage` of all."""
    kept = np.argsort(-certainty, kind="stable")[: max(1, round(coverage * len(targets)))]
    return float((targets[kept] == labels[kept]).mean())


def score(
    targets: NDArray[np.intp],
    probabilities: NDArray[np.float64],
    labels: NDArray[np.intp],
    *,
    classes: Sequence[str] = CLASSES,
) -> dict[str, float]:
    """Every score of one set of predictions.

    Parameters
    ----------
    targets : array of int, shape (n_units,)
        Index of each unit's true class in `classes`.
    probabilities : array of float64, shape (n_units, n_classes)
    labels : array of int, shape (n_units,)
        Index of each unit's label: what the decision rule chose.
    classes : sequence of str
        Names of the classes; the scores of single classes are named after them.

    Returns
    -------
    dict of str to float
        ``balanced_accuracy``, ``macro_f1``, ``recall_sua`` and so on for each class, ``auc_sua`` and so on (each class
        against the rest), ``brier``, ``calibration_error``, ``accuracy``, and
        ``accuracy_at_80`` (``_60``, ``_40``): accuracy of the most certain 80 (60, 40) %, certainty being the
        probability of the label.
    """
    certainty = probabilities[np.arange(len(labels)), labels]
    found = recalls(targets, labels, n_classes=len(classes))
    return {
        "balanced_accuracy": balanced_accuracy(targets, labels),
        "macro_f1": macro_f1(targets, labels),
        **{f"recall_{name}": float(one) for name, one in zip(classes, found, strict=True)},
        **{f"auc_{name}": roc_auc(targets == i, probabilities[:, i]) for i, name in enumerate(classes)},
        "brier": brier_score(targets, probabilities),
        "calibration_error": calibration_error(targets, probabilities),
        "accuracy": float((targets == labels).mean()),
        **{
            f"accuracy_at_{percent}": accuracy_at_coverage(targets, labels, certainty, coverage=percent / 100)
            for percent in (80, 60, 40)
        },
    }


def bootstrap_interval(
    values: NDArray[np.float64], *, level: float = 0.95, draws: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Interval of the mean of one value a recording: recordings are drawn with replacement, percentiles taken.

    Examples
    --------
    >>> low, high = bootstrap_interval(np.array([0.1, 0.2, 0.3]))
    >>> 0.1 <= low < 0.2 < high <= 0.3
    True
    """
    known = values[~np.isnan(values)]
    if not known.size:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    means = known[rng.integers(0, len(known), size=(draws, len(known)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def share_interval(
    counts: ArrayLike, totals: ArrayLike, *, z: float = 1.96
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson's interval of a share, 95 % by default: what may be concluded from so few units.

    Parameters
    ----------
    counts, totals : array_like of int
        Units with a property, and all units; NaN comes back where there are none.
    z : float
        Quantile of the normal distribution.

    Returns
    -------
    low, high : array of float64

    References
    ----------
    Wilson 1927, "Probable inference, the law of succession, and statistical inference", J. Am. Stat. Assoc. 22.

    Examples
    --------
    >>> low, high = share_interval(9, 10)
    >>> round(float(low), 3), round(float(high), 3)
    (0.596, 0.982)
    """
    counts, totals = np.asarray(counts, dtype=np.float64), np.asarray(totals, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = counts / totals
        middle = (share + z**2 / (2 * totals)) / (1 + z**2 / totals)
        half = z / (1 + z**2 / totals) * np.sqrt(share * (1 - share) / totals + z**2 / (4 * totals**2))
    return np.maximum(middle - half, 0), np.minimum(middle + half, 1)


def units_interval(
    targets: NDArray[np.intp], labels: NDArray[np.intp], *, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Bootstrap interval of the balanced accuracy on one recording: units are drawn with replacement.

    Examples
    --------
    >>> low, high = units_interval(np.repeat([0, 1], 50), np.r_[np.zeros(40), np.ones(60)].astype(int))
    >>> 0.8 < low < 0.9 < high < 1
    True
    """
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(targets), size=(draws, len(targets)))
    found = [balanced_accuracy(targets[drawn], labels[drawn]) for drawn in rows]
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
