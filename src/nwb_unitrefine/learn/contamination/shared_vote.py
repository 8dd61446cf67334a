"""The learner of the packaged default: half of its trees learn from curators alone, half are shown foreign spikes."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn.contamination.contamination_aware import SMALLEST_LEAF, WITHOUT, ContaminationAware
from nwb_unitrefine.learn.contamination.foreign_spikes import NEEDED, obstacle
from nwb_unitrefine.learn.input_sets import choose_inputs
from nwb_unitrefine.learn.learner import BoostedTrees, describe, in_memory, metric_table
from nwb_unitrefine.vocabulary import find_metric

if TYPE_CHECKING:
    from nwb_unitrefine.learn.dataset import Dataset
    from nwb_unitrefine.models import FittedModel

__all__ = ["STEADY", "SharedVote"]

STEADY = (
    "firing_rate",
    "presence_ratio",
    "firing_range",
    "isi_violations_ratio",
    "rp_contamination",
    "sync_spike_2",
    "sync_spike_4",
    "exp_decay",
    "half_width",
    "peak_to_valley",
    "peak_trough_ratio",
    "repolarization_slope",
    # What SpikeInterface 0.105 has in the place of half_width, peak_to_valley and peak_trough_ratio.
    "trough_half_width",
    "peak_to_trough_duration",
    "main_peak_to_trough_ratio",
)
"""Metrics of the trees that are shown foreign spikes: those of `ContaminationAware`, as far as SpikeInterface computes
them, and the violations ratio in the place of our own metrics of contamination."""

SHOWING = ("isi_violations_ratio", "rp_contamination")
"""Those that show foreign spikes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedVote(BoostedTrees):
    """`BoostedTrees`, averaged with as many trees that are shown foreign spikes.

    Trees that learn from curators alone call contaminated units single; trees that are shown foreign spikes
    (`ContaminationAware`) agree less with curators. They err on different units: their average agrees with curators as
    often as the former, and its probabilities follow refractory violations much more. The inputs are those of
    `BoostedTrees`, without counts unless they are named; the second half of the trees looks at `STEADY` among them.

    Parameters
    ----------
    contaminated : float
        Weight of the units with foreign spikes, over that of the units as they are, in the trees that are shown them.
    """

    contaminated: float = 0.6

    @property
    def name(self) -> str:
        """What to call it in a table of scores."""
        inputs = ", ".join(self.metrics) or self.inputs
        return f"default learner, {inputs}, half of the trees shown foreign spikes"

    def fit(self, dataset: Dataset, *, seed: int = 0) -> FittedModel:
        """Make a calibrated model; see `BoostedTrees.fit`.

        Raises
        ------
        TrainingError
            If the data lacks the counts that foreign spikes are added to, or a class of single units or multi-units.
        """
        if why := obstacle(dataset):
            raise TrainingError(f"No trees can be shown foreign spikes: {why}.", tip=WITHOUT)
        data = dataset.in_order()
        inputs = choose_inputs(data, inputs=self.inputs, metrics=self.metrics, relative=self.relative)
        data = data.select(tuple(dict.fromkeys((*inputs, *NEEDED))))
        calibrations, uncertainty = self._calibrate(data, seed=seed)
        manifest = describe(self._inputs(data), calibrations=calibrations, uncertainty=uncertainty, seed=seed)
        return in_memory(self._fit_estimator(data, seed=seed), manifest)

    def obstacle(self, dataset: Dataset) -> str:
        """State why this learner does not suit a dataset; empty where it does.

        Parameters
        ----------
        dataset : Dataset
        """
        if why := obstacle(dataset):
            return why
        inputs = choose_inputs(dataset, inputs=self.inputs, metrics=self.metrics, relative=self.relative)
        if not {name.partition("@")[0] for name in inputs} & set(SHOWING):
            return f"neither {' nor '.join(SHOWING)} is among the inputs, so nothing would show them"
        return ""

    def _inputs(self, data: Dataset) -> Dataset:
        """Leave out what only serves to add foreign spikes."""
        return data.select(tuple(name for name in data.names if self._is_input(name)))

    def _is_input(self, name: str) -> bool:
        """Whether a metric is looked at: one that was named, else each but counts."""
        if self.metrics:
            return name in self.metrics or name.partition("@")[0] in self.metrics
        metric = find_metric(name)
        return metric is None or not metric.follows_recording_length

    def _fit_estimator(self, data: Dataset, *, seed: int) -> Any:
        """Fit both kinds of trees on the same inputs, and let them vote together."""
        plain = self._inputs(data)
        pipeline = BoostedTrees._fit_estimator(self, plain, seed=seed)  # noqa: SLF001  # of the class it is
        steady = tuple(bare for name in plain.names if (bare := name.partition("@")[0]) in STEADY)
        if not steady:  # without one subject, every steady metric may have one value for all that are left
            return pipeline
        shown_more = ContaminationAware(
            members=self.members,
            metrics=steady,
            rounds=self.rounds,
            learning_rate=self.learning_rate,
            leaves=self.leaves,
            smallest_leaf=min(self.smallest_leaf, SMALLEST_LEAF),
            shrinkage=self.shrinkage,
            contaminated=self.contaminated,
        )
        shown = shown_more.show(data, seed=seed)
        table = np.zeros((len(shown.values), len(plain.names)))  # what is the same for all units is never split at
        table[:, [plain.names.index(name) for name in shown.names]] = shown.values
        others = shown_more.fit_members(
            metric_table(plain.names, table), shown.targets, shown.weights, copies=shown.copies, seed=seed
        )
        return _together(pipeline, others)


def _together(one: Any, other: Any) -> Any:
    """Make one vote of two; both stay as they are, as they may be remembered."""
    from sklearn.pipeline import Pipeline
    from sklearn.utils import Bunch

    vote, more = copy(one["vote"]), other["vote"]
    vote.estimators = [*vote.estimators, *((f"{name}_foreign", member) for name, member in more.estimators)]
    vote.estimators_ = [*vote.estimators_, *more.estimators_]
    vote.named_estimators_ = Bunch(**dict(zip((name for name, _ in vote.estimators), vote.estimators_, strict=True)))
    return Pipeline([("vote", vote)])
