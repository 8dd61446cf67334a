"""Kinds of evidence that an electrophysiologist thinks in, and which metrics belong to each."""

from __future__ import annotations

from dataclasses import dataclass

from nwb_unitrefine.vocabulary import Need, find_metric

__all__ = ["EVIDENCE", "OTHER", "Evidence", "evidence_of"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One kind of evidence.

    Parameters
    ----------
    key : str
        Stable name, for programs.
    name : str
        What people read, in the middle of a sentence.
    """

    key: str
    name: str


REFRACTORY = Evidence("refractory", "refractory violations")
RATE = Evidence("rate", "rate and presence")
SYNCHRONY = Evidence("synchrony", "synchrony with other units")
WAVEFORM = Evidence("waveform", "waveform shape")
SPREAD = Evidence("spread", "spatial spread")
NOISE = Evidence("noise", "signal to noise")
AMPLITUDE = Evidence("amplitude", "spike amplitudes")
DRIFT = Evidence("drift", "drift")
ISOLATION = Evidence("isolation", "isolation from neighbours")
OTHER = Evidence("other", "other metrics")

EVIDENCE = (REFRACTORY, WAVEFORM, SPREAD, RATE, SYNCHRONY, NOISE, AMPLITUDE, DRIFT, ISOLATION, OTHER)
"""Every kind, in the order in which tables show them."""

_BY_PREFIX = (
    (("isi_", "rp_", "sliding_rp_", "contamination"), REFRACTORY),
    (("sync_",), SYNCHRONY),
    (("num_spikes", "firing_", "presence_"), RATE),
)
"""Spike trains give three kinds of evidence, which only the names of the metrics separate."""

_BY_NEED = (
    (Need.COMPONENTS, ISOLATION),
    (Need.LOCATIONS, DRIFT),
    (Need.AMPLITUDES, AMPLITUDE),
    (Need.TRACES, NOISE),
    (Need.CHANNELS, SPREAD),
    (Need.WAVEFORM, WAVEFORM),
)
"""What a metric is computed from decides for the rest; the first that it needs counts."""


def evidence_of(feature: str) -> Evidence:
    """Return the kind of evidence that a feature gives.

    Parameters
    ----------
    feature : str
        Name of a feature, with or without its definition; `OTHER` for names that the vocabulary does not have.

    Examples
    --------
    >>> evidence_of("isi_violations_ratio@0.101").name
    'refractory violations'
    >>> evidence_of("exp_decay").key
    'spread'
    """
    name = feature.partition("@")[0]
    for prefixes, evidence in _BY_PREFIX:
        if name.startswith(prefixes):
            return evidence
    metric = find_metric(name)
    needs = metric.needs if metric is not None else frozenset()
    return next((evidence for need, evidence in _BY_NEED if need in needs), OTHER)
