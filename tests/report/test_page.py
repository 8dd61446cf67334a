"""The page as text: complete, private, and closed to code from names."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import replace
from typing import Any

import h5py
import numpy as np
import pytest

from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import curate, load_model, write_curation
from nwb_unitrefine.demo import simulate_session
from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.pipeline import adapt_as_recorded
from nwb_unitrefine.report import ReportRow, render_page, session_data, write_overview, write_page
from nwb_unitrefine.report.waveform_pictures import picture_waveforms
from nwb_unitrefine.write import read_history, relabel, undo


@pytest.fixture(scope="module")
def model():
    return load_model("default")


@pytest.fixture(scope="module")
def curation(tmp_path_factory, model):
    path = write_nwb(tmp_path_factory.mktemp("secret-folder") / "session.nwb", make_session(), waveforms="all")
    return curate(path, model=model)


def test_data_has_every_unit_in_the_order_of_the_file(curation, model):
    """Each list is as long as the units table, and probabilities are those of the predictions to three digits."""
    data = session_data(curation, model=model)
    units = data["units"]
    n_units = len(curation.predictions)
    assert units["id"] == curation.units.unit_ids.tolist()
    assert {len(values) for name, values in units.items() if values and name != "probability"} == {n_units}
    assert np.allclose(np.array(units["probability"]).T, curation.predictions.probabilities, atol=5e-4)
    assert data["waveforms"]["shape"][0] == n_units
    json.dumps(data, allow_nan=False)


def test_nothing_of_the_machine_is_in_the_page(curation, model):
    """No folder, user or host: the page is sent to others."""
    page = render_page(session_data(curation, model=model))
    folder = curation.units.source.uri.rsplit("/", 1)[0]
    assert folder not in page
    assert "secret-folder" not in page


def test_a_name_cannot_become_code(curation, model):
    """Text of the file that looks like HTML or ends a script stays text; the policy admits no other script."""
    data = session_data(curation, model=model)
    data["file"]["name"] = "</script><script>alert(1)</script><!--"
    page = render_page(data)
    assert "<script>alert(1)" not in page
    embedded = re.search(r'<script type="application/json" id="session">(.*?)</script>', page, re.DOTALL)
    assert json.loads(embedded[1])["file"]["name"] == data["file"]["name"]
    assert "unsafe-inline" not in page
    assert "default-src 'none'" in page


def test_the_page_asks_for_nothing(curation, model):
    """No address that a browser would fetch is in the page."""
    page = render_page(session_data(curation, model=model))
    assert not re.findall(r"(?:src|href)=[\"']?(?!#)[a-z/]", page)
    assert "@import" not in page
    assert "url(" not in page


def test_the_nearest_channels_are_pictured(curation):
    """The first channel is the largest one, and the next are the nearest to it, where positions are known."""
    pictures = picture_waveforms(curation.units)
    mean, channels = curation.units.waveforms.mean, curation.units.waveforms.channels
    positions = curation.units.electrodes.positions_um
    for row in range(len(curation.units)):
        main = channels[row, np.nanargmax(np.abs(mean[row]).max(axis=0))]
        assert pictures.electrodes[row, 0] == main
        apart = np.linalg.norm(positions[pictures.electrodes[row]] - positions[main], axis=1)
        assert (np.diff(apart) >= 0).all()
        assert np.abs(pictures.samples[row]).max() == 127


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_waveforms_that_are_no_numbers_are_no_pictures(tmp_path, model, value):
    """A unit whose mean waveform is NaN, infinite or zero has none; one lost channel is left out; JSON stays valid."""
    path = write_nwb(tmp_path / "odd.nwb", make_session(), waveforms="all")
    with h5py.File(path, "r+") as file:
        file["units/waveform_mean"][0] = value
        file["units/waveform_mean"][1, :, 3] = value
    data = session_data(curate(path, model=model), model=model)
    assert data["waveforms"]["largest"][0] is None
    assert data["waveforms"]["largest"][1] > 0
    assert 3 not in data["waveforms"]["channels"][1] or value == 0.0
    render_page(data)


def test_rounds_of_answers_are_taken_from_the_runs(tmp_path, model):
    """Each run of a person is a round, with scores on the units labelled by then; what was taken back is none."""
    path = write_nwb(tmp_path / "rounds.nwb", make_session(n_units=12), waveforms="all")
    write_curation(curate(path, model=model))
    ids = make_session(n_units=12).unit_ids.tolist()
    relabel(path, dict(zip(ids[:3], ("sua", "mua", "noise"), strict=True)), by="A")
    relabel(path, dict(zip(ids[3:9], ("sua", "mua", "noise") * 2, strict=True)), by="B")
    relabel(path, {ids[9]: "mua"}, by="C")
    undo(path)
    curation = curate(path, model=model)
    rounds = session_data(curation, model=model, history=read_history(path))["rounds"]
    assert [(one["number"], one["by"]) for one in rounds] == [(1, "A"), (2, "B")]
    assert rounds[0]["scores"] is None
    assert rounds[0]["why"] == "not scored: 3 labels of people, fewer than 5"
    assert rounds[1]["n_scored"] == 9
    assert rounds[1]["scores"]["gain"][0] == pytest.approx(np.diff(rounds[1]["scores"]["accuracy"])[0], abs=2e-4)


def test_an_adapted_file_is_shown_with_its_boundary(tmp_path, model):
    """The model whose boundary a file's newest run moved is the one of its page; another model's boundary is not."""
    path = write_nwb(tmp_path / "adapted.nwb", make_session(n_units=12), waveforms="all")
    ids = make_session(n_units=12).unit_ids.tolist()
    relabel(path, dict(zip(ids[:6], ("mua", "noise") * 3, strict=True)), by="A")
    adapted = curate(path, model=model, adapt=True)
    write_curation(adapted)
    shown = adapt_as_recorded(model, read_history(path))
    assert shown.adaptation is not None
    assert shown.predict(adapted.features).labels.tolist() == adapted.predictions.labels.tolist()
    other = replace(model, identity=replace(model.identity, digest="sha256:other"))
    assert adapt_as_recorded(other, read_history(path)) is other
    undo(path)
    assert adapt_as_recorded(model, read_history(path)) is model


def test_pages_are_not_overwritten_unasked(curation, model, tmp_path):
    """A page that exists is replaced only when that is asked for."""
    data = session_data(curation, model=model)
    write_page(data, tmp_path / "a.html")
    before = (tmp_path / "a.html").read_bytes()
    with pytest.raises(WriteError, match="exists"):
        write_page(data, tmp_path / "a.html")
    assert (tmp_path / "a.html").read_bytes() == before
    write_page({**data, "created": "later"}, tmp_path / "a.html", overwrite=True)
    assert (tmp_path / "a.html").read_bytes() != before


def test_an_overview_links_pages_and_names_refusals(tmp_path):
    """Each file has a row with its counts and a link; a refused one has its reason; names are escaped."""
    rows = [ReportRow("a<b>.nwb", "pages/a.html", {"sua": 3, "noise": 1}, 1), ReportRow("c.nwb", "", {}, 0, "no units")]
    text = write_overview(rows, tmp_path / "all.html").read_text()
    assert '<a href="pages/a.html">a&lt;b&gt;.nwb</a>' in text
    assert "no units" in text
    assert "2 files, 4 units, 1 refused" in text
    assert "default-src 'none'; style-src 'sha256-" in text


def test_files_without_waveforms_or_positions_have_pages(tmp_path, model):
    """What a file lacks is left out of its page."""
    path = write_nwb(tmp_path / "bare.nwb", make_session(), waveforms=None)
    data = session_data(curate(path, model=model), model=model)
    assert data["waveforms"] is None
    assert "bare.nwb" in render_page(data)


@pytest.mark.slow
@pytest.mark.parametrize("program", ["pynwb", "SpikeInterface", "pynapple"])
def test_the_lines_for_other_programs_run(tmp_path, model, monkeypatch, program):
    """The code on the page, run beside a labelled file, finds the units that are single and not uncertain."""
    pytest.importorskip({"SpikeInterface": "spikeinterface"}.get(program, program), reason=f"needs {program}")
    path = tmp_path / "session.nwb"
    simulate_session(path, n_units=12, duration_s=900.0)
    curation = curate(path, model=model)
    write_curation(curation)
    predictions = curation.predictions
    expected = predictions.unit_ids[(predictions.labels == "sua") & ~predictions.uncertain].tolist()
    monkeypatch.chdir(tmp_path)
    texts = session_data(curation, model=model)["texts"]
    (code,) = [one["code"] for one in texts if one["title"].endswith(program)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of these programs
        names: dict[str, Any] = {}
        exec(compile(code, program, "exec"), names)
    good = names["good"]
    found = good.get_unit_ids() if program == "SpikeInterface" else list(good.index)
    assert [int(unit) for unit in found] == expected
    assert expected
