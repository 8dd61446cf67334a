"""A model that passes the audit can neither crash nor hang nor read what is not its own."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from helpers.bad_models import GOOD
from helpers.hostile_models import LIGHTGBM, attempts, judge
from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.models import load_model
from nwb_unitrefine.models.skops import isolation
from nwb_unitrefine.models.skops.estimator import load_estimator

AREAS = ("containers", "trees", "kernels", "neighbours", "selections", "bombs", "folders", "two models")


@pytest.mark.skipif(sys.platform == "win32", reason="each attempt is a fork")
@pytest.mark.parametrize("area", ["containers", *(pytest.param(one, marks=pytest.mark.slow) for one in AREAS[1:])])
def test_a_hostile_model_is_refused(area, tmp_path):
    """In one line, and the process that loaded it goes on."""
    tried = [attempt for attempt in attempts(fuzzed=0) if attempt.area == area]
    failures = {attempt.name: why for attempt, why in zip(tried, judge(tried, tmp_path), strict=True) if why}
    assert len(tried) >= 10
    assert failures == {}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="each attempt is a fork")
@pytest.mark.parametrize("library", ["LightGBM", "XGBoost"])
def test_a_booster_that_leads_in_circles_or_outside_is_refused(library, tmp_path):
    """By its own check, before the library reads it."""
    pytest.importorskip(library.casefold())
    tried = [attempt for attempt in attempts(fuzzed=0) if attempt.name.startswith(library)][::4]
    failures = {attempt.name: why for attempt, why in zip(tried, judge(tried, tmp_path), strict=True) if why}
    assert failures == {}


@pytest.mark.slow
def test_a_booster_runs_in_a_process_of_its_own(monkeypatch):
    """Its library is not imported here; a process that dies or is too slow is one line."""
    pytest.importorskip("lightgbm")
    estimator = load_estimator(LIGHTGBM)
    table = np.random.default_rng(0).normal(size=(5, 4))
    assert type(estimator.fitted).__name__ == "IsolatedEstimator"
    assert estimator.kind == "Pipeline"
    np.testing.assert_allclose(estimator.predict_proba(table).sum(axis=1), 1)
    monkeypatch.setattr(isolation, "_START", "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(ModelError, match="its process ended with") as caught:
        estimator.predict_proba(table)
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(isolation, "_START", "import time; time.sleep(60)")
    monkeypatch.setattr(isolation, "SECONDS", 0.1)
    with pytest.raises(ModelError, match="it took more than"):
        load_estimator(LIGHTGBM)


def test_the_process_of_a_booster_gets_no_secrets(monkeypatch):
    """Tokens in the environment stay here."""
    pytest.importorskip("lightgbm")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    say = "import json, os; print(json.dumps(dict(error=' '.join(os.environ), tip='')))"
    monkeypatch.setattr(isolation, "_START", say)
    with pytest.raises(ModelError) as caught:
        isolation._ask(GOOD, (), table=None)
    assert "HF_TOKEN" not in caught.value.message
    assert "PATH" in caught.value.message or "PATH" not in os.environ


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: mit\n---\n", "mit"),
        ("---\ntags: [a]\nlicense: 'apache-2.0'\n---\n", "apache-2.0"),
        ("---\ntags: [a]\n---\nlicense: mit\n", ""),
        ("license: mit\n", ""),
        ("---\nlicense: mit\n", ""),
        ("---\nlicense: [31mmit\n---\n", ""),
    ],
)
def test_the_licence_is_that_of_the_cards_front_matter(tmp_path, card, licence):
    """One word of its own line between the two rules, and nothing else."""
    (tmp_path / "best_model.skops").write_bytes(GOOD.read_bytes())
    (tmp_path / "README.md").write_text(card)
    assert load_model(tmp_path).identity.licence == licence
