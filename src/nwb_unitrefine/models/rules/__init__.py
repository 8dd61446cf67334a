"""Thresholds as models: published sets of rules, one file each, and how they label units."""

from nwb_unitrefine.models.rules.load_rules import is_rule_source, load_rules, packaged_rules
from nwb_unitrefine.models.rules.rule_model import CheckedThresholds, RuleModel
from nwb_unitrefine.models.rules.rule_set import RuleSet, Threshold, read_rules

__all__ = [
    "CheckedThresholds",
    "RuleModel",
    "RuleSet",
    "Threshold",
    "is_rule_source",
    "load_rules",
    "packaged_rules",
    "read_rules",
]
