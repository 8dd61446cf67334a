"""Metrics of the mean waveform over many channels: how it travels and fades along the probe."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nwb_unitrefine.metrics.metric_values import Missing, Outcome
from nwb_unitrefine.records import offsets_of_counts
from nwb_unitrefine.vocabulary import OLD, Need, resolve

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from nwb_unitrefine.metrics.prepare.templates import Templates

__all__ = ["many_channel_metrics"]

_MIN_R2 = 0.2
_OLD_MIN_R2 = 0.5


def many_channel_metrics(templates: Templates, *, names: Collection[str]) -> dict[str, Outcome]:
    """Compute velocity, decay and spread, as SpikeInterface does for a sparse analyzer of the channels that are there.

    Parameters
    ----------
    templates : Templates
        Prepared with ``many_channels=True``.
    names : collection of str
        Feature names that are wanted; what none of them needs is left out.
    """
    from nwb_unitrefine.metrics.decay import exponential_decay
    from nwb_unitrefine.metrics.kernels.spread import depth_spread
    from nwb_unitrefine.metrics.kernels.velocity import old_velocities, velocities

    absent: Missing = (~templates.present, "the unit has no mean waveform")
    n_units = len(templates.present)
    if templates.positions_um is None:
        unknown = Outcome.nowhere(n_units, "no position of an electrode is known")
        return dict.fromkeys((name for name in names if Need.CHANNELS in resolve(name).metric.needs), unknown)
    channels = _by_depth(templates)
    few: Missing = (np.diff(channels.offsets) < 2, "fewer than two channels with a position")
    results: dict[str, Outcome] = {}
    for suffix, fit, at_least in (("", velocities, 3), (f"@{OLD}", old_velocities, 5)):
        if {f"velocity_above{suffix}", f"velocity_below{suffix}"} & set(names):
            speed = fit(
                channels.positions_um,
                channels.lowest,
                channels.lowest_at,
                channels.offsets,
                templates.sampling_rate_hz,
            )
            for side, label in enumerate(("above", "below")):
                why = f"fewer than {at_least} channels {label} the largest one, or no good line through them"
                results[f"velocity_{label}{suffix}"] = Outcome(speed[:, side], (absent, few), why)
    if {"exp_decay", f"exp_decay@{OLD}"} & set(names):
        microvolts = channels.peak_to_peak * (templates.scale.to_microvolts or 1.0)
        decay, r_squared = exponential_decay(channels.positions_um, microvolts, channels.offsets)
        for name, least in (("exp_decay", _MIN_R2), (f"exp_decay@{OLD}", _OLD_MIN_R2)):
            accepted = np.where(r_squared >= least, decay, np.nan)
            results[name] = Outcome(accepted, (absent, few), f"r² of the exponential below {least}")
    if "spread" in names:
        spread = depth_spread(
            np.ascontiguousarray(channels.positions_um[:, 1]), channels.peak_to_peak, channels.offsets
        )
        results["spread"] = Outcome(spread, (absent, few), "all channels are at one depth")
    return results


class _Channels(NamedTuple):
    """The channels of each unit in the order of depth, without those of unknown position."""

    positions_um: NDArray[np.float64]
    offsets: NDArray[np.int64]
    lowest: NDArray[np.float64]
    lowest_at: NDArray[np.int64]
    peak_to_peak: NDArray[np.float64]


def _by_depth(templates: Templates) -> _Channels:
    """Sort as SpikeInterface does, with numpy's default sort: which of two channels at one depth is first matters."""
    assert templates.positions_um is not None
    positions = templates.positions_um
    known = np.isfinite(positions.sum(axis=1))
    order = []
    counts = []
    for start, stop in zip(templates.offsets[:-1].tolist(), templates.offsets[1:].tolist(), strict=True):
        here = np.flatnonzero(known[start:stop]) + start
        order.append(here[np.argsort(positions[here, 1])])
        counts.append(len(here))
    place = np.concatenate(order) if order else np.zeros(0, dtype=np.int64)
    extremes = templates.extremes
    return _Channels(
        positions_um=np.ascontiguousarray(positions[place]),
        offsets=offsets_of_counts(counts),
        lowest=extremes.lowest[place],
        lowest_at=extremes.lowest_at[place],
        peak_to_peak=(extremes.highest - extremes.lowest)[place],
    )
