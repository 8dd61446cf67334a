"""Codes of problems: one table, complete and stable in form."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import nwb_unitrefine
from nwb_unitrefine.records import Problem, ProblemCode, Severity

SOURCES = Path(nwb_unitrefine.__file__).parent


@pytest.mark.parametrize("code", list(ProblemCode))
def test_a_code_is_dotted_lower_case_and_explained(code: ProblemCode) -> None:
    """A code names the thing and what is the matter with it; its meaning is a sentence."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*", code.value)
    assert code.meaning[0].isupper()
    assert code.meaning.endswith(".")
    assert code.severity in Severity


def test_every_code_is_reported_somewhere() -> None:
    """The table holds no code that the package never reports, and every code reported is in the table."""
    texts = [path.read_text() for path in SOURCES.rglob("*.py") if path.name != "problems.py"]
    used = {name for text in texts for name in re.findall(r"ProblemCode\.([A-Z_]+)", text)}
    assert used == set(ProblemCode.__members__)


def test_a_problem_has_the_severity_of_its_code() -> None:
    """Severity follows from the code and is part of the value, so that JSON shows it."""
    problem = Problem(ProblemCode.SPIKE_TIMES_TRUNCATED, "Only 3 of 5 are in the file.", (7,))
    assert problem.severity is Severity.CRITICAL
    assert "severity=" in repr(problem)
