"""Models of two classes, of two steps and of four words go all the way: trained, shared, used on a file, exported."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from helpers.labelled import make_dataset
from helpers.servers.hub_server import serve
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import curate, load_model, write_curation
from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.learn import BoostedTrees, TwoSteps, train_model
from nwb_unitrefine.models import pull_model, push_model
from nwb_unitrefine.records import CLASSES
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import export_labels, import_labels, read_history, relabel, undo

if TYPE_CHECKING:
    from pathlib import Path

# The Hub's client sends files in a way that its HTTP library advises against.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

WORDS = ("axon", "soma", "fast spiking", "junk")
KINDS = ("binary", "cascade", "words")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub on loopback, and a client that knows no other."""
    from huggingface_hub import constants

    with serve() as running:
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, running.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", "hf_loopback")
        yield running


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """A folder of each kind."""
    step = BoostedTrees(members=2, rounds=8, learning_rate=0.3, leaves=4, smallest_leaf=5)
    dataset = make_dataset()
    words = np.array(WORDS)[np.arange(len(dataset)) % 4]
    parts = {"noise": "noise", "sua": "neural", "mua": "neural"}
    made = {
        "binary": (dataset.merged(parts, classes=("noise", "neural")), step),
        "cascade": (dataset, TwoSteps(step=step)),
        "words": (replace(dataset, labels=words, classes=WORDS, label_mapping={}), step),
    }
    root = tmp_path_factory.mktemp("models")
    for kind, (data, learner) in made.items():
        train_model(data, output=root / kind, learner=learner, validate=False)
    return {kind: root / kind for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_shared_and_fetched_as_it_is(hub, folders: dict[str, Path], tmp_path: Path, kind: str) -> None:
    """Pushed and pulled: the same digest and predictions; training data stays at home."""
    pushed = push_model(folders[kind], f"lab/{kind}")
    loaded, pulled = load_model(f"hf://lab/{kind}"), load_model(pull_model(f"hf://lab/{kind}", tmp_path / "pulled"))
    own = load_model(folders[kind])
    assert loaded.identity == pushed
    assert own.identity.digest == loaded.identity.digest == pulled.identity.digest
    features = make_dataset(seed=1).to_features()
    for other in (loaded, pulled):
        assert other.predict(features).to_frame().equals(own.predict(features).to_frame())
    shared = set(hub.repositories[f"lab/{kind}"].commits[-1][1])
    assert not [name for name in shared if name.endswith(".csv")]
    assert "README.md" in shared


@pytest.mark.parametrize("kind", KINDS)
def test_it_labels_a_file(folders: dict[str, Path], tmp_path: Path, kind: str) -> None:
    """Written with its own words, verified, corrected, exported, read back and undone."""
    session = write_nwb(tmp_path / "session.nwb", make_session(n_units=6), waveforms="all")
    model = load_model(folders[kind])
    curation = curate(session, model=model)
    write_curation(curation)
    run = read_history(session)[0]
    assert run.predictions.classes == model.classes
    assert set(run.predictions.labels.tolist()) <= {*model.classes, ""}
    assert verify(session, recompute=True, model=folders[kind]).passed
    unit = run.predictions.unit_ids[0].item()
    relabel(session, {unit: model.classes[-1]}, by="S. Cajal")
    relabelled = read_history(session)[-1]
    assert relabelled.predictions.labels[0] == model.classes[-1]
    assert verify(session).passed
    labels = relabelled.predictions.labels
    place = export_labels(relabelled, tmp_path / "curation.json")
    ids = relabelled.predictions.unit_ids.tolist()
    assert import_labels(place) == {one: label for one, label in zip(ids, labels.tolist(), strict=True) if label}
    if set(model.classes) == set(CLASSES):
        export_labels(relabelled, tmp_path / "cluster_group.tsv")
    elif set(labels.tolist()) - {*CLASSES, ""}:
        with pytest.raises(WriteError, match="Phy has good"):
            export_labels(relabelled, tmp_path / "cluster_group.tsv")
    undo(session)
    assert read_history(session)[-1].predictions.labels.tolist() == run.predictions.labels.tolist()
    assert verify(session).passed


# SpikeInterface leaves model_info.json open, and warns that parameters of metrics are unknown.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::UserWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_spikeinterface_loads_it(folders: dict[str, Path], kind: str) -> None:
    """One model as it is, two steps one by one, with the words of the classes."""
    curation = pytest.importorskip("spikeinterface.curation")
    for folder in [folders[kind] / step for step in ("first", "second")] if kind == "cascade" else [folders[kind]]:
        types = _untrusted(folder)
        pipeline, info = curation.load_model(model_folder=folder, trusted=types)
        own = load_model(folder)
        assert tuple(info["label_conversion"][str(one)] for one in pipeline.classes_) == own.classes
        features = make_dataset(seed=1).to_features()
        table = pipeline.feature_names_in_.tolist()
        assert table == [feature.column for feature in own.manifest.features]
        inputs = own.input_values(features).astype(np.float32)
        theirs = pipeline.predict_proba(pd.DataFrame(inputs, columns=table))
        np.testing.assert_allclose(theirs, own.class_probabilities(features), atol=1e-6)


def _untrusted(folder: Path) -> list[str]:
    """Types that SpikeInterface asks about."""
    from skops.io import get_untrusted_types

    assert json.loads((folder / "model_info.json").read_text())["label_conversion"]
    return get_untrusted_types(file=folder / "best_model.skops")
