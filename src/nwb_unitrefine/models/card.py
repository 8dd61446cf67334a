"""The card of a model: ``README.md`` as the Hub shows it, with what was measured and on what, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nwb_unitrefine.records.display import plural
from nwb_unitrefine.vocabulary.model_classes import classes_in_words, in_usual_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nwb_unitrefine.models.appraisal import Appraisal, Estimate
    from nwb_unitrefine.models.cascade_folder import CascadeManifest
    from nwb_unitrefine.models.manifest import Evaluation, Manifest, Uncertainty

__all__ = ["by_recording", "render_card", "render_cascade_card", "worded"]


def render_card(manifest: Manifest, appraisal: Appraisal | None = None) -> str:
    """Write a model's card in Markdown, from its manifest and appraisal alone.

    Parameters
    ----------
    manifest : Manifest
    appraisal : Appraisal, optional

    Returns
    -------
    str
        With the front matter (licence, library, tags) that the Hub reads.
    """
    beside = [] if appraisal is None else _beside(appraisal)
    return "\n".join([*_front_matter(manifest), "", *_about(manifest), *beside, *_use(manifest), ""])


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


def _about(manifest: Manifest | CascadeManifest) -> Iterator[str]:
    """What it was trained on, and what was measured."""
    training = manifest.training
    yield f"# {manifest.name} {manifest.version}"
    yield ""
    if manifest.description:
        yield manifest.description
        yield ""
    yield f"Labels sorted units as {classes_in_words(manifest.classes)}, with a probability for each."
    yield ""
    yield "## Trained on"
    yield ""
    yield training.data
    yield ""
    counts = ", ".join(f"{training.n_units.get(name, 0):,} {name}" for name in in_usual_order(manifest.classes))
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


def _evaluation(evaluation: Evaluation) -> Iterator[str]:
    """One table of scores."""
    yield f"### {evaluation.name}: {evaluation.scheme}"
    yield ""
    if evaluation.note:
        yield evaluation.note
        yield ""
    if evaluation.pooled:
        scores = [[worded(name), _number(value)] for name, value in evaluation.pooled.items()]
        yield from _table(["all units together", ""], scores)
        yield ""
    if len(evaluation.recordings) > 1:
        yield "By recording, the mean and the range:"
        yield ""
        spread = [[worded(name), *map(_number, found)] for name, found in by_recording(evaluation).items()]
        yield from _table(["", "mean", "smallest", "largest"], spread)
        yield ""
    names = list(dict.fromkeys(name for one in evaluation.recordings for name in one.scores))
    rows = [
        [one.recording, one.subject, f"{one.n_units:,}", *(_number(one.scores.get(name)) for name in names)]
        for one in evaluation.recordings
    ]
    yield from _table(["recording", "subject", "units", *map(worded, names)], rows)
    yield ""


def by_recording(evaluation: Evaluation) -> dict[str, tuple[float, float, float]]:
    """Mean, smallest and largest value over recordings of the scores that vary most between them.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    dict of str to tuple of float
        Those of ``balanced_accuracy``, ``calibration_error`` and ``accuracy_at_80`` that were measured.
    """
    found = {}
    for name in ("balanced_accuracy", "calibration_error", "accuracy_at_80"):
        values = [one.scores[name] for one in evaluation.recordings if name in one.scores]
        if values:
            found[name] = (sum(values) / len(values), min(values), max(values))
    return found


def _beside(appraisal: Appraisal) -> Iterator[str]:
    """Other ways and a person on the same units, how far scores move, and what was not measured."""
    yield "## Beside others, and how far scores move"
    yield ""
    yield f"{appraisal.protocol} Measured by `{appraisal.command}`; intervals are of 95 %."
    yield ""
    for other in appraisal.others:
        yield f"- **{other.name}**: {_in_a_row(other.scores)}."
        if other.difference:
            yield f"  This model minus it: {_in_a_row(other.difference)}."
    if (person := appraisal.person) is not None:
        recordings = f" of {', '.join(person.recordings)}" if person.recordings else ""
        about = f"**One person** against {person.against}, {person.n_units:,} units{recordings}"
        yield f"- {about}: {_in_a_row(person.scores)}."
        if person.model:
            yield f"  This model on the same units: {_in_a_row(person.model)}."
    for spread in appraisal.spreads:
        cases = ", ".join(f"{name} {value:.3f}" for name, value in spread.values.items())
        note = f" {spread.note}" if spread.note else ""
        yield f"- **{worded(spread.score)}, by {spread.what}**: {spread} ({cases}).{note}"
    yield ""
    if appraisal.not_measured:
        yield "Not measured:"
        yield ""
        yield from (f"- {what}" for what in appraisal.not_measured)
        yield ""


def _in_a_row(scores: Mapping[str, Estimate]) -> str:
    """List scores in a sentence."""
    return ", ".join(f"{worded(name)} {score}" for name, score in scores.items())


def worded(name: str) -> str:
    """Return the name of a score as people read it.

    Examples
    --------
    >>> worded("mean_accuracy_at_80"), worded("auc_sua")
    ('mean accuracy on the most confident 80 %', 'auc sua')
    """
    return name.replace("_", " ").replace("accuracy at 80", "accuracy on the most confident 80 %")


def _use(manifest: Manifest) -> Iterator[str]:
    """Its inputs, how it decides, and when it marks a unit uncertain."""
    yield "## How it decides"
    yield ""
    if manifest.decision_rule == "probable":
        yield "The label is the most probable class."
    else:
        priors = ", ".join(f"{name} {manifest.class_priors[name]:.3f}" for name in in_usual_order(manifest.classes))
        yield f"The label is the class with the largest probability over its prior ({priors})."
    kinds = ", ".join(dict.fromkeys(entry.calibration.kind for entry in manifest.calibrations))
    yield f"Calibration: {kinds}."
    yield _when_uncertain(manifest.uncertainty)
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


def _when_uncertain(rule: Uncertainty) -> str:
    """State which labels the rule marks, as far as it marks any."""
    marks = [
        f"below {plural(rule.min_spikes, 'spike')}" if rule.min_spikes else "",
        f"below a probability of {rule.min_probability:g}" if rule.min_probability else "",
        f"with more than {plural(rule.max_out_of_range, 'feature')} out of the training range"
        if rule.max_out_of_range is not None
        else "",
        f"with fewer than {plural(rule.min_present, 'feature')}" if rule.min_present > 1 else "",
        f"of a single unit where more than {100 * rule.max_contamination:g} % foreign spikes cannot be excluded"
        if rule.max_contamination is not None
        else "",
        f"of a single unit where violations show more than {100 * rule.max_evident_contamination:g} % foreign spikes"
        if rule.max_evident_contamination is not None
        else "",
    ]
    *others, last = [*filter(None, marks)] or [""]
    if not last:
        return "No label is marked uncertain."
    return f"A label is marked uncertain {', '.join(others)}{', or ' * bool(others)}{last}."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lay out a table."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _number(value: float | None) -> str:
    """Three significant digits; a dash for what was not measured."""
    return "–" if value is None else f"{value:.3g}"
