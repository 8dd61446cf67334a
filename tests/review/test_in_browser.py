"""A review in Chromium, by keys alone, of two files; the server is killed and started again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from helpers.browser import CONTRAST, Watched
from helpers.labelled import make_dataset
from nwb_unitrefine import load_model
from nwb_unitrefine.demo import simulate_session
from nwb_unitrefine.learn import BoostedTrees, train_model
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import read_history, undo

pytest.importorskip("uvicorn", reason="uvicorn is in the extra review")
pytestmark = pytest.mark.slow  # a browser and a server are started


@pytest.fixture
def files(tmp_path):
    for name, seed in (("first.nwb", 1), ("second.nwb", 2)):
        simulate_session(tmp_path / name, n_units=10, duration_s=120.0, seed=seed)
    return [tmp_path / "first.nwb", tmp_path / "second.nwb"]


class Server:
    """A review in a process of its own, and its address."""

    def __init__(self, files, *options):
        command = [
            sys.executable,
            "-m",
            "nwb_unitrefine",
            "review",
            *map(str, files),
            "--by",
            "A. Curator",
            "--no-browser",
        ]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True, env=environment)
        line = self.process.stdout.readline()
        self.address = re.search(r"http://127\.0\.0\.1:\d+/\S+/", line)[0]

    def end(self, how=signal.SIGINT):
        if self.process.poll() is not None:
            return
        self.process.send_signal(how)
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def start_on():
    """Start a review of files; whatever is left running is ended."""
    started = []

    def begin(files, *options):
        started.append(Server(files, *options))
        return started[-1]

    yield begin
    for server in started:
        server.end(signal.SIGKILL)


@pytest.fixture
def start(files, start_on):
    """Start a review of the two files, or of the first."""
    return lambda *options, n_files=2: start_on(files[:n_files], *options)


def _open(chromium, server):
    from playwright.sync_api import expect

    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    watched = Watched(page)
    page.goto(server.address)
    expect.set_options(timeout=60_000)  # a busy machine is slow to compute what the page shows
    state = expect(page.locator("#state"))
    state.to_contain_text("not yet written")
    return page, watched, state


def _chosen(page):
    return int(page.get_attribute("#units tr[aria-selected=true]", "data-unit"))


def test_a_blind_review_by_keys_survives_a_kill(chromium, files, start):
    """Answers by keys, undo, note, a kill of the server, a reload and a second file: the runs are what was typed."""
    server = start("--blind")
    page, watched, state = _open(chromium, server)
    assert set(page.locator("#units tbody td:nth-child(3)").all_inner_texts()) == {"·"}
    typed = {}
    for key, label in (("s", "sua"), ("m", "mua"), ("n", "noise"), ("s", "sua")):
        unit = _chosen(page)
        page.keyboard.press(key)
        state.to_have_text(f"Unit {unit}: {label}. Saved.")
        typed[unit] = label
    page.keyboard.press("z")
    state.to_contain_text("taken back")
    typed.pop(unit)
    page.keyboard.press("k")
    noted = _chosen(page)
    page.keyboard.press("t")
    page.keyboard.type("two shapes")
    page.keyboard.press("Enter")
    state.to_contain_text("Saved")
    server.end(signal.SIGKILL)
    page.keyboard.press("m")
    state.to_contain_text("was not saved")
    page.close()

    server = start("--blind")
    page, watched, state = _open(chromium, server)
    page.reload()
    state.to_contain_text("3 answers not yet written")
    assert read_history(files[0]) == ()
    page.keyboard.press("w")
    state.to_contain_text("Written as run_0001")
    page.keyboard.press("f")
    state.to_contain_text("0 answers not yet written")
    second = _chosen(page)
    page.keyboard.press("n")
    state.to_contain_text("Saved")
    page.keyboard.press("w")
    state.to_contain_text("Written as run_0001")
    assert watched.errors == []
    page.close()
    server.end()

    (run,) = read_history(files[0])
    decided = zip(
        run.predictions.unit_ids[run.changed].tolist(), run.predictions.labels[run.changed].tolist(), strict=True
    )
    assert dict(decided) == typed
    assert run.agent == "A. Curator"
    assert run.note == f"unit {noted}: two shapes"
    (other,) = read_history(files[1])
    assert other.predictions.labels[other.predictions.unit_ids == second].tolist() == ["noise"]
    for path in files:
        assert verify(path).passed
        undo(path)


def test_a_second_tab_sees_the_answers_of_the_first(chromium, start):
    """Two tabs share the answers: what one kept, the other shows when it is looked at."""
    server = start(n_files=1)
    page, _, state = _open(chromium, server)
    unit = _chosen(page)
    page.keyboard.press("m")
    state.to_contain_text("Saved")
    other, watched, _ = _open(chromium, server)
    assert other.inner_text(f"#units tr[data-unit='{unit}'] .chip") == "mua"
    assert watched.errors == []
    page.close()
    other.close()
    server.end()


def test_a_tab_of_before_a_write_shows_what_the_other_wrote(chromium, start):
    """When one tab writes, the other loads the file anew as soon as it is looked at."""
    server = start(n_files=1)
    page, watched, _ = _open(chromium, server)
    other, _, other_state = _open(chromium, server)
    unit = _chosen(other)
    other.keyboard.press("n")
    other_state.to_contain_text("Saved")
    other.keyboard.press("w")
    other_state.to_contain_text("Written as run_0001")
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.locator(f"#units tr[data-unit='{unit}'] .chip").wait_for()
    page.evaluate("(id) => page.choose(session.units.find((one) => one.id === id))", unit)
    assert "set by A. Curator" in page.inner_text("#unit h2")
    assert "not yet written" not in page.inner_text("#unit h2")
    assert watched.errors == []
    for tab in (page, other):
        tab.close()


def test_the_model_is_scored_on_the_answers_from_the_page(chromium, start):
    """`e` shows the model's scores on the written answers; before there are any, it says what to do."""
    server = start("--n", "6", n_files=1)
    page, watched, state = _open(chromium, server)
    page.keyboard.press("e")
    page.get_by_text("Write your answers first").wait_for()
    page.keyboard.press("Escape")
    for key in "smnsmn":
        unit = _chosen(page)
        page.keyboard.press(key)
        state.to_contain_text(f"Unit {unit}: ")
    page.keyboard.press("w")
    state.to_contain_text("Written as run_0001")
    page.keyboard.press("g")
    state.to_contain_text("to answer next in this file")
    assert page.locator("#units .chip").count() == 0
    page.keyboard.press("e")
    page.get_by_text("on 6 units that people labelled in 1 file").wait_for()
    assert page.locator("dialog table").count() == 2
    page.keyboard.press("Escape")
    page.click("#tab-provenance")
    assert "Rounds of answers" in page.inner_text("#view-provenance")
    assert watched.errors == []
    page.close()


@pytest.fixture(scope="module")
def lab_model(tmp_path_factory):
    """A model folder that can be trained further."""
    place = tmp_path_factory.mktemp("models") / "lab"
    learner = BoostedTrees(members=2, rounds=8, learning_rate=0.3, leaves=4, smallest_leaf=5)
    train_model(make_dataset(n_units=120), output=place, learner=learner, validate=False)
    return place


def test_the_model_is_trained_further_from_the_page(chromium, start, lab_model, tmp_path):
    """`r` shows scores before and after; the folder is written only when the person agrees."""
    output = tmp_path / "continued"
    server = start("--model", str(lab_model), "--train-to", str(output), n_files=1)
    page, watched, state = _open(chromium, server)
    for key in "smnsmnsmn":
        unit = _chosen(page)
        page.keyboard.press(key)
        state.to_contain_text(f"Unit {unit}: ")
    page.keyboard.press("w")
    state.to_contain_text("Written as run_0001")
    page.keyboard.press("r")
    page.get_by_role("button", name="Write the model to continued").wait_for(timeout=120_000)
    assert "9 units added" in page.inner_text("dialog")
    assert "without its subject" in page.inner_text("dialog")
    assert not output.exists()
    page.get_by_role("button", name="Write the model to continued").click()
    page.get_by_text("Written: ").wait_for(timeout=120_000)
    assert load_model(output).manifest.lineage[0].added == 9
    assert watched.errors == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_of_a_review_stand_out(chromium, start, scheme):
    """Buttons, keys, answers and the state have a contrast of at least 4.5 to 1, also after the scheme has changed."""
    server = start(n_files=1)
    page, watched, state = _open(chromium, server)
    page.keyboard.press("m")
    state.to_contain_text("Saved")
    page.emulate_media(color_scheme=scheme)
    found = page.evaluate(CONTRAST)
    assert len(found) > 40
    disabled = set(page.locator("button:disabled").all_inner_texts())
    faint = [(text, ratio) for text, ratio in found if ratio < 4.5 and not any(text in one for one in disabled)]
    assert faint == []
    assert watched.errors == []
    page.close()


def test_twenty_answers_adapt_the_model(chromium, tmp_path, start_on):
    """After twenty answers the page shows what adapting would change, and writes it when told to."""
    path = tmp_path / "session.nwb"
    simulate_session(path, n_units=26, duration_s=120.0, seed=3)
    page, watched, state = _open(chromium, start_on([path]))
    page.keyboard.press("a")
    state.to_contain_text("After 20 answers")
    for number in range(20):
        unit = _chosen(page)
        page.keyboard.press("m" if number % 4 else "s")
        state.to_contain_text(f"Unit {unit}: ")
    before = path.read_bytes()
    page.keyboard.press("a")
    page.wait_for_selector("dialog[open]")
    assert "20 labels of people (5 sua, 15 mua, 0 noise; by A. Curator" in page.inner_text("dialog")
    assert "each predicted without its own label" in page.inner_text("dialog")
    assert path.read_bytes() == before
    page.click("dialog button:first-of-type")
    state.to_contain_text("Written as run_0002")
    assert watched.errors == []
    page.close()
    human, model = read_history(path)
    assert (human.kind.value, int(human.changed.sum())) == ("human", 20)
    assert "adaptation" in model.parameters
    assert verify(path).passed
