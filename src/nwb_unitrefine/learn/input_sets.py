"""Which metrics a model takes, and which of them a poorer source does not give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import FeatureError, TrainingError
from nwb_unitrefine.vocabulary import Need, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nwb_unitrefine.learn.dataset import Dataset
    from nwb_unitrefine.vocabulary import Metric

__all__ = ["INPUT_SETS", "choose_inputs", "feature_groups", "missing_tiers"]

_RAW = {Need.TRACES, Need.AMPLITUDES, Need.LOCATIONS, Need.COMPONENTS}

INPUT_SETS: dict[str, frozenset[Need]] = {
    "all metrics": frozenset(Need),
    "spike times + mean waveform": frozenset({Need.SPIKE_TIMES, Need.WAVEFORM, Need.CHANNELS}),
    "spike times + one channel": frozenset({Need.SPIKE_TIMES, Need.WAVEFORM}),
    "spike times": frozenset({Need.SPIKE_TIMES}),
}
"""What sources have, from the richest to the poorest."""


def _metric(name: str) -> Metric | None:
    """Look a name up; None for a metric of somebody's own."""
    try:
        return resolve(name).metric
    except FeatureError:
        return None


def choose_inputs(
    dataset: Dataset, *, inputs: str = "spike times + mean waveform", whole_recordings: bool = False
) -> tuple[str, ...]:
    """Choose the metrics of a dataset that a model may lean on.

    Parameters
    ----------
    dataset : Dataset
    inputs : str
        A key of `INPUT_SETS`: what the sources that the model is meant for have.
    whole_recordings : bool
        Whether to take metrics that grow with the length of a recording (``num_spikes``), too. They tell recordings
        apart better than units, and mislead in a file of minutes.

    Returns
    -------
    tuple of str
        In the dataset's order. A metric that has no value, or one value for all units, is left out.

    Raises
    ------
    TrainingError
        If nothing is left.
    """
    if inputs not in INPUT_SETS:
        raise TrainingError(f"There is no set of inputs {inputs!r}.", tip=f"One of: {', '.join(INPUT_SETS)}.")
    chosen = []
    for column, name in enumerate(dataset.names):
        metric = _metric(name)
        if metric is None:
            suits = inputs == "all metrics"
        else:
            # Other programs that read the model do not have our own metrics.
            suits = not metric.derived and metric.needs <= INPUT_SETS[inputs]
            suits &= whole_recordings or not metric.follows_recording_length
        known = dataset.values[~np.isnan(dataset.values[:, column]), column]
        if suits and known.size and known.min() < known.max():
            chosen.append(name)
    if not chosen:
        raise TrainingError(
            f"The data has none of the metrics of {inputs!r} with more than one value.",
            tip="`nwb-unitrefine features` computes them from a file.",
        )
    return tuple(chosen)


def feature_groups(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Group metrics by what a source must hold for them: it has all of a group or nothing.

    Parameters
    ----------
    names : sequence of str
        Of the vocabulary.

    Returns
    -------
    dict of str to tuple of str
        ``"raw"``, ``"channels"``, ``"waveform"``, as far as `names` has such; in the order in which poorer sources
        lack them. What comes from spike times alone is in no group: a source without it has no units.

    Examples
    --------
    >>> feature_groups(["firing_rate", "snr", "half_width", "spread"])
    {'raw': ('snr',), 'channels': ('spread',), 'waveform': ('half_width',)}
    """
    groups: dict[str, list[str]] = {"raw": [], "channels": [], "waveform": []}
    for name in names:
        metric = _metric(name)
        if metric is None or metric.needs & _RAW:
            groups["raw"].append(name)
        elif Need.CHANNELS in metric.needs:
            groups["channels"].append(name)
        elif Need.WAVEFORM in metric.needs:
            groups["waveform"].append(name)
    return {group: tuple(members) for group, members in groups.items() if members}


def missing_tiers(names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """List what sources lack, from the richest source to the poorest.

    Examples
    --------
    >>> missing_tiers(["firing_rate", "half_width", "spread"])
    ((), ('channels',), ('channels', 'waveform'))
    """
    groups = feature_groups(names)
    order = tuple(groups)
    tiers = tuple(order[:length] for length in range(len(order) + 1))
    # Where nothing comes from spike times, a source that lacks every group has nothing at all.
    everything = sum(map(len, groups.values())) == len(names)
    return tiers[:-1] if everything and len(tiers) > 1 else tiers
