"""Estimators that a process keeps."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.models import load_model
from nwb_unitrefine.models.skops import estimator
from nwb_unitrefine.models.skops.estimator import load_estimator
from nwb_unitrefine.models.skops.reproducible import write_skops

if TYPE_CHECKING:
    from pathlib import Path


def _written(path: Path, *, mostly: int) -> Path:
    labels = np.array([mostly, mostly, 1 - mostly])
    write_skops(DummyClassifier(strategy="prior").fit(np.zeros((3, 2)), labels), path)
    return path


def test_a_model_is_loaded_once() -> None:
    """Whoever labels one file after another by the model's name waits for it once."""
    assert load_model("default").estimator is load_model("default").estimator


def test_another_content_is_another_model(tmp_path: Path) -> None:
    """A file that changed in place is loaded anew, and one that is gone is missed."""
    path = _written(tmp_path / "model.skops", mostly=0)
    before = load_estimator(path)
    _written(path, mostly=1)
    after = load_estimator(path)
    table = np.zeros((1, 2))
    assert before.predict_proba(table)[0, 0] > 0.5 > after.predict_proba(table)[0, 0]
    path.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        load_estimator(path)


def test_few_are_kept(tmp_path: Path) -> None:
    """Any number of models can be loaded one after another."""
    path = _written(tmp_path / "0.skops", mostly=0)
    first = load_estimator(path)
    for number in range(1, 9):
        load_estimator(shutil.copy(path, tmp_path / f"{number}.skops"))
    assert len(estimator._kept) <= 4
    assert load_estimator(path) is not first
