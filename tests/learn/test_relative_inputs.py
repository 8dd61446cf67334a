"""Models that take ratios of counts and ranks within the recording: trained, validated, used on files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import curate, load_model, write_curation
from nwb_unitrefine.cli import main
from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn import TwoSteps, read_labelled
from nwb_unitrefine.learn.continuing import read_parent
from nwb_unitrefine.verification import verify
from nwb_unitrefine.vocabulary.metrics.ranks import ranks_within

if TYPE_CHECKING:
    from pathlib import Path

RANK = "rank_of_snr@0.101"


def test_ranks_are_added_while_all_units_are_there(make, small_learner) -> None:
    """A learner that is to take them refuses data without; two steps rank noise among the others, too."""
    dataset = make()
    learner = replace(small_learner, inputs="all metrics", relative=True)
    with pytest.raises(TrainingError, match="no ranks"):
        learner.fit(dataset)
    ranked = dataset.with_ranks()
    snr = dataset.names.index("snr@0.101")
    wanted = ranks_within(dataset.values[:, snr], dataset.recordings)
    np.testing.assert_array_equal(ranked.values[:, ranked.names.index(RANK)], wanted)
    model = TwoSteps(step=learner).fit(ranked)
    assert RANK in model.second.inputs
    assert RANK not in small_learner.fit(ranked).inputs
    feature = next(one for one in model.second.manifest.features if one.name == RANK)
    assert (feature.low, feature.high) == (0, 1)


def test_a_model_computes_what_its_data_lacks(make, small_learner) -> None:
    """Predictions are the same whether the ranks are in the data or not."""
    dataset = make().with_evidence().with_ranks()
    model = replace(small_learner, inputs="all metrics", relative=True).fit(dataset)
    plain = make().to_features(model.feature_names)
    np.testing.assert_array_equal(
        model.predict(plain).probabilities, model.predict(dataset.to_features()).probabilities
    )


@pytest.mark.slow
def test_all_the_way_from_the_shell(
    make, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained with an option, scored, used on a file that has few units, verified, and continued.

    The command is recorded without folders of this machine.
    """
    table = tmp_path / "labelled.csv"
    make(n_units=180).to_frame().to_csv(table)
    model = tmp_path / "model"
    options = ["--metrics", "nwb", "--ratios-and-ranks", "--no-validate", "--output", str(model)]
    monkeypatch.setattr(
        "sys.argv", ["nwb-unitrefine", "train", str(table), *options, f"--subject-pattern={tmp_path}/a"]
    )
    assert main(["train", str(table), *options]) == 0
    loaded = load_model(model)
    assert "rank_of_firing_rate@0.101" in loaded.inputs
    assert "train labelled.csv --metrics nwb" in loaded.manifest.training.command
    assert str(tmp_path) not in loaded.manifest.to_json()
    assert main(["evaluate", str(table), "--model", str(model)]) == 1  # it was trained on these
    assert "trained on" in capsys.readouterr().err
    file = write_nwb(tmp_path / "session.nwb", make_session(n_units=6), waveforms="all")
    curation = curate(file, model=loaded)
    assert any("Ranks need 20 units" in problem.what for problem in curation.features.problems)
    write_curation(curation)
    assert verify(file, recompute=True, model=model).passed
    assert read_parent(model).learner.relative
    assert main(["predict", str(model / "training_data.csv"), "--model", str(model)]) == 0


def test_units_without_a_label_count_among_the_others(make, tmp_path: Path) -> None:
    """A rank is that among all units of the recording, and not among the labelled ones."""
    frame = make(n_units=90, recordings=1).to_frame()
    frame.loc[frame.index[::3], "label"] = ""
    frame.to_csv(tmp_path / "one.csv")
    dataset = read_labelled([tmp_path / "one.csv"], ranks=True)
    assert len(dataset) == 60
    values = ranks_within(frame["snr@0.101"].to_numpy())[np.arange(90) % 3 > 0]
    np.testing.assert_allclose(dataset.values[:, dataset.names.index(RANK)], values)
