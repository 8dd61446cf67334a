"""Ranks as features."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from helpers.model_factory import make_features
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.metrics.ranks import add_ranks
from nwb_unitrefine.read import read_units
from nwb_unitrefine.records import Origin, OriginKind, ProblemCode
from nwb_unitrefine.vocabulary.metrics.ranks import ranks_within

if TYPE_CHECKING:
    from pathlib import Path


def test_a_rank_has_an_origin() -> None:
    """What it is the rank of and among how many units, or why it is missing."""
    values = np.stack([np.arange(25.0), np.where(np.arange(25) < 5, np.arange(25.0), np.nan)], axis=1)
    features = make_features(values, names=("snr", "half_width@0.101"))
    found = add_ranks(features, ["rank_of_half_width@0.101", "rank_of_snr", "snr"])
    assert found.names == ("rank_of_half_width@0.101", "rank_of_snr", "snr")
    np.testing.assert_array_equal(found.values[:, 2], values[:, 0])
    assert str(found.origin(0, "rank_of_snr")) == "computed: rank of snr among the 25 units that have it"
    assert found.origin(0, "rank_of_half_width@0.101").kind is OriginKind.MISSING
    assert "5 have half_width@0.101" in found.origin(0, "rank_of_half_width@0.101").detail
    (problem,) = found.problems
    assert problem.code is ProblemCode.FEATURES_TOO_FEW_TO_RANK
    assert "half_width (5)" in problem.what


def test_ranks_of_raw_metrics_are_of_raw_traces() -> None:
    """So that verifying, which has no traces, takes the recorded ones."""
    features = make_features(np.arange(25.0)[:, None], names=("snr",))
    features = replace(features, origins=(Origin(OriginKind.RAW, "SpikeInterface"),))
    assert add_ranks(features, ["rank_of_snr"]).origin(3, "rank_of_snr").kind is OriginKind.RAW


def test_ranks_of_a_file_are_computed_with_its_metrics(tmp_path: Path) -> None:
    """Asked for by name, like any metric; a file of few units has none, which is reported."""
    names = ["rank_of_firing_rate@0.101", "firing_rate"]
    for n_units, has_ranks in ((24, True), (6, False)):
        file = write_nwb(tmp_path / f"{n_units}.nwb", make_session(n_units=n_units, duration_s=20.0), waveforms=None)
        features = compute_features(read_units(file), names=names)
        assert features.names == tuple(names)
        assert np.isfinite(features.values[:, 0]).all() == has_ranks
        assert any("there are 6" in problem.what for problem in features.problems) != has_ranks
        if has_ranks:
            np.testing.assert_array_equal(features.values[:, 0], ranks_within(features.values[:, 1]))


def test_a_table_is_ranked_by_its_recordings_or_brings_its_ranks(tmp_path: Path) -> None:
    """A column ``recording`` divides the units; a column of ranks is taken as it is."""
    table = tmp_path / "metrics.csv"
    rows = [f"{unit},{'a' if unit < 20 else 'b'},{unit}" for unit in range(40)]
    table.write_text("\n".join(["unit_id,recording,snr@0.101", *rows]) + "\n")
    found = compute_features(read_units(table), names=["rank_of_snr@0.101"]).values[:, 0]
    np.testing.assert_allclose(found[:20], found[20:])
    table.write_text("unit_id,rank_of_snr@0.101\n0,0.25\n1,0.75\n")
    given = compute_features(read_units(table), names=["rank_of_snr@0.101"])
    assert given.values[:, 0].tolist() == [0.25, 0.75]
    assert given.origin(0, "rank_of_snr@0.101").kind is OriginKind.COLUMN
