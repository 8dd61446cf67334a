"""``nwb-unitrefine features``."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from nwb_unitrefine.cli._options import load, new_table_option, source_options, write_new_table
from nwb_unitrefine.cli._render import json_option, make_console, print_json, print_problems, print_table, say

if TYPE_CHECKING:
    from pathlib import Path

    from nwb_unitrefine.records import Features, Units

__all__ = ["command"]

FIRST_TIME = "computing (the first run on a machine compiles for some seconds)"


@click.command("features")
@click.argument("source")
@click.option(
    "--names", metavar="NAME,…", help="Which features, as snr or half_width@0.101; by default, all there are."
)
@click.option("--model", multiple=True, metavar="MODEL", help="The features that this model takes; twice: of both.")
@new_table_option("Write the table there: one row a unit, one column a feature.")
@click.option(
    "--from-raw", is_flag=True, help="Compute amplitude, noise, drift and PCA metrics from raw traces as well."
)
@click.option("--recording", metavar="PATH", help="Where the raw traces are, if not in SOURCE; implies --from-raw.")
@click.option("--electrical-series", metavar="PATH", help="Which ElectricalSeries, where the file has several.")
@click.option(
    "--folder", metavar="DIR", help="Keep results from raw traces there, and use those that are already there."
)
@click.option(
    "--no-preprocess",
    "preprocess",
    flag_value=False,
    default=True,
    help="Use the raw traces as they are, where they are already filtered and referenced.",
)
@click.option("--jobs", default=1, type=click.IntRange(min=1), show_default=True, help="Processes for raw traces.")
@source_options
@json_option
def command(
    source: str,
    *,
    names: str | None,
    model: tuple[str, ...],
    output: Path | None,
    from_raw: bool,
    recording: str | None,
    electrical_series: str | None,
    folder: str | None,
    preprocess: bool,
    jobs: int,
    as_json: bool,
    **hints: Any,
) -> None:
    """Compute the features of a file's units and list the origin of each."""
    from nwb_unitrefine.metrics import compute_features, compute_from_raw
    from nwb_unitrefine.read import read_units
    from nwb_unitrefine.records import RawOptions

    from_raw = from_raw or recording is not None
    if not from_raw and (electrical_series is not None or folder is not None or not preprocess):
        raise click.UsageError("--electrical-series, --folder and --no-preprocess go with --from-raw.")
    if names is not None and model:
        raise click.UsageError("Give --names or --model, not both.")
    asked = None if names is None else [name.strip() for name in names.split(",") if name.strip()]
    units = read_units(source, **hints)
    if model:
        asked = list(load(model).feature_names)
    raw = None
    if from_raw:
        options = RawOptions(
            recording=recording,
            electrical_series=electrical_series,
            folder=folder,
            preprocess=preprocess,
            jobs=jobs,
            progress=sys.stderr.isatty(),
        )
        raw = compute_from_raw(units, options)
    with make_console(stderr=True).status(FIRST_TIME):
        features = compute_features(units, names=asked, raw=raw, of_model=bool(model))
    if output is not None:
        write_new_table(features.to_frame(), output)
    if as_json:
        print_json(_document(units, features))
    else:
        _print(units, features)
    print_problems((*units.problems, *features.problems))


def _document(units: Units, features: Features) -> dict[str, object]:
    """Values with an origin each, kept once and referred to by number."""
    return {
        "source": units.source,
        "notes": features.notes,
        "names": features.names,
        "unit_ids": features.unit_ids,
        "values": features.values,
        "origins": [str(origin) for origin in features.origins],
        "origin_index": features.origin_index,
        "problems": (*units.problems, *features.problems),
    }


def _print(units: Units, features: Features) -> None:
    """One row a feature: how its values lie, and what they are from or lack."""
    say(f"{units.source.uri}: {len(features)} units, {len(features.names)} features")
    for what, how in features.notes.items():
        say(f"  {what}: {how}")
    say()
    rows = []
    for place, name in enumerate(features.names):
        values = features.values[:, place]
        there = values[~np.isnan(values)]
        low, middle, high = np.quantile(there, [0, 0.5, 1]) if len(there) else (np.nan, np.nan, np.nan)
        rows.append([name, _unit(name), len(there), float(low), float(middle), float(high), _origins(features, place)])
    print_table("Features", ["feature", "unit", "units", "lowest", "median", "highest", "from"], rows)


def _unit(name: str) -> str:
    """Physical unit of a feature."""
    from nwb_unitrefine.vocabulary import resolve

    return resolve(name).metric.unit


def _origins(features: Features, place: int) -> str:
    """Every origin of a feature's values, with the number of units where there are several."""
    counts = Counter(str(features.origins[index]) for index in features.origin_index[:, place].tolist())
    if len(counts) == 1:
        return next(iter(counts))
    return "; ".join(f"{number} {origin}" for origin, number in counts.most_common())
