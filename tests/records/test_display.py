"""How records show themselves at a prompt and in a notebook."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from helpers.curations import MODEL, curation
from helpers.made_units import make_units
from nwb_unitrefine.batch import LabelResult
from nwb_unitrefine.records import Column, Problem, ProblemCode
from nwb_unitrefine.records.display import N_FACTS, N_ROWS
from nwb_unitrefine.verification import Check, Verification
from nwb_unitrefine.write import WriteReport


class _Page(HTMLParser):
    """Elements and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, _attributes: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture
def made():
    """A curation of 40 units, one of them without a label."""
    units = make_units([np.arange(unit + 3) / 7 for unit in range(40)])
    return curation(units.source, units.unit_ids, units.spike_times_s)


def test_every_value_that_travels_shows_itself_in_a_few_lines(made, tmp_path) -> None:
    """Units, features, predictions, curations and reports have no array in their repr, whatever their size."""
    report = WriteReport(
        path=tmp_path / "a.nwb", run="run_0001", columns=("unitrefine_label",), n_units=40, n_changed=3
    )
    checked = Verification(tmp_path, "run_0001", (Check("units", passed=True, detail="40 units"),))
    result = LabelResult(source="a.nwb", seconds=1.25, curation=made, report=report)
    for value in (made.units, made.features, made.predictions, made, report, checked, result):
        lines = repr(value).splitlines()
        assert 1 <= len(lines) <= N_FACTS + 2, type(value)
        assert "array(" not in repr(value), type(value)
        assert max(map(len, lines)) < 200, type(value)
        page = _Page(value._repr_html_())
        assert page.tags.count("tr") <= N_FACTS + N_ROWS + 2, type(value)


def test_repr_counts_what_the_value_holds(made) -> None:
    """The first line says what it is and how much; labels are counted, the unit without one too."""
    assert repr(made.units).startswith("Units of made: 40 units, 900 spikes")
    labels = made.predictions.labels.tolist()
    assert f"{labels.count('sua')} sua" in repr(made)
    assert "1 unlabelled" in repr(made)
    assert f"by {MODEL.name}" in repr(made)


def test_a_refused_source_shows_why() -> None:
    """The result of a file that was refused is its error."""
    shown = repr(LabelResult(source="a.nwb", seconds=0.1, error=ValueError("no units")))
    assert shown.startswith("a.nwb: refused")
    assert "no units" in shown


def test_failed_checks_are_shown_first(tmp_path) -> None:
    """A verification that fails says so in its first line, and which check failed."""
    checks = (Check("units", passed=True, detail="4 units"), Check("spike_times", passed=False, detail="other values"))
    shown = repr(Verification(tmp_path, "run_0001", checks)).splitlines()
    assert "NOT verified" in shown[0]
    assert shown[1:] == ["  failed  spike_times: other values"]


def test_markup_in_a_file_stays_text_in_a_notebook() -> None:
    """Names and values of a file are escaped: none of them becomes an element of the page."""
    hostile = "<script>alert(1)</script>"
    units = make_units([[0.1]], columns={hostile: [1]})
    units = replace(units, unit_ids=np.array([hostile]), problems=(Problem(ProblemCode.COLUMN_UNREADABLE, hostile),))
    page = _Page(units._repr_html_())
    assert "script" not in page.tags
    assert page.text.count(hostile) >= 2


def test_control_characters_of_a_file_do_not_reach_the_terminal() -> None:
    """An escape sequence in a column's name is shown as text."""
    name = "a\x1b[2Jb"
    units = replace(make_units([[0.1]]), columns={name: Column(name, "", np.zeros(1))})
    assert "\x1b" not in repr(units)
    assert "a\\x1b[2Jb" in repr(units)
    assert "\x1b" not in units._repr_html_()


def test_long_lists_are_cut() -> None:
    """Of hundreds of notes, a dozen are shown, with how many there are besides."""
    units = replace(
        make_units([[0.1]]),
        problems=tuple(Problem(ProblemCode.COLUMN_UNREADABLE, f"note {number}" * 99) for number in range(300)),
    )
    assert len(repr(units).splitlines()) == N_FACTS + 2
    assert repr(units).splitlines()[-1].split() == ["…", "290", "more"]
