"""Thresholds as data: which metric has which bound, what a missing value means, and which class a unit gets.

A rule set is a TOML or YAML file. Its classes are tried in their order; a unit gets the first one for which its
thresholds fail, and the class `passes` where none do.
"""

from __future__ import annotations

import hashlib
import tomllib
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError, model_validator

from nwb_unitrefine.errors import FeatureError, ModelError
from nwb_unitrefine.vocabulary import resolve
from nwb_unitrefine.vocabulary.model_classes import is_class_word

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PACKAGED_RULES", "RULE_SUFFIXES", "RuleClass", "RuleSet", "Threshold", "read_rules"]

PACKAGED_RULES = Path(__file__).parent
"""Folder of the rule sets that come with the package, one file each."""

RULE_SUFFIXES = (".toml", ".yaml", ".yml")
MAX_BYTES = 64 * 1024
MAX_DEPTH = 20
Missing = Literal["fails", "passes", "ignored"]
Bound = Annotated[float, Strict()]
Text = Annotated[str, Field(max_length=2000)]


class _Value(BaseModel):
    """A frozen value of a rule set; unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Threshold(_Value):
    """Bounds of one metric.

    Parameters
    ----------
    metric : str
        Name of the vocabulary, in its unit; ``NAME@0.101`` is the definition of an older SpikeInterface.
    at_least, at_most : float or None
        Bounds that a value may equal.
    above, below : float or None
        Bounds that a value may not equal.
    absolute : bool
        Whether the size of the value counts, without its sign.
    missing : {"fails", "passes", "ignored"} or None
        What a missing value means: the threshold fails; it passes; it is left out. None for what the class states.
    """

    metric: Annotated[str, Field(max_length=100)]
    at_least: Bound | None = None
    at_most: Bound | None = None
    above: Bound | None = None
    below: Bound | None = None
    absolute: Annotated[bool, Strict()] = False
    missing: Missing | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse a threshold without a bound, and a metric that nobody can compute."""
        if not self.bounds:
            raise ValueError(f"{self.metric} has no bound (at_least, at_most, above, below)")
        try:
            resolve(self.metric)
        except FeatureError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def feature(self) -> str:
        """Full name of the metric in the vocabulary."""
        return resolve(self.metric).name

    @property
    def bounds(self) -> tuple[tuple[str, float], ...]:
        """Each bound as a sign and a number: the value passes where ``value sign number`` holds."""
        listed = ((">=", self.at_least), ("<=", self.at_most), (">", self.above), ("<", self.below))
        return tuple((sign, bound) for sign, bound in listed if bound is not None)

    def __str__(self) -> str:
        name = f"|{self.metric}|" if self.absolute else self.metric
        return " and ".join(f"{name} {sign} {bound:g}" for sign, bound in self.bounds)


class RuleClass(_Value):
    """A class, and the thresholds by which a unit gets it.

    Parameters
    ----------
    label : str
    thresholds : tuple of Threshold
        A unit gets the class where any of these fails.
    together : tuple of tuple of Threshold
        A unit gets the class, too, where all thresholds of any of these groups fail.
    missing : {"fails", "passes", "ignored"}
        What a missing value means for thresholds that do not state it themselves.
    """

    label: str
    thresholds: Annotated[tuple[Threshold, ...], Field(max_length=100)] = ()
    together: Annotated[
        tuple[Annotated[tuple[Threshold, ...], Field(min_length=1, max_length=20)], ...], Field(max_length=100)
    ] = ()
    missing: Missing = "fails"

    @property
    def groups(self) -> tuple[tuple[Threshold, ...], ...]:
        """All groups: a unit gets the class where every threshold of one of them fails."""
        return (*((one,) for one in self.thresholds), *self.together)

    def policy(self, threshold: Threshold) -> Missing:
        """What a missing value means for one of the thresholds."""
        return threshold.missing or self.missing


class RuleSet(_Value):
    """A set of rules.

    Parameters
    ----------
    name : str
    classes : tuple of RuleClass
        In the order in which they are tried.
    passes : str
        Label of units that get none of them.
    source : str
        Where the thresholds were published.
    version, description, licence : str
    absent : {"refused", "ignored"}
        What is done about a metric that no unit of a source has: refuse the source, naming it, or leave it out.
    """

    name: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[\w.+ -]+$")]
    classes: Annotated[tuple[RuleClass, ...], Field(min_length=1, max_length=20)]
    passes: str
    source: Text = ""
    version: Annotated[str, Field(max_length=100)] = ""
    description: Text = ""
    licence: Annotated[str, Field(max_length=100)] = ""
    absent: Literal["refused", "ignored"] = "refused"

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse labels that are none, or that occur twice, and a class that no unit can get."""
        for label in self.labels:
            if not is_class_word(label):
                raise ValueError(f"{label!r} cannot be a label")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("a label occurs twice")
        if empty := [one.label for one in self.classes if not one.groups]:
            raise ValueError(f"the class {empty[0]!r} has no thresholds")
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that units can get: the one that passes first."""
        return (self.passes, *(one.label for one in self.classes))

    def thresholds(self) -> Iterator[tuple[RuleClass, Threshold]]:
        """Every threshold with its class, each once."""
        for one in self.classes:
            for threshold in dict.fromkeys(chain.from_iterable(one.groups)):
                yield one, threshold


def read_rules(path: Path) -> tuple[RuleSet, str]:
    """Read a rule set.

    Parameters
    ----------
    path : Path
        A ``.toml``, ``.yaml`` or ``.yml`` file.

    Returns
    -------
    rules : RuleSet
    digest : str
        ``"sha256:…"`` of the file.

    Raises
    ------
    ModelError
        If it cannot be read, or is not a rule set: an unknown metric or key, a bound that is not a number, no label.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from error
    if len(content) > MAX_BYTES:
        raise ModelError(f"{path} is larger than {MAX_BYTES // 1024} kB, so it is not a set of rules.")
    try:
        text = content.decode("utf-8")
        document = tomllib.loads(text) if path.suffix.lower() == ".toml" else _yaml(text)
        rules = RuleSet.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the rules"
        what = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise ModelError(
            f"{path}: {where}: {what}.", tip="A rule set has name, passes and classes; see docs/how-to/thresholds.md."
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {' '.join(str(error).split()).rstrip('.')}.") from error
    return rules, f"sha256:{hashlib.sha256(content).hexdigest()}"


def _yaml(text: str) -> Any:
    """Read YAML without anchors, by which a small file can stand for a huge one, and without endless nesting.

    PyYAML's time grows with the square of the depth: 64 kB of brackets would take minutes.
    """
    import yaml

    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            is_alias = isinstance(event, yaml.AliasEvent)
            if is_alias:
                raise ValueError("it has aliases (*name), which rule sets may not have")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels, which no set of rules is")
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
