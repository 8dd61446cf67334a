"""Options on how a model is made: the same for `train`, which makes it, and `evaluate`, which scores the way."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import click

from nwb_unitrefine.cli._render import say

if TYPE_CHECKING:
    from nwb_unitrefine.learn import Dataset, TwoSteps
    from nwb_unitrefine.learn.contamination.choose_learner import ForeignSpikes
    from nwb_unitrefine.learn.learner import FolderLearner

__all__ = ["LearnerOptions", "from_raw_option", "learner_options"]

from_raw_option = click.option(
    "--from-raw", is_flag=True, help="Also compute metrics from raw traces, through SpikeInterface."
)

_OPTIONS = (
    click.option(
        "--metrics",
        metavar="PRESET|NAMES",
        help="Metrics to use: spike-times, waveform, nwb (both: what NWB files hold), all, or names, separated by "
        "commas.",
    ),
    click.option(
        "--ratios-and-ranks",
        is_flag=True,
        help="Also use ratios of counts, and the rank of each metric among the units of its recording.",
    ),
    click.option(
        "--cascade",
        is_flag=True,
        help="Two models in one folder, which learn from labels alone: noise or neural, then sua or mua.",
    ),
    click.option(
        "--search", is_flag=True, help="Search over pipelines as UnitRefine does, instead of our own learner."
    ),
    click.option(
        "--foreign-spikes",
        type=click.Choice(["none", "half", "all"]),
        help="Trees that also learn from units with spikes of another neuron added: half, as of the default model "
        "(without this option, where the data allow it), none, or all.",
    ),
    click.option("--classifier", "classifiers", multiple=True, metavar="NAME", help="Search over these, not all."),
    click.option("--imputer", "imputers", multiple=True, metavar="NAME", help="Likewise."),
    click.option("--scaler", "scalers", multiple=True, metavar="NAME", help="Likewise."),
    click.option(
        "--draws",
        default=10,
        type=click.IntRange(min=1),
        show_default=True,
        help="Configurations to try for each classifier.",
    ),
    click.option(
        "--jobs",
        default=1,
        type=click.IntRange(min=1),
        show_default=True,
        help="Processes of a search; the model is the same for any.",
    ),
)


def learner_options(function: click.decorators.FC) -> click.decorators.FC:
    """Add the options that `LearnerOptions` holds."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerOptions:
    """What the user chose of how a model is made; fields are the options of `learner_options`."""

    metrics: str | None = None
    ratios_and_ranks: bool = False
    cascade: bool = False
    search: bool = False
    foreign_spikes: ForeignSpikes | None = None
    classifiers: tuple[str, ...] = ()
    imputers: tuple[str, ...] = ()
    scalers: tuple[str, ...] = ()
    draws: int = 10
    jobs: int = 1

    def __post_init__(self) -> None:
        shown = self.foreign_spikes in ("half", "all")
        if shown and self.searches:
            raise click.UsageError("--foreign-spikes is of our own learner: leave out the search.")
        if shown and self.cascade:
            raise click.UsageError("Two models in a row learn from labels alone: leave out --foreign-spikes.")
        if self.foreign_spikes == "all" and (self.metrics or self.ratios_and_ranks):
            raise click.UsageError(
                "--foreign-spikes all has metrics of its own: leave out --metrics and --ratios-and-ranks."
            )
        # What can be refused before data are read is.
        if self.metrics:
            self._inputs()
        if self.searches:
            self._search()

    @property
    def is_given(self) -> bool:
        """Whether the user chose anything."""
        return any(getattr(self, field.name) != field.default for field in fields(self))

    @property
    def searches(self) -> bool:
        """Whether pipelines are searched over."""
        return self.search or bool(self.classifiers or self.imputers or self.scalers)

    @property
    def ranks(self) -> bool:
        """Whether the data need ranks."""
        return self.ratios_and_ranks or "rank_of_" in (self.metrics or "")

    def make(self, dataset: Dataset) -> FolderLearner | TwoSteps:
        """Make the learner for a dataset, and state which it is."""
        from nwb_unitrefine.learn import BoostedTrees, TwoSteps
        from nwb_unitrefine.learn.contamination.choose_learner import choose_learner, default_learner

        inputs = self._inputs()
        step: FolderLearner
        if self.searches:
            step = self._search()
        elif self.cascade:
            step = BoostedTrees(**inputs)
        else:
            step = choose_learner(dataset, foreign_spikes=self.foreign_spikes, **inputs)
            if self.foreign_spikes is None and (why := default_learner(**inputs).obstacle(dataset)):
                say(f"note: the trees learn from labels alone, and are not shown foreign spikes: {why}", err=True)
        learner = TwoSteps(step=step) if self.cascade else step
        say(f"learner: {learner.name}", err=True)
        return learner

    def _inputs(self) -> dict[str, Any]:
        """Which metrics a learner takes, as its keywords."""
        from nwb_unitrefine.learn.labelled.tasks import parse_metrics

        return {**(parse_metrics(self.metrics) if self.metrics else {}), "relative": self.ratios_and_ranks}

    def _search(self) -> FolderLearner:
        """Make the search over pipelines."""
        from nwb_unitrefine.learn import Search
        from nwb_unitrefine.learn.unitrefine.candidates import IMPUTERS, SCALERS, available_classifiers

        return Search(
            classifiers=self.classifiers or available_classifiers(),
            imputers=self.imputers or IMPUTERS,
            scalers=self.scalers or SCALERS,
            draws=self.draws,
            jobs=self.jobs,
            **self._inputs(),
        )
