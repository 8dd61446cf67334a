"""Where models, rules and people agree about the same units."""

from nwb_unitrefine.comparison.compare import compare
from nwb_unitrefine.comparison.result import Comparison, Labelling, PairAgreement

__all__ = ["Comparison", "Labelling", "PairAgreement", "compare"]
