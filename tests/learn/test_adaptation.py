"""Learning a lab's boundary from a few labels."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import curate, load_model, relabel, write_curation
from nwb_unitrefine.cli import main
from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.learn import TwoSteps
from nwb_unitrefine.learn.adaptation import FEWEST_LABELS, fit_adaptation, too_few
from nwb_unitrefine.models.adaptation import Adaptation, Placed
from nwb_unitrefine.records import CLASSES, ProblemCode
from nwb_unitrefine.verification import verify

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PRIORS = np.array([0.2, 0.5, 0.3])


def draw(n_units: int, *, shift: float, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Probabilities, and labels of a curator who calls more (or fewer) units single than they say."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet((1, 1, 1), size=n_units)
    own = probabilities * np.exp([shift, 0, 0])
    own /= own.sum(axis=1, keepdims=True)
    return probabilities, np.array([rng.choice(3, p=row) for row in own], dtype=np.intp)


def fit(probabilities: NDArray[np.float64], targets: NDArray[np.intp], strength: float = 1.0) -> Adaptation:
    """Fit to all units of a recording, without any metric."""
    units = Placed.from_ranks(probabilities, {})
    return fit_adaptation(units, targets, everywhere=units, priors=PRIORS, strength=strength)


@pytest.mark.parametrize("shift", [-1.5, 1.0])
def test_many_labels_recover_the_boundary(shift: float) -> None:
    """With thousands of labels, the offset of single units against multi-units is the curator's."""
    offsets = fit(*draw(4000, shift=shift)).offsets
    assert offsets[0] - offsets[1] == pytest.approx(shift, abs=0.15)
    assert offsets[2] - offsets[1] == pytest.approx(0, abs=0.15)


def test_offsets_and_weights_are_the_most_probable_ones() -> None:
    """Log likelihood plus log prior is flat where they are: the prior is tighter between sua and mua than to noise."""
    probabilities, targets = draw(60, shift=1.0)
    ranks = (np.random.default_rng(1).permutation(60) + 0.5) / 60
    units = Placed.from_ranks(probabilities, {"snr": ranks})
    found = fit_adaptation(units, targets, everywhere=units, priors=PRIORS, strength=3.0)

    def loss(parameters: NDArray[np.float64]) -> float:
        (sua, mua, noise), weights = parameters[:3], parameters[3:]
        scores = np.log(probabilities) + parameters[:3] + np.outer((ranks - 0.5) * np.sqrt(12), weights)
        likelihood = scores[np.arange(60), targets] - np.log(np.exp(scores).sum(axis=1))
        prior = 6 * (sua - mua) ** 2 / 2 + 2 * (sua + mua - 2 * noise) ** 2 / 6 + 50 * weights @ weights
        return float(-likelihood.sum() + 3.0 / 2 * prior)

    there = np.array([*found.offsets, *found.weights["snr"]])
    np.testing.assert_allclose(approx_fprime(there, loss, 1e-6), 0, atol=1e-3)
    assert sum(found.offsets) == pytest.approx(0, abs=1e-5)


def test_a_curator_who_goes_by_one_metric_is_followed() -> None:
    """Where labels depend on a metric that the model weighs less, its rank gets the weight, and no other."""
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet((2, 2, 2), size=600)
    values = rng.normal(size=(600, 2))
    units = Placed.of(probabilities, names=["presence_ratio", "snr"], values=values)
    own = probabilities * np.exp(np.outer(units.places[:, 0], [0.8, -0.8, 0.0]))
    targets = np.array([rng.choice(3, p=row / row.sum()) for row in own], dtype=np.intp)
    rows = np.arange(300)
    found = fit_adaptation(units.take(rows), targets[rows], everywhere=units, priors=PRIORS)
    assert found.weights["presence_ratio"][0] - found.weights["presence_ratio"][1] > 0.8
    assert max(map(abs, found.weights["snr"])) < 0.15
    rest = units.take(np.arange(300, 600))
    right = [(one.argmax(axis=1) == targets[300:]).mean() for one in (rest.probabilities, found.apply(rest))]
    assert right[1] > right[0] + 0.05


def test_units_are_placed_within_their_own_recording() -> None:
    """Ranks of each recording, with mean 0 and standard deviation 1; 0 without a value, and where units are few."""
    values = np.concatenate([np.arange(40.0), np.arange(100.0, 140.0), np.arange(5.0)])[:, None]
    values[3] = np.nan
    recordings = np.repeat(["a", "b", "few"], [40, 40, 5])
    even = np.full((85, 3), 1 / 3)
    placed = Placed.of(even, names=["snr"], values=values, recordings=recordings).places[:, 0]
    assert placed[3] == 0
    assert (placed[80:] == 0).all()
    assert placed[40:80].mean() == pytest.approx(0, abs=1e-12)
    assert placed[40:80].std() == pytest.approx(1, abs=0.01)
    assert placed[[0, 39]] == pytest.approx([-1.69, 1.69], abs=0.01)


def test_ranks_ignore_the_last_bit() -> None:
    """Values that differ by rounding share a place: another machine computes the same probabilities."""
    values = np.repeat([0.1, 0.2, 0.3], 10)[:, None]
    nudged = values * (1 + np.random.default_rng(0).integers(-2, 3, size=values.shape) * 1e-16)
    assert (values != nudged).any()
    places = [Placed.of(np.full((30, 3), 1 / 3), names=["snr"], values=one).places for one in (values, nudged)]
    np.testing.assert_array_equal(*places)


def test_units_of_another_recording_keep_their_places() -> None:
    """A metric that the others lack places them nowhere; one that only they have is left out."""
    ours = Placed.from_ranks(np.full((2, 3), 1 / 3), {"snr": np.array([0.0, 1.0]), "spread": np.array([0.0, np.nan])})
    theirs = Placed.from_ranks(np.full((1, 3), 1 / 3), {"half_width": np.array([0.1]), "snr": np.array([1.0])})
    both = ours.and_then(theirs)
    assert both.names == ("snr", "spread")
    np.testing.assert_allclose(both.places / np.sqrt(3), [[-1, -1], [1, 0], [1, 0]])
    assert len(both.probabilities) == 3


def test_a_stronger_prior_moves_less() -> None:
    """The offsets shrink toward zero as the prior gets stronger."""
    probabilities, targets = draw(40, shift=1.5)
    sizes = [np.linalg.norm(fit(probabilities, targets, strength=one).offsets) for one in (0.1, 1.0, 10.0, 2000.0)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 0.02


@pytest.mark.parametrize("targets", [[0, 1, 2, 1], [1] * 30])
def test_few_or_one_sided_labels_change_nothing(targets: list[int]) -> None:
    """Too few labels, or labels of one class, leave probabilities and shares as they are, and the reason is given."""
    wanted = np.array(targets, dtype=np.intp)
    probabilities = np.full((len(targets), 3), 1 / 3)
    found = fit(probabilities, wanted)
    assert found.offsets == (0.0, 0.0, 0.0)
    assert found.shares == pytest.approx(tuple(PRIORS))
    assert too_few(wanted)
    assert not too_few(np.array([0, 1, 1, 1, 1], dtype=np.intp))


def test_label_of_adapted_units_weighs_between_both_shares() -> None:
    """Shares are the geometric mean of those in training and of what the adapted model finds in the recording."""
    probabilities, targets = draw(500, shift=2.0)
    found = fit(probabilities, targets)
    present = found.apply(Placed.from_ranks(probabilities, {})).mean(axis=0)
    expected = np.sqrt(PRIORS * present)
    np.testing.assert_allclose(found.shares, expected / expected.sum(), atol=1e-5)


def test_adaptation_survives_the_record() -> None:
    """What a run records is read back as it was; anything else is refused."""
    adaptation = fit(*draw(50, shift=1.0))
    assert "weights" not in adaptation.to_json()
    assert Adaptation.from_json(adaptation.to_json()) == adaptation
    adaptation = replace(adaptation, weights={"snr": (0.25, -0.125, -0.125)}, by_whom={"A": 50}, n_changed=0)
    assert Adaptation.from_json(adaptation.to_json()) == adaptation
    for text in ("", "[]", "{}", adaptation.to_json().replace("offsets", "offset"), adaptation.to_json()[:-1]):
        with pytest.raises(ModelError):
            Adaptation.from_json(text)
    whole = '{"offsets": [0, 0, 0], "shares": [0.3, 0.3, 0.4], "n_labels": [1, 1, 1], "weights": WEIGHTS}'
    assert not Adaptation.from_json(whole.replace("WEIGHTS", "{}")).weights
    for weights in ("[1]", "3", '{"snr": [1, 2]}', '{"snr": [1, 2, 1e999]}', '{"snr": [1, 2, NaN]}', '{"snr": null}'):
        with pytest.raises(ModelError):
            Adaptation.from_json(whole.replace("WEIGHTS", weights))
    with pytest.raises(ModelError):
        Adaptation.from_json(whole.replace("WEIGHTS", "{}").replace("[0, 0, 0]", "[1e999, 0, 0]"))


@pytest.mark.parametrize("wrong", [{"n_labels": [-1, 1, 1]}, {"by_whom": {"A": -3}}, {"n_changed": -1}])
def test_counts_below_zero_are_refused(wrong: dict[str, object]) -> None:
    """Nobody gave fewer than no labels: such a record was made up."""
    good = {"offsets": [0, 0, 0], "shares": [0.3, 0.3, 0.4], "n_labels": [1, 1, 1], "by_whom": {"A": 3}, "n_changed": 0}
    assert Adaptation.from_json(json.dumps(good)).by_whom == {"A": 3}
    with pytest.raises(ModelError, match="impossible"):
        Adaptation.from_json(json.dumps(good | wrong))


def test_an_adaptation_that_follows_an_unknown_metric_is_refused() -> None:
    """A record that names what the model does not take gives no labels, rather than others."""
    odd = Adaptation(offsets=(0, 0, 0), shares=(0.3, 0.3, 0.4), n_labels=(1, 1, 1), weights={"nothing": (1, 0, 0)})
    with pytest.raises(ModelError, match="nothing"):
        odd.apply(Placed.from_ranks(np.full((2, 3), 1 / 3), {"snr": np.array([0.1, 0.9])}))


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A labelled file in which a person disagrees with the model about most units."""
    session = make_session(n_units=24)
    path = write_nwb(tmp_path / "session.nwb", session, waveforms="all")
    write_curation(curate(path))
    answers = {unit_id: CLASSES[n % 2] for n, unit_id in enumerate(session.unit_ids[:8].tolist())}
    relabel(path, dict(list(answers.items())[:5]), by="S. Cajal")
    relabel(path, dict(list(answers.items())[5:]), by="C. Golgi")
    return path


@pytest.mark.slow
def test_adapted_labels_are_recorded_and_verified(labelled: Path) -> None:
    """The run holds the offsets and the labels they rest on, and verifying with them gives the same probabilities."""
    plain, adapted = curate(labelled), curate(labelled, adapt=True)
    assert not np.allclose(plain.predictions.probabilities, adapted.predictions.probabilities)
    recorded = Adaptation.from_json(str(adapted.parameters["adaptation"]))
    assert recorded.n_labels == (4, 4, 0)
    assert recorded.by_whom == {"S. Cajal": 5, "C. Golgi": 3}
    assert recorded.n_changed == (plain.predictions.labels != adapted.predictions.labels).sum()
    assert "half_width@0.101" in recorded.weights
    assert ProblemCode.LABELS_ADAPTED in {problem.code for problem in adapted.features.problems}
    assert write_curation(adapted).is_written
    checks = {check.what: check for check in verify(labelled, recompute=True).checks}
    assert checks["probabilities again"].passed


@pytest.mark.slow
def test_labels_of_another_file_adapt_as_well(labelled: Path, tmp_path: Path) -> None:
    """A file without labels of its own is adapted to those of another."""
    other = write_nwb(tmp_path / "other.nwb", make_session(n_units=5, seed=3), waveforms="all")
    adapted = curate(other, adapt_from=[labelled])
    recorded = Adaptation.from_json(str(adapted.parameters["adaptation"]))
    assert recorded.n_labels == (4, 4, 0)
    assert recorded.by_whom == {"people in other files": 8}
    assert recorded.weights


def test_a_file_without_enough_labels_is_labelled_as_before(tmp_path: Path) -> None:
    """Without labels of people, the model's own labels are given, with a problem that states it."""
    path = write_nwb(tmp_path / "session.nwb", make_session(n_units=4), waveforms="all")
    adapted = curate(path, adapt=True)
    np.testing.assert_array_equal(adapted.predictions.probabilities, curate(path).predictions.probabilities)
    assert "adaptation" not in adapted.parameters
    problem = next(one for one in adapted.features.problems if one.code is ProblemCode.LABELS_NOT_ADAPTED)
    assert f"fewer than {FEWEST_LABELS}" in problem.what


@pytest.mark.slow
def test_the_command_adapts(labelled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``label --adapt`` says how many labels it took, and writes them as a run."""
    assert main(["label", str(labelled), "--adapt"]) == 0
    what = "adapted to 8 labels of people (4 sua, 4 mua, 0 noise; by S. Cajal 5, C. Golgi 3), which changed "
    assert what in " ".join("".join(capsys.readouterr()).split())
    assert main(["history", str(labelled)]) == 0
    assert what in " ".join("".join(capsys.readouterr()).split())


def test_what_cannot_be_adapted_is_refused_with_the_reason(make, small_learner, labelled: Path) -> None:
    """Other classes, two models in a row, and rules."""
    dataset = make()
    cascade = TwoSteps(step=small_learner).fit(dataset)
    parts = {"noise": "noise", "sua": "neural", "mua": "neural"}
    binary = small_learner.fit(dataset.merged(parts, classes=("noise", "neural")))
    with pytest.raises(ModelError, match="distinguishes noise, neural; only models of sua, mua and noise"):
        curate(labelled, model=binary, adapt=True)
    with pytest.raises(ModelError, match="is two models in a row, which have no common probabilities"):
        curate(labelled, model=cascade, adapt=True)
    with pytest.raises(ModelError, match="only models of sua, mua and noise"):
        curate(labelled, model=load_model("rules/aind", missing="ignore"), adapt=True)
