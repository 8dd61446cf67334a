"""Verifying what was labelled with more than a model's name: what decided the outcome is in the record."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from helpers.model_factory import training_table
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import curate, load_model, write_curation
from nwb_unitrefine.cli import main
from nwb_unitrefine.errors import FeatureError, ModelError
from nwb_unitrefine.records import RawOptions
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import read_history

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A file of six units with mean waveforms and raw traces."""
    return write_nwb(tmp_path / "session.nwb", make_session(n_units=6), waveforms="all", raw=True)


@pytest.fixture
def mute(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a model which does not state what its classes mean."""
    import skops.io
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    def write(name: str, classes: Any, **renamed: str) -> Path:
        table, _ = training_table()
        model = make_pipeline(SimpleImputer(), LogisticRegression(max_iter=1000))
        model.fit(table.rename(columns=renamed), classes)
        (tmp_path / name).mkdir()
        skops.io.dump(model, tmp_path / name / "best_model.skops")
        return tmp_path / name

    return write


@pytest.mark.slow
def test_what_the_classes_mean_is_recorded_and_used_again(session: Path, mute: Callable[..., Path]) -> None:
    """A model whose classes the user explained is recomputed as explained, named or found by its record."""
    folder = mute("mute", training_table()[1])
    meanings = {"0": "noise", "1": "mua", "2": "sua"}
    write_curation(curate(session, model=load_model(folder, labels=meanings)))
    assert json.loads(read_history(session)[0].parameters["labels"]) == meanings
    assert verify(session, recompute=True, model=folder).passed
    assert main(["verify", str(session), "--recompute", "--model", str(folder)]) == 0
    others = "0=sua,1=mua,2=noise"
    assert main(["verify", str(session), "--recompute", "--model", str(folder), "--labels", others]) == 1


@pytest.mark.slow
def test_what_two_models_mean_is_recorded_and_used_again(session: Path, mute: Callable[..., Path]) -> None:
    """Each of two models in a row has its own meanings, in whatever order they were given."""
    _, labels = training_table()
    noise, units = mute("noise", (labels == 2).astype(int)), mute("units", (labels == 0).astype(int))
    model = load_model([units, noise], labels=[{"0": "mua", "1": "sua"}, {"0": "neural", "1": "noise"}])
    write_curation(curate(session, model=model))
    assert read_history(session)[0].model.source == "noise + units"  # no folders
    assert verify(session, recompute=True, model=[noise, units]).passed
    with pytest.raises(ModelError, match="recorded name, 'noise \\+ units'"):
        verify(session, recompute=True)


@pytest.mark.slow
def test_what_was_imputed_is_imputed_again(session: Path, mute: Callable[..., Path]) -> None:
    """A model that was let fill in what no unit has is let do so again, and not without that."""
    folder = mute("mute", training_table()[1], firing_rate="d_prime")
    meanings = {"0": "noise", "1": "mua", "2": "sua"}
    with pytest.raises(FeatureError, match="--missing impute"):
        curate(session, model=load_model(folder, labels=meanings))
    write_curation(curate(session, model=load_model(folder, labels=meanings, missing="impute")))
    assert read_history(session)[0].parameters["missing"] == "impute"
    assert verify(session, recompute=True, model=folder).passed


@pytest.mark.slow
def test_what_raw_traces_gave_is_left_out_and_named(session: Path, mute: Callable[..., Path]) -> None:
    """Features from raw traces are taken from the record, all others are compared, and the check says which."""
    pytest.importorskip("spikeinterface", reason="SpikeInterface is not installed")
    folder = mute("raw", training_table()[1], firing_rate="snr")
    model = load_model(folder, labels={"0": "noise", "1": "mua", "2": "sua"})
    write_curation(curate(session, model=model, raw=RawOptions(preprocess=True, progress=False)))
    parameters = read_history(session)[0].parameters
    assert (parameters["from_raw"], parameters["raw_preprocess"]) == (True, True)
    outcome = verify(session, recompute=True, model=folder)
    assert outcome.passed
    (again,) = [check for check in outcome.checks if check.what == "features again"]
    assert again.detail == "same values; not computed again, since from raw traces: snr@0.101"


@pytest.mark.slow
def test_single_waveforms_that_means_are_made_of_are_digested(session: Path) -> None:
    """Where a file has no mean waveforms, its single ones are inputs of the labels: a change of them is found."""
    import h5py
    import numpy as np

    with h5py.File(session, "r+") as file:
        means = file["units/waveform_mean"]
        single, rate = np.asarray(means[()])[:, :, 0], means.attrs["sampling_rate"]
        del file["units/waveform_mean"]
        names = [name for name in file["units"].attrs["colnames"] if name != "waveform_mean"]
        file["units"].attrs["colnames"] = [*names, "waveforms"]
        waveforms = file.create_dataset("units/waveforms", data=np.repeat(single, 2, axis=0))
        waveforms.attrs["sampling_rate"] = rate
        file["units/waveforms_index"] = 1 + np.arange(12, dtype=np.uint8)
        file["units/waveforms_index_index"] = 2 + 2 * np.arange(6, dtype=np.uint8)
    curation = curate(session)
    assert curation.units.waveforms is not None
    write_curation(curation)
    assert verify(session).passed
    with h5py.File(session, "r+") as file:
        file["units/waveforms"][0, 5] += 1e-4
    assert [check.what for check in verify(session).checks if not check.passed] == ["waveforms unchanged"]


@pytest.mark.parametrize(
    ("parameter", "text", "what"),
    [
        ("adaptation", "{}", "The file records an adaptation that cannot be read"),
        ("labels", "[", "The file records meanings of its model's classes that cannot be read"),
        ("labels", "[1]", "The file records meanings of its model's classes that are not words"),
    ],
)
def test_a_record_of_how_the_model_was_loaded_that_makes_no_sense_is_named(
    session: Path, parameter: str, text: str, what: str
) -> None:
    """It is not taken for a model that cannot be found, and the message states how to look further."""
    write_curation(replace(curate(session), parameters={parameter: text}))
    with pytest.raises(ModelError, match=what) as caught:
        verify(session, recompute=True)
    assert caught.value.tip.endswith("lists every change.")
    assert verify(session).passed
