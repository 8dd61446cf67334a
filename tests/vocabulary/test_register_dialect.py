"""A dialect from outside this package: one value, registered by a call or an entry point."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from helpers.simulated_nwb import write_bare_nwb
from nwb_unitrefine.learn import map_labels
from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.read import existing_labels, read_units
from nwb_unitrefine.vocabulary.dialects import (
    Dialect,
    LabelColumn,
    MetricColumn,
    PositionColumns,
    dialects,
    mark,
    position_columns,
    register_dialect,
    registry,
)

if TYPE_CHECKING:
    from pathlib import Path

SUA, MUA, NOISE = (frozenset({name}) for name in ("sua", "mua", "noise"))

MARMOSET = Dialect(
    name="Marmoset lab",
    reference="https://example.org/marmoset",
    marks=(mark("marmoset_grade marmoset_session"),),
    labels=(LabelColumn("marmoset_grade", "curator", {"a": SUA, "b": MUA, "c": NOISE, "good": NOISE}),),
    metrics=(MetricColumn("width_ms", "peak_to_trough_duration", ("0.105",), scale=1e-3, exact=False),),
    positions=(PositionColumns("site_x", "site_depth"),),
)


@pytest.fixture
def _clean_registry(monkeypatch: pytest.MonkeyPatch):
    """No test leaves a dialect behind."""
    monkeypatch.setattr(registry, "_registered", {})
    registry._installed.cache_clear()
    yield
    registry._installed.cache_clear()


def _file(folder: Path) -> Path:
    table = {
        "id": np.arange(4),
        "spike_times": np.array([0.1, 0.2, 0.3, 0.4]),
        "spike_times_index": np.arange(1, 5),
        "marmoset_grade": ["A", "b", "C", "good"],
        "marmoset_session": np.arange(4),
        "width_ms": np.array([0.2, 0.4, 0.6, 0.8]),
    }
    return write_bare_nwb(folder / "marmoset.nwb", table)


def _require_known(folder: Path) -> None:
    """The file is recognised; its labels and its metric are the dialect's."""
    units = read_units(_file(folder))
    assert units.source.dialect == "Marmoset lab"
    (labels,) = existing_labels(units).values()
    assert (labels.column, labels.who) == ("marmoset_grade", "curator")
    assert labels.labels.tolist() == ["sua", "mua", "noise", "noise"]
    features = compute_features(units, names=["peak_to_trough_duration"])
    np.testing.assert_allclose(features.values[:, 0], [0.2e-3, 0.4e-3, 0.6e-3, 0.8e-3])
    assert "as Marmoset lab computes it" in str(features.origin(0, "peak_to_trough_duration"))
    assert map_labels(["a", "good"], column="marmoset_grade", dialect="Marmoset lab").labels.tolist() == [
        "sua",
        "noise",
    ]
    assert PositionColumns("site_x", "site_depth") in position_columns()


@pytest.mark.usefixtures("_clean_registry")
def test_a_registered_dialect_is_read_like_ours(tmp_path: Path) -> None:
    """Before the call the file is of no dialect; after it, labels, metrics and positions are those of the dialect."""
    assert read_units(_file(tmp_path)).source.dialect == ""
    register_dialect(MARMOSET)
    register_dialect(MARMOSET)
    _require_known(tmp_path)
    assert [one.name for one in dialects()].count("Marmoset lab") == 1


@pytest.mark.usefixtures("_clean_registry")
def test_an_installed_package_brings_its_dialect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry point of an installed distribution is enough; one that is broken is named and stops nothing."""
    (tmp_path / "marmoset_nwb.py").write_text(
        "from nwb_unitrefine.vocabulary.dialects import Dialect, LabelColumn, MetricColumn, PositionColumns, mark\n"
        "SUA, MUA, NOISE = (frozenset({name}) for name in ('sua', 'mua', 'noise'))\n"
        f"MARMOSET = {MARMOSET!r}\n"
    )
    about = tmp_path / "marmoset_nwb-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: marmoset-nwb\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[nwb_unitrefine.dialects]\nmarmoset = marmoset_nwb:MARMOSET\nbroken = marmoset_nwb:NOTHING\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "marmoset_nwb", raising=False)
    with pytest.warns(RuntimeWarning, match="The dialect 'broken' cannot be used"):
        dialects()
    _require_known(tmp_path)


@pytest.mark.usefixtures("_clean_registry")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"marks": ()}, "needs a name, and marks"),
        ({"marks": (frozenset(),)}, "needs a name, and marks"),
        ({"marks": (mark("a"), frozenset())}, "would fit every table"),
        ({"metrics": (MetricColumn("x", "no_such_metric"),)}, "no metric 'no_such_metric'"),
        ({"metrics": (MetricColumn("x", "half_width", ("0.105",)),)}, "no metric 'half_width' of definition 0.105"),
        ({"labels": (LabelColumn("x", "curator", {"a": frozenset({"great"})}),)}, "is not the key of a word"),
        ({"labels": (LabelColumn("x", "curator", {"A b": SUA}),)}, "is not the key of a word"),
        ({"name": "Allen"}, "already a dialect called 'Allen'"),
    ],
)
def test_a_dialect_that_cannot_work_is_refused_at_once(change: dict[str, object], message: str) -> None:
    """What would fail in the middle of reading a file is said when it is registered."""
    import dataclasses

    with pytest.raises(ValueError, match=message):
        register_dialect(dataclasses.replace(MARMOSET, **change))
