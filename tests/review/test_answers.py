"""Answers are kept from the moment they are given."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nwb_unitrefine.errors import SourceError, WriteError
from nwb_unitrefine.review.answers import Answers, answers_path

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("sua", "mua", "noise")


@pytest.fixture
def open_answers():
    """Open answers as another process would: those that were open before are closed."""
    opened = []

    def open_anew(place: Path, digest: str = "sha256:1") -> Answers:
        for one in opened:
            one.close()
        opened.append(Answers(place, units_digest=digest, unit_ids=frozenset(range(10)), words=CLASSES))
        return opened[-1]

    yield open_anew
    for one in opened:
        one.close()


def _labels(answers: Answers) -> dict[int, str]:
    return {unit: answer.label for unit, answer in answers.pending().items()}


def testopen_answers_survive_the_process(tmp_path, open_answers):
    """What was answered, changed, cleared and undone is there again when the journal is opened anew."""
    first = open_answers(tmp_path / "a")
    first.give(1, "sua")
    first.give(2, "mua", "two cells")
    first.give(1, "noise")
    first.give(3, "sua")
    first.clear(2)
    assert first.undo() == 2
    assert first.undo() == 3
    assert _labels(first) == _labels(open_answers(tmp_path / "a")) == {2: "mua", 1: "noise"}
    assert open_answers(tmp_path / "a").pending()[2].note == "two cells"


def test_undo_goes_back_answer_by_answer_and_not_beyond_what_is_written(tmp_path, open_answers):
    """Undoing takes back one answer after the other; what is in the file is taken back by `undo` of the file."""
    answers = open_answers(tmp_path / "a")
    answers.give(1, "sua")
    answers.written()
    assert not (tmp_path / "a").exists()
    answers.give(1, "mua")
    answers.give(1, "noise")
    assert [answers.undo(), answers.undo(), answers.undo()] == [1, 1, None]
    assert _labels(answers) == {}


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_torn_line_is_dropped_and_the_next_one_is_whole(tmp_path, cut, open_answers):
    """A crash in the middle of a line loses that line alone."""
    answers = open_answers(tmp_path / "a")
    answers.give(1, "sua")
    answers.give(2, "mua")
    content = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(content[:-cut])
    again = open_answers(tmp_path / "a")
    assert _labels(again) == {1: "sua"}
    again.give(3, "noise")
    assert _labels(open_answers(tmp_path / "a")) == {1: "sua", 3: "noise"}


@pytest.mark.slow
def test_a_killed_process_loses_no_confirmed_answer(tmp_path, open_answers):
    """An answer that was confirmed is on the disk, whatever happens to the process then."""
    script = (
        "import sys, os; from pathlib import Path\n"
        "from nwb_unitrefine.review.answers import Answers\n"
        "a = Answers(Path(sys.argv[1]), units_digest='sha256:1', unit_ids=frozenset(range(10)), "
        "words=('sua', 'mua', 'noise'))\n"
        "for unit in range(5): a.give(unit, 'mua'); print(unit, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a")],
        check=False, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    confirmed = [int(line) for line in done.stdout.split()]
    assert confirmed == list(_labels(open_answers(tmp_path / "a"))) == [0, 1, 2, 3, 4]


def test_a_full_disk_refuses_the_answer_and_spoils_none(tmp_path, open_answers):
    """Where an answer cannot be kept it does not count, and the ones before stay whole."""
    place = tmp_path / "a"
    answers = open_answers(place)
    answers.give(1, "sua")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (place.stat().st_size + 20, limit[1]))
    try:
        with pytest.raises(WriteError, match="was not kept"):
            answers.give(2, "mua")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, before)
    answers.give(2, "mua")
    assert _labels(answers) == _labels(open_answers(place)) == {1: "sua", 2: "mua"}


def test_only_units_and_labels_that_exist_are_taken(tmp_path, open_answers):
    """An answer about no unit of the file, or that is not a label, is refused."""
    answers = open_answers(tmp_path / "a")
    with pytest.raises(WriteError, match="no unit 99"):
        answers.give(99, "sua")
    with pytest.raises(WriteError, match="not a label"):
        answers.give(1, "good")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "line",
    ['{"do":"answer","unit":1,"label":"","note":"","at":""}',
     '{"do":"answer","unit":77,"label":"sua","note":"","at":""}',
     '{"do":"undo","line":5,"at":""}', '{"do":"run","at":""}', "[]", "7", '{"do":"answer"}', "[" * 100_000],
)  # fmt: skip
def test_a_damaged_journal_is_refused_in_one_line(tmp_path, line, open_answers):
    """A line that this program does not write is not taken for an answer."""
    answers = open_answers(tmp_path / "a")
    answers.give(1, "sua")
    with (tmp_path / "a").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(SourceError, match="damaged"):
        open_answers(tmp_path / "a")


def testopen_answers_about_other_units_are_not_taken(tmp_path, open_answers):
    """A journal is for the units that it was begun with."""
    open_answers(tmp_path / "a").give(1, "sua")
    with pytest.raises(SourceError, match="other units"):
        open_answers(tmp_path / "a", digest="sha256:2")


def test_one_review_has_the_answers_at_a_time(tmp_path, open_answers):
    """A second process is refused while the first has the answers, and gets them when that has ended."""
    first = open_answers(tmp_path / "a")
    first.give(1, "sua")
    with pytest.raises(SourceError, match="open in another review"):
        Answers(tmp_path / "a")
    assert _labels(open_answers(tmp_path / "a")) == {1: "sua"}


def test_links_and_pipes_are_not_followed(tmp_path, open_answers):
    """A journal that is a link or a pipe is refused: writing through it would change another file, or hang."""
    (tmp_path / "precious").write_text("keep me")
    (tmp_path / "a").symlink_to(tmp_path / "precious")
    with pytest.raises(SourceError):
        open_answers(tmp_path / "a")
    os.mkfifo(tmp_path / "b")
    with pytest.raises(SourceError, match="not a journal"):
        open_answers(tmp_path / "b")
    assert (tmp_path / "precious").read_text() == "keep me"


def test_a_folder_that_cannot_be_written_sends_answers_to_the_state_folder(tmp_path, monkeypatch):
    """Where no file can be made beside the NWB file, answers are kept for the user."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    place = answers_path(tmp_path / "session.nwb")
    assert place.parent == tmp_path / "state" / "nwb-unitrefine" / "answers"
    monkeypatch.undo()
    assert answers_path(tmp_path / "session.nwb") == tmp_path / ".session.nwb.answers.jsonl"


def test_the_journal_is_readable_json(tmp_path, open_answers):
    """Each line is one JSON object, so that answers can be rescued by hand."""
    answers = open_answers(tmp_path / "a")
    answers.give(1, "sua", 'with "quotes"\nand lines')
    lines = [json.loads(line) for line in (tmp_path / "a").read_text().splitlines()]
    assert [line.get("do") for line in lines] == [None, "answer"]


@pytest.mark.parametrize(("note", "kept"), [("a\0b", "ab"), ("\ud800", "?"), ("x" * 3000, "x" * 2000)])
def test_notes_hold_what_a_file_can_hold(tmp_path, note, kept, open_answers):
    """Null characters, halves of a character and what is too long would make the run impossible to write."""
    answers = open_answers(tmp_path / "a")
    answers.give(1, "sua", note)
    assert answers.pending()[1].note == open_answers(tmp_path / "a").pending()[1].note == kept
