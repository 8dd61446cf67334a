"""What a model's scores are worth: beside other ways, beside a person, how far they move, and what was not measured.

A manifest holds the scores of its own model. What else was measured about it stands in ``appraisal.json`` beside it.
That decides no label, so it is not part of the digest by which files record the model: it may be measured later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, ValidationError, model_validator

from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.journal.appearing import appearing
from nwb_unitrefine.models.card import render_card
from nwb_unitrefine.models.folder import APPRAISAL, CARD, read_folder
from nwb_unitrefine.models.manifest import Digest, ManifestValue

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Appraisal", "Estimate", "OtherWay", "Person", "Spread", "read_appraisal", "write_appraisal"]

MAX_BYTES = 2**20
MAX_ENTRIES = 100


class Estimate(ManifestValue):
    """A figure with its interval of 95 %.

    Parameters
    ----------
    value : float
    low, high : float or None
        None where there is no interval.
    """

    value: float
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        """Refuse an interval that is none."""
        if (self.low is None) != (self.high is None) or (
            self.low is not None and self.high is not None and self.low > self.high
        ):
            raise ValueError("an interval needs a low and a high end, in this order")
        return self

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.value:.3f}"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


class OtherWay(ManifestValue):
    """Another way to make labels, scored on the same splits.

    Parameters
    ----------
    name : str
    scores : mapping of str to Estimate
        Its own, under the names of `Evaluation`; means over recordings begin with ``mean_``.
    difference : mapping of str to Estimate
        This model's minus its own, paired by recording.
    """

    name: str
    scores: Mapping[str, Estimate]
    difference: Mapping[str, Estimate] = Field(default_factory=dict)


class Person(ManifestValue):
    """One person's labels, scored as a model's are.

    Parameters
    ----------
    against : str
        What they are compared with, as ``"the majority of curators"``.
    recordings : tuple of str
    n_units : int
    scores : mapping of str to Estimate
        The person's.
    model : mapping of str to Estimate
        Those of this model on the same units, its subject left out of training.
    """

    against: str
    recordings: tuple[str, ...] = ()
    n_units: int = Field(ge=0)
    scores: Mapping[str, Estimate]
    model: Mapping[str, Estimate] = Field(default_factory=dict)


class Spread(ManifestValue):
    """How far a score moves when one thing changes.

    Parameters
    ----------
    what : str
        The thing that changes, as ``"the recording that is scored"``.
    score : str
    values : mapping of str to float
        The score in each case.
    note : str
    """

    what: str
    score: str
    values: Mapping[str, float] = Field(min_length=1, max_length=MAX_ENTRIES)
    note: str = ""

    def __str__(self) -> str:
        values = list(self.values.values())
        return f"{min(values):.3f} to {max(values):.3f}, over {len(values)}"


class Appraisal(ManifestValue):
    """All of it, as ``appraisal.json`` holds it.

    Parameters
    ----------
    model : digest
        Of the model that it is about.
    protocol : str
        How training and test were kept apart, and on what.
    command : str
        What measures it again.
    others : tuple of OtherWay
    person : Person or None
    spreads : tuple of Spread
    not_measured : tuple of str
    """

    schema_version: Literal[1] = 1
    model: Digest
    protocol: str
    command: str
    others: tuple[OtherWay, ...] = Field(default=(), max_length=MAX_ENTRIES)
    person: Person | None = None
    spreads: tuple[Spread, ...] = Field(default=(), max_length=MAX_ENTRIES)
    not_measured: tuple[str, ...] = Field(default=(), max_length=MAX_ENTRIES)

    def to_json(self) -> str:
        """Return the text of ``appraisal.json``."""
        return json.dumps(self.model_dump(mode="json", exclude_none=True), indent=2, ensure_ascii=False) + "\n"


def read_appraisal(folder: Path, *, digest: str) -> Appraisal | None:
    """Read what was measured about a model besides its own scores.

    Parameters
    ----------
    folder : Path
        Of the model.
    digest : str
        Of the model.

    Returns
    -------
    Appraisal or None
        None where nothing was.

    Raises
    ------
    ModelError
        If it cannot be read, or is about another model.
    """
    file = folder / APPRAISAL
    if not file.is_file():
        return None
    if file.stat().st_size > MAX_BYTES:
        raise ModelError(f"{file} is larger than {MAX_BYTES // 2**20} MiB, which no appraisal is.")
    try:
        found = Appraisal.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ModelError(
            f"{file} is not an appraisal of a model: {where}: {first['msg']}.", tip="Remove it."
        ) from error
    if found.model != digest:
        raise ModelError(f"{file} is about another model: {found.model}.", tip="Remove it.")
    return found


def write_appraisal(path: Path, appraisal: Appraisal) -> None:
    """Write what was measured about a model besides its own scores into its folder, and into its card.

    Parameters
    ----------
    path : Path
        A folder with a manifest.
    appraisal : Appraisal

    Raises
    ------
    ModelError
        If it is about another model.
    """
    folder = read_folder(path)
    if folder.manifest is None or folder.digest != appraisal.model:
        raise ModelError(f"The appraisal is of {appraisal.model}, and {path} is another model.")
    for name, text in ((APPRAISAL, appraisal.to_json()), (CARD, render_card(folder.manifest, appraisal))):
        with appearing(path / name, overwrite=True) as place:
            place.write_text(text, encoding="utf-8")
