"""What tests of learning share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from helpers.labelled import make_dataset
from nwb_unitrefine.learn import BoostedTrees, Dataset

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="session")
def make() -> Callable[..., Dataset]:
    """The factory of small datasets."""
    return make_dataset


@pytest.fixture(scope="session")
def small_learner() -> BoostedTrees:
    """The default learner, small enough to be fitted in a moment."""
    return BoostedTrees(members=2, rounds=8, learning_rate=0.3, leaves=4, smallest_leaf=5)
