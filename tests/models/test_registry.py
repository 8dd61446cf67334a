"""Published models have names; what is not known of them is not invented."""

from __future__ import annotations

import json

import pytest

from nwb_unitrefine.cli import main
from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.models import load_model, registered_models
from nwb_unitrefine.models.hub import parse_address


def test_the_ten_published_models_have_names():
    """Each once, each an address on the Hub that states no revision."""
    models = registered_models()
    assert len({model.name for model in models}) == len({model.source for model in models}) == 10
    assert all(parse_address(model.source).revision is None for model in models)


def test_a_name_leads_to_the_hub(monkeypatch, tmp_path):
    """Without a connection and a copy in the cache, that is what is said."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="hf://AnoushkaJain3/UnitRefine-mice-sua-classifier"):
        load_model("unitrefine-mouse")


def test_the_shell_lists_them(capsys):
    """With what is in the cache; the Hub is not asked."""
    assert main(["model", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in listed] == [model.name for model in registered_models()]
    assert main(["model", "list"]) == 0
    assert "unitrefine-mole-rat" in capsys.readouterr().out
