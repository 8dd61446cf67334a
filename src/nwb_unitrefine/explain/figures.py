"""Figures of SHAP values: importance of each metric, and its effect on each unit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import require_installed

if TYPE_CHECKING:
    from nwb_unitrefine.explain.shap_values import ShapValues

__all__ = ["draw_beeswarm", "draw_explanations", "draw_importance"]

_MOST_FEATURES = 20


def draw_explanations(values: ShapValues, *, folder: str | Path, title: str) -> tuple[Path, ...]:
    """Draw every figure, as PNG files.

    Parameters
    ----------
    values : ShapValues
    folder : str or Path
        Made if it is not there.
    title : str
        Name of the model.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    drawings = {"importance": draw_importance(values, title=title)}
    for name in values.classes:
        plain = "".join(letter if letter.isalnum() else "_" for letter in name)
        drawings[f"beeswarm_{plain}"] = draw_beeswarm(values, name, title=title)
    files = []
    for name, figure in drawings.items():
        file = target / f"{name}.png"
        figure.savefig(file, dpi=150)
        files.append(file)
    return tuple(files)


def _figure(*, width: float, height: float) -> tuple[Any, Any]:
    """Make a figure of its own, so that no window opens and no global state changes."""
    require_installed("matplotlib", extra="figures", purpose="to draw figures")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _plain_name(feature: str) -> str:
    """Name of a feature for an axis."""
    return feature.partition("@")[0].replace("_", " ")


def draw_importance(values: ShapValues, *, title: str) -> Any:
    """Draw the mean absolute SHAP value of each metric by class; lines span the members of an ensemble.

    Returns
    -------
    matplotlib.figure.Figure
    """
    importance = values.importance()
    total = importance.mean(axis=0).sum(axis=1)
    order = np.argsort(total)[::-1][:_MOST_FEATURES][::-1]
    figure, axes = _figure(width=6.4, height=0.8 + 0.27 * len(order))
    left = np.zeros(len(order))
    places = np.arange(len(order))
    for number, name in enumerate(values.classes):
        widths = importance[:, order, number].mean(axis=0)
        axes.barh(places, widths, left=left, label=name, color=f"C{number}", height=0.7)
        left += widths
    if len(importance) > 1:
        sums = importance[:, order].sum(axis=2)
        axes.hlines(places, sums.min(axis=0), sums.max(axis=0), color="black", linewidth=1.2)
    axes.set_yticks(places, [_plain_name(values.features[i]) for i in order])
    axes.set_xlabel(f"mean absolute SHAP value ({values.scale})")
    members = f"; black: range of {len(importance)} members" if len(importance) > 1 else ""
    axes.set_title(f"{title}: importance on {values.values.shape[1]:,} units{members}", fontsize=9)
    axes.legend(title="class", fontsize=8, frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_beeswarm(values: ShapValues, label: str, *, title: str) -> Any:
    """Draw the SHAP value of each unit for one class, coloured by the rank of the metric's value.

    Returns
    -------
    matplotlib.figure.Figure
    """
    column = values.classes.index(label)
    effects = values.values.mean(axis=0)[:, :, column]
    order = np.argsort(np.abs(effects).mean(axis=0))[::-1][:_MOST_FEATURES][::-1]
    figure, axes = _figure(width=6.4, height=0.9 + 0.3 * len(order))
    rng = np.random.default_rng(0)
    shown = None
    for place, feature in enumerate(order):
        given = values.inputs[:, feature]
        known = np.isfinite(given)
        ranks = np.full(len(given), np.nan)
        ranks[known] = np.argsort(np.argsort(given[known])) / max(known.sum() - 1, 1)
        spread = place + rng.uniform(-0.3, 0.3, len(given))
        axes.scatter(effects[~known, feature], spread[~known], s=5, color="0.7", linewidths=0)
        shown = axes.scatter(
            effects[known, feature], spread[known], s=5, c=ranks[known], cmap="viridis", vmin=0, vmax=1, linewidths=0
        )
    axes.axvline(0, color="0.6", linewidth=0.8, zorder=0)
    axes.set_yticks(range(len(order)), [_plain_name(values.features[i]) for i in order])
    axes.set_xlabel(f"SHAP value for {label} ({values.scale})")
    axes.set_title(f"{title}: effect on {label}, one point a unit; grey: value missing", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    if shown is not None:
        bar = figure.colorbar(shown, ax=axes, ticks=[0, 1], aspect=40)
        bar.ax.set_yticklabels(["low", "high"])
        bar.set_label("value of the metric, by rank", fontsize=8)
    return figure
