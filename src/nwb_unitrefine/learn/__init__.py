"""Learn from labelled units: datasets, training, calibration, evaluation."""

from nwb_unitrefine.learn.contamination.choose_learner import choose_learner
from nwb_unitrefine.learn.contamination.contamination_aware import ContaminationAware
from nwb_unitrefine.learn.contamination.shared_vote import SharedVote
from nwb_unitrefine.learn.dataset import Dataset, combine
from nwb_unitrefine.learn.evaluate import Scored, compare, cross_validate, evaluate, score_table
from nwb_unitrefine.learn.labelled.labels import LabelRules, MappedLabels, map_labels
from nwb_unitrefine.learn.labelled.sources import read_labelled, read_labelled_units
from nwb_unitrefine.learn.labelled.tables import read_labelled_tables
from nwb_unitrefine.learn.learner import BoostedTrees, Learner
from nwb_unitrefine.learn.train import Trained, train_model
from nwb_unitrefine.learn.unitrefine.recipe import UnitRefineRecipe
from nwb_unitrefine.learn.unitrefine.search import Search
from nwb_unitrefine.learn.unitrefine.two_steps import TwoSteps

__all__ = [
    "BoostedTrees",
    "ContaminationAware",
    "Dataset",
    "LabelRules",
    "Learner",
    "MappedLabels",
    "Scored",
    "Search",
    "SharedVote",
    "Trained",
    "TwoSteps",
    "UnitRefineRecipe",
    "choose_learner",
    "combine",
    "compare",
    "cross_validate",
    "evaluate",
    "map_labels",
    "read_labelled",
    "read_labelled_tables",
    "read_labelled_units",
    "score_table",
    "train_model",
]
