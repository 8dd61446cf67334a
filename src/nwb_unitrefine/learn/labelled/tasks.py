"""What a model is to distinguish, and from which metrics: the names that the command line has for both."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn.dataset import require_classes
from nwb_unitrefine.learn.input_sets import INPUT_SETS
from nwb_unitrefine.records import CLASSES

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["METRIC_PRESETS", "TASKS", "parse_metrics", "parse_task"]

TASKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sua-mua-noise": CLASSES,
        "noise-neural": ("noise", "neural"),
        "sua-mua": ("sua", "mua"),
        "sua-rest": ("sua", "bad"),
    }
)
"""Classes of each task. ``neural`` is a single unit or a multi-unit, ``bad`` a multi-unit or noise; labels that are of
no class of a task, such as noise for ``sua-mua``, are left out."""

METRIC_PRESETS: Mapping[str, str] = MappingProxyType(
    {
        "spike-times": "spike times",
        "waveform": "mean waveform",
        "nwb": "spike times + mean waveform",
        "all": "all metrics",
    }
)
"""Sets of inputs by short names; ``nwb`` is what NWB files usually hold."""


def parse_task(task: str) -> tuple[str, ...]:
    """Read the classes of a task.

    Parameters
    ----------
    task : str
        A key of `TASKS`, or two or more words of one's own, separated by commas.

    Raises
    ------
    TrainingError
        If it is neither.

    Examples
    --------
    >>> parse_task("noise-neural"), parse_task("axon, soma, fast spiking, junk")
    (('noise', 'neural'), ('axon', 'soma', 'fast spiking', 'junk'))
    """
    if task in TASKS:
        return TASKS[task]
    classes = tuple(word.strip() for word in task.split(","))
    if len(classes) < 2:
        raise TrainingError(
            f"There is no task {task!r}.",
            tip=f"One of: {', '.join(TASKS)}; or labels of your own, separated by commas: axon,soma.",
        )
    require_classes(classes)
    return classes


def parse_metrics(metrics: str) -> dict[str, str | tuple[str, ...]]:
    """Read a preset or names of metrics, as arguments of a learner.

    Parameters
    ----------
    metrics : str
        A key of `METRIC_PRESETS`, or names of metrics, separated by commas.

    Returns
    -------
    dict
        ``inputs`` or ``metrics``, as of `BoostedTrees`.

    Examples
    --------
    >>> parse_metrics("spike-times"), parse_metrics("firing_rate,half_width")
    ({'inputs': 'spike times'}, {'metrics': ('firing_rate', 'half_width')})
    """
    if metrics in METRIC_PRESETS:
        assert METRIC_PRESETS[metrics] in INPUT_SETS
        return {"inputs": METRIC_PRESETS[metrics]}
    return {"metrics": tuple(name.strip() for name in metrics.split(","))}
