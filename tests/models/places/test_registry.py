"""Published models have names; what is not known of them is not invented."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from helpers.labelled import make_dataset
from helpers.model_factory import fitted_pipeline, make_manifest
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine.cli import main
from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.learn import BoostedTrees, TwoSteps, train_model
from nwb_unitrefine.model_list import list_models
from nwb_unitrefine.models import load_model, pin_model, pull_model, push_model, registered_models, write_folder
from nwb_unitrefine.models.places.hub import parse_address
from nwb_unitrefine.models.places.locate import locate
from nwb_unitrefine.models.places.named import pin_place

# The Hub's client sends files in a way that its HTTP library advises against.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


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


@pytest.mark.slow
def test_the_shell_lists_them(capsys):
    """With what is in the cache; the Hub is not asked."""
    assert main(["model", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    names = [entry["name"] for entry in listed]
    assert names[-10:] == [model.name for model in registered_models()]
    assert names[:2] == ["default", "rules/aind"]
    assert main(["model", "list"]) == 0
    assert "unitrefine-mole-rat" in capsys.readouterr().out


@pytest.fixture
def lab(hub, tmp_path, monkeypatch):
    """A lab with a list of its own: one model on the Hub, one in a folder."""
    assert not hub.repositories
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    write_folder(tmp_path / "toy", estimator=fitted_pipeline(), manifest=make_manifest())
    push_model(tmp_path / "toy", "lab/toy")
    entries = [
        {"name": "toy", "source": "hf://lab/toy", "species": "gerbil", "probe": "Neuropixels 2.0"},
        {"name": "ours", "source": "toy", "task": "all"},
    ]
    (tmp_path / "models.json").write_text(json.dumps(entries))
    monkeypatch.setenv("NWB_UNITREFINE_MODELS", str(tmp_path / "models.json"))
    return tmp_path


def _push_another(lab, hub):
    """Push a second version, and return both commits."""
    write_folder(lab / "other", estimator=fitted_pipeline(), manifest=make_manifest(version="2"))
    push_model(lab / "other", "lab/toy")
    return [commit for commit, _ in hub.repositories["lab/toy"].commits[-2:]]


def test_a_lab_has_names_of_its_own(lab):
    """For the Hub and for a folder beside the list; the identity is where the model is, and not the name."""
    assert load_model("toy").identity.source == "hf://lab/toy"
    assert load_model("ours").identity.digest == load_model(lab / "toy").identity.digest
    assert [model.name for model in registered_models()][-2:] == ["toy", "ours"]


def test_a_name_stands_for_the_commit_that_was_fetched_first(lab, hub):
    """Whatever was pushed since, until it is updated; another revision on request changes nothing."""
    first = load_model("toy").identity
    old, new = _push_another(lab, hub)
    assert first.revision == old
    assert load_model("toy").identity == first
    assert load_model("toy", revision=new).identity.revision == new
    assert load_model("toy").identity == first
    assert pin_model("toy").revision == old
    assert pin_model("toy", update=True).revision == new
    assert load_model("toy").identity.revision == new
    pull_model("toy", lab / "copy")
    assert load_model(lab / "copy").identity.digest == load_model("toy").identity.digest


@pytest.mark.slow
def test_two_models_in_a_row_may_have_a_name(lab, tmp_path):
    """On the Hub and in a folder: fetched, kept at its commit, listed with what both need, and copied."""
    learner = TwoSteps(step=BoostedTrees(members=2, rounds=8, learning_rate=0.3, leaves=4, smallest_leaf=5))
    train_model(make_dataset(), output=tmp_path / "pair", learner=learner, validate=False)
    pushed = push_model(tmp_path / "pair", "lab/pair")
    entries = [{"name": "pair", "source": "hf://lab/pair"}, {"name": "here", "source": "pair"}]
    (lab / "models.json").write_text(json.dumps(entries))
    assert pin_model("pair") == replace(pushed, name="pair")
    assert load_model("pair").identity == pushed
    assert {one.name: (one.fits, one.needs) for one in list_models()}["pair"] == (
        "unknown",
        load_model("here").feature_names,
    )
    assert load_model(pull_model("pair", tmp_path / "copy")).identity.digest == pushed.digest


def test_a_model_is_not_copied_below_a_file(lab):
    """One line, and what is there stays."""
    with pytest.raises(ModelError, match="cannot be written"):
        pull_model("toy", lab / "models.json" / "copy")


@pytest.mark.usefixtures("lab")
def test_a_copy_that_was_changed_is_noticed(hub):
    """The digest belongs to the commit: damage in the cache does not go through, with our manifest or without."""
    files = dict(hub.repositories["lab/toy"].commits[-1][1])
    hub.add("lab/toy", {"best_model.skops": files["best_model.skops"], "model_info.json": files["model_info.json"]})
    pin_model("toy")
    pins = json.loads(pin_place().read_text())
    pins["toy"]["digest"] = "sha256:" + "0" * 64
    pin_place().write_text(json.dumps(pins))
    with pytest.raises(ModelError, match="digest differs at the same commit"):
        load_model("toy")
    pin_place().write_text("[")
    with pytest.raises(ModelError, match=r"model-pins\.json cannot be read"):
        load_model("toy")


def test_a_list_may_state_the_commit(lab, hub):
    """It is taken from the first use on, and only the list changes it."""
    old, new = _push_another(lab, hub)
    entries = [{"name": "toy", "source": "hf://lab/toy", "revision": old}]
    (lab / "models.json").write_text(json.dumps(entries))
    assert load_model("toy").identity.revision == old != new
    with pytest.raises(ModelError, match="list of models states the commit"):
        pin_model("toy", update=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not a list of models"),
        ("{}", "list"),
        ('[{"name": "toy"}]', "source"),
        ('[{"name": "toy", "source": "hf://lab/toy", "size": 3}]', "size"),
        ('[{"name": "rules/toy", "source": "hf://lab/toy"}]', "name"),
        ('[{"name": "default", "source": "hf://lab/toy"}]', "is taken"),
        ('[{"name": "unitrefine-rat", "source": "hf://lab/toy"}]', "is taken"),
        ('[{"name": "toy", "source": "hf://lab"}]', "not a repository"),
        ("[" * 100_000, "not a list of models"),
        (f'["{"x" * 300_000}"]', "256 kB"),
    ],
)
@pytest.mark.usefixtures("hub")
def test_a_damaged_list_is_named_in_one_line(tmp_path, monkeypatch, content, words):
    """The packaged model, and names of ours, work all the same."""
    place = tmp_path / "models.json"
    place.write_text(content)
    monkeypatch.setenv("NWB_UNITREFINE_MODELS", str(place))
    with pytest.raises(ModelError, match=words) as caught:
        load_model("toy")
    assert "\n" not in str(caught.value)
    assert str(place) in str(caught.value)
    assert locate("default", revision=None).source == "packaged"


@pytest.mark.slow
@pytest.mark.usefixtures("lab")
def test_what_a_model_needs_is_known_once_it_was_fetched(tmp_path):
    """Before, nothing is invented; after, licence, features, and whether a file gives them."""
    file = write_nwb(tmp_path / "session.nwb", make_session(n_units=3), waveforms="all")
    before = {one.name: one for one in list_models(file)}
    assert (before["toy"].needs, before["toy"].licence, before["toy"].fits) == (None, "", "unknown")
    assert (before["toy"].species, before["toy"].probe) == ("gerbil", "Neuropixels 2.0")
    assert before["ours"].needs == load_model("ours").inputs
    assert before["default"].fits == ("in part" if before["default"].missing else "yes")
    assert before["rules/aind"].missing == ("amplitude_cutoff",)
    assert before["rules/aind"].fits == "no"
    assert before["rules/bombcell"].fits == "in part"
    pinned = pin_model("toy")
    after = {one.name: one for one in list_models(file)}["toy"]
    assert after.needs == load_model("toy").inputs
    assert after.cached_revision == after.pinned_revision == pinned.revision
    assert after.licence == pinned.licence == "MIT"
    assert after.fits != "unknown"


@pytest.mark.slow
@pytest.mark.usefixtures("lab")
def test_the_shell_pulls_lists_and_mentions_a_remote_model(tmp_path, capsys):
    """`model pull NAME` prints commit and digest; `--model NAME` tells where it is from."""
    file = write_nwb(tmp_path / "session.nwb", make_session(n_units=3), waveforms="all")
    assert main(["model", "pull", "toy"]) == 0
    assert "hf://lab/toy@" in capsys.readouterr().out
    assert main(["model", "list", "--for", str(file)]) == 0
    assert "gerbil" in capsys.readouterr().out
    assert main(["label", str(file), "--model", "toy", "--dry-run"]) == 0
    assert "toy is a model on the Hugging Face Hub, hf://lab/toy" in capsys.readouterr().err
    assert main(["model", "pull", "nobody"]) == 1
    assert "model list" in capsys.readouterr().err
