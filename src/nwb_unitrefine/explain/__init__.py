"""Why a unit has its label: evidence for and against it, and how it compares with units of each class."""

from nwb_unitrefine.explain.decisions import Decisions, explain_decisions
from nwb_unitrefine.explain.evidence import EVIDENCE, Evidence, evidence_of
from nwb_unitrefine.explain.figures import draw_explanations
from nwb_unitrefine.explain.percentiles import ClassQuantiles, class_quantiles, percentiles
from nwb_unitrefine.explain.reasons import Reasons, explain
from nwb_unitrefine.explain.sentences import telling_values
from nwb_unitrefine.explain.shap_values import ShapValues, require_shap, shap_values

__all__ = [
    "EVIDENCE",
    "ClassQuantiles",
    "Decisions",
    "Evidence",
    "Reasons",
    "ShapValues",
    "class_quantiles",
    "draw_explanations",
    "evidence_of",
    "explain",
    "explain_decisions",
    "percentiles",
    "require_shap",
    "shap_values",
    "telling_values",
]
