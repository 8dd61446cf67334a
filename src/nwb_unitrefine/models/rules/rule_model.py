"""A rule set with the face of a model: features in, a label for every unit and the thresholds that failed out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import FeatureError
from nwb_unitrefine.records import Predictions
from nwb_unitrefine.vocabulary import Need, resolve
from nwb_unitrefine.vocabulary.metrics.lookup import equal_name

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd
    from numpy.typing import NDArray

    from nwb_unitrefine.models.rules.rule_set import RuleClass, RuleSet, Threshold
    from nwb_unitrefine.records import Features, ModelIdentity

__all__ = ["CheckedThresholds", "RuleModel"]

_SPIKE_COUNT = "num_spikes"
_COMPARE = {">=": np.greater_equal, "<=": np.less_equal, ">": np.greater, "<": np.less}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckedThresholds:
    """Every threshold of a rule set against every unit.

    Parameters
    ----------
    unit_ids : array, shape (n_units,)
    classes : tuple of str, length n_thresholds
        The class that each threshold belongs to.
    thresholds : tuple of Threshold, length n_thresholds
    values : array of float64, shape (n_units, n_thresholds)
        NaN where missing.
    failed : array of bool, shape (n_units, n_thresholds)
        Whether the threshold failed; a missing value fails where the rules state so.
    left_out : array of bool, shape (n_units, n_thresholds)
        Whether the threshold was not checked: its value is missing and ignored, or no unit has the metric.
    """

    unit_ids: NDArray[Any]
    classes: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    values: NDArray[np.float64]
    failed: NDArray[np.bool_]
    left_out: NDArray[np.bool_]

    def column(self, owner: RuleClass, threshold: Threshold) -> int:
        """Place of one threshold of a class."""
        pairs = zip(self.classes, self.thresholds, strict=True)
        return next(i for i, pair in enumerate(pairs) if pair == (owner.label, threshold))

    def describe(self, row: int, column: int) -> str:
        """Describe how one unit fails a threshold, as ``snr 3.2, not >= 5``."""
        threshold, value = self.thresholds[column], self.values[row, column]
        name = f"|{threshold.metric}|" if threshold.absolute else threshold.metric
        if np.isnan(value):
            return f"{threshold.metric} missing"
        broken = [f"{sign} {bound:g}" for sign, bound in threshold.bounds if not _COMPARE[sign](value, bound)]
        return f"{name} {value:.4g}, not {' and '.join(broken)}"

    def to_frame(self) -> pd.DataFrame:
        """One row for each unit and threshold: class, threshold, value, and passed, failed or not checked."""
        import pandas as pd

        n_units, n_thresholds = self.values.shape
        outcome = np.where(self.left_out, "not checked", np.where(self.failed, "failed", "passed"))
        return pd.DataFrame(
            {
                "unit_id": np.repeat(self.unit_ids, n_thresholds),
                "class": list(self.classes) * n_units,
                "threshold": [str(one) for one in self.thresholds] * n_units,
                "value": self.values.ravel(),
                "outcome": outcome.ravel(),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RuleModel:
    """Thresholds that label units.

    A rule knows no probabilities: all are NaN. The reason of each unit names the thresholds that failed. A label is
    uncertain where a threshold that could have given the unit another one was not checked.

    Parameters
    ----------
    identity : ModelIdentity
    rules : RuleSet
    ignore_absent : bool
        Whether to leave out metrics that no unit has, although the rules refuse a source without them.
    """

    identity: ModelIdentity
    rules: RuleSet
    ignore_absent: bool = False

    @property
    def options(self) -> dict[str, str]:
        """How it was loaded, where that changes its labels."""
        return {"missing": "ignore"} if self.ignore_absent else {}

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Metrics that have a threshold, and the number of spikes."""
        return tuple(dict.fromkeys((*(one.feature for _, one in self.rules.thresholds()), _SPIKE_COUNT)))

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels that units can get: the one that passes first."""
        return self.rules.labels

    @property
    def training_recordings(self) -> tuple[str, ...]:
        """Empty: rules are not trained."""
        return ()

    @property
    def class_priors(self) -> dict[str, float]:
        """Empty: rules are not trained."""
        return {}

    def check(self, features: Features) -> CheckedThresholds:
        """Check every threshold on every unit.

        Raises
        ------
        FeatureError
            If no unit has a metric, and the rules do not leave it out; or if no unit has any.
        """
        pairs = tuple(self.rules.thresholds())
        columns = {one.feature: self._values(features, one.feature) for _, one in pairs}
        absent = tuple(name for name, values in columns.items() if self._is_absent(features, name, values))
        self._require(features, absent)
        shape = (len(features), len(pairs))
        values, failed, left_out = np.full(shape, np.nan), np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
        for place, (owner, threshold) in enumerate(pairs):
            given = columns[threshold.feature]
            values[:, place] = np.abs(given) if threshold.absolute else given
            is_nan = np.isnan(given)
            policy = "ignored" if threshold.feature in absent else owner.policy(threshold)
            passes = np.logical_and.reduce(
                [_COMPARE[sign](values[:, place], bound) for sign, bound in threshold.bounds]
            )
            failed[:, place] = np.where(is_nan, policy == "fails", ~passes)
            left_out[:, place] = is_nan & (policy == "ignored")
        return CheckedThresholds(
            unit_ids=features.unit_ids,
            classes=tuple(owner.label for owner, _ in pairs),
            thresholds=tuple(one for _, one in pairs),
            values=values,
            failed=failed,
            left_out=left_out,
        )

    @staticmethod
    def _values(features: Features, name: str) -> NDArray[np.float64]:
        """Values of a metric; NaN where it is not among the features."""
        known = equal_name(name, among=features.names)
        if known is None:
            return np.full(len(features), np.nan)
        return np.asarray(features.values[:, features.names.index(known)])

    def _is_absent(self, features: Features, name: str, values: NDArray[np.float64]) -> bool:
        """Whether no unit has a metric; of spike trains that are there, a missing value is a result."""
        if not np.isnan(values).all():
            return False
        has_spikes = bool((self._values(features, _SPIKE_COUNT) > 0).any())
        is_given = equal_name(name, among=features.names) is not None
        return not (is_given and has_spikes and resolve(name).metric.needs <= {Need.SPIKE_TIMES})

    def _require(self, features: Features, absent: tuple[str, ...]) -> None:
        """Refuse a source that lacks metrics for all units."""
        nothing = len(absent) == len({one.feature for _, one in self.rules.thresholds()})
        if not len(features) or not absent or (not nothing and (self.ignore_absent or self.rules.absent == "ignored")):
            return
        tip = (
            "This source has none of them."
            if nothing
            else "Leave these thresholds out, which makes the rules weaker: --missing ignore, or missing='ignore'."
        )
        raise FeatureError(
            f"{self.identity.name} has thresholds on metrics that no unit has: {', '.join(absent)}.",
            tip=tip,
            missing=absent,
        )

    def predict(self, features: Features) -> Predictions:
        """Label every unit with the first class for which its thresholds fail.

        Parameters
        ----------
        features : Features
            Those of `feature_names`.

        Returns
        -------
        Predictions
            All probabilities are NaN. Units without spikes get no label.
        """
        checked = self.check(features)
        labels = np.full(len(features), self.rules.passes, dtype=object)
        why: list[list[str]] = [[] for _ in range(len(features))]
        unchecked: list[list[str]] = [[] for _ in range(len(features))]
        undecided = np.ones(len(features), np.bool_)
        for one in self.rules.classes:
            gets = np.zeros(len(features), np.bool_)
            for group in one.groups:
                places = [checked.column(one, threshold) for threshold in group]
                gets |= self._all_fail(checked, places)
            for row in np.flatnonzero(undecided).tolist():
                for threshold in one.thresholds:
                    if checked.left_out[row, checked.column(one, threshold)]:
                        unchecked[row].append(threshold.metric)
            for row in np.flatnonzero(gets & undecided).tolist():
                labels[row], why[row] = one.label, self._failures(checked, one, row)
                # A threshold of the class itself that was not checked could not have kept the unit from it.
                own = {threshold.metric for threshold in one.thresholds}
                unchecked[row] = [name for name in unchecked[row] if name not in own]
            undecided &= ~gets
        silent = self._values(features, _SPIKE_COUNT) == 0
        reasons = [
            "no spikes" if quiet else "; ".join([*failures, *([f"not checked: {', '.join(left)}"] if left else [])])
            for quiet, failures, left in zip(silent.tolist(), why, unchecked, strict=True)
        ]
        return Predictions(
            unit_ids=features.unit_ids,
            probabilities=np.full((len(features), len(self.classes)), np.nan),
            labels=np.where(silent, "", labels).astype(np.str_),
            uncertain=np.array([bool(left) for left in unchecked], np.bool_) | silent,
            reasons=tuple(reasons),
            classes=self.classes,
        )

    @staticmethod
    def _all_fail(checked: CheckedThresholds, places: list[int]) -> NDArray[np.bool_]:
        """Which units fail all thresholds of a group that were checked; none where none was."""
        out = checked.left_out[:, places]
        return np.asarray((checked.failed[:, places] | out).all(axis=1) & ~out.all(axis=1))

    def _failures(self, checked: CheckedThresholds, one: RuleClass, row: int) -> list[str]:
        """Describe which thresholds gave a unit its class."""
        places: dict[int, None] = {}
        for group in one.groups:
            members = [checked.column(one, threshold) for threshold in group]
            if self._all_fail(checked, members)[row]:
                places |= dict.fromkeys(place for place in members if checked.failed[row, place])
        return [checked.describe(row, place) for place in places]
