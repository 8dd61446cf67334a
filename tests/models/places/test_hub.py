"""Models on the Hub, through the real client and a server on loopback."""

from __future__ import annotations

import pytest

from helpers.model_factory import fitted_pipeline, make_features, make_manifest, training_table
from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.models import load_model, push_model, write_folder
from nwb_unitrefine.models.places.hub import HubAddress, parse_address

# The Hub's client sends files in a way that its HTTP library advises against.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def folder(tmp_path):
    """A model folder of ours, with somebody's data in it."""
    table, labels = training_table()
    import pandas as pd

    return write_folder(
        tmp_path / "toy",
        estimator=fitted_pipeline(),
        manifest=make_manifest(),
        training_data=table,
        labels=pd.Series(labels),
    )


def test_a_shared_model_is_loaded_by_its_address_and_predicts_the_same(hub, folder):
    """Push, then load elsewhere: same digest, same probabilities, and the commit on record."""
    pushed = push_model(folder, "lab/toy")
    loaded = load_model("hf://lab/toy")
    assert loaded.identity == pushed
    assert loaded.identity.source == "hf://lab/toy"
    assert loaded.identity.revision == hub.repositories["lab/toy"].commits[-1][0]
    table, _ = training_table(seed=1)
    features = make_features(table.to_numpy())
    assert loaded.predict(features).to_frame().equals(load_model(folder).predict(features).to_frame())


def test_training_data_stays_at_home_unless_it_is_asked_for(hub, folder):
    """They are somebody's data."""
    push_model(folder, "lab/toy")
    shared = hub.repositories["lab/toy"].commits[-1][1]
    assert set(shared) == {"best_model.skops", "model_info.json", "manifest.json", "README.md"}
    push_model(folder, "lab/toy", include_data=True)
    assert {"training_data.csv", "labels.csv"} <= set(hub.repositories["lab/toy"].commits[-1][1])


def test_the_card_states_what_the_model_was_made_of(hub, folder):
    """Data, command and licence stand in what is shared."""
    push_model(folder, "lab/toy")
    card = hub.repositories["lab/toy"].commits[-1][1]["README.md"].decode()
    assert "license: mit" in card
    assert "made up" in card
    assert "Nothing was measured" in card


def test_a_revision_stays_the_same_model(hub, folder, tmp_path):
    """A commit or tag is loaded as it was, whatever was pushed since."""
    first = push_model(folder, "lab/toy")
    other = write_folder(tmp_path / "other", estimator=fitted_pipeline(), manifest=make_manifest(version="2"))
    second = push_model(other, "lab/toy")
    hub.repositories["lab/toy"].tags["v1"] = first.revision
    assert load_model("lab/toy@v1").identity == first
    assert load_model("hf://lab/toy", revision=first.revision).identity.digest == first.digest
    assert load_model("hf://lab/toy").identity.digest == second.digest


def test_a_model_that_was_loaded_once_is_loaded_without_a_connection(hub, folder, monkeypatch):
    """The newest known commit, from the cache, and its hash on record."""
    from huggingface_hub import constants

    push_model(folder, "lab/toy")
    online = load_model("hf://lab/toy").identity
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    asked = len(hub.requests)
    assert load_model("hf://lab/toy").identity == online
    assert len(hub.requests) == asked
    with pytest.raises(ModelError, match="not in its cache"):
        load_model("hf://lab/another")


def test_the_second_load_fetches_nothing(hub, folder):
    """Files are cached by commit; only the newest commit is asked for."""
    push_model(folder, "lab/toy")
    load_model("hf://lab/toy")
    asked = len(hub.requests)
    load_model("hf://lab/toy")
    assert not [request for request in hub.requests[asked:] if "/resolve/" in request]


@pytest.mark.usefixtures("hub")
def test_what_is_not_there_is_said_in_one_line(folder):
    """Repository, revision, and a path that looks like a repository."""
    push_model(folder, "lab/toy")
    for source, match in (
        ("hf://lab/none", "There is no repository lab/none"),
        ("lab/toy@v9", "has no revision 'v9'"),
        ("lab/none", "If it is on the Hub: hf://lab/none"),
    ):
        with pytest.raises(ModelError, match=match) as caught:
            load_model(source)
        assert "\n" not in str(caught.value)


def test_a_tampered_repository_is_refused(hub, folder):
    """An estimator that is not the manifest's is refused, wherever it comes from."""
    push_model(folder, "lab/toy")
    files = dict(hub.repositories["lab/toy"].commits[-1][1])
    hub.add("lab/toy", {**files, "best_model.skops": files["best_model.skops"] + b" "})
    with pytest.raises(ModelError, match="digest differs"):
        load_model("hf://lab/toy")


def test_a_published_model_without_a_manifest_is_loaded_by_file_name(hub, folder):
    """A repository with several models, as UnitRefine's may be; the licence is read from its card."""
    skops = (folder / "best_model.skops").read_bytes()
    card = b"---\ntags: [x]\nlicense: mit\n---\n# A model\n"
    info = (folder / "model_info.json").read_bytes()
    hub.add("lab/two", {"one.skops": skops, "two.skops": skops, "model_info.json": info, "README.md": card})
    with pytest.raises(ModelError, match=r"several models: one\.skops, two\.skops"):
        load_model("hf://lab/two")
    identity = load_model("hf://lab/two/one.skops").identity
    assert (identity.name, identity.licence) == ("two", "mit")


def test_a_folder_without_a_manifest_is_not_shared(hub, folder):
    """Nobody could say what it was made of."""
    (folder / "manifest.json").unlink()
    with pytest.raises(ModelError, match="what it was made of is not known"):
        push_model(folder, "lab/toy")
    assert not hub.requests


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("hf://lab/m", HubAddress("lab/m")),
        ("hf://lab/m@main", HubAddress("lab/m", "main")),
        ("lab/m@a1b2", HubAddress("lab/m", "a1b2")),
        ("hf://lab/m@feature/x/one.skops", HubAddress("lab/m", "feature/x", "one.skops")),
        ("lab/m", None),
        ("/lab/m@x", None),
        ("hf://../m@x", None),
        ("hf://lab/m@", None),
    ],
)
def test_addresses_are_read(source, address):
    """What is an address of the Hub, and what is a path."""
    assert parse_address(source) == address
