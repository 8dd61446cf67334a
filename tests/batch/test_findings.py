"""What is wrong with a source, and how to mend it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from helpers.bare_nwb import make_small_session
from nwb_unitrefine.batch.findings import findings_of, remedy
from nwb_unitrefine.cli import main
from nwb_unitrefine.pipeline import curate
from nwb_unitrefine.records import ProblemCode, Severity

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of six units."""
    return make_small_session(tmp_path_factory.mktemp("findings") / "a.nwb")


@pytest.mark.parametrize("code", [code for code in ProblemCode if code.severity is not Severity.INFO])
def test_what_is_wrong_with_the_data_has_a_remedy(code: ProblemCode) -> None:
    """Each warning about a file says how to mend it; what concerns the reading of labels is not in the file."""
    about_labels = code.value.startswith("labels.") and code is not ProblemCode.LABELS_DIFFER
    assert bool(remedy(code)) is not about_labels, code


@pytest.mark.slow
def test_findings_have_the_form_of_nwbinspectors_messages(session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Importance is one of nwbinspector's, the gravest first; what cannot be read is an error and the exit code 1."""
    found = findings_of(curate(session))
    assert found
    order = ["CRITICAL", "BEST_PRACTICE_VIOLATION", "BEST_PRACTICE_SUGGESTION"]
    assert [order.index(one.importance) for one in found] == sorted(order.index(one.importance) for one in found)
    broken = session.with_name("broken.nwb")
    broken.write_text("not HDF5")
    assert main(["inspect", str(session), str(broken), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["counts"]["ERROR"] == 1
    assert {one["code"] for one in document["findings"]} >= {"source.unreadable", "recording.too-short"}
