"""``nwb-unitrefine model``."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from helpers.model_factory import fitted_pipeline, make_manifest
from helpers.servers.hub_server import serve
from nwb_unitrefine.cli import main
from nwb_unitrefine.models import load_model, write_folder


def test_show_shows_what_the_default_model_is(capsys):
    """Name, digest, features and how it was made; as JSON, the whole manifest."""
    assert main(["model", "show"]) == 0
    printed = capsys.readouterr().out
    assert "unitrefine-default" in printed
    assert "balanced" in printed
    assert main(["model", "show", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["model"]["digest"] == load_model().identity.digest
    assert document["steps"][0]["manifest"]["licence"] == "MIT"


def test_show_states_which_classes_nobody_explains(shared_data, capsys):
    """A published model whose classes are 0 and 1."""
    folder = shared_data / "published_models" / "unitrefine_sklearn152"
    assert main(["model", "show", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "scikit-learn 1.5.2" in printed
    assert "0 = ?, 1 = ?" in printed


@pytest.mark.slow
@pytest.mark.parametrize("offline", [False, True])
def test_push_and_pull_go_through_the_hub(tmp_path, offline):
    """In a process of its own, whose only knowledge of the Hub is HF_ENDPOINT; pulled again without a connection."""
    folder = write_folder(tmp_path / "toy", estimator=fitted_pipeline(), manifest=make_manifest())
    environment = {**os.environ, "HF_TOKEN": "hf_loopback", "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1"}

    def run(*arguments):
        command = [sys.executable, "-m", "nwb_unitrefine", "model", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    with serve() as hub:
        environment["HF_ENDPOINT"] = hub.url
        pushed = run("push", str(folder), "lab/toy", "--json")
        assert pushed.returncode == 0, pushed.stderr
        commit = json.loads(pushed.stdout)["revision"]
        assert run("pull", f"hf://lab/toy@{commit}", str(tmp_path / "first")).returncode == 0
    if offline:
        environment["HF_HUB_OFFLINE"] = "1"
        assert run("pull", f"hf://lab/toy@{commit}", str(tmp_path / "second")).returncode == 0
        refused = run("pull", "hf://lab/other", str(tmp_path / "third"))
        assert refused.returncode == 1
        assert refused.stderr.startswith("error: The Hub cannot be reached")
    assert load_model(tmp_path / "first").identity.digest == load_model(folder).identity.digest


def test_options_say_how_to_load_a_model(shared_data, capsys):
    """Meanings of classes for each of two models; without them, the tip says what to give."""
    published = shared_data / "published_models"
    two = [str(published / "unitrefine_sklearn152"), str(published / "unitrefine_sklearn161")]
    assert main(["model", "show", *two]) == 1
    assert "must divide one class of the first" in capsys.readouterr().err
    assert main(["model", "show", *two, "--labels", "0=neural,1=noise", "--labels", "0=mua,1=sua"]) == 0
    printed = capsys.readouterr().out
    assert "0 = neural, 1 = noise" in printed
    assert "0 = mua, 1 = sua" in printed
    assert main(["model", "show", *two, "--labels", "0:neural"]) == 2
