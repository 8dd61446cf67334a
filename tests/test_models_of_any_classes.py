"""Models of two classes, of two steps and of four words go all the way: trained, shared, used on a file, exported."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.labelled import make_dataset
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import curate, load_model, write_curation
from nwb_unitrefine.cli import main
from nwb_unitrefine.errors import TrainingError, WriteError
from nwb_unitrefine.learn import BoostedTrees, Dataset, TwoSteps, train_model
from nwb_unitrefine.learn.continuing import read_parent
from nwb_unitrefine.learn.labelled.training_data import read_base_dataset
from nwb_unitrefine.models import pull_model, push_model
from nwb_unitrefine.records import CLASSES
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import export_labels, import_labels, read_history, relabel, undo

# The Hub's client sends files in a way that its HTTP library advises against.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

WORDS = ("axon", "soma", "fast spiking", "junk")
KINDS = ("binary", "cascade", "words")
NEURAL = {"noise": "noise", "sua": "neural", "mua": "neural"}
SPIKE_WIDTHS = ("narrow spiking", "wide spiking", "mua", "noise")
NARROW_S = 0.425e-3
"""Trough to peak of the narrowest half of cortical neurons: the boundary of Barthó et al. 2004, J Neurophysiol 92."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """A folder of each kind."""
    step = BoostedTrees(members=2, rounds=8, learning_rate=0.3, leaves=4, smallest_leaf=5)
    dataset = make_dataset()
    words = np.array(WORDS)[np.arange(len(dataset)) % 4]
    made = {
        "binary": (dataset.merged(NEURAL, classes=("noise", "neural")), step),
        "cascade": (dataset, TwoSteps(step=step)),
        "words": (replace(dataset, labels=words, classes=WORDS, label_mapping={}), step),
    }
    root = tmp_path_factory.mktemp("models")
    for kind, (data, learner) in made.items():
        train_model(data, output=root / kind, learner=learner, validate=False)
    return {kind: root / kind for kind in KINDS}


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.usefixtures("hub")
def test_a_shared_model_is_continued_by_its_address_where_its_data_is_shared(folders: dict[str, Path]) -> None:
    """The training table comes with it; without, the refusal states how to share it."""
    push_model(folders["words"], "lab/without")
    with pytest.raises(TrainingError, match="no training data") as refusal:
        read_parent("hf://lab/without")
    assert "--include-data" in str(refusal.value.tip)
    push_model(folders["words"], "lab/with", include_data=True)
    parent, own = read_parent("hf://lab/with"), read_parent(folders["words"])
    assert parent.dataset.digest == own.dataset.digest
    assert (parent.learner, parent.digest) == (own.learner, own.digest)


@pytest.mark.slow
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


@pytest.mark.slow
# SpikeInterface leaves model_info.json open, and warns that parameters of metrics are unknown.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::UserWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_spikeinterface_loads_it(folders: dict[str, Path], kind: str) -> None:
    """One model as it is, two steps one by one, with the words of the classes."""
    _compare_with_spikeinterface(folders[kind], make_dataset(seed=1))


def _compare_with_spikeinterface(model: Path, dataset: Dataset) -> None:
    """Load a model, or each of two steps, there and here, and predict the same units."""
    curation = pytest.importorskip("spikeinterface.curation")
    is_cascade = (model / "first").is_dir()
    for folder in (model / "first", model / "second") if is_cascade else (model,):
        types = _untrusted(folder)
        pipeline, info = curation.load_model(model_folder=folder, trusted=types)
        own = load_model(folder)
        assert tuple(info["label_conversion"][str(one)] for one in pipeline.classes_) == own.classes
        features = dataset.to_features()
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


@pytest.fixture(scope="module")
def real_models(shared_data: Path, tmp_path_factory) -> dict[str, Path]:
    """A folder of each kind, trained on the nine recordings of the base dataset."""
    step = BoostedTrees(members=1, rounds=12, learning_rate=0.3)
    dataset = read_base_dataset(shared_data / "unitrefine_base")
    made = {
        "binary": (dataset.merged(NEURAL, classes=("noise", "neural")), step),
        "cascade": (dataset, TwoSteps(step=step)),
        "words": (_by_spike_width(dataset), step),
    }
    root = tmp_path_factory.mktemp("real_models")
    for kind, (data, learner) in made.items():
        train_model(data, output=root / kind, learner=learner, validate=False)
    return {kind: root / kind for kind in KINDS}


def _by_spike_width(dataset: Dataset) -> Dataset:
    """Divide single units by the time from trough to peak; those without it are left out."""
    width_s = dataset.values[:, dataset.names.index("peak_to_valley@0.101")]
    words = np.where(width_s < NARROW_S, SPIKE_WIDTHS[0], SPIKE_WIDTHS[1])
    labels = np.where(dataset.labels == "sua", words, dataset.labels)
    known = (dataset.labels != "sua") | ~np.isnan(width_s)
    return replace(dataset, labels=labels, classes=SPIKE_WIDTHS, label_mapping={}).take(known)


@pytest.mark.slow
@pytest.mark.usefixtures("hub")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::UserWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_real_labels_goes_all_the_way_on_a_real_file(
    real_models: dict[str, Path], shared_data: Path, tmp_path: Path, kind: str
) -> None:
    """Trained, shared, fetched; it labels a file, which is verified, corrected, undone and exported; others load it."""
    push_model(real_models[kind], f"lab/{kind}")
    model = pull_model(f"hf://lab/{kind}", tmp_path / "pulled")
    file = Path(shutil.copyfile(shared_data / "nwb" / "brody_T182_2018_08_29_bank1.nwb", tmp_path / "session.nwb"))
    assert main(["label", str(file), "--model", str(model)]) == 0
    labelled = read_history(file)[-1].predictions
    assert labelled.classes == load_model(real_models[kind]).classes
    assert len(set(labelled.labels.tolist()) - {""}) > 1
    assert main(["verify", str(file), "--recompute", "--model", str(model)]) == 0
    unit, other = labelled.unit_ids[:2].tolist()
    word = next(name for name in labelled.classes if name != labelled.labels[0])
    given = ["--unit", f"{unit}={word}", "--unit", f"{other}=axon", "--by", "S. Cajal"]
    assert main(["relabel", str(file), *given]) == 0
    run = read_history(file)[-1]
    assert run.predictions.labels[:2].tolist() == [word, "axon"]
    assert main(["export", str(file), str(tmp_path / "curation.json")]) == 0
    exported = import_labels(tmp_path / "curation.json")
    in_effect = zip(run.predictions.unit_ids.tolist(), run.predictions.labels.tolist(), strict=True)
    assert exported == {one: label for one, label in in_effect if label}
    assert main(["verify", str(file), "--recompute", "--model", str(model)]) == 0
    assert main(["undo", str(file), "--by", "S. Cajal"]) == 0
    assert read_history(file)[-1].predictions.labels.tolist() == labelled.labels.tolist()
    assert main(["verify", str(file)]) == 0
    dataset = read_base_dataset(shared_data / "unitrefine_base")
    _compare_with_spikeinterface(model, dataset.take(np.arange(0, len(dataset), 40)))
