"""Models: folders, where they come from, whether they are trusted, and what they predict."""

from nwb_unitrefine.models.cascade import Cascade
from nwb_unitrefine.models.folder import ModelFolder, read_folder, write_folder
from nwb_unitrefine.models.hub import pull_model, push_model
from nwb_unitrefine.models.load import load_model
from nwb_unitrefine.models.manifest import Manifest
from nwb_unitrefine.models.model import FittedModel, Model, predict

__all__ = [
    "Cascade",
    "FittedModel",
    "Manifest",
    "Model",
    "ModelFolder",
    "load_model",
    "predict",
    "pull_model",
    "push_model",
    "read_folder",
    "write_folder",
]
