"""Which learner makes a user's model: that of the packaged default, wherever the data allow it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn.contamination.contamination_aware import WITHOUT, ContaminationAware
from nwb_unitrefine.learn.contamination.shared_vote import SharedVote
from nwb_unitrefine.learn.learner import BoostedTrees

if TYPE_CHECKING:
    from nwb_unitrefine.learn.dataset import Dataset

__all__ = ["ForeignSpikes", "choose_learner", "default_learner"]

ForeignSpikes = Literal["none", "half", "all"]
"""How many of the trees are shown units with spikes of another neuron added."""

MAX_CONTAMINATION = 0.5
"""On mice not seen, 0.90 of the units called single are, where at most 0.02 is possible, and 0.59 where 0.7 is."""

MAX_EVIDENT = 0.1
"""Of units made of two thirds own and one third foreign spikes whose violations show it, 0.11 are called single without
a mark, and 0.24 without this rule. It marks one unit in three hundred of the base dataset."""

KEEP = 0.86
"""Before the units whose contamination is evident or not excluded are marked, too; then three in four are left."""


def default_learner(
    *, inputs: str = "spike times + mean waveform", metrics: tuple[str, ...] = (), relative: bool = False
) -> SharedVote:
    """Return the learner of the packaged default.

    Parameters
    ----------
    inputs, metrics, relative
        As of `BoostedTrees`; the packaged model has those given here.
    """
    return SharedVote(
        inputs=inputs,
        metrics=metrics,
        relative=relative,
        keep=KEEP,
        max_contamination=MAX_CONTAMINATION,
        max_evident_contamination=MAX_EVIDENT,
    )


def choose_learner(
    dataset: Dataset,
    *,
    foreign_spikes: ForeignSpikes | None = None,
    inputs: str = "spike times + mean waveform",
    metrics: tuple[str, ...] = (),
    relative: bool = False,
) -> BoostedTrees:
    """Choose the learner for a dataset.

    Its trees learn from the labels, and half of them are shown foreign spikes, as in the packaged default: that agrees
    with curators as often as trees that learn from labels alone, and follows refractory violations much more. It takes
    counts of spikes and violations, which every source with spikes gives, and a table only where it has these columns.

    Parameters
    ----------
    dataset : Dataset
    foreign_spikes : {"none", "half", "all"}, optional
        Which trees are shown units with spikes of another neuron added. By default half of them, or none where
        `SharedVote.obstacle` names a reason: a table without counts, classes that do not separate single units from
        multi-units, inputs that show no violations.
    inputs, metrics, relative
        As of `BoostedTrees`. Trees that are all shown foreign spikes have inputs of their own.

    Returns
    -------
    BoostedTrees
        `SharedVote`, `ContaminationAware` or plain `BoostedTrees`.

    Raises
    ------
    TrainingError
        If half of the trees are to be shown foreign spikes, and there is such a reason.

    Examples
    --------
    >>> import numpy as np
    >>> one = {"unit_ids": ["0"], "recordings": ["a"], "subjects": ["m"], "labels": ["sua"]}
    >>> from nwb_unitrefine.learn.dataset import Dataset
    >>> choose_learner(Dataset(**one, names=("snr",), values=np.ones((1, 1)))).name
    'default learner, spike times + mean waveform'
    """
    if foreign_spikes == "all":
        return ContaminationAware()
    plain = BoostedTrees(inputs=inputs, metrics=metrics, relative=relative)
    if foreign_spikes == "none":
        return plain
    shared = default_learner(inputs=inputs, metrics=metrics, relative=relative)
    why = shared.obstacle(dataset)
    if why and foreign_spikes == "half":
        raise TrainingError(f"No trees can be shown foreign spikes: {why}.", tip=WITHOUT)
    return plain if why else shared
