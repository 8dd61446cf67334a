"""The commands and the Python on a page give the labels of the page again."""

from __future__ import annotations

import shlex
from typing import Any

import numpy as np
import pytest

from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import curate, load_model
from nwb_unitrefine.cli import main
from nwb_unitrefine.records import SourceHints
from nwb_unitrefine.report.commands import python_that_labelled, shell_that_labelled
from nwb_unitrefine.write import read_history, relabel


@pytest.fixture
def path(tmp_path, monkeypatch):
    place = write_nwb(tmp_path / "a session.nwb", make_session(n_units=12), waveforms="all")
    monkeypatch.chdir(tmp_path)
    return place


def _curations(path):
    """Curations made with each option that decides labels."""
    relabel(path, dict(zip(make_session(n_units=12).unit_ids.tolist(), ("mua", "noise") * 4, strict=False)), by="me")
    return {
        "plain": curate(path),
        "probable": curate(path, model=load_model("default", decide="probable")),
        "adapted": curate(path, adapt=True),
        "hints": curate(path, hints=SourceHints(sampling_rate_hz=20_000.0)),
        "rules": curate(path, model=load_model("rules/bombcell", missing="ignore")),
    }


def test_the_shell_lines_give_the_same_labels(path, capsys):
    """Each option that decided is in them, the file by its name alone, and they run."""
    for name, curation in _curations(path).items():
        label, report = shell_that_labelled(curation).splitlines()
        assert str(path.parent) not in label + report
        program, *words = shlex.split(label)
        assert program == "nwb-unitrefine"
        assert main([*words, "--again", "--replace-human", "--dry-run", "--json"]) == 0, name
        capsys.readouterr()
        assert main(words) == 0, name
        run = [one for one in read_history(path) if one.kind.value != "human"][-1]
        assert dict(run.parameters) == dict(curation.parameters), name
        assert main([*shlex.split(report)[1:], "--overwrite"]) == 0, name


def test_the_python_gives_the_same_labels(path):
    """The code is complete: it imports what it uses, and its curation is the page's."""
    for name, curation in _curations(path).items():
        code = python_that_labelled(curation).replace("write_curation(curation)", "")
        names: dict[str, Any] = {}
        exec(compile(code, name, "exec"), names)
        again = names["curation"]
        assert again.predictions.labels.tolist() == curation.predictions.labels.tolist(), name
        assert np.array_equal(again.predictions.probabilities, curation.predictions.probabilities, equal_nan=True), name
        assert dict(again.parameters) == dict(curation.parameters), name
