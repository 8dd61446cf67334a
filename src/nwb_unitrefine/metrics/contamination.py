"""How many spikes of a unit may be another neuron's, and what the refractory period can show at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.kernels.gamma_quantiles import gamma_quantiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["EVIDENCE", "EVIDENCE_FROM", "REFRACTORY_S", "contamination_interval", "refractory_evidence"]

REFRACTORY_S = 1e-3
"""The period of ``rp_violations`` and ``rp_contamination``."""

LEVEL = 0.9

EVIDENCE_FROM = ("num_spikes", "firing_rate", "rp_violations", "isi_violations_count")
"""Metrics that `refractory_evidence` is computed from."""

EVIDENCE = ("rp_violations_expected", "contamination_lower", "contamination_upper", "isi_violations_share")
"""Metrics that it gives."""


def contamination_interval(
    pairs: NDArray[np.float64], expected: NDArray[np.float64], *, level: float = LEVEL
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bound the share of foreign spikes, given the refractory violations that were counted.

    Parameters
    ----------
    pairs : array of float64, shape (n_units,)
        Pairs of spikes within the refractory period.
    expected : array of float64, shape (n_units,)
        Pairs that as many unrelated spikes would have: ``N² t_r / T``.
    level : float
        Of the interval.

    Returns
    -------
    lower, upper : array of float64, shape (n_units,)
        From 0 to 1. The upper bound is 1 where too few pairs are expected to exclude anything, and for a unit whose
        spikes are unrelated.

    Notes
    -----
    A unit with a share C of spikes from many other neurons has ``N² t_r / T (1 - (1 - C)²)`` violations, so ``C = 1 -
    sqrt(1 - n / expected)`` (Llobet and Wyngaard 2022, equation for several neurons). The count is taken for Poisson;
    its interval is that of Garwood 1936.

    Examples
    --------
    >>> lower, upper = contamination_interval(np.array([0.0, 0.0]), np.array([1.0, 30.0]))
    >>> lower.tolist(), upper.round(3).tolist()
    ([0.0, 0.0], [1.0, 0.051])
    """
    tail = (1 - level) / 2
    counted = np.maximum(pairs, 0)
    fewest = np.where(counted > 0, gamma_quantiles(np.maximum(counted, 1), tail), 0.0)
    most = gamma_quantiles(counted + 1, 1 - tail)
    return _contamination(fewest, expected), _contamination(most, expected)


def _contamination(pairs: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn violations into the share of foreign spikes; NaN where nothing is known."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(pairs == 0, expected * 0, pairs / expected)
    return np.asarray(1 - np.sqrt(1 - np.clip(share, 0, 1)))


def refractory_evidence(metrics: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Compute what depends on counts of violations and of spikes alone, as a table of metrics has them.

    Parameters
    ----------
    metrics : mapping of str to array of float64, shape (n_units,)
        Those of `EVIDENCE_FROM`.

    Returns
    -------
    dict of str to array of float64, shape (n_units,)
        ``rp_violations_expected``, ``contamination_lower``, ``contamination_upper``, ``isi_violations_share``.
    """
    spikes = np.where(metrics["num_spikes"] > 0, metrics["num_spikes"], np.nan)
    expected = spikes * metrics["firing_rate"] * REFRACTORY_S
    lower, upper = contamination_interval(metrics["rp_violations"], expected)
    return {
        "rp_violations_expected": expected,
        "contamination_lower": lower,
        "contamination_upper": upper,
        "isi_violations_share": metrics["isi_violations_count"] / spikes,
    }
