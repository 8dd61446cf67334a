"""Trees that are fitted once, and asked for twice."""

from __future__ import annotations

import numpy as np
import pytest

from nwb_unitrefine.learn import SharedVote, cross_validate
from nwb_unitrefine.learn.fitted_once import MOST, fit_once, remembering_fits

from .contamination.test_shared_vote import make_units


def test_the_same_arrays_and_settings_are_fitted_once() -> None:
    """Within a block; other values, types, shapes or settings are fitted anew, and so is everything outside."""
    fits: list[int] = []

    def fit() -> list[int]:
        fits.append(len(fits))
        return fits[-1:]

    one = np.arange(6.0)
    with remembering_fits():
        assert fit_once(fit, settings=1, arrays=[one]) is fit_once(fit, settings=1, arrays=[one.copy()])
        with remembering_fits():
            assert fit_once(fit, settings=1, arrays=[one]) == [0]
        for settings, array in ((2, one), (1, one + 1), (1, one.astype(int)), (1, one.reshape(2, 3))):
            fit_once(fit, settings=settings, arrays=[array])
        assert len(fits) == 5
    fit_once(fit, settings=1, arrays=[one])
    assert len(fits) == 6


def test_the_oldest_are_forgotten() -> None:
    """Memory is bounded: beyond the limit, what was asked for longest ago is fitted again."""
    with remembering_fits():
        for number in range(MOST + 1):
            fit_once(object, settings=number, arrays=[])
        kept = fit_once(object, settings=MOST, arrays=[])
        assert fit_once(object, settings=MOST, arrays=[]) is kept
        again: list[bool] = []
        fit_once(lambda: again.append(True), settings=0, arrays=[])
        assert again == [True]


@pytest.mark.slow
def test_scores_are_the_same_with_half_of_the_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three subjects, two left out in either order are one fit: 3 + 3 for each kind of trees, not 3 times 3."""
    from sklearn.ensemble import VotingClassifier

    data, learner = make_units(n_units=180), SharedVote(members=1, rounds=5)
    fits: list[int] = []
    fit = VotingClassifier.fit
    monkeypatch.setattr(VotingClassifier, "fit", lambda self, *a, **k: fits.append(1) or fit(self, *a, **k))
    remembered = cross_validate(learner, data)
    assert len(fits) == 2 * (3 + 3)
    found = np.zeros_like(remembered.probabilities)
    for subject in np.unique(data.subjects):
        test = data.subjects == subject
        found[test] = learner.fit(data.take(~test)).predict(data.take(test).to_features()).probabilities
    np.testing.assert_array_equal(remembered.probabilities, found)
    assert len(fits) == 2 * (3 + 3) + 2 * 9
