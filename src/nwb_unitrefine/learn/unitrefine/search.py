"""UnitRefine's way: try imputers, scalers and classifiers, and keep the best on recordings left out."""

from __future__ import annotations

import itertools
import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn.calibration import Fold, choose_calibration
from nwb_unitrefine.learn.input_sets import choose_inputs
from nwb_unitrefine.learn.learner import describe, in_memory, metric_table
from nwb_unitrefine.learn.scoring.scores import balanced_accuracy
from nwb_unitrefine.learn.splits import split
from nwb_unitrefine.learn.unitrefine.candidates import (
    CLASSIFIERS,
    IMPUTERS,
    SCALERS,
    make_pipeline,
    require_classifiers,
)
from nwb_unitrefine.models.manifest import ConditionalCalibration, Uncertainty

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from nwb_unitrefine.learn.dataset import Dataset
    from nwb_unitrefine.models.model import FittedModel

__all__ = ["Candidate", "Search"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One configuration that a search tried.

    Parameters
    ----------
    imputer, scaler, classifier : str
    parameters : mapping
        Of the classifier.
    """

    imputer: str
    scaler: str
    classifier: str
    parameters: Mapping[str, Any]

    def __str__(self) -> str:
        options = ", ".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.imputer} + {self.scaler} + {self.classifier}({options})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Random search, scored by balanced accuracy on subjects (or recordings) left out.

    Imputer and scaler are fitted inside each split, and the calibration is chosen by splits within splits. The score
    that the winner won by is the best of many and flatters it: its value is measured by `cross_validate`, which repeats
    the whole search without each subject.

    Parameters
    ----------
    classifiers : tuple of str
        Of `candidates.CLASSIFIERS`.
    imputers, scalers : tuple of str
        Of `candidates.IMPUTERS` and `SCALERS`.
    draws : int
        How many configurations are tried for each classifier.
    inputs : str
        Which metrics to use: a key of `input_sets.INPUT_SETS`.
    metrics : tuple of str
        Names of the metrics to use instead.
    relative : bool
        As of `BoostedTrees`.
    jobs : int
        Processes; it changes how long the search takes, and nothing else.
    """

    classifiers: tuple[str, ...] = ("random_forest",)
    imputers: tuple[str, ...] = ("median",)
    scalers: tuple[str, ...] = ("standard",)
    draws: int = 10
    inputs: str = "all metrics"
    metrics: tuple[str, ...] = ()
    relative: bool = False
    jobs: int = 1

    def __post_init__(self) -> None:
        for given, known in (
            (self.classifiers, tuple(CLASSIFIERS)),
            (self.imputers, IMPUTERS),
            (self.scalers, SCALERS),
        ):
            if strange := [name for name in given if name not in known]:
                raise TrainingError(
                    f"{', '.join(map(repr, strange))} cannot be searched over.", tip=f"One of: {', '.join(known)}."
                )
        require_classifiers(self.classifiers)

    @property
    def name(self) -> str:
        """What to call it in a table of scores."""
        return f"best of {', '.join(self.classifiers)}, {', '.join(self.metrics) or self.inputs}"

    def candidates(self, *, seed: int) -> tuple[Candidate, ...]:
        """Draw the configurations to try: `draws` of each classifier, none twice."""
        return tuple(self._draw(np.random.default_rng(seed)))

    def _draw(self, rng: np.random.Generator) -> Iterator[Candidate]:
        """Draw without replacement from each classifier's grid."""
        for classifier in self.classifiers:
            grid = CLASSIFIERS[classifier]
            choices = [
                Candidate(
                    imputer=imputer,
                    scaler=scaler,
                    classifier=classifier,
                    parameters=dict(zip(grid, values, strict=True)),
                )
                for imputer, scaler, *values in itertools.product(self.imputers, self.scalers, *grid.values())
            ]
            for number in rng.permutation(len(choices))[: self.draws].tolist():
                yield choices[number]

    def fit(self, dataset: Dataset, *, seed: int = 0) -> FittedModel:
        """Search, fit the winner on everything, calibrate it on what each split left out.

        Parameters
        ----------
        dataset : Dataset
        seed : int

        Returns
        -------
        FittedModel
        """
        from joblib import Parallel, delayed

        data = dataset.in_order()
        names = choose_inputs(
            data, inputs=self.inputs, metrics=self.metrics, whole_recordings=True, relative=self.relative
        )
        data = data.select(names)
        candidates = self.candidates(seed=seed)
        held_out = Parallel(n_jobs=self.jobs)(delayed(_predict_held_out)(one, data, seed) for one in candidates)
        scores = [balanced_accuracy(data.targets, one.argmax(axis=1)) for one in held_out]
        best = int(np.argmax(scores))
        _log.info("best of %d: %s", len(candidates), candidates[best])
        folds = _folds(candidates[best], data, held_out[best], seed)
        calibration = choose_calibration(held_out[best], data.targets, folds=folds)
        manifest = describe(
            data,
            calibrations=(ConditionalCalibration(calibration=calibration),),
            uncertainty=Uncertainty(),
            seed=seed,
        )
        described = manifest.model_copy(update={"description": f"Best of {len(candidates)}: {candidates[best]}."})
        return in_memory(_fit(candidates[best], data, seed), described)


def _fit(candidate: Candidate, data: Dataset, seed: int) -> Any:
    """Fit one configuration, quietly: a network that has not converged shows in its score."""
    pipeline = make_pipeline(
        imputer=candidate.imputer,
        scaler=candidate.scaler,
        classifier=candidate.classifier,
        parameters=candidate.parameters,
        seed=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pipeline.fit(metric_table(data.names, data.values), data.targets)


def _predict_held_out(candidate: Candidate, data: Dataset, seed: int) -> NDArray[np.float64]:
    """Probabilities of every unit from a fit without its subject."""
    found = np.zeros((len(data), len(data.classes)))
    for train, test in split(data, seed=seed):
        shown, hidden = data.take(train), data.take(test)
        if len(set(shown.labels.tolist())) < len(data.classes):
            raise TrainingError(
                f"Without {', '.join(sorted(set(hidden.subjects.tolist())))}, a class has no units left to train on.",
                tip="Add labelled units of that class from another subject.",
            )
        fitted = _fit(candidate, shown, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found[test] = fitted.predict_proba(metric_table(hidden.names, hidden.values))
    return found


def _folds(candidate: Candidate, data: Dataset, held_out: NDArray[np.float64], seed: int) -> list[Fold]:
    """Hold out subjects once more without each subject, so that calibrations are scored on one they have not seen."""
    folds = []
    for train, test in split(data, seed=seed):
        shown = data.take(train)
        try:
            inner = _predict_held_out(candidate, shown, seed)
        except TrainingError:  # too few units of a class: nothing is known of any calibration
            return []
        folds.append(Fold(inner, shown.targets, held_out[test], data.targets[test]))
    return folds
