"""Where models come from, and what is recorded of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers.model_factory import fitted_pipeline, make_features, make_manifest, training_table
from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.models import load_model, predict, write_folder
from nwb_unitrefine.models.load import PACKAGED
from nwb_unitrefine.models.recorded import recorded_options
from nwb_unitrefine.records import CLASSES


@pytest.fixture
def folder(tmp_path):
    """A folder of ours."""
    return write_folder(tmp_path / "toy", estimator=fitted_pipeline(), manifest=make_manifest())


def test_the_packaged_model_is_small_and_loads():
    """At most 5 MB; it says where it is from, and under which licence."""
    model = load_model()
    assert (model.identity.source, model.identity.licence) == ("packaged", "MIT")
    assert sum(file.stat().st_size for file in (PACKAGED / "default").iterdir()) <= 5e6


def test_the_packaged_model_takes_any_subset_of_features():
    """One feature is enough for a label; none is not."""
    model = load_model()
    for name in model.inputs:
        found = model.predict(make_features([[0.5], [np.nan]], [name]))
        assert found.labels[0] in CLASSES
        assert (found.labels[1], found.reasons[1]) == ("", "no features")
        np.testing.assert_allclose(found.probabilities[0].sum(), 1)


def test_a_folder_and_its_file_are_the_same_model(folder):
    """Either path loads it."""
    one, other = load_model(folder).identity, load_model(str(folder / "best_model.skops")).identity
    assert replace(one, source="") == replace(other, source="")
    assert (one.name, one.revision, one.licence) == ("toy", "1", "MIT")


def test_predict_loads_what_it_is_given_by_name(folder):
    """A path will do."""
    table, _ = training_table(seed=2)
    features = make_features(table.to_numpy())
    assert predict(folder, features).to_frame().equals(predict(load_model(folder), features).to_frame())


def test_an_identity_leads_back_to_its_model(folder):
    """What a file's history records can be loaded again."""
    for model in (load_model(), load_model(folder)):
        assert load_model(model.identity).identity == model.identity


def test_what_a_user_states_of_classes_is_part_of_the_digest(folder):
    """The same file with other meanings predicts other labels."""
    (folder / "manifest.json").unlink()
    plain = load_model(folder).identity.digest
    turned = load_model(folder, labels={"0": "noise", "1": "mua", "2": "sua"})
    assert turned.identity.digest != plain
    assert turned.class_labels == ("noise", "mua", "sua")


def test_features_are_taken_by_name(folder):
    """Their order does not matter, and further ones are not looked at."""
    table, _ = training_table(seed=2)
    model = load_model(folder)
    turned = make_features(table.to_numpy()[:, ::-1], model.inputs[::-1])
    more = make_features(np.c_[np.zeros(len(table)), table.to_numpy()], ("snr", *model.inputs))
    expected = model.predict(make_features(table.to_numpy())).probabilities
    np.testing.assert_array_equal(model.predict(turned).probabilities, expected)
    np.testing.assert_array_equal(model.predict(more).probabilities, expected)


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda folder: (folder / "best_model.skops").unlink(), "has no .skops file"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "is not a model manifest"),
        (lambda folder: (folder / "model_info.json").write_text("["), "is not JSON"),
        (lambda folder: (folder / "model_info.json").write_text("[]"), "is not a JSON object"),
        (lambda folder: (folder / "model_info.json").write_text('{"requirements": 3}'), "requirements in"),
    ],
)
def test_a_broken_folder_is_one_line(folder, spoil, match):
    """Each names the file."""
    spoil(folder)
    with pytest.raises(ModelError, match=match) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in caught.value.message


def test_a_meaning_that_is_none_is_refused(folder):
    """A slip of a known word is not a word of one's own."""
    with pytest.raises(ModelError, match="cannot mean 'niose'"):
        load_model(folder, labels={"0": "niose"})


def test_a_model_is_one_source_or_two(folder):
    """Three in a row are nothing."""
    with pytest.raises(ModelError, match="not 3"):
        load_model([folder] * 3)
    with pytest.raises(ModelError, match="not a repository, so it has no revision"):
        load_model(folder, revision="v1")


def test_a_folder_that_is_there_is_not_overwritten_unasked(folder):
    """A model took time to make."""
    with pytest.raises(ModelError, match="already exists"):
        write_folder(folder, estimator=fitted_pipeline(), manifest=make_manifest())
    write_folder(folder, estimator=fitted_pipeline(), manifest=make_manifest(version="2"), overwrite=True)
    assert load_model(folder).identity.revision == "2"
    assert sorted(file.name for file in folder.parent.iterdir()) == ["toy"]


def test_an_estimator_of_other_features_is_not_written(tmp_path):
    """Wrong labels later are a refusal now."""
    manifest = make_manifest()
    manifest = manifest.model_copy(update={"features": manifest.features[::-1]})
    with pytest.raises(ModelError, match="The estimator was fitted on"):
        write_folder(tmp_path / "toy", estimator=fitted_pipeline(), manifest=manifest)
    assert not (tmp_path / "toy").exists()


@pytest.mark.parametrize("source", [None, 3, [None, "default"], {"default": 1}])
def test_what_is_no_model_is_a_type_error(source) -> None:
    """What a model can be is said where something else is given."""
    with pytest.raises(TypeError, match="model"):
        load_model(source)


def test_an_unknown_way_with_missing_features_is_refused() -> None:
    """A misspelt option does not pass for the cautious one."""
    with pytest.raises(ModelError, match="missing='foo'"):
        load_model("default", missing="foo")


def test_a_user_decides_how_probabilities_become_labels(folder) -> None:
    """The most probable class on request; the choice is recorded, and found again from the record."""
    table, _ = training_table(seed=2)
    features = make_features(table.to_numpy())
    probable, balanced = (load_model(folder, decide=rule) for rule in ("probable", "balanced"))
    found = probable.predict(features)
    assert found.labels.tolist() == [CLASSES[index] for index in found.probabilities.argmax(axis=1)]
    assert (found.labels != balanced.predict(features).labels).any()
    assert balanced.options == {"decide": "balanced"}
    assert recorded_options(balanced.options) == {"decide": "balanced"}
    assert load_model(folder).options == {}


def test_a_rule_that_a_model_cannot_follow_is_refused(folder) -> None:
    """Without class shares nothing can be balanced; a misspelt rule is none."""
    (folder / "manifest.json").unlink()
    with pytest.raises(ModelError, match="does not record the share of each class"):
        load_model(folder, decide="balanced")
    with pytest.raises(ModelError, match="decide='best'"):
        load_model(folder, decide="best")
