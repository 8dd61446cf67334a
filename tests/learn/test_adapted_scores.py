"""Scores with a few labels of the recording itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn.adapted_scores import score_adapted
from nwb_unitrefine.learn.dataset import Dataset
from nwb_unitrefine.learn.evaluate import Scored
from nwb_unitrefine.records import CLASSES


def make_scored(*, shift: float, slope: float = 0.0, n_units: int = 300) -> Scored:
    """Two recordings whose curator sees more single units than the probabilities say, or does at high values."""
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet((1, 1, 1), size=2 * n_units)
    metric = rng.normal(size=2 * n_units)
    own = probabilities * np.exp(np.outer(shift + slope * metric, [1, 0, 0]))
    own /= own.sum(axis=1, keepdims=True)
    labels = [CLASSES[rng.choice(3, p=row)] for row in own]
    dataset = Dataset(
        unit_ids=np.arange(2 * n_units).astype(str),
        recordings=np.repeat(["a", "b"], n_units),
        subjects=np.repeat(["a", "b"], n_units),
        names=("firing_rate",),
        values=metric[:, None],
        labels=np.array(labels),
    )
    nothing = np.zeros(2 * n_units, dtype=bool)
    return Scored(
        name="x",
        scheme="x",
        dataset=dataset,
        probabilities=probabilities,
        labels=probabilities.argmax(axis=1),
        uncertain=nothing,
        unlabelled=nothing,
        inputs=("firing_rate",),
    )


def test_labels_of_the_recording_help_where_the_boundary_is_elsewhere() -> None:
    """With a shifted boundary, labels raise accuracy, more labels more, and calibrate."""
    scored = make_scored(shift=2.0)
    few, many = (score_adapted(scored, n_labels=n, draws=10) for n in (20, 80))
    assert 0 < few.gain("accuracy")[0] < many.gain("accuracy")[0]
    assert max(one.gain("calibration_error")[0] for one in (few, many)) < 0
    assert many.recordings == ("a", "b")


def test_scores_follow_a_metric_that_the_curator_goes_by() -> None:
    """What a curator weighs more than the model does is learned from the model's inputs, and from nothing else."""
    scored = make_scored(shift=0.0, slope=1.5)
    blind = replace(scored, inputs=())
    told, untold = (score_adapted(one, n_labels=100, draws=5).gain("accuracy")[0] for one in (scored, blind))
    assert told > untold + 0.03


def test_labels_that_were_given_do_not_score() -> None:
    """Where labels are noise, knowing half of them gains nothing on the others."""
    scored = make_scored(shift=0.0)
    assert abs(score_adapted(scored, n_labels=100, draws=20).gain("accuracy")[0]) < 0.02


def test_too_few_units_are_refused() -> None:
    """A recording with fewer than twice as many units as labels is left out, and none left is an error."""
    with pytest.raises(TrainingError, match="No recording"):
        score_adapted(make_scored(shift=0.0, n_units=30), n_labels=20)
