"""Work that is divided among cores."""

from __future__ import annotations

import numpy as np
import pytest

from nwb_unitrefine.metrics.kernels import threads


@pytest.mark.parametrize("cores", [1, 2, 3, 8, 50])
@pytest.mark.parametrize("counts", [[], [0], [5], [0, 0, 0], [1] * 100, [1000, *[0] * 40, 3], [0, *[7] * 63]])
def test_every_unit_is_worked_on_once_and_in_order(
    counts: list[int], cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many cores and however uneven the units, the parts join to the whole."""
    monkeypatch.setattr(threads, "_usable_cores", lambda: cores)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    parts = threads.by_units(
        lambda units, items: (list(range(units.start, units.stop)), range(items.start, items.stop)), offsets
    )
    assert [unit for units, _ in parts for unit in units] == list(range(len(counts)))
    assert [item for _, items in parts for item in items] == list(range(offsets[-1]))
    for units, items in parts:
        assert len(items) == sum(counts[unit] for unit in units)


def test_an_error_in_a_part_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost in a thread."""
    monkeypatch.setattr(threads, "_usable_cores", lambda: 4)

    def fail(units: slice, _: slice) -> None:
        raise ValueError(units.start)

    with pytest.raises(ValueError, match="0"):
        threads.by_units(fail, np.arange(65))


def test_numba_num_threads_is_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever limits numba limits these threads."""
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert threads._usable_cores() == 1
