"""Print how often labels obey physics: what is done to a unit has a known direction, so no labels by people are needed.

Run it as ``python tests/benchmarks/physics.py FOLDER... [--model MODEL] [--units LIST.json]`` with folders of NWB files
that have mean waveforms on several channels. Units have 500 spikes or more; mixtures start from units that a model
calls sua with a probability of 0.5 or more. The list keeps these units, so that models are compared on the same ones:
the first run writes it, further ones read it. Foreign spikes are *moved* from the nearest unit within 60 µm. A mixture
is visible where half as many foreign spikes as own ones are expected to add ten or more intervals below 1.5 ms.
Everything is drawn anew for each seed. Intervals of 95 % are bootstrapped over units, all seeds of a unit together.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from alterations import (
    SHARES,
    expected_violations,
    jittered,
    neighbour_of,
    one_at_a_time,
    permuted,
    thinned,
    time_reversed,
    unbounded,
)
from intervals import bootstrap

from nwb_unitrefine import compute_features, load_model, predict, read_units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Predictions, Units

    Label = Callable[[Model, Units], Predictions]

MIN_SPIKES, MANY_SPIKES = 500, 2000
VISIBLE = 10
BOUNDS = {
    ("mixed 2 to 50 %: P(sua) never above the start + 0.02", "visible"): 0.98,
    ("mixed 2 to 50 %: P(sua) never above the start + 0.02", "invisible"): 0.95,
    ("mixed: P(sua) falls from step to step (0.03)", "visible"): 0.95,
    ("mixed 50 %: sua is not the most probable", "visible"): 0.90,
    ("merged: P(sua) at most the smaller of both + 0.02", "visible"): 0.95,
    ("merged: P(sua) at most the smaller of both + 0.02", "invisible"): 0.95,
    ("20 % Poisson spikes: P(sua) falls", "500 to 2,000 spikes"): 0.95,
    ("20 % Poisson spikes: P(sua) falls", "2,000 spikes or more"): 0.95,
    ("half of the spikes: same label", "500 to 2,000 spikes"): 0.94,
    ("half of the spikes: same label", "2,000 spikes or more"): 0.94,
    ("jitter of 0.2 ms: same label", "all"): 0.97,
}


class Seen(NamedTuple):
    """One thing that was done to one unit, and whether its label went where it had to."""

    what: str
    group: str
    unit: str
    obeys: bool


def label(model: Model, units: Units) -> Predictions:
    """Label the units as `curate` does."""
    return predict(model, compute_features(units, names=model.feature_names))


def choose_units(units: Units, model: Model, *, most: int) -> dict[str, dict[str, int]]:
    """List units of the file, and the neighbours of those that the model calls sua."""
    rng = np.random.default_rng(0)
    counts = units.spike_times_s.counts
    rows = rng.permutation(np.flatnonzero(counts >= MIN_SPIKES))[:most].tolist()
    sua = label(model, units).probabilities[:, 0]
    neighbours = {row: neighbour_of(units, row, at_least=0.5 * counts[row]) for row in rows if sua[row] >= 0.5}
    return {
        "rows": {str(row): row for row in rows},
        "neighbours": {str(row): other for row, other in neighbours.items() if other is not None},
    }


def of_whole_file(
    model: Model, units: Units, rows: list[int], *, name: str, seed: int, label: Label = label
) -> Iterator[Seen]:
    """Change all units at once."""
    rng = np.random.default_rng(seed)
    start, unbound = label(model, units).labels, label(model, unbounded(units)).labels
    other_order, order = permuted(units, rng=rng)
    back = np.empty(len(units), dtype=object)
    back[order] = label(model, other_order).labels
    half, moved = label(model, thinned(units, rng=rng)).labels, label(model, jittered(units, rng=rng)).labels
    backwards = label(model, time_reversed(units)).labels
    for row in rows:
        size = _size(units, row)
        unit = f"{name} {row}"
        yield Seen("half of the spikes: same label", size, unit, bool(half[row] == start[row]))
        yield Seen("jitter of 0.2 ms: same label", "all", unit, bool(moved[row] == start[row]))
        yield Seen("time reversed: same label", "all", unit, bool(backwards[row] == unbound[row]))
        yield Seen("units and channels permuted: same label", "all", unit, bool(back[row] == unbound[row]))


def of_single_units(
    model: Model,
    units: Units,
    rows: list[int],
    neighbours: dict[int, int],
    *,
    name: str,
    seed: int,
    label: Label = label,
) -> Iterator[Seen]:
    """Change one unit at a time."""
    before = label(model, units)
    start = before.probabilities
    after: dict[tuple[str, float, int], Predictions] = {}
    for altered in one_at_a_time(units, rows, neighbours, seed=seed):
        after[altered.kind, altered.step, altered.row] = label(model, altered.units)
    for row in rows:
        unit = f"{name} {row}"
        fake = after["white noise", 1.0, row]
        rises = fake.probabilities[row, 2] > start[row, 2] or fake.labels[row] == "noise"
        yield Seen("white noise for a waveform: P(noise) rises", "all", unit, bool(rises))
        if start[row, 0] > 0.2:
            falls = after["poisson", 0.2, row].probabilities[row, 0] < start[row, 0]
            yield Seen("20 % Poisson spikes: P(sua) falls", _size(units, row), unit, bool(falls))
        if row not in neighbours:
            continue
        group = "visible" if expected_violations(units, row) >= VISIBLE else "invisible"
        steps = [after["mixed", share, row] for share in SHARES]
        course = np.array([start[row, 0], *(step.probabilities[row, 0] for step in steps)])
        both = min(start[row, 0], start[neighbours[row], 0])
        merged = after["merged", 1.0, row].probabilities[row, 0]
        never = bool((course[1:] <= course[0] + 0.02).all())
        yield Seen("mixed 2 to 50 %: P(sua) never above the start + 0.02", group, unit, never)
        yield Seen("mixed: P(sua) falls from step to step (0.03)", group, unit, bool((np.diff(course) <= 0.03).all()))
        yield Seen("mixed 20 %: P(sua) falls by 0.05 or more", group, unit, bool(course[4] <= course[0] - 0.05))
        last = steps[-1].probabilities[row]
        yield Seen("mixed 50 %: sua is not the most probable", group, unit, bool(last.argmax() != 0))
        yield Seen("mixed 50 %: the label is not sua", group, unit, bool(steps[-1].labels[row] != "sua"))
        marked = bool(steps[-1].uncertain[row] or steps[-1].labels[row] != "sua")
        yield Seen("mixed 50 %: not sua, or marked uncertain", group, unit, marked)
        yield Seen("merged: P(sua) at most the smaller of both + 0.02", group, unit, bool(merged <= both + 0.02))


def _size(units: Units, row: int) -> str:
    """Name the group of a unit by its number of spikes."""
    many = units.spike_times_s.counts[row] >= MANY_SPIKES
    return "2,000 spikes or more" if many else "500 to 2,000 spikes"


def show(seen: list[Seen]) -> None:
    """Print the table."""
    by: dict[tuple[str, str], dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for one in seen:
        by[one.what, one.group][one.unit].append(one.obeys)
    print("| what is done | group | units | obey | 95 % | bound |\n|---|---|---|---|---|---|")
    for (what, group), units in sorted(by.items()):
        shares = np.array([np.mean(obeys) for obeys in units.values()])
        low, high = bootstrap(shares)
        bound = BOUNDS.get((what, group))
        verdict = "–" if bound is None else f"{bound} {'met' if shares.mean() >= bound else 'NOT MET'}"
        print(f"| {what} | {group} | {len(units)} | {shares.mean():.3f} | {low:.3f} to {high:.3f} | {verdict} |")


def main() -> None:
    """Choose units, change them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--units", type=Path, help="JSON list of units; written where it does not exist")
    parser.add_argument("--units-per-file", type=int, default=14)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    model = load_model(options.model)
    chosen = json.loads(options.units.read_text()) if options.units and options.units.exists() else {}
    seen: list[Seen] = []
    for file in sorted(file for folder in options.folders for file in folder.glob("*.nwb")):
        units = read_units(file)
        if units.waveforms is None or units.waveforms.mean.shape[2] < 2:
            continue
        here = chosen.setdefault(file.name, None) or choose_units(units, model, most=options.units_per_file)
        chosen[file.name] = here
        rows, neighbours = list(here["rows"].values()), {int(row): other for row, other in here["neighbours"].items()}
        for seed in range(options.seeds):
            seen += of_whole_file(model, units, rows, name=file.name, seed=seed)
            seen += of_single_units(model, units, rows, neighbours, name=file.name, seed=seed)
    if options.units and not options.units.exists():
        options.units.write_text(json.dumps(chosen, indent=1))
    show(seen)


if __name__ == "__main__":
    main()
