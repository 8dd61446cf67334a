"""What archives call the metrics, and how their units and signs become ours.

A name that an archive shares with SpikeInterface is listed all the same: only names listed for a dialect are taken
from a file of that dialect, because the same word can mean another unit (``recovery_slope``: V/s at the Allen
Institute, µV/s in SpikeInterface) or another thing (``sliding_rp_violation``: 1 = pass at the IBL).
"""

from __future__ import annotations

from functools import partial

from nwb_unitrefine.vocabulary.metrics.metric import NEW, OLD, Alias
from nwb_unitrefine.vocabulary.metrics.quality import QUALITY_METRICS
from nwb_unitrefine.vocabulary.metrics.spike_trains import SPIKE_TRAIN_METRICS
from nwb_unitrefine.vocabulary.metrics.waveforms import WAVEFORM_METRICS

__all__ = ["ALIASES", "SHARED_DIALECT"]

SHARED_DIALECT = ""
"""Dialect of names that mean the same thing everywhere."""

_SHARED = tuple(
    Alias(dialect=SHARED_DIALECT, name=name, metric=name)
    for name in (
        "num_spikes",
        "firing_rate",
        "presence_ratio",
        "isi_violations_ratio",
        "isi_violations_count",
        "rp_contamination",
        "rp_violations",
        "snr",
        "amplitude_cutoff",
        "isolation_distance",
        "l_ratio",
        "d_prime",
        "nn_hit_rate",
        "nn_miss_rate",
    )
)

_SPIKEINTERFACE = tuple(
    Alias(dialect=dialect, name=metric.name, metric=metric.name, definitions=metric.definitions)
    for dialect in ("SpikeInterface", "AIND")
    for metric in (*SPIKE_TRAIN_METRICS, *WAVEFORM_METRICS, *QUALITY_METRICS)
)

# The Allen Institute's ecephys_spike_sorting computes the same quantities with other parameters (bins, upsampling).
_allen = partial(Alias, dialect="Allen", exact=False)
_ALLEN = (
    _allen(name="firing_rate", metric="firing_rate", exact=True),
    _allen(name="presence_ratio", metric="presence_ratio"),
    _allen(name="isi_violations", metric="isi_violations_ratio", exact=True),
    _allen(name="isi_viol", metric="isi_violations_ratio", exact=True),
    _allen(name="amplitude_cutoff", metric="amplitude_cutoff"),
    _allen(name="snr", metric="snr"),
    _allen(name="isolation_distance", metric="isolation_distance"),
    _allen(name="l_ratio", metric="l_ratio"),
    _allen(name="d_prime", metric="d_prime"),
    _allen(name="nn_hit_rate", metric="nn_hit_rate"),
    _allen(name="nn_miss_rate", metric="nn_miss_rate"),
    _allen(name="silhouette_score", metric="silhouette"),
    _allen(name="waveform_duration", metric="peak_to_trough_duration", definitions=(NEW,), scale=1e-3),
    _allen(name="waveform_duration", metric="peak_to_valley", definitions=(OLD,), scale=1e-3),
    _allen(name="duration", metric="peak_to_trough_duration", definitions=(NEW,), scale=1e-3),
    _allen(name="duration", metric="peak_to_valley", definitions=(OLD,), scale=1e-3),
    _allen(name="waveform_halfwidth", metric="trough_half_width", definitions=(NEW,), scale=1e-3),
    _allen(name="waveform_halfwidth", metric="half_width", definitions=(OLD,), scale=1e-3),
    _allen(name="halfwidth", metric="trough_half_width", definitions=(NEW,), scale=1e-3),
    _allen(name="halfwidth", metric="half_width", definitions=(OLD,), scale=1e-3),
    _allen(name="PT_ratio", metric="main_peak_to_trough_ratio", definitions=(NEW,)),
    _allen(name="PT_ratio", metric="peak_trough_ratio", definitions=(OLD,), scale=-1.0),
    _allen(name="repolarization_slope", metric="repolarization_slope", scale=1e6),
    _allen(name="recovery_slope", metric="recovery_slope", scale=1e6),
    _allen(name="spread", metric="spread"),
    _allen(name="velocity_above", metric="velocity_above", scale=1e3, reciprocal=True),
    _allen(name="velocity_below", metric="velocity_below", scale=1e3, reciprocal=True),
)

_ibl = partial(Alias, dialect="IBL")
_IBL = (
    _ibl(name="spike_count", metric="num_spikes"),
    _ibl(name="firing_rate", metric="firing_rate"),
    _ibl(name="isi_violations_ratio", metric="isi_violations_ratio"),
    _ibl(name="presence_ratio", metric="presence_ratio", exact=False),
    _ibl(name="noise_cutoff", metric="noise_cutoff", exact=False),
    _ibl(
        name="peak_to_trough_duration_ms",
        metric="peak_to_trough_duration",
        definitions=(NEW,),
        scale=1e-3,
        exact=False,
    ),
    _ibl(name="median_spike_amplitude_uV", metric="amplitude_median", definitions=(NEW,), scale=-1.0, exact=False),
    _ibl(name="median_spike_amplitude_uV", metric="amplitude_median", definitions=(OLD,), exact=False),
)

_PHY = tuple(
    Alias(dialect=dialect, name=name, metric=metric)
    for dialect in ("Phy", "Kilosort")
    for name, metric in (("fr", "firing_rate"), ("n_spikes", "num_spikes"))
)

_SPYGLASS = tuple(
    Alias(dialect="Spyglass", name=name, metric=name)
    for name in ("num_spikes", "firing_rate", "snr", "nn_isolation", "nn_noise_overlap")
)

_STEINMETZ = (
    Alias(
        dialect="Steinmetz",
        name="waveform_duration",
        metric="peak_to_trough_duration",
        definitions=(NEW,),
        scale=1e-3,
        exact=False,
    ),
    Alias(
        dialect="Steinmetz",
        name="waveform_duration",
        metric="peak_to_valley",
        definitions=(OLD,),
        scale=1e-3,
        exact=False,
    ),
)

_RUTISHAUSER = (
    Alias(dialect="Rutishauser", name="waveforms_mean_snr", metric="snr", exact=False),
    Alias(dialect="Rutishauser", name="waveforms_isolation_distance", metric="isolation_distance", exact=False),
)

ALIASES = (*_SHARED, *_SPIKEINTERFACE, *_ALLEN, *_IBL, *_PHY, *_SPYGLASS, *_STEINMETZ, *_RUTISHAUSER)
"""Every alias."""
