"""What scores look like: confusion matrix, reliability diagram, accuracy against coverage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import require_installed
from nwb_unitrefine.learn.scoring.scores import reliability, share_interval, units_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nwb_unitrefine.learn.evaluate import Scored

__all__ = [
    "draw_comparison",
    "draw_confusion",
    "draw_coverage",
    "draw_figures",
    "draw_reliability",
    "require_matplotlib",
]

DARK = 0.5
"""Share above which a cell of the confusion matrix is dark enough for white text."""


def draw_figures(scored: Sequence[Scored], *, folder: str | Path) -> tuple[Path, ...]:
    """Draw every figure, as PNG files.

    Parameters
    ----------
    scored : sequence of Scored
        Each gets a confusion matrix; reliability and coverage show all of them together, and several are compared.
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
    if len(scored) > 1:
        drawings["comparison"] = draw_comparison(scored)
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
    """Draw how many units of each class got each label; shade is the share of the class, with its 95 % interval.

    Returns
    -------
    matplotlib.figure.Figure
    """
    targets = scored.dataset.targets
    classes = scored.classes
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (targets, scored.labels), 1)
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    low, high = share_interval(counts, totals)
    figure, axes = _figure(width=max(4.6, 1.6 + 1.05 * len(classes)), height=max(4.4, 1.6 + 0.95 * len(classes)))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(len(classes)):
        for column in range(len(classes)):
            axes.text(
                column,
                row,
                f"{counts[row, column]:,}\n{100 * shares[row, column]:.0f} %"
                + (f"\n({100 * low[row, column]:.0f} to {100 * high[row, column]:.0f})" if totals[row, 0] else ""),
                ha="center",
                va="center",
                fontsize=9,
                color="white" if shares[row, column] > DARK else "black",
            )
    axes.set(
        xticks=range(len(classes)),
        yticks=range(len(classes)),
        xticklabels=classes,
        yticklabels=[f"{name}\n{total:,} units" for name, total in zip(classes, totals[:, 0], strict=True)],
        xlabel="label by the model",
        ylabel="label by curators",
    )
    about = "units, share of the row in %, 95 % interval"
    axes.set_title(f"{scored.name}: {len(targets):,} units\n{scored.scheme}\n{about}", fontsize=8)
    return figure


def draw_reliability(scored: Sequence[Scored]) -> Any:
    """Draw the share of right labels against the probability of the likeliest class, with 95 % intervals.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = _figure(width=4.6, height=4.4)
    axes.plot([0, 1], [0, 1], color="0.5", linewidth=1, linestyle="--", zorder=0, label="probabilities that hold")
    for one in scored:
        counts, confidence, accuracy = reliability(one.dataset.targets, one.probabilities).T
        filled = counts > 0
        error = one.pooled["calibration_error"]
        named = f"{one.name}, {len(one.labels):,} units: calibration error {error:.3f}"
        (line,) = axes.plot(confidence[filled], accuracy[filled], linewidth=1.2, label=named)
        low, high = share_interval(np.rint(accuracy[filled] * counts[filled]), counts[filled])
        axes.vlines(confidence[filled], low, high, color=line.get_color(), linewidth=1)
        area = 150 * counts[filled] / counts.max()
        axes.scatter(confidence[filled], accuracy[filled], s=area, color=line.get_color())
    axes.set(
        xlim=(0.9 / max(len(one.classes) for one in scored), 1.02),
        ylim=(0.0, 1.02),
        xlabel="probability of the likeliest class",
        ylabel="share of units where it is right",
    )
    axes.set_title("Do probabilities hold? Area: number of units; lines: 95 % interval", fontsize=8)
    axes.legend(fontsize=7, frameon=False, loc="lower right")
    return figure


def draw_coverage(scored: Sequence[Scored]) -> Any:
    """Draw the accuracy of the most certain units against the share of units that they are, with 95 % intervals.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = _figure(width=4.6, height=4.0)
    shares = np.linspace(0.1, 1, 91)
    for one in scored:
        n_units = len(one.labels)
        certainty = one.probabilities[np.arange(n_units), one.labels]
        right = (one.dataset.targets == one.labels)[np.argsort(-certainty, kind="stable")]
        kept = np.maximum(np.rint(shares * n_units).astype(int), 1)
        n_right = np.cumsum(right)[kept - 1]
        (line,) = axes.plot(shares, n_right / kept, linewidth=1.4, label=f"{one.name}, {n_units:,} units")
        axes.fill_between(shares, *share_interval(n_right, kept), color=line.get_color(), alpha=0.18, linewidth=0)
        share = one.pooled["kept"]
        if 0 < share < 1:
            named = f"{one.name}: units not marked uncertain"
            axes.plot(share, one.pooled["accuracy_kept"], "o", color=line.get_color(), label=named)
    axes.set(xlim=(0.1, 1.0), xlabel="share of units kept, the most certain first", ylabel="share of right labels")
    axes.set_title("How right are the most certain units? Band: 95 % interval", fontsize=8)
    axes.grid(color="0.9", linewidth=0.6)
    axes.legend(fontsize=7, frameon=False, loc="lower left")
    return figure


def draw_comparison(scored: Sequence[Scored]) -> Any:
    """Draw the balanced accuracy of each model with its 95 % interval, the best on top.

    The interval is over recordings, as of `Scored.mean`; for one or two recordings, over their units.

    Returns
    -------
    matplotlib.figure.Figure
    """
    n_recordings = len(set(scored[0].dataset.recordings.tolist()))
    several = n_recordings > 2
    found = []
    for one in scored:
        if several:
            found.append((*one.mean("balanced_accuracy"), one))
        else:
            middle = one.pooled["balanced_accuracy"]
            found.append((middle, *units_interval(one.dataset.targets, one.labels), one))
    found.sort(key=lambda row: row[0])
    figure, axes = _figure(width=5.6, height=1.5 + 0.45 * len(found))
    for place, (middle, low, high, _) in enumerate(found):
        axes.plot([low, high], [place, place], color="C0", linewidth=1.6)
        axes.plot(middle, place, "o", color="C0")
        axes.annotate(
            f"{middle:.3f}", (middle, place), xytext=(0, 6), textcoords="offset points", ha="center", fontsize=8
        )
    axes.set_yticks(range(len(found)), [f"{one.name}\n{len(one.labels):,} units" for *_, one in found], fontsize=8)
    axes.set(ylim=(-0.6, len(found) - 0.2), xlabel="balanced accuracy: mean of the classes' shares of right labels")
    axes.set_title(f"95 % interval over {f'{n_recordings} recordings' if several else 'units'}", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
