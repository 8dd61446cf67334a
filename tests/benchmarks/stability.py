"""Print how many units keep their label when the same file is stored in another way; no labels by people are needed.

Run it as ``python tests/benchmarks/stability.py FOLDER... [--model MODEL]`` with folders of NWB files that have mean
waveforms on several channels. Intervals are Wilson's, of 95 %, over units.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from alterations import cropped, fewer_channels, halves, scaled
from intervals import wilson

from nwb_unitrefine import compute_features, load_model, predict, read_units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Predictions, Units

BOUNDS = {
    "window of 0.25 + 0.75 ms": 0.97,
    "window of 0.3 + 1.0 ms": 0.97,
    "padded to 1.0 + 3.5 ms": 0.97,
    "7 channels": 0.97,
    "4 channels": 0.97,
    "1 channel": None,
    "amplitude × 0.7": 0.97,
    "amplitude × 1.4": 0.97,
    "first half": 0.94,
    "second half": 0.94,
    "first half as second half": None,
}
"""Share of the units that has to keep its label; None where only the figure is wanted."""


def stored_otherwise(units: Units) -> Iterator[tuple[str, Units]]:
    """Store the same units in other ways."""
    yield "window of 0.25 + 0.75 ms", cropped(units, before_s=0.25e-3, after_s=0.75e-3)
    yield "window of 0.3 + 1.0 ms", cropped(units, before_s=0.3e-3, after_s=1.0e-3)
    yield "padded to 1.0 + 3.5 ms", cropped(units, before_s=1.0e-3, after_s=3.5e-3)
    yield "7 channels", fewer_channels(units, keep=7)
    yield "4 channels", fewer_channels(units, keep=4)
    yield "1 channel", fewer_channels(units, keep=1)
    yield "amplitude × 0.7", scaled(units, 0.7)
    yield "amplitude × 1.4", scaled(units, 1.4)
    first, second = halves(units)
    yield "first half", first
    yield "second half", second


def label(model: Model, units: Units) -> Predictions:
    """Label the units as `curate` does."""
    return predict(model, compute_features(units, names=model.feature_names))


def kept_labels(
    model: Model, units: Units, *, label: Callable[[Model, Units], Predictions] = label
) -> dict[str, list[bool]]:
    """Compare labels, of the units that get one both times."""
    as_stored = label(model, units).labels
    found = {name: label(model, other).labels for name, other in stored_otherwise(units)}
    pairs = {name: (as_stored, labels) for name, labels in found.items()}
    pairs["first half as second half"] = (found["first half"], found["second half"])
    return {name: (one == other)[(one != "") & (other != "")].tolist() for name, (one, other) in pairs.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", default="default")
    options = parser.parse_args()
    model = load_model(options.model)
    kept: dict[str, list[bool]] = {name: [] for name in BOUNDS}
    for folder in options.folders:
        for file in sorted(folder.glob("*.nwb")):
            units = read_units(file)
            if units.waveforms is None or units.waveforms.mean.shape[2] < 7:
                continue
            for name, same in kept_labels(model, units).items():
                kept[name] += same
    print("| the file has | units | same label | 95 % | bound |\n|---|---|---|---|---|")
    for name, bound in BOUNDS.items():
        low, high = wilson(int(np.sum(kept[name])), len(kept[name]))
        verdict = "–" if bound is None else f"{bound} {'met' if np.mean(kept[name]) >= bound else 'NOT MET'}"
        print(f"| {name} | {len(kept[name])} | {np.mean(kept[name]):.3f} | {low:.3f} to {high:.3f} | {verdict} |")


if __name__ == "__main__":
    main()
