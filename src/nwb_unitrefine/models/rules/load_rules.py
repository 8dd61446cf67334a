"""Loading a rule set by its name or from a file."""

from __future__ import annotations

from pathlib import Path

from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.models.rules.rule_model import RuleModel
from nwb_unitrefine.models.rules.rule_set import PACKAGED_RULES, RULE_SUFFIXES, read_rules
from nwb_unitrefine.records import ModelIdentity

__all__ = ["is_rule_source", "load_rules", "packaged_rules"]

_PREFIX = "rules/"


def packaged_rules() -> tuple[str, ...]:
    """List the rule sets that come with the package.

    Examples
    --------
    >>> packaged_rules()
    ('rules/aind', 'rules/allen', 'rules/bombcell', 'rules/ibl', 'rules/spikeinterface')
    """
    return tuple(sorted(f"{_PREFIX}{path.stem}" for path in PACKAGED_RULES.glob("*.toml")))


def is_rule_source(source: str | Path) -> bool:
    """Whether a source of a model is the name of a rule set (``rules/NAME``) or a file of rules."""
    if isinstance(source, str) and source.startswith(_PREFIX) and not Path(source).exists():
        return True
    return Path(source).suffix.lower() in RULE_SUFFIXES and not Path(source).is_dir()


def load_rules(source: str | Path, *, ignore_absent: bool = False) -> RuleModel:
    """Load a rule set.

    Parameters
    ----------
    source : str or Path
        ``"rules/NAME"`` of one that comes with the package, or a ``.toml``, ``.yaml`` or ``.yml`` file.
    ignore_absent : bool, optional
        Leave out thresholds on metrics that no unit has, also where the rules refuse a source without them.

    Raises
    ------
    ModelError
        If there is no such rule set, or the file is none.
    """
    name = str(source)
    if name in packaged_rules():
        path = PACKAGED_RULES / f"{name.removeprefix(_PREFIX)}.toml"
    else:
        path = Path(source).expanduser()
        if not path.is_file():
            raise ModelError(
                f"There are no rules {name}.", tip=f"There are {', '.join(packaged_rules())}, and TOML or YAML files."
            )
    rules, digest = read_rules(path)
    identity = ModelIdentity(
        name=name if name in packaged_rules() else rules.name,
        source="packaged" if name in packaged_rules() else name,
        revision=rules.version,
        digest=digest,
        licence=rules.licence,
    )
    return RuleModel(identity=identity, rules=rules, ignore_absent=ignore_absent)
