"""Figures: every one is drawn, from the numbers that it shows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nwb_unitrefine.learn.evaluate import Scored
from nwb_unitrefine.learn.scoring.figures import (
    draw_comparison,
    draw_confusion,
    draw_coverage,
    draw_figures,
    draw_reliability,
)

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


@pytest.mark.slow
def test_files_are_written(scored: Scored, tmp_path: Path) -> None:
    """One confusion matrix a model, and one of each other figure."""
    names = [file.name for file in draw_figures([scored, scored], folder=tmp_path / "new")]
    assert names == ["confusion_1.png", "confusion_2.png", "reliability.png", "coverage.png", "comparison.png"]
    assert all((tmp_path / "new" / name).stat().st_size > 5000 for name in names)


def test_the_confusion_matrix_counts(scored: Scored) -> None:
    """Its cells hold numbers of units and shares of their class."""
    (axes,) = draw_confusion(scored).axes
    texts = [text.get_text() for text in axes.texts]
    assert texts[0] == "9\n90 %\n(60 to 98)"
    assert texts[1] == "1\n10 %\n(2 to 40)"
    assert texts[8] == "10\n100 %\n(72 to 100)"
    assert [text.get_text() for text in axes.get_yticklabels()] == [f"{name}\n10 units" for name in scored.classes]


def test_the_reliability_diagram_has_one_point_for_one_confidence(scored: Scored) -> None:
    """All units at 0.8, of which 29 of 30 are right."""
    (axes,) = draw_reliability([scored]).axes
    x, y = axes.lines[1].get_data()  # the first is the diagonal
    assert x == pytest.approx([0.8])
    assert y == pytest.approx([29 / 30])


def test_accuracy_against_coverage_ends_at_the_accuracy_of_all(scored: Scored) -> None:
    """The last point is the share of right labels among all units, inside its interval; the legend has their number."""
    (axes,) = draw_coverage([scored]).axes
    assert axes.lines[0].get_ydata()[-1] == pytest.approx(29 / 30)
    assert axes.get_legend().get_texts()[0].get_text() == "model, 30 units"
    low, high = axes.collections[0].get_datalim(axes.transData).intervaly
    assert low < 29 / 30 < high


def test_models_are_compared_with_the_best_on_top(scored: Scored) -> None:
    """Each model has its balanced accuracy with an interval, and the best is the last of the axis, on top."""
    worse = replace(scored, name="worse", labels=np.zeros(30, dtype=np.intp))
    (axes,) = draw_comparison([scored, worse]).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["worse\n30 units", "model\n30 units"]
    assert [text.get_text() for text in axes.texts] == ["0.333", f"{scored.mean('balanced_accuracy')[0]:.3f}"]
