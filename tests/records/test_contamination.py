"""The share of foreign spikes as people read it."""

from __future__ import annotations

import numpy as np

from nwb_unitrefine.records import Contamination


def test_estimate_and_interval_are_shown_in_percent_and_unknown_ones_are_empty() -> None:
    """A unit of which one of the three is unknown has no text."""
    known = Contamination(estimate=np.array([0.04, np.nan]), lower=np.array([0.0, 0.0]), upper=np.array([0.382, 1.0]))
    assert known.texts() == ["4 % (0 to 38 %)", ""]
    assert known.of_unit(0) == {"contamination": 0.04, "contamination_lower": 0.0, "contamination_upper": 0.382}
