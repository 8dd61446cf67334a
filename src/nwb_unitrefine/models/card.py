"""The card of a model: ``README.md`` as the Hub shows it, with what was measured and on what, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nwb_unitrefine.records import CLASSES
from nwb_unitrefine.vocabulary.labels import meaning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nwb_unitrefine.models.cascade_folder import CascadeManifest
    from nwb_unitrefine.models.manifest import Evaluation, Manifest

__all__ = ["render_card", "render_cascade_card"]


def render_card(manifest: Manifest) -> str:
    """Write a model's card in Markdown, from its manifest alone.

    Parameters
    ----------
    manifest : Manifest

    Returns
    -------
    str
        With the front matter (licence, library, tags) that the Hub reads.
    """
    return "\n".join([*_front_matter(manifest), "", *_body(manifest), ""])


def render_cascade_card(manifest: CascadeManifest) -> str:
    """Write the card of two models in a row, from what is known of both together."""
    steps = "Two models decide one after the other; the cards of both are in the folders first and second."
    return "\n".join([*_front_matter(manifest), "", *_about(manifest), "## How it decides", "", steps, ""])


def _front_matter(manifest: Manifest | CascadeManifest) -> Iterator[str]:
    """What the Hub sorts models by."""
    yield "---"
    if manifest.licence:
        yield f"license: {manifest.licence.casefold()}"
    yield "library_name: skops"
    yield "tags: [sklearn, skops, tabular-classification, spike-sorting, curation, NWB, nwb-unitrefine]"
    yield "---"


def _body(manifest: Manifest) -> Iterator[str]:
    """The card itself."""
    yield from _about(manifest)
    yield from _use(manifest)


def _about(manifest: Manifest | CascadeManifest) -> Iterator[str]:
    """What it was trained on, and what was measured."""
    training = manifest.training
    yield f"# {manifest.name} {manifest.version}"
    yield ""
    if manifest.description:
        yield manifest.description
        yield ""
    yield f"Labels sorted units as {_in_words(manifest.classes)}, with a probability for each."
    yield ""
    yield "## Trained on"
    yield ""
    yield training.data
    yield ""
    counts = ", ".join(f"{training.n_units.get(name, 0):,} {name}" for name in _ordered(manifest.classes))
    yield f"- units: {counts}"
    if training.recordings:
        yield f"- recordings: {', '.join(training.recordings)}"
    if training.subjects:
        yield f"- subjects: {', '.join(training.subjects)}"
    yield f"- data digest: `{training.data_digest}`"
    yield f"- made by: `{training.command}` (seed {training.seed})"
    if training.label_mapping:
        yield f"- labels: {', '.join(f'{old} → {new}' for old, new in training.label_mapping.items())}"
    yield ""
    if manifest.lineage:
        yield "## Rounds"
        yield ""
        name = "balanced_accuracy"
        yield from _table(
            ["date", "added", "corrected", "balanced accuracy before", "after", "of units"],
            [
                [
                    one.date,
                    f"{one.added:,}",
                    f"{one.corrected:,}",
                    *(_number(scores.get(name)) for scores in (one.before, one.after)),
                    f"{one.scored_units:,}",
                ]
                for one in manifest.lineage
            ],
        )
        yield ""
    yield "## Measured"
    yield ""
    if not manifest.evaluations:
        yield "Nothing was measured on recordings that the model had not seen."
        yield ""
    for evaluation in manifest.evaluations:
        yield from _evaluation(evaluation)


_SPELLED_OUT = {"sua": "single unit (sua)", "mua": "multi-unit (mua)"}


def _ordered(classes: Sequence[str]) -> Sequence[str]:
    """Put sua, mua and noise in this order; other classes stay as they are."""
    return CLASSES if sorted(classes) == sorted(CLASSES) else classes


def _in_words(classes: Sequence[str]) -> str:
    """List the classes in a sentence, with the meaning of those that need one."""
    *others, last = (_SPELLED_OUT.get(name, _explained(name)) for name in _ordered(classes))
    return f"{', '.join(others)} or {last}"


def _explained(name: str) -> str:
    """Add to the name of a class that means several of ours which these are."""
    meant = [one for one in CLASSES if one in (meaning(name) or ())]
    return f"{name} ({' or '.join(meant)})" if len(meant) > 1 or (meant and meant != [name]) else name


def _evaluation(evaluation: Evaluation) -> Iterator[str]:
    """One table of scores."""
    yield f"### {evaluation.name}: {evaluation.scheme}"
    yield ""
    if evaluation.note:
        yield evaluation.note
        yield ""
    if evaluation.pooled:
        scores = [[name.replace("_", " "), _number(value)] for name, value in evaluation.pooled.items()]
        yield from _table(["all units together", ""], scores)
        yield ""
    names = list(dict.fromkeys(name for one in evaluation.recordings for name in one.scores))
    rows = [
        [one.recording, one.subject, f"{one.n_units:,}", *(_number(one.scores.get(name)) for name in names)]
        for one in evaluation.recordings
    ]
    yield from _table(["recording", "subject", "units", *(name.replace("_", " ") for name in names)], rows)
    yield ""


def _use(manifest: Manifest) -> Iterator[str]:
    """Its inputs, how it decides, and when it marks a unit uncertain."""
    rule = manifest.uncertainty
    yield "## How it decides"
    yield ""
    if manifest.decision_rule == "probable":
        yield "The label is the most probable class."
    else:
        priors = ", ".join(f"{name} {manifest.class_priors[name]:.3f}" for name in _ordered(manifest.classes))
        yield f"The label is the class with the largest probability over its prior ({priors})."
    kinds = ", ".join(dict.fromkeys(entry.calibration.kind for entry in manifest.calibrations))
    yield f"Calibration: {kinds}."
    yield (
        f"A label is marked uncertain below {rule.min_spikes} spikes, below a "
        f"probability of {rule.min_probability:g}"
        + (
            f", with more than {rule.max_out_of_range} features out of the training range"
            if rule.max_out_of_range is not None
            else ""
        )
        + f", or with fewer than {rule.min_present} features."
    )
    yield ""
    yield "## Features"
    yield ""
    yield from _table(
        ["feature", "unit", "training range"],
        [
            [f"`{feature.name}`", feature.unit, f"{_number(feature.low)} to {_number(feature.high)}"]
            for feature in manifest.features
        ],
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lay out a table."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _number(value: float | None) -> str:
    """Three significant digits; a dash for what was not measured."""
    return "–" if value is None else f"{value:.3g}"
