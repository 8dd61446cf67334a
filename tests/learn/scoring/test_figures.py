"""Figures: every one is drawn, from the numbers that it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from nwb_unitrefine.learn.evaluate import Scored
from nwb_unitrefine.learn.scoring.figures import draw_confusion, draw_figures, draw_reliability

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("matplotlib")


@pytest.fixture
def scored(make) -> Scored:
    """A model that is right about every unit but the first, at a probability of 0.8."""
    dataset = make(n_units=30)
    labels = dataset.targets.copy()
    labels[0] = (labels[0] + 1) % 3
    probabilities = np.full((30, 3), 0.1)
    probabilities[np.arange(30), labels] = 0.8
    none = np.zeros(30, dtype=bool)
    return Scored(
        name="model",
        scheme="made up",
        dataset=dataset,
        probabilities=probabilities,
        labels=labels,
        uncertain=np.arange(30) < 6,
        unlabelled=none,
    )


def test_files_are_written(scored: Scored, tmp_path: Path) -> None:
    """One confusion matrix a model, and one of each other figure."""
    names = [file.name for file in draw_figures([scored, scored], folder=tmp_path / "new")]
    assert names == ["confusion_1.png", "confusion_2.png", "reliability.png", "coverage.png"]
    assert all((tmp_path / "new" / name).stat().st_size > 5000 for name in names)


def test_the_confusion_matrix_counts(scored: Scored) -> None:
    """Its cells hold numbers of units and shares of their class."""
    (axes,) = draw_confusion(scored).axes
    texts = [text.get_text() for text in axes.texts]
    assert texts[0] == "9\n90%"
    assert texts[1] == "1\n10%"
    assert texts[8] == "10\n100%"


def test_the_reliability_diagram_has_one_point_for_one_confidence(scored: Scored) -> None:
    """All units at 0.8, of which 29 of 30 are right."""
    (axes,) = draw_reliability([scored]).axes
    x, y = axes.lines[1].get_data()
    assert x == pytest.approx([0.8])
    assert y == pytest.approx([29 / 30])
