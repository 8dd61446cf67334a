"""Learn from labelled units: datasets, training, calibration, evaluation."""

from nwb_unitrefine.learn.dataset import Dataset, combine
from nwb_unitrefine.learn.evaluate import Scored, compare, cross_validate, evaluate, score_table
from nwb_unitrefine.learn.labels import LabelRules, MappedLabels, map_labels
from nwb_unitrefine.learn.learner import BoostedTrees, Learner
from nwb_unitrefine.learn.recipe import UnitRefineRecipe
from nwb_unitrefine.learn.search import Search
from nwb_unitrefine.learn.sources import read_labelled, read_labelled_units
from nwb_unitrefine.learn.tables import read_labelled_tables
from nwb_unitrefine.learn.train import Trained, train_model

__all__ = [
    "BoostedTrees",
    "Dataset",
    "LabelRules",
    "Learner",
    "MappedLabels",
    "Scored",
    "Search",
    "Trained",
    "UnitRefineRecipe",
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
