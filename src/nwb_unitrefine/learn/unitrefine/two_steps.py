"""Two models in a row, as UnitRefine has them: noise or neural, then sua or mua, each calibrated by itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn.learner import BoostedTrees
from nwb_unitrefine.models.cascade import make_cascade
from nwb_unitrefine.models.cascade_folder import CascadeManifest
from nwb_unitrefine.records import CLASSES

if TYPE_CHECKING:
    from nwb_unitrefine.learn.dataset import Dataset
    from nwb_unitrefine.learn.learner import FolderLearner
    from nwb_unitrefine.models import Cascade

__all__ = ["TwoSteps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoSteps:
    """A learner that makes two models in a row.

    Parameters
    ----------
    step : FolderLearner
        How to make each of the two.
    """

    step: FolderLearner = field(default_factory=BoostedTrees)

    @property
    def name(self) -> str:
        """What to call it in a table of scores."""
        return f"two steps, {self.step.name}"

    def fit(self, dataset: Dataset, *, seed: int = 0) -> Cascade:
        """Make both models: the first of all units, the second of those that are not noise.

        Parameters
        ----------
        dataset : Dataset
            Of sua, mua and noise.
        seed : int

        Returns
        -------
        Cascade
            Its manifest is complete but for a name and scores.

        Raises
        ------
        TrainingError
            If the classes are others.
        """
        if sorted(dataset.classes) != sorted(CLASSES):
            raise TrainingError(
                f"Two steps distinguish {', '.join(CLASSES)}, and the data {', '.join(dataset.classes)}.",
                tip="Leave out the task, or the two steps.",
            )
        parts = {"noise": "noise", "sua": "neural", "mua": "neural"}
        first = self.step.fit(dataset.merged(parts, classes=("noise", "neural")), seed=seed)
        second = self.step.fit(dataset.merged({"sua": "sua", "mua": "mua"}, classes=("sua", "mua")), seed=seed)
        assert first.manifest is not None
        counts = {name: dataset.counts[name] for name in CLASSES}
        training = first.manifest.training.model_copy(update={"n_units": counts, "data_digest": dataset.digest})
        manifest = CascadeManifest(
            name="unnamed",
            version="0",
            description=first.manifest.description,
            classes=CLASSES,
            training=training,
            licence=dataset.licence,
        )
        return replace(make_cascade(first, second), manifest=manifest)
