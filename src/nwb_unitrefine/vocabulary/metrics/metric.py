"""The values that the vocabulary of metrics consists of: a metric, and a feature (a metric in one definition)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["NEW", "OLD", "Feature", "Metric", "MetricGroup", "Need"]

NEW = "0.105"
"""Definition of SpikeInterface 0.105: the one that a bare name means."""

OLD = "0.101"
"""Definition of SpikeInterface 0.100 to 0.102: the one that published models were trained on."""


class MetricGroup(StrEnum):
    """What kind of thing a metric describes."""

    SPIKE_TRAIN = "spike train"
    WAVEFORM = "waveform"
    QUALITY = "quality"


class Need(StrEnum):
    """What a metric is computed from."""

    SPIKE_TIMES = "spike times"
    WAVEFORM = "mean waveform"
    CHANNELS = "mean waveform on channels of known position"
    AMPLITUDES = "amplitude of each spike"
    LOCATIONS = "location of each spike"
    COMPONENTS = "principal components of each spike"
    TRACES = "raw traces"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric, as SpikeInterface names it.

    Parameters
    ----------
    name : str
        Column of SpikeInterface 0.105's tables; for a metric that 0.105 no longer has, its old column.
    unit : str
        Physical unit; empty for a ratio, ``"count"`` for a number of things.
    definition : str
        One sentence, in plain words.
    group : MetricGroup
    needs : frozenset of Need
        All that it takes to compute it.
    valid : tuple of float
        Lowest and highest value that is possible, both included.
    definitions : tuple of str
        Those it exists in, newest first.
    difference : str
        What the old definition does differently; empty when both give the same value.
    scale_free : bool
        Whether multiplying the waveform by a positive number leaves it as it is.
    follows_recording_length : bool
        Whether it grows with the time recorded, for the same unit.
    derived : bool
        Whether it is ours, computed from metrics of SpikeInterface.
    rank_of : str
        For the rank of a metric among the units of its recording, the name of that metric.
    """

    name: str
    unit: str
    definition: str
    group: MetricGroup
    needs: frozenset[Need]
    valid: tuple[float, float]
    definitions: tuple[str, ...] = (NEW, OLD)
    difference: str = ""
    scale_free: bool = True
    follows_recording_length: bool = False
    derived: bool = False
    rank_of: str = ""


@dataclass(frozen=True, slots=True)
class Feature:
    """A metric in one of its definitions: what a model consumes.

    Parameters
    ----------
    metric : Metric
    definition : str
        `NEW` or `OLD`.
    """

    metric: Metric
    definition: str

    @property
    def name(self) -> str:
        """Full name: bare in the new definition, ``name@0.101`` in the old one."""
        return self.metric.name if self.definition == NEW else f"{self.metric.name}@{self.definition}"

    def __str__(self) -> str:
        return self.name
