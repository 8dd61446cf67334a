"""Options that several commands share, and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nwb_unitrefine.models import Model

__all__ = ["load", "model_option"]

model_option = click.option(
    "--model",
    multiple=True,
    default=("default",),
    show_default="default",
    metavar="MODEL",
    help="default, a model folder, or hf://OWNER/REPO[@REVISION]; twice: two models in a row.",
)


def load(sources: tuple[str, ...]) -> Model:
    """Load the model of `model_option`, or the cascade of two."""
    from nwb_unitrefine.models import load_model

    return load_model(sources[0] if len(sources) == 1 else list(sources))
