"""A study's folder can be a stranger's: nothing in it leads out of it, hangs or ends in a fault."""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING

import pytest

from helpers.bare_nwb import make_small_session
from nwb_unitrefine.batch.derivative import made_files
from nwb_unitrefine.batch.ledger import Ledger
from nwb_unitrefine.batch.plan import Entry, output_path, plan_files, read_plan, write_plan
from nwb_unitrefine.batch.study import label_study, study_options, study_status
from nwb_unitrefine.batch.study_folder import is_output, whole_lines
from nwb_unitrefine.batch.tables.summary import summarize_study
from nwb_unitrefine.batch.tasks import TaskOptions
from nwb_unitrefine.cli import main
from nwb_unitrefine.errors import SourceError, UnitRefineError

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = {"id": "/data/a.nwb", "source": "/data/a.nwb", "content": "local:1:1"}
LABELLED = {"key": "k", "id": "/data/a.nwb", "outcome": "labelled", "output": "sub-1/sub-1_ecephys.nwb"}


@pytest.mark.parametrize(
    "line",
    [
        {**ENTRY, "output": "../../../home/a_ecephys.nwb"},
        {**ENTRY, "output": "/etc/sub-1/sub-1_ecephys.nwb"},
        {**ENTRY, "output": "sub-1/../../sub-1_ecephys.nwb"},
        {**ENTRY, "output": "sub-1/sub-1\n_ecephys.nwb"},
        {**ENTRY, "id": "DANDI:000123@draft/a.nwb"},
        {**ENTRY, "source": "/home/me/private.nwb"},
        {**ENTRY, "size_bytes": "1"},
        {"id": "/data/a.nwb"},
        [],
        "[" * 10_000,
        "x" * (2 << 20),
    ],
)
def test_a_plan_that_was_tampered_with_is_refused_in_one_line(tmp_path: Path, line: object) -> None:
    """Outputs outside the study, sources that the id does not name, and no entries are damage; planning mends it."""
    (tmp_path / "plan.jsonl").write_text((line if isinstance(line, str) else json.dumps(line)) + "\n")
    with pytest.raises(SourceError, match=r"Line 1 of .* is damaged"):
        list(label_study(tmp_path, TaskOptions()))
    write_plan(tmp_path, [Entry(**ENTRY)])
    assert list(read_plan(tmp_path)) == [Entry(**ENTRY)]


@pytest.mark.parametrize(
    "line",
    [
        {**LABELLED, "output": "../../.ssh/id_rsa"},
        {**LABELLED, "output": None},
        {**LABELLED, "labels": {"sua": "many"}},
        {**LABELLED, "labels": [1]},
        {**LABELLED, "outcome": "done"},
        {"key": "k", "outcome": "refused"},
        [LABELLED],
        "[" * 10_000,
        "1" * 10_000,
        "x" * (3 << 20),
        "\udcff\udcfe",
    ],
)
def test_a_line_of_the_ledger_that_makes_no_sense_is_a_task_that_is_not_done(tmp_path: Path, line: object) -> None:
    """Damaged and foreign lines are passed over; those before and after them count."""
    whole = json.dumps({**LABELLED, "key": "before"}), json.dumps({**LABELLED, "key": "after", "id": "/data/b.nwb"})
    text = line if isinstance(line, str) else json.dumps(line)
    content = f"{whole[0]}\n{text}\n{whole[1]}\n".encode(errors="surrogateescape")
    (tmp_path / "ledger.jsonl").write_bytes(content)
    assert set(Ledger(tmp_path).refresh().outcomes) == {"before", "after"}


class _Growing(io.BytesIO):
    """A file to which another process writes the rest of a line right after its first part was read."""

    def readline(self, size: int | None = -1) -> bytes:
        line = super().readline(size)
        if line and not line.endswith(b"\n"):
            place = self.tell()
            self.write(b" whole\n")
            self.seek(place)
        return line


def test_a_line_that_is_being_written_is_read_the_next_time() -> None:
    """What another process writes while the ledger is read is neither taken in parts nor passed over."""
    file = _Growing(b"first\nnot yet")
    assert list(whole_lines(file)) == [(6, b"first\n")]
    assert list(whole_lines(file, start=6)) == [(20, b"not yet whole\n")]


@pytest.mark.parametrize("command", ["status", "dandiset label", "dandiset check", "dandiset summary"])
def test_a_file_in_the_place_of_a_study_is_one_line(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody who gives a file of units to a command for studies learns what it wants."""
    place = tmp_path / "a.nwb"
    place.write_bytes(b"")
    assert main([*command.split(), str(place)]) == 1
    assert "is a file, and no study" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["plan.jsonl", "ledger.jsonl", "claims.lock", "options.json", "dandiset", "records"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_links_and_pipes_in_a_study_are_refused(tmp_path: Path, name: str, kind: str) -> None:
    """Nothing is read from, written to or waited for behind a name of the study that is not a plain file or folder."""
    study, outside = tmp_path / "study", tmp_path / "outside"
    write_plan(study, [Entry(**ENTRY)])
    outside.write_text("mine")
    (study / name).unlink(missing_ok=True)
    if kind == "link":
        (study / name).symlink_to(outside)
    else:
        os.mkfifo(study / name)
    for work in (lambda: list(label_study(study, TaskOptions())), lambda: study_status(study)):
        with pytest.raises(SourceError, match=f"{name} is not a plain"):
            work()
    assert outside.read_text() == "mine"


@pytest.mark.slow
def test_a_linked_folder_of_a_subject_is_not_written_through(tmp_path: Path) -> None:
    """A link inside the study's dandiset makes its files refusals, and what it leads to stays as it is."""
    study, outside = tmp_path / "study", tmp_path / "outside"
    outside.mkdir()
    session = make_small_session(tmp_path / "sub-1_ecephys.nwb")
    write_plan(study, plan_files([session], study=study))
    (study / "dandiset").mkdir()
    (study / "dandiset" / "sub-1").symlink_to(outside)
    (line,) = label_study(study, study_options(TaskOptions()))
    assert line["reason"] == "WriteError"
    assert not list(outside.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("record", ["", "[]", "{}", '{"session": {"n_units": "6"}, "units": []}', "[" * 10_000])
def test_a_record_that_makes_no_sense_is_a_remark_in_the_table(tmp_path: Path, record: str) -> None:
    """The tables of a study are written without the session whose record is damaged, and state it."""
    study = tmp_path / "study"
    write_plan(study, plan_files([make_small_session(tmp_path / "sub-1_ecephys.nwb")], study=study))
    list(label_study(study, study_options(TaskOptions())))
    (place,) = study.glob("records/*/*.json")
    place.write_text(record)
    assert summarize_study(study).n_units == 0
    assert "gone or damaged" in (study / "sessions.tsv").read_text()


def test_options_that_make_no_sense_are_one_line_and_replaced_by_labelling(tmp_path: Path) -> None:
    """Damaged options do not keep a study from being labelled."""
    write_plan(tmp_path, [])
    for content in ("", "[]", '{"model": 1}', '{"hints": {"sampling_rate_hz": -1}}', "[" * 10_000):
        (tmp_path / "options.json").write_text(content)
        with pytest.raises(UnitRefineError, match="damaged"):
            made_files(tmp_path)
        assert list(label_study(tmp_path, TaskOptions())) == []
        assert made_files(tmp_path) == []


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd",
        "sub-1/../../../sub-2_ecephys.nwb",
        "sub-1/sub-1_ses-a\nb_ecephys.nwb",
        f"sub-{'1' * 300}/sub-{'1' * 300}_ses-{'2' * 300}_ecephys.nwb",
        "..",
        "",
        "sub-/sub-_ses-.nwb",
        "sub-1/sub-1_ses-\N{SNOWMAN}.nwb",
        "=cmd|' /C calc'!A0.nwb",
    ],
)
def test_whatever_an_asset_is_called_its_derived_file_is_inside_the_study(path: str) -> None:
    """Paths with dots, line ends, other alphabets and endless names give a name that DANDI and file systems take."""
    output = output_path(path)
    assert is_output(output), output
    assert max(map(len, output.split("/"))) < 256


def test_endless_names_that_differ_at_their_ends_do_not_meet() -> None:
    """What is cut off is told apart by a digest of the whole path."""
    first, second = (output_path(f"sub-1/sub-1_ses-{'2' * 300}{end}_ecephys.nwb") for end in "ab")
    assert first != second


def test_a_file_whose_name_is_no_text_is_skipped_with_the_reason(tmp_path: Path) -> None:
    """A name in the encoding of an old disk is in the plan, as skipped, and does not stop it."""
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.nwb")).touch()
    except OSError:
        pytest.skip("the file system takes UTF-8 only")
    study = tmp_path / "study"
    write_plan(study, plan_files([tmp_path], study=study))
    (entry,) = read_plan(study)
    assert entry.skip == "Its path is not UTF-8."
