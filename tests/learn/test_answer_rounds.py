"""What a round of answers was worth is measured on units held out of both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn.answer_rounds import score_round
from nwb_unitrefine.models.adaptation import Placed

if TYPE_CHECKING:
    from numpy.typing import NDArray

PRIORS = np.full(3, 1 / 3)


def placed(probabilities: NDArray[np.float64]) -> Placed:
    """Units without any metric."""
    return Placed.from_ranks(probabilities, {})


def test_a_boundary_that_lies_elsewhere_is_learned_and_scored_without_the_unit_itself():
    """A curator who calls every close call the second class: adaptation gets units right that it was not told."""
    rng = np.random.default_rng(0)
    first = rng.uniform(0.3, 0.9, 200)
    probabilities = np.column_stack([first, 0.97 - first, np.full(200, 0.03)])
    truth = np.where(first > 0.75, 0, 1)
    found = score_round(placed(probabilities), before=np.full(200, -1), after=truth, priors=PRIORS)
    assert found.n_units == 200
    assert found.accuracy[0] == pytest.approx(float((probabilities.argmax(axis=1) == truth).mean()))
    assert found.accuracy[1] > found.accuracy[0] + 0.1
    assert found.gain[0] == pytest.approx(found.accuracy[1] - found.accuracy[0])
    assert found.gain[1] > 0


def test_answers_at_random_gain_nothing():
    """Scores are of units that the model was not adapted to: noise in the answers is not learned by heart."""
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet([1, 1, 1], 300)
    found = score_round(placed(probabilities), before=np.full(300, -1), after=rng.integers(0, 3, 300), priors=PRIORS)
    assert found.gain[1] <= 0.02
    assert found.accuracy[1] < 0.45


def test_a_unit_is_predicted_without_its_own_label():
    """Of five and five units that look alike, the class of the one left out is the rarer one: none is right."""
    even = np.full((10, 3), 1 / 3)
    found = score_round(placed(even), before=np.full(10, -1), after=np.repeat([0, 1], 5), priors=PRIORS, weighs=False)
    assert found.accuracy[1] == 0.0


def test_before_is_adapted_to_the_earlier_answers_and_scored_on_the_same_units():
    """A second round that only repeats the boundary of the first gains little on top of it."""
    rng = np.random.default_rng(2)
    first = rng.uniform(0.3, 0.9, 400)
    probabilities = np.column_stack([first, 0.97 - first, np.full(400, 0.03)])
    after = np.where(first > 0.75, 0, 1)
    before = np.where(np.arange(400) < 200, after, -1)
    found = score_round(placed(probabilities), before=before, after=after, priors=PRIORS)
    alone = score_round(placed(probabilities), before=np.full(400, -1), after=after, priors=PRIORS)
    assert found.accuracy[1] == alone.accuracy[1]
    assert found.accuracy[0] > alone.accuracy[0] + 0.05


def test_units_without_a_prediction_do_not_count_and_too_few_are_refused():
    """NaN probabilities are left out; below five answers, or with one class, there is no score."""
    probabilities = np.full((12, 3), 1 / 3)
    probabilities[:7] = np.nan
    with pytest.raises(TrainingError, match=r"3 labels of people, fewer than 5"):
        score_round(
            placed(probabilities), before=np.full(12, -1), after=np.r_[np.zeros(10), -1, -1].astype(int), priors=PRIORS
        )
    with pytest.raises(TrainingError, match="all 5 labels of people are sua"):
        score_round(placed(probabilities), before=np.full(12, -1), after=np.zeros(12, dtype=int), priors=PRIORS)
