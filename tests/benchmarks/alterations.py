"""What the benchmarks do to units: changes of known direction, and other ways to store the same unit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nwb_unitrefine.records import Ragged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Units

__all__ = [
    "SHARES",
    "Altered",
    "cropped",
    "expected_violations",
    "fewer_channels",
    "halves",
    "mixed",
    "neighbour_of",
    "scaled",
    "thinned",
    "with_trains",
]

SHARES = (0.02, 0.05, 0.1, 0.2, 0.5)
"""Foreign spikes that are moved into a unit, over its own."""

NEIGHBOUR_UM = 60.0
VIOLATION_S = 1.5e-3


class Altered(NamedTuple):
    """Units of which one was changed, and how."""

    kind: str
    step: float
    row: int
    units: Units


def trains_of(units: Units) -> list[NDArray[np.float64]]:
    """Spike times of each unit."""
    return [np.asarray(train) for train in units.spike_times_s]


def with_trains(units: Units, trains: Sequence[NDArray[np.float64]]) -> Units:
    """Exchange the spike times."""
    counts = [len(train) for train in trains]
    values = np.concatenate([np.sort(train) for train in trains])
    return replace(units, spike_times_s=Ragged(values, np.r_[0, np.cumsum(counts)].astype(np.int64)))


def with_waveform(units: Units, row: int, waveform: NDArray[np.float64]) -> Units:
    """Exchange the mean waveform of one unit."""
    assert units.waveforms is not None
    mean = np.array(units.waveforms.mean)
    mean[row] = waveform
    return replace(units, waveforms=replace(units.waveforms, mean=mean))


def duration_s(units: Units) -> float:
    """Time of the last spike: the files of the benchmarks start at zero."""
    return float(units.spike_times_s.values.max())


def neighbour_of(units: Units, row: int, *, at_least: float) -> int | None:
    """Find the nearest unit within 60 µm that has enough spikes to give."""
    assert units.waveforms is not None
    assert units.electrodes is not None
    if units.electrodes.positions_um is None:
        return None
    largest = np.nanargmax(np.ptp(units.waveforms.mean, axis=1), axis=1)
    place = units.electrodes.positions_um[units.waveforms.channels[np.arange(len(units)), largest], :2]
    distance = np.linalg.norm(place - place[row], axis=1)
    distance[row] = np.inf
    distance[units.spike_times_s.counts < at_least] = np.inf
    nearest = int(np.argmin(distance))
    return nearest if distance[nearest] < NEIGHBOUR_UM else None


def expected_violations(units: Units, row: int, *, share: float = 0.5) -> float:
    """Intervals below 1.5 ms that so many foreign spikes are expected to add: 2 n_a n_b 1.5 ms / T."""
    own = float(units.spike_times_s.counts[row])
    return 2 * own * share * own * VIOLATION_S / duration_s(units)


def mixed(units: Units, row: int, other: int, *, share: float, rng: np.random.Generator) -> Units:
    """Move ``share`` times as many spikes as `row` has from `other` to it, and mix the mean waveforms likewise."""
    assert units.waveforms is not None
    trains = trains_of(units)
    own, moved = len(trains[row]), min(round(share * len(trains[row])), len(trains[other]))
    picked = rng.choice(len(trains[other]), moved, replace=False)
    trains[row] = np.r_[trains[row], trains[other][picked]]
    trains[other] = np.delete(trains[other], picked)
    here, there = units.waveforms.channels[row], units.waveforms.channels[other]
    foreign = np.zeros_like(units.waveforms.mean[row])
    for column, channel in enumerate(here):
        same = np.flatnonzero(there == channel)
        if len(same):
            foreign[:, column] = units.waveforms.mean[other][:, same[0]]
    waveform = (own * units.waveforms.mean[row] + moved * foreign) / (own + moved)
    return with_waveform(with_trains(units, trains), row, waveform)


def with_poisson_spikes(units: Units, row: int, *, share: float, rng: np.random.Generator) -> Units:
    """Add spikes at random times to one unit."""
    trains = trains_of(units)
    added = rng.uniform(0, duration_s(units), int(share * len(trains[row])))
    trains[row] = np.r_[trains[row], added]
    return with_trains(units, trains)


def with_noise_for_waveform(units: Units, row: int, *, rng: np.random.Generator) -> Units:
    """Give one unit white noise for a mean waveform."""
    assert units.waveforms is not None
    own = np.asarray(units.waveforms.mean[row])
    return with_waveform(units, row, rng.normal(0, 0.1 * np.ptp(own), own.shape))


def one_at_a_time(units: Units, rows: Sequence[int], parents: dict[int, int], *, seed: int) -> Iterator[Altered]:
    """Change one unit after another: Poisson spikes and noise for `rows`, mixtures for `parents` (row to neighbour)."""
    rng = np.random.default_rng(seed)
    for row in rows:
        yield Altered("poisson", 0.2, row, with_poisson_spikes(units, row, share=0.2, rng=rng))
        yield Altered("white noise", 1.0, row, with_noise_for_waveform(units, row, rng=rng))
        if row in parents:
            other = parents[row]
            for share in SHARES:
                yield Altered("mixed", share, row, mixed(units, row, other, share=share, rng=rng))
            yield Altered("merged", 1.0, row, mixed(units, row, other, share=1.0, rng=rng))


def thinned(units: Units, *, rng: np.random.Generator) -> Units:
    """Drop half of the spikes of every unit, at random."""
    return with_trains(units, [train[rng.random(len(train)) < 0.5] for train in trains_of(units)])


def jittered(units: Units, *, rng: np.random.Generator) -> Units:
    """Move every spike by 0.2 ms (standard deviation)."""
    return with_trains(units, [train + rng.normal(0, 2e-4, len(train)) for train in trains_of(units)])


def unbounded(units: Units) -> Units:
    """Leave out when units were observed."""
    return replace(units, obs_intervals_s=None, recording_intervals_s=None)


def time_reversed(units: Units) -> Units:
    """Play the recording backwards."""
    end = duration_s(units)
    return with_trains(unbounded(units), [end - train[::-1] for train in trains_of(units)])


def permuted(units: Units, *, rng: np.random.Generator) -> tuple[Units, NDArray[np.intp]]:
    """Store units and channels in another order; also returns the old row of each new one."""
    assert units.waveforms is not None
    order = rng.permutation(len(units))
    trains = trains_of(units)
    waves = units.waveforms
    columns = rng.permutation(waves.channels.shape[1])
    changed = replace(
        with_trains(unbounded(units), [trains[row] for row in order]),
        unit_ids=units.unit_ids[order],
        waveforms=replace(waves, mean=waves.mean[order][:, :, columns], channels=waves.channels[order][:, columns]),
        unit_electrodes=None,
        columns={},
    )
    return changed, order


def peak_sample(units: Units) -> int:
    """Sample that the waveforms are aligned to: the commonest place of the largest value."""
    assert units.waveforms is not None
    if units.waveforms.samples_before_peak is not None:
        return units.waveforms.samples_before_peak
    size = np.nanmax(np.abs(units.waveforms.mean), axis=2)
    return int(np.median(np.nanargmax(size, axis=1)))


def cropped(units: Units, *, before_s: float, after_s: float) -> Units:
    """Cut mean waveforms to a window around the peak; pad with zeros where it is longer than the file's."""
    waves = units.waveforms
    assert waves is not None
    rate = waves.sampling_rate_hz or units.sampling_rate_hz
    assert rate is not None
    peak = peak_sample(units)
    start, stop = peak - round(before_s * rate), peak + round(after_s * rate) + 1
    mean = np.asarray(waves.mean)
    lack_before, lack_after = max(0, -start), max(0, stop - mean.shape[1])
    if lack_before or lack_after:
        mean = np.pad(mean, ((0, 0), (lack_before, lack_after), (0, 0)), mode="edge")
    window = mean[:, start + lack_before : stop + lack_before]
    known = None if waves.samples_before_peak is None else peak - start
    return replace(units, waveforms=replace(waves, mean=window, samples_before_peak=known))


def fewer_channels(units: Units, *, keep: int) -> Units:
    """Keep the channels of largest amplitude of each unit."""
    waves = units.waveforms
    assert waves is not None
    size = np.nan_to_num(np.ptp(waves.mean, axis=1), nan=-1.0)
    kept = np.sort(np.argsort(-size, axis=1, kind="stable")[:, :keep], axis=1)
    mean = np.take_along_axis(np.asarray(waves.mean), kept[:, None, :], axis=2)
    return replace(
        units,
        waveforms=replace(waves, mean=mean, channels=np.take_along_axis(waves.channels, kept, axis=1)),
        unit_electrodes=None,
    )


def scaled(units: Units, factor: float) -> Units:
    """Multiply every mean waveform."""
    assert units.waveforms is not None
    return replace(units, waveforms=replace(units.waveforms, mean=units.waveforms.mean * factor))


def halves(units: Units) -> tuple[Units, Units]:
    """First and second half of the recording."""
    end = duration_s(units)
    parts = []
    for start, stop in ((0.0, end / 2), (end / 2, end)):
        trains = [train[(train >= start) & (train <= stop)] for train in trains_of(units)]
        interval = np.tile([[start, stop]], (len(units), 1))
        observed = Ragged(interval, np.arange(len(units) + 1))
        parts.append(replace(with_trains(units, trains), obs_intervals_s=observed, recording_intervals_s=None))
    return parts[0], parts[1]
