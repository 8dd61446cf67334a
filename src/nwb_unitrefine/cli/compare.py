"""``nwb-unitrefine compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click
import numpy as np

from nwb_unitrefine.cli._options import mapping_option, parse_mapping, source_options
from nwb_unitrefine.cli._render import json_option, print_json, print_table, say, show_number
from nwb_unitrefine.records import SourceHints

if TYPE_CHECKING:
    from nwb_unitrefine.comparison import Comparison, PairAgreement

__all__ = ["command"]

_MOST_TABLES = 6
"""With four labellings each pair gets a table; with more there are too many to read."""


@click.command("compare")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="MODEL",
    help="Model or rules to compare: default, a folder, rules/NAME, a file of rules, hf://OWNER/REPO; repeatable. "
    "'A + B' are two models in a row.",
)
@click.option(
    "--missing",
    multiple=True,
    type=click.Choice(["impute", "ignore"]),
    help="What to do about features that no unit has: published models impute them, rules ignore their thresholds; "
    "repeatable. [default: refuse]",
)
@click.option(
    "--allow-types", multiple=True, metavar="TYPE", help="A class that a model may hold besides those allowed anyway."
)
@mapping_option
@click.option("--all-units", is_flag=True, help="Print every unit on which they differ, not the first twenty.")
@source_options
@json_option
def command(
    *,
    sources: tuple[str, ...],
    models: tuple[str, ...],
    missing: tuple[Literal["impute", "ignore"], ...],
    allow_types: tuple[str, ...],
    mapping: tuple[str, ...],
    all_units: bool,
    as_json: bool,
    **hints: Any,
) -> None:
    """Show where models, rules and people agree about the same units, and where they differ.

    A SOURCE is whatever has units; or a table of labels alone, which counts as one curator. People are those of a
    file's curation history, each by their own labels. Where two distinguish other classes, they are compared
    on the finest classes that both distinguish. Units that a model was trained on do not count against people.
    """
    from nwb_unitrefine.comparison import compare

    comparison = compare(
        sources,
        models=models,
        missing=missing,
        allow_types=allow_types,
        mapping=parse_mapping(mapping),
        hints=SourceHints(**hints),
    )
    if as_json:
        print_json(comparison.as_document())
        return
    _print_labellings(comparison)
    pairs = comparison.pairs()
    _print_pairs("Agreement by pair", pairs, against=False)
    if scores := comparison.scores():
        who = "the majority of people" if len(comparison.people) > 1 else comparison.people[0].name
        _print_pairs(f"Against {who}", scores, against=True)
    if len(pairs) <= _MOST_TABLES:
        for pair in pairs:
            _print_confusion(pair)
    else:
        for pair in scores:
            _print_confusion(pair)
        say("Confusion tables of all pairs: --json")
    _print_differences(comparison, all_units=all_units)
    for note in comparison.notes:
        say(f"note: {note}", err=True)


def _print_labellings(comparison: Comparison) -> None:
    """One row for each labelling: how many units it labels, and as what."""
    rows = []
    shown = [*comparison.labellings, *([comparison.majority] if len(comparison.people) > 1 else [])]
    for one in shown:
        words, counts = np.unique(one.labels[one.labels != ""], return_counts=True)
        listed = ", ".join(f"{count} {word}" for word, count in zip(words.tolist(), counts.tolist(), strict=True))
        rows.append([one.name, one.kind, int(counts.sum()), listed])
    print_table(f"{len(comparison)} units", ["who", "kind", "labelled", "labels"], rows)


def _print_pairs(title: str, pairs: list[PairAgreement], *, against: bool) -> None:
    """One row for each pair; balanced accuracy where the second is what to score against."""
    print_table(
        title,
        ["first", "second", "units", "left out", "alike", *(["balanced"] * against), "kappa", "compared on"],
        [
            [
                pair.first,
                pair.second,
                pair.agreement.n_units,
                pair.n_left_out,
                show_number(pair.agreement.accuracy),
                *([show_number(pair.balanced_accuracy)] * against),
                show_number(pair.agreement.kappa),
                _compared_on(pair),
            ]
            for pair in pairs
        ],
    )


def _compared_on(pair: PairAgreement) -> str:
    """Name the classes, or say why there is nothing to compare."""
    if pair.agreement.n_units:
        return " / ".join(pair.agreement.classes)
    return "all units left out" if pair.n_left_out else "no unit or class in common"


def _print_confusion(pair: PairAgreement) -> None:
    """Units of one pair by the labels of both."""
    agreement = pair.agreement
    if agreement.n_units:
        print_table(
            f"{pair.first} (rows) and {pair.second}",
            ["", *agreement.classes],
            [[name, *row] for name, row in zip(agreement.classes, agreement.confusion.tolist(), strict=True)],
        )


def _print_differences(comparison: Comparison, *, all_units: bool) -> None:
    """Units on which two differ, those of the largest margin first."""
    frame = comparison.differences()
    if frame.empty:
        say("No two differ about any unit.")
        return
    frame = frame.drop(columns=[name for name in ("source", "recording") if frame[name].nunique() == 1])
    shown = frame if all_units else frame.head(20)
    rest = "" if len(shown) == len(frame) else f" (the first {len(shown)}; all: --all-units)"
    rows = [["–" if value == "" else value for value in row] for row in shown.itertuples(index=False)]
    print_table(f"{len(frame)} units on which some differ{rest}", list(shown.columns), rows)
