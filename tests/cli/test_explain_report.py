"""``explain`` and ``report`` from the shell."""

from __future__ import annotations

import json

import pytest

from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine.cli import main


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return write_nwb(tmp_path_factory.mktemp("sessions") / "session.nwb", make_session(), waveforms="all")


def test_a_unit_is_explained(session, capsys):
    """The label, a sentence and the values behind each kind of evidence are printed; JSON has every class."""
    unit = str(make_session().unit_ids[0])
    assert main(["explain", str(session), "--unit", unit]) == 0
    text = capsys.readouterr().out
    assert f"unit {unit}: " in text
    assert "Decided by probability relative to the class's share in training: " in text
    assert "refractory violations" in text
    assert "isi_violations_ratio" in text
    assert main(["explain", str(session), "--unit", unit, "--json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)
    assert set(document["evidence"][0]["changes"]) == {"sua", "mua", "noise"}
    (step,) = document["decision"]["steps"]
    assert max(step["scores"], key=step["scores"].get) == document["label"]
    assert document["decision"]["sentence"] in text


def test_every_unit_has_a_reason_in_the_table(session, capsys):
    """Without a unit, all are listed."""
    assert main(["explain", str(session)]) == 0
    text = capsys.readouterr().out
    assert all(f"{unit} " in text for unit in make_session().unit_ids)
    assert main(["explain", str(session), "--unit", "999"]) == 1
    assert "no unit 999" in capsys.readouterr().err


def test_one_file_gets_a_page_and_several_an_overview(session, tmp_path, capsys):
    """A page for one file; for several, pages in a folder and an overview; a refused file has a row."""
    page = tmp_path / "one.html"
    assert main(["report", str(session), "--output", str(page)]) == 0
    assert "<table" in page.read_text()
    assert main(["report", str(session), "--output", str(page)]) == 1
    assert "exists" in capsys.readouterr().err
    (tmp_path / "broken.nwb").write_text("no file of HDF5")
    both = tmp_path / "all.html"
    assert main(["report", str(session), str(tmp_path / "broken.nwb"), "--output", str(both)]) == 1
    text = both.read_text()
    assert 'href="all_pages/001_session.html"' in text
    assert (tmp_path / "all_pages" / "001_session.html").exists()
    assert "broken.nwb" in text
