"""Labels, and the reasons not to rely on them."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.model_factory import NAMES, make_features, make_manifest
from nwb_unitrefine.models.decision import decide
from nwb_unitrefine.models.manifest import Evaluation, Feature, Uncertainty
from nwb_unitrefine.records import CLASSES

SURE = [0.9, 0.06, 0.04]


def _decide(values, probabilities, *, manifest=None, names=NAMES):
    features = make_features(values, names)
    inputs = features.values[:, :3]
    probabilities = np.array(probabilities)
    return decide(
        features, probabilities=probabilities, scores=probabilities, inputs=inputs, classes=CLASSES, manifest=manifest
    )


def test_the_label_is_the_class_of_the_largest_score():
    """One unit of each class."""
    found = _decide([[99, 1, 1]] * 3, [[0.5, 0.3, 0.2], [0.2, 0.6, 0.2], [0.1, 0.1, 0.8]])
    assert found.labels.tolist() == ["sua", "mua", "noise"]
    assert found.reasons == ("", "", "")


@pytest.mark.parametrize(
    ("values", "reason"),
    [([0, 1, 1], "no spikes"), ([np.nan, np.nan, np.nan], "no features"), ([0, np.nan, np.nan], "no spikes")],
)
def test_a_unit_that_nothing_is_known_of_has_no_label(values, reason):
    """No label, no probability, and the reason; whatever the estimator said."""
    found = _decide([values, [99, 1, 1]], [SURE, SURE])
    assert found.labels.tolist() == ["", "sua"]
    assert found.reasons == (reason, "")
    assert np.isnan(found.probabilities[0]).all()
    assert found.uncertain.tolist() == [True, False]


def test_a_manifest_makes_labels_uncertain_with_the_reason():
    """Few spikes, few features, out of the training range, a small probability: each is said, and the label stays."""
    manifest = make_manifest(
        features=tuple(
            Feature(name=name, column=name.partition("@")[0], unit=unit, low=low, high=high)
            for name, unit, low, high in zip(NAMES, ("", "Hz", "s"), (1, 0.0, None), (1e6, 10.0, 2.0), strict=True)
        ),
        uncertainty=Uncertainty(min_spikes=50, min_probability=0.46, max_out_of_range=0, min_present=2),
    )
    values = [[50, 1, 1], [49, 1, 1], [99, np.nan, np.nan], [99, 11, -5], [99, 1, 1], [10, 1, 3]]
    probabilities = [SURE, SURE, SURE, SURE, [0.45, 0.15, 0.4], [0.3, 0.4, 0.3]]
    found = _decide(values, probabilities, manifest=manifest)
    assert found.reasons == (
        "",
        "49 spikes, fewer than 50",
        "1 feature, fewer than 2",
        "outside the training range: firing_rate 11 Hz (0 to 10)",
        "between sua and noise",
        "10 spikes, fewer than 50; outside the training range: half_width 3 s (up to 2); between mua and noise",
    )
    assert found.uncertain.tolist() == [False] + [True] * 5
    assert found.labels.tolist() == ["sua"] * 5 + ["mua"]


def test_the_mark_goes_by_the_probability_and_not_by_the_margin():
    """Two classes that tie for the label leave it as probable as it is; see docs/explanation/uncertain.md."""
    found = decide(
        make_features([[99, 1, 1]] * 2),
        probabilities=np.array([[0.3, 0.7, 0.0], [0.5, 0.4, 0.1]]),
        scores=np.array([[0.499, 0.501, 0.0], [0.9, 0.06, 0.04]]),
        inputs=np.ones((2, 3)),
        classes=CLASSES,
        manifest=make_manifest(uncertainty=Uncertainty(min_probability=0.55)),
    )
    assert found.labels.tolist() == ["mua", "sua"]
    np.testing.assert_allclose(found.margins, [0.002, 0.84])
    assert found.reasons == ("", "between sua and mua")


def test_the_number_of_spikes_need_not_be_an_input():
    """It is read from the features under any definition's name."""
    manifest = make_manifest(uncertainty=Uncertainty(min_spikes=50))
    found = _decide([[1, 1, 1, 20]], [SURE], manifest=manifest, names=("a", "b", "c", "num_spikes@0.101"))
    assert found.reasons == ("20 spikes, fewer than 50",)


def test_no_units_are_no_trouble():
    """An empty table gives an empty answer."""
    found = _decide(np.empty((0, 3)), np.empty((0, 3)))
    assert len(found) == 0
    assert found.labels.dtype.kind == "U"


def test_the_margin_is_that_of_the_scores_that_decide():
    """.5 over .3 is .2; a unit without a label has none; the table shows it."""
    found = _decide([[99, 1, 1], [0, 1, 1]], [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    np.testing.assert_allclose(found.margins, [0.2, np.nan])
    assert found.to_frame()["margin"].iloc[0] == found.margins[0]


def test_single_units_whose_contamination_is_not_excluded_are_marked():
    """Only single units are, with the share that violations leave possible and the number of spikes."""
    manifest = make_manifest(uncertainty=Uncertainty(max_contamination=0.3))
    names = ("a", "b", "contamination_upper@0.101", "num_spikes")
    values = [[1, 1, 0.384, 412], [1, 1, 0.29, 412], [1, 1, 0.384, 412], [1, 1, np.nan, 412], [1, 1, 0.384, np.nan]]
    found = _decide(values, [SURE, SURE, [0.1, 0.8, 0.1], SURE, SURE], manifest=manifest, names=names)
    share = "contamination of up to 38 % cannot be excluded"
    assert found.reasons == (f"{share} (412 spikes)", "", "", "", share)
    assert found.uncertain.tolist() == [True, False, False, False, True]


def test_single_units_whose_violations_show_contamination_are_marked():
    """Only single units are, with the share that violations show at least, before what they leave possible."""
    manifest = make_manifest(uncertainty=Uncertainty(max_contamination=0.3, max_evident_contamination=0.1))
    names = ("a", "b", "contamination_lower@0.101", "contamination_upper@0.101", "num_spikes")
    values = [[1, 1, 0.11, 0.29, 412], [1, 1, 0.1, 0.29, 412], [1, 1, 0.11, 0.29, 412], [1, 1, 0.2, 0.4, 412]]
    found = _decide(values, [SURE, SURE, [0.1, 0.8, 0.1], SURE], manifest=manifest, names=names)
    shown = "refractory violations show a contamination of"
    assert found.reasons[:3] == (f"{shown} 11 % or more", "", "")
    assert found.reasons[3] == f"{shown} 20 % or more; contamination of up to 40 % cannot be excluded (412 spikes)"


def _scored(*, hidden: tuple[str, ...] = (), right: float) -> Evaluation:
    """Scores of a source that gives all features but some."""
    features = tuple(name for name in NAMES if name not in hidden)
    return Evaluation(name="a source", scheme="leave one out", features=features, pooled={"accuracy_kept": right})


@pytest.mark.parametrize(("right", "reason"), [(0.76, "no mean waveform: 76 % of such labels are right"), (0.8, "")])
def test_a_unit_without_a_kind_of_metrics_is_uncertain_where_that_was_measured_to_cost_much(right, reason):
    """However probable its label: of units like it, too few labels were right on subjects not seen."""
    waveform = NAMES[1:3]
    manifest = make_manifest(
        feature_groups={"waveform": waveform},
        evaluations=(_scored(right=0.84), _scored(hidden=waveform, right=right)),
    )
    found = _decide([[99, 1, 1], [99, np.nan, np.nan], [99, np.nan, 1]], [SURE] * 3, manifest=manifest)
    assert found.reasons == ("", reason, "")
    assert found.uncertain.tolist() == [False, bool(reason), False]
    assert found.labels.tolist() == ["sua"] * 3


def test_the_poorest_source_that_a_unit_is_like_decides():
    """Of two kinds that it lacks, the reason is of both; a model that was not scored marks nothing for it."""
    groups = {"channels": NAMES[2:3], "waveform": NAMES[1:2]}
    scores = (_scored(right=0.84), _scored(hidden=NAMES[2:3], right=0.83), _scored(hidden=NAMES[1:3], right=0.6))
    values = [[99, 1, np.nan], [99, np.nan, np.nan]]
    manifest = make_manifest(feature_groups=groups, evaluations=scores)
    assert _decide(values, [SURE] * 2, manifest=manifest).reasons == (
        "",
        "no mean waveform: 60 % of such labels are right",
    )
    for evaluations in ((), scores[:1], tuple(one.model_copy(update={"pooled": {}}) for one in scores)):
        manifest = make_manifest(feature_groups=groups, evaluations=evaluations)
        assert _decide(values, [SURE] * 2, manifest=manifest).reasons == ("", "")
