"""``nwb-unitrefine model explain``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from nwb_unitrefine.cli._options import load, loading_options
from nwb_unitrefine.cli._render import json_option, print_json, print_table, say
from nwb_unitrefine.errors import FeatureError, ModelError, require_installed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.models import FittedModel

__all__ = ["explain_model"]


@click.command("explain")
@click.argument("model")
@click.option(
    "--data", multiple=True, metavar="SOURCE", help="Units to explain; by default the model's training table."
)
@click.option("--figures", metavar="FOLDER", help="Draw importance and the effect on each unit there.")
@click.option(
    "--seed", default=0, type=click.IntRange(0, 2**32 - 1), show_default=True, help="Seed of the random draws."
)
@loading_options
@json_option
def explain_model(model: str, *, data: tuple[str, ...], figures: str | None, seed: int, as_json: bool) -> None:
    """Show which metrics drive a model, as SHAP values.

    Values are exact for trees and linear models, member by member for ensembles, and sampled for others.
    """
    from nwb_unitrefine.explain import require_shap, shap_values
    from nwb_unitrefine.models import FittedModel, RuleModel

    require_shap()
    if figures:
        require_installed("matplotlib", extra="figures", purpose="to draw figures")
    loaded = load((model,))
    if isinstance(loaded, RuleModel):
        raise ModelError(
            f"{model} is a set of rules, which is no estimator.", tip=f"nwb-unitrefine explain SOURCE --model {model}"
        )
    if not isinstance(loaded, FittedModel):
        raise ModelError("Two models in a row are explained one by one.", tip="Give one of them.")
    values = shap_values(loaded, _inputs(loaded, data), seed=seed)
    importance = values.importance()
    order = np.argsort(-importance.mean(axis=0).sum(axis=1)).tolist()
    if figures:
        from nwb_unitrefine.explain import draw_explanations

        files = draw_explanations(values, folder=figures, title=loaded.identity.name)
    if as_json:
        print_json(
            {
                "model": loaded.identity,
                "method": values.method,
                "scale": values.scale,
                "n_units": values.values.shape[1],
                "importance": [
                    {
                        "feature": values.features[i],
                        "classes": dict(zip(values.classes, importance[:, i].mean(axis=0).tolist(), strict=True)),
                        "members": importance[:, i].sum(axis=1).tolist(),
                    }
                    for i in order
                ],
            }
        )
        return
    print_table(
        f"{loaded.identity.name}: mean absolute SHAP value ({values.scale}) on {values.values.shape[1]:,} units",
        ["metric", *values.classes, *(["range of members"] if len(importance) > 1 else [])],
        [
            [
                values.features[i],
                *(f"{one:.3f}" for one in importance[:, i].mean(axis=0)),
                *([_range(importance[:, i].sum(axis=1))] if len(importance) > 1 else []),
            ]
            for i in order
        ],
    )
    if figures:
        say(f"{len(files)} figures in {figures}")


def _range(sums: NDArray[np.float64]) -> str:
    """Smallest and largest importance among the members of an ensemble."""
    return f"{sums.min():.3f} to {sums.max():.3f}"


def _inputs(model: FittedModel, data: tuple[str, ...]) -> NDArray[np.float64]:
    """Rows to explain, in the order of the model's inputs."""
    if data:
        from nwb_unitrefine.metrics import compute_features
        from nwb_unitrefine.read import read_units

        tables = [
            model.input_values(compute_features(read_units(source), names=model.feature_names)) for source in data
        ]
        return np.concatenate(tables)
    table = Path(model.estimator.path).parent / "training_data.csv"
    if not table.is_file():
        raise FeatureError(f"{model.identity.name} comes without its training table.", tip="Name units with --data.")
    import pandas as pd

    frame = pd.read_csv(table)
    columns = list(model.estimator.columns or model.inputs)
    if absent := [name for name in columns if name not in frame.columns]:
        raise FeatureError(f"The training table has no column {absent[0]!r}.", tip="Name units with --data.")
    return frame[columns].to_numpy(dtype=np.float64)
