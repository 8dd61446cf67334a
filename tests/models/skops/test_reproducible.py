"""Files of models: the same estimator makes the same bytes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from nwb_unitrefine.models.skops.estimator import load_estimator
from nwb_unitrefine.models.skops.reproducible import write_skops

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def _fitted():
    rng = np.random.default_rng(0)
    values, labels = rng.normal(size=(60, 3)), np.arange(60) % 3
    return make_pipeline(SimpleImputer(), RandomForestClassifier(5, random_state=0)).fit(values, labels), values


def test_the_same_estimator_is_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither memory addresses nor the time of day leave a trace in the file."""
    write_skops(_fitted()[0], tmp_path / "first.skops")
    kept = [object() for _ in range(1000)]
    monkeypatch.setattr(time, "localtime", lambda *_: time.struct_time((2001, 2, 3, 4, 5, 6, 0, 1, 0)))
    write_skops(_fitted()[0], tmp_path / "second.skops")
    assert len(kept) == 1000
    assert (tmp_path / "first.skops").read_bytes() == (tmp_path / "second.skops").read_bytes()


def test_the_file_means_what_skops_wrote(tmp_path: Path) -> None:
    """What is loaded predicts as what was written, to the last bit."""
    import skops.io

    fitted, values = _fitted()
    values = values.astype(np.float32)
    path = tmp_path / "model.skops"
    write_skops(fitted, path)
    expected = fitted.predict_proba(values)
    np.testing.assert_array_equal(load_estimator(path).predict_proba(values), expected)
    theirs = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    np.testing.assert_array_equal(theirs.predict_proba(values), expected)
