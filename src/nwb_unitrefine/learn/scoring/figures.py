"""What scores look like: confusion matrix, reliability diagram, accuracy against coverage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import require_installed
from nwb_unitrefine.learn.scoring.scores import accuracy_at_coverage, reliability

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nwb_unitrefine.learn.evaluate import Scored

__all__ = ["draw_confusion", "draw_coverage", "draw_figures", "draw_reliability", "require_matplotlib"]

DARK = 0.5
"""Share above which a cell of the confusion matrix is dark enough for white text."""


def draw_figures(scored: Sequence[Scored], *, folder: str | Path) -> tuple[Path, ...]:
    """Draw every figure, as PNG files.

    Parameters
    ----------
    scored : sequence of Scored
        Each gets a confusion matrix; reliability and coverage show all of them together.
    folder : str or Path
        Made if it is not there.

    Returns
    -------
    tuple of Path

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    drawings = {
        f"confusion_{number}" if len(scored) > 1 else "confusion": draw_confusion(one)
        for number, one in enumerate(scored, start=1)
    }
    drawings |= {"reliability": draw_reliability(scored), "coverage": draw_coverage(scored)}
    files = []
    for name, figure in drawings.items():
        file = target / f"{name}.png"
        figure.savefig(file, dpi=150)
        files.append(file)
    return tuple(files)


def require_matplotlib() -> None:
    """Refuse to draw without matplotlib, which is not imported to find out.

    Raises
    ------
    MissingExtraError
    """
    require_installed("matplotlib", extra="figures", purpose="to draw figures")


def _figure(*, width: float, height: float) -> tuple[Any, Any]:
    """The one door to matplotlib; a figure of its own, so that no window opens and no global state changes."""
    require_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def draw_confusion(scored: Scored) -> Any:
    """Draw how many units of each class got each label; shade is the share of the class.

    Returns
    -------
    matplotlib.figure.Figure
    """
    targets = scored.dataset.targets
    classes = scored.classes
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (targets, scored.labels), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = _figure(width=4.2, height=3.8)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(len(classes)):
        for column in range(len(classes)):
            axes.text(
                column,
                row,
                f"{counts[row, column]:,}\n{shares[row, column]:.0%}",
                ha="center",
                va="center",
                color="white" if shares[row, column] > DARK else "black",
            )
    axes.set(
        xticks=range(len(classes)),
        yticks=range(len(classes)),
        xticklabels=classes,
        yticklabels=classes,
        xlabel="label by the model",
        ylabel="label by curators",
    )
    axes.set_title(f"{scored.name}\n{scored.scheme}", fontsize=9)
    return figure


def draw_reliability(scored: Sequence[Scored]) -> Any:
    """Draw the share of right labels against the probability of the likeliest class; the diagonal is honest.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = _figure(width=4.6, height=4.4)
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, zorder=0)
    for one in scored:
        counts, confidence, accuracy = reliability(one.dataset.targets, one.probabilities).T
        filled = counts > 0
        error = one.pooled["calibration_error"]
        (line,) = axes.plot(confidence[filled], accuracy[filled], linewidth=1.2, label=f"{one.name}: error {error:.3f}")
        area = 150 * counts[filled] / counts.max()
        axes.scatter(confidence[filled], accuracy[filled], s=area, color=line.get_color())
    axes.set(
        xlim=(0.9 / max(len(one.classes) for one in scored), 1.02),
        ylim=(0.0, 1.02),
        xlabel="probability of the likeliest class",
        ylabel="share of units where it is right",
    )
    axes.set_title("Reliability (area: number of units)", fontsize=9)
    axes.legend(fontsize=7, frameon=False, loc="lower right")
    return figure


def draw_coverage(scored: Sequence[Scored]) -> Any:
    """Draw the accuracy of the most certain units against the share of units that they are.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = _figure(width=4.6, height=4.0)
    shares = np.linspace(0.1, 1, 91)
    for one in scored:
        certainty = one.probabilities[np.arange(len(one.labels)), one.labels]
        curve = [accuracy_at_coverage(one.dataset.targets, one.labels, certainty, coverage=share) for share in shares]
        (line,) = axes.plot(shares, curve, linewidth=1.4, label=one.name)
        kept = one.pooled["kept"]
        if 0 < kept < 1:
            axes.plot(kept, one.pooled["accuracy_kept"], "o", color=line.get_color(), label="not marked uncertain")
    axes.set(xlim=(0.1, 1.0), xlabel="share of units kept, the most certain first", ylabel="share of right labels")
    axes.set_title("Accuracy against coverage", fontsize=9)
    axes.grid(color="0.9", linewidth=0.6)
    axes.legend(fontsize=7, frameon=False, loc="lower left")
    return figure
