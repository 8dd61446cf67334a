"""Metrics of spike times alone, of all units at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.contamination import EVIDENCE, refractory_evidence
from nwb_unitrefine.metrics.metric_values import Missing, Outcome
from nwb_unitrefine.metrics.sliding_rp import (
    correlogram_bins,
    old_correlogram_bins,
    old_sliding_rp_violation,
    sliding_rp_violation,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from nwb_unitrefine.metrics.prepare.trains import SpikeTrains

__all__ = ["PRESENCE_BIN_S", "spike_train_metrics"]

_ISI_S = 1.5 / 1000
_REFRACTORY_MS = 1.0
PRESENCE_BIN_S = 60
_RANGE_BIN_S = 5
_RANGE_PERCENTILES = (5.0, 95.0)


def spike_train_metrics(trains: SpikeTrains, *, names: Collection[str]) -> dict[str, Outcome]:
    """Compute the metrics of spike times, with SpikeInterface's formulas and default parameters.

    Parameters
    ----------
    trains : SpikeTrains
    names : collection of str
        Feature names that are wanted; loops that none of them needs are left out.

    Returns
    -------
    dict of str to Outcome
        At least those of `names` that are metrics of spike times.

    Notes
    -----
    With N spikes in T seconds (t samples): ``isi_violations_ratio = n / (2 N · 1.5 ms) / (N / T)``;
    ``rp_contamination = 1 - sqrt(1 - n_v t / (N² t_r))``, at most 1 (Llobet and Wyngaard 2022). A unit without spikes
    has zero spikes, and no other metric.
    """
    n_spikes = trains.counts
    spikes = n_spikes.astype(np.float64)
    total = trains.observed.total_samples
    duration = total / trains.sampling_rate_hz
    silent: Missing = (n_spikes == 0, "the unit has no spikes")
    untimed: Missing = (total == 0, "the observed time is zero")
    always = (silent, untimed)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(total > 0, spikes / duration, np.nan)
    results = {
        "num_spikes": Outcome(spikes),
        "firing_rate": Outcome(np.where(n_spikes > 0, rate, np.nan), always),
    }
    wanted = {name.partition("@")[0] for name in names}
    if wanted & {"presence_ratio", "firing_range"}:
        results |= _binned(trains, always)
    if wanted & {
        "isi_violations_ratio",
        "isi_violations_count",
        "rp_contamination",
        "rp_violations",
        "sliding_rp_violation",
        *EVIDENCE,
    }:
        results |= _violations(trains, always)
    if wanted & {"sync_spike_2", "sync_spike_4", "sync_spike_8"}:
        results |= _synchrony(trains, silent)
    return results


def _binned(trains: SpikeTrains, always: tuple[Missing, ...]) -> dict[str, Outcome]:
    """Presence and range of the rate, over bins of the observed time."""
    from nwb_unitrefine.metrics.kernels.trains import bin_rates

    observed = trains.observed
    presence_samples = int(PRESENCE_BIN_S * trains.sampling_rate_hz)
    present, count_range = bin_rates(
        trains.times_s,
        trains.offsets,
        trains.sampling_rate_hz,
        observed.starts,
        observed.stops,
        observed.offsets,
        presence_samples=presence_samples,
        range_samples=int(_RANGE_BIN_S * trains.sampling_rate_hz),
        percentiles=_RANGE_PERCENTILES,
    )
    n_bins = observed.total_samples // presence_samples
    heard = trains.counts > 0
    ratio = np.where(heard & (n_bins > 0), present / np.maximum(n_bins, 1), np.nan)
    return {
        "presence_ratio": Outcome(ratio, always, "observed for less than a bin of 60 s"),
        "firing_range": Outcome(
            np.where(heard, count_range / _RANGE_BIN_S, np.nan), always, "observed for less than a bin of 5 s"
        ),
    }


def _violations(trains: SpikeTrains, always: tuple[Missing, ...]) -> dict[str, Outcome]:
    """Everything that counts spikes too close to each other, from one pass."""
    from nwb_unitrefine.metrics.kernels.trains import count_close_pairs

    rate = trains.sampling_rate_hz
    observed = trains.observed
    refractory = round(_REFRACTORY_MS * rate * 1e-3)
    first = np.zeros(len(trains.counts), dtype=np.int64)
    has_interval = np.diff(observed.offsets) > 0
    first[has_interval] = observed.starts[observed.offsets[:-1][has_interval]]
    close = count_close_pairs(
        trains.times_s,
        trains.offsets,
        rate,
        first,
        isi_s=_ISI_S,
        pair_samples=refractory,
        bins=correlogram_bins(rate),
        old_bins=old_correlogram_bins(rate),
    )
    n_spikes = trains.counts
    spikes = n_spikes.astype(np.float64)
    total = observed.total_samples
    duration = total / rate
    heard = (n_spikes > 0) & (total > 0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        isi_ratio = (close.short_intervals / (2 * spikes * _ISI_S)) / (spikes / duration)
        clean = 1 - close.pairs * total / (spikes**2 * refractory)
        contamination = np.where(clean < 0, 1.0, 1 - np.sqrt(np.maximum(clean, 0)))
        sliding = sliding_rp_violation(close.correlogram, n_spikes, duration, rate)
        old_sliding = old_sliding_rp_violation(close.old_correlogram, n_spikes, duration)
    heard_or_nan = np.where(n_spikes > 0, 1.0, np.nan)
    evidence = refractory_evidence(
        {
            "num_spikes": spikes,
            "firing_rate": np.divide(spikes, duration, out=np.full(len(spikes), np.nan), where=duration > 0),
            "rp_violations": close.pairs.astype(np.float64),
            "isi_violations_count": close.short_intervals.astype(np.float64),
        }
    )
    excluded = "no contamination up to {} % can be excluded: too few spikes, or too many violations"
    return {
        "isi_violations_ratio": Outcome(np.where(heard, isi_ratio, np.nan), always),
        "isi_violations_count": Outcome(np.asarray(close.short_intervals * heard_or_nan), always),
        "rp_violations": Outcome(np.asarray(close.pairs * heard_or_nan), always),
        **{name: Outcome(values, always) for name, values in evidence.items()},
        "rp_contamination": Outcome(
            np.where(heard & (n_spikes > 1), contamination, np.nan), always, "the unit has a single spike"
        ),
        "rp_contamination@0.101": Outcome(np.where(heard, contamination, np.nan), always),
        "sliding_rp_violation": Outcome(np.where(heard, sliding, np.nan), always, excluded.format(35)),
        "sliding_rp_violation@0.101": Outcome(np.where(heard, old_sliding, np.nan), always, excluded.format(34.5)),
    }


def _synchrony(trains: SpikeTrains, silent: Missing) -> dict[str, Outcome]:
    """Fractions of spikes that fall together with others."""
    from nwb_unitrefine.metrics.kernels.synchrony import SYNCHRONY_SIZES, count_synchrony

    together = count_synchrony(trains.times_s, trains.offsets, trains.sampling_rate_hz)
    spikes = np.where(trains.counts > 0, trains.counts, np.nan)
    return {
        f"sync_spike_{size}": Outcome(together[:, column] / spikes, (silent,))
        for column, size in enumerate(SYNCHRONY_SIZES)
    }
