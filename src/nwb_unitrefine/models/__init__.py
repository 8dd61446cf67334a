"""Models: their folders, how they are loaded and shared, whether they are trusted, and what they predict."""

from nwb_unitrefine.models.cascade import Cascade
from nwb_unitrefine.models.folder import ModelFolder, read_folder, write_folder
from nwb_unitrefine.models.load import describe_classes, load_model, predict
from nwb_unitrefine.models.manifest import Manifest
from nwb_unitrefine.models.model import FittedModel, Model
from nwb_unitrefine.models.places.hub import push_model
from nwb_unitrefine.models.places.named import pin_model, pull_model
from nwb_unitrefine.models.places.registry import RegisteredModel, registered_models
from nwb_unitrefine.models.rules import RuleModel

__all__ = [
    "Cascade",
    "FittedModel",
    "Manifest",
    "Model",
    "ModelFolder",
    "RegisteredModel",
    "RuleModel",
    "describe_classes",
    "load_model",
    "pin_model",
    "predict",
    "pull_model",
    "push_model",
    "read_folder",
    "registered_models",
    "write_folder",
]
