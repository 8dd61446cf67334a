"""A study of many files: what is done once is not done again, and whatever is killed loses nothing."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import pytest

from helpers.bare_nwb import make_small_session
from helpers.worker_tasks import die_once, double
from nwb_unitrefine.batch.derivative import made_files
from nwb_unitrefine.batch.executors import WorkerDiedError, run_tasks
from nwb_unitrefine.batch.ledger import Ledger, claimed
from nwb_unitrefine.batch.plan import Entry, output_path, plan_files, read_plan, write_plan
from nwb_unitrefine.batch.study import Workforce, label_study, study_options, study_status
from nwb_unitrefine.batch.tasks import LabelTask, TaskOptions
from nwb_unitrefine.errors import SourceError, SourceNotFoundError, UnitRefineError, WriteError
from nwb_unitrefine.write import read_history

if TYPE_CHECKING:
    from collections.abc import Iterable


def test_a_plan_lists_each_file_once_and_counts_what_changed(tmp_path) -> None:
    """Planning again finds new, changed and gone files, and never the study's own outputs."""
    files = [tmp_path / "data" / name for name in ("a.nwb", "b.nwb", "c.nwb")]
    files[0].parent.mkdir()
    for file in files:
        file.write_text("x")
    study = tmp_path / "data" / "study"
    assert write_plan(study, plan_files([tmp_path / "data"], study=study)) == (3, 0, 0)
    (study / "dandiset").mkdir()
    (study / "dandiset" / "made.nwb").touch()
    files[1].write_text("longer")
    files[2].unlink()
    (tmp_path / "data" / "d.nwb").touch()
    assert write_plan(study, plan_files([tmp_path / "data"], study=study)) == (1, 1, 1)
    assert [Path(entry.id).name for entry in read_plan(study)] == ["a.nwb", "b.nwb", "d.nwb"]


def test_derived_files_of_one_name_are_told_apart(tmp_path) -> None:
    """Two entries whose derived files would have one name get names that differ, and always the same ones."""
    entries = [
        Entry(id=str(n), source=str(n), content="", output=output_path(f"sub-1/sub-1_ses-2_{kind}.nwb"))
        for n, kind in enumerate(("ecephys", "behavior+ecephys"))
    ]
    write_plan(tmp_path, entries)
    outputs = [entry.output for entry in read_plan(tmp_path)]
    assert len(set(outputs)) == 2
    assert all(output.startswith("sub-1/sub-1_ses-2_desc-curated_obj-") for output in outputs)
    write_plan(tmp_path, entries)
    assert [entry.output for entry in read_plan(tmp_path)] == outputs


def test_a_folder_without_a_plan_is_refused_with_what_to_do(tmp_path) -> None:
    """What is not a study is not labelled, and the message names the command that makes one."""
    with pytest.raises(SourceNotFoundError, match="dandiset plan"):
        list(label_study(tmp_path, TaskOptions()))


def test_a_study_cannot_be_made_of_a_file(tmp_path) -> None:
    """What is there and no folder is left alone, in one line."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(WriteError, match="cannot be made"):
        write_plan(tmp_path / "file", [])
    assert (tmp_path / "file").read_text() == "mine"


def test_a_line_that_a_crash_cut_off_is_taken_away(tmp_path) -> None:
    """The ledger is read up to its last whole line, and the next line follows that one."""
    ledger = Ledger(tmp_path)
    ledger.append({"key": "a", "id": "1", "outcome": "refused"})
    with (tmp_path / "ledger.jsonl").open("a") as file:
        file.write('{"key": "b", "outc')
    assert Ledger(tmp_path).refresh().outcomes == {"a": "refused"}
    Ledger(tmp_path).append({"key": "c", "id": "2", "outcome": "refused"})
    assert [json.loads(line)["key"] for line in (tmp_path / "ledger.jsonl").read_text().splitlines()] == ["a", "c"]
    assert ledger.refresh().outcomes == {"a": "refused", "c": "refused"}


def test_an_entry_is_claimed_by_one_at_a_time(tmp_path) -> None:
    """Neither another thread nor another process gets a claim that is held; afterwards it is free."""
    code = (
        "import sys; from pathlib import Path; from nwb_unitrefine.batch.ledger import claimed\n"
        "with claimed(Path(sys.argv[1]), sys.argv[2]) as mine: print(mine)"
    )

    def other_process(name: str) -> str:
        command = [sys.executable, "-c", code, str(tmp_path), name]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    with claimed(tmp_path, "a") as mine, claimed(tmp_path, "a") as again, claimed(tmp_path, "b") as another:
        assert (mine, again, another) == (True, False, True)
        assert other_process("a") == "False"
    assert other_process("a") == "True"


def test_a_share_that_does_not_exist_is_refused() -> None:
    """Shares are numbered from 0; any other number is refused before anything is done."""
    for index, of in ((2, 2), (-1, 2), (0, 0)):
        with pytest.raises(SourceError, match="no share"):
            Workforce(task_index=index, of=of)


@pytest.mark.slow
def test_a_worker_that_dies_loses_its_task_only(tmp_path) -> None:
    """A task whose worker dies is tried again, given up after three deaths, and no other task notices."""
    tasks = [str(tmp_path / name) for name in ("a", "once", "always", "b")]
    found = {Path(task).name: result for task, result in run_tasks(die_once, tasks, workers=2)}
    assert {name: found[name] for name in ("a", "once", "b")} == {"a": "a", "once": "once", "b": "b"}
    assert isinstance(found["always"], WorkerDiedError)


@pytest.mark.slow
def test_tasks_are_taken_as_they_are_needed() -> None:
    """A long list of tasks is not held in memory: few are taken before the first is done."""
    taken: list[int] = []

    def numbers() -> Iterable[int]:
        for number in range(100):
            taken.append(number)
            yield number

    running = run_tasks(double, numbers(), workers=2)
    next(running)
    assert len(taken) <= 4
    running.close()


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three sessions and a file that is not an NWB file."""
    folder = tmp_path_factory.mktemp("sessions")
    first = make_small_session(folder / "sub-m1_ses-a_ecephys.nwb")
    for name in ("sub-m1_ses-b_ecephys.nwb", "other.nwb"):
        shutil.copy(first, folder / name)
    (folder / "sub-m2_ecephys.nwb").write_text("not HDF5")
    return folder


def test_several_workers_get_the_largest_of_the_next_files_first(tmp_path, monkeypatch) -> None:
    """So the last files are small, and no worker waits long for another; one worker follows the plan."""
    sizes = [3, 9, 1, 200, 5]
    entries = [Entry(id=f"/{n}", source=f"/{n}", content=f"{n}", size_bytes=size) for n, size in enumerate(sizes)]
    write_plan(tmp_path, entries)

    def seen(_: object, tasks: Iterable[LabelTask], **__: object) -> Iterable[tuple[LabelTask, dict[str, int]]]:
        return ((task, {"size": task.entry.size_bytes}) for task in tasks)

    monkeypatch.setattr("nwb_unitrefine.batch.study.run_tasks", seen)
    for workers, expected in ((2, sorted(sizes, reverse=True)), (1, sizes)):
        lines = label_study(tmp_path, TaskOptions(model_digest="sha256:0"), workforce=Workforce(workers=workers))
        assert [line["size"] for line in lines] == expected


@pytest.mark.slow
def test_a_study_is_labelled_once(tmp_path, sessions) -> None:
    """Each file gets a derived file with its history; a refusal is a line with its reason; nothing is done twice."""
    study = tmp_path / "study"
    write_plan(study, plan_files([sessions], study=study))
    options = study_options(TaskOptions())
    lines = list(label_study(study, options))
    assert sorted(line["outcome"] for line in lines) == ["labelled", "labelled", "labelled", "refused"]
    made = sorted(place.relative_to(study / "dandiset").as_posix() for place in study.glob("dandiset/*/*.nwb"))
    assert len(made) == 3
    assert made[0].startswith("sub-m1/sub-m1_ses-a_desc-curated_ecephys")
    assert all(len(read_history(study / "dandiset" / name)) == 1 for name in made)
    assert not list((study / ".in-work").iterdir())
    status = study_status(study)
    assert (status.n_labelled, status.n_refused, status.n_waiting) == (3, 1, 0)
    assert sum(status.labels.values()) == 18
    assert list(label_study(study, options)) == []
    again = list(label_study(study, options, retry_failed=True))
    assert [line["outcome"] for line in again] == ["refused"]
    assert list(label_study(study, study_options(TaskOptions(columns="quality")), only_new=True)) == []


@pytest.mark.slow
def test_a_file_that_changed_after_the_plan_is_refused(tmp_path, sessions) -> None:
    """Labels never stand for another content than the plan's: the ledger says to plan again."""
    shutil.copytree(sessions, tmp_path / "data")
    study = tmp_path / "study"
    write_plan(study, plan_files([tmp_path / "data" / "other.nwb"], study=study))
    os.utime(tmp_path / "data" / "other.nwb", ns=(1, 1))
    (line,) = label_study(study, study_options(TaskOptions()))
    assert line["reason"] == "FileChangedError"
    assert not list(study.glob("dandiset/*/*.nwb"))


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["--workers", "2"], ["--scheduler", "local", "--workers", "2"]])
def test_ctrl_c_ends_a_run_in_one_line(tmp_path, sessions, arguments: list[str]) -> None:
    """Ctrl-C, which every process of a terminal gets, ends a run without a traceback; another run does the rest."""
    study, data = tmp_path / "study", tmp_path / "data"
    data.mkdir()
    for number in range(12):
        shutil.copy(sessions / "other.nwb", data / f"{number}.nwb")
    write_plan(study, plan_files([data], study=study))
    command = [sys.executable, "-m", "nwb_unitrefine", "dandiset", "label", str(study), *arguments]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, start_new_session=True) as run:
        while run.poll() is None and not (study / "ledger.jsonl").exists():
            pass
        os.killpg(run.pid, signal.SIGINT)
        _, printed = run.communicate()
    assert run.returncode == 130, printed
    assert "Interrupted: run the command again to go on." in printed
    assert "Traceback" not in printed
    subprocess.run(command[: -len(arguments) or None], check=True, capture_output=True)
    keys = [json.loads(line)["key"] for line in (study / "ledger.jsonl").read_text().splitlines()]
    assert len(keys) == len(set(keys)) == 12
    assert not list((study / ".in-work").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--workers", "2"], ["--scheduler", "local", "--workers", "2"]])
def test_a_killed_client_leaves_a_study_that_goes_on(tmp_path, sessions, arguments: list[str]) -> None:
    """Kill the client after its first line; another run does the rest, and each file is in the ledger once."""
    study = tmp_path / "study"
    write_plan(study, plan_files([sessions], study=study))
    command = [sys.executable, "-m", "nwb_unitrefine", "dandiset", "label", str(study), *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as run:
        while run.poll() is None and not (study / "ledger.jsonl").exists():
            pass
        run.kill()
    subprocess.run(command, check=False, capture_output=True)
    keys = [json.loads(line)["key"] for line in (study / "ledger.jsonl").read_text().splitlines()]
    assert len(keys) == len(set(keys)) == 4
    assert len(list(study.glob("dandiset/*/*.nwb"))) == 3
    assert not list((study / ".in-work").iterdir())


@pytest.mark.slow
def test_labels_with_other_options_replace_those_before_in_the_ledger_too(tmp_path, sessions) -> None:
    """A derived file holds the labels of one set of options; with the former ones again, it is made again."""
    study = tmp_path / "study"
    write_plan(study, plan_files([sessions / "other.nwb"], study=study))
    first, second = study_options(TaskOptions()), study_options(TaskOptions(columns="quality"))
    for options, name in ((first, "unitrefine_label"), (second, "quality_label"), (first, "unitrefine_label")):
        (line,) = label_study(study, options)
        with h5py.File(study / "dandiset" / line["output"]) as file:
            assert name in file["units"]
        assert study_status(study).n_labelled == 1
        assert len(list(study.glob("records/*/*.json"))) == 1
    assert list(label_study(study, first)) == []


@pytest.mark.slow
def test_a_derived_file_that_is_gone_is_named_and_made_again_on_request(tmp_path, sessions) -> None:
    """Neither check nor upload goes on without it; `--retry-failed` makes it again, and nothing else."""
    study = tmp_path / "study"
    write_plan(study, plan_files([sessions / "other.nwb", sessions / "sub-m1_ses-a_ecephys.nwb"], study=study))
    options = study_options(TaskOptions())
    lines = list(label_study(study, options))
    (study / "dandiset" / lines[0]["output"]).unlink()
    with pytest.raises(SourceError, match="--retry-failed"):
        made_files(study)
    assert list(label_study(study, options)) == []
    again = list(label_study(study, options, retry_failed=True))
    assert [line["id"] for line in again] == [lines[0]["id"]]
    assert made_files(study) == sorted(line["output"] for line in lines)


@pytest.mark.slow
def test_two_runs_at_once_share_a_study(tmp_path, sessions) -> None:
    """Runs that are started together do each entry once between them, and both end well."""
    study, data = tmp_path / "study", tmp_path / "data"
    data.mkdir()
    for number in range(6):
        shutil.copy(sessions / "other.nwb", data / f"{number}.nwb")
    write_plan(study, plan_files([data], study=study))
    command = [sys.executable, "-m", "nwb_unitrefine", "dandiset", "label", str(study), "--json"]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    done = [json.loads(run.communicate()[0]) for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert sum(one["n_labelled"] for one in done) == 6
    keys = [json.loads(line)["key"] for line in (study / "ledger.jsonl").read_text().splitlines()]
    assert len(keys) == len(set(keys)) == 6


def _no_room(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.slow
@pytest.mark.parametrize("where", ["ledger.write_at", "tasks.write_curation", "tasks.record_path"])
def test_a_full_disk_ends_the_run_and_is_no_refusal_of_a_file(tmp_path, sessions, monkeypatch, where: str) -> None:
    """Where there is no room for a derived file, its record or a line, one error ends the run; later it goes on."""
    study = tmp_path / "study"
    write_plan(study, plan_files([sessions / "other.nwb"], study=study))
    options = study_options(TaskOptions())
    with monkeypatch.context() as patched:
        patched.setattr(f"nwb_unitrefine.batch.{where}", _no_room)
        with pytest.raises(UnitRefineError, match="No space left"):
            list(label_study(study, options))
    assert study_status(study).n_waiting == 1
    assert not list(study.glob(".in-work/*"))
    assert [line["outcome"] for line in label_study(study, options)] == ["labelled"]


SEVERAL = """
import json, sys
from pathlib import Path
from nwb_unitrefine.batch.plan import plan_files, write_plan
from nwb_unitrefine.batch.study import Workforce, label_study, study_options
from nwb_unitrefine.batch.tasks import TaskOptions
from nwb_unitrefine.errors import ModelError

if __name__ == "__main__":
    place, sessions, workers = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    write_plan(place, plan_files([sessions], study=place))
    try:
        study_options(TaskOptions(model=("no/such-model",)), workers=workers)
    except ModelError as error:
        refused = error.message
    options = study_options(TaskOptions(), workers=workers)
    lines = list(label_study(place, options, workforce=Workforce(workers=workers)))
    digest, outcomes = options.model_digest, sorted(line["outcome"] for line in lines)
    print(json.dumps([digest, refused, outcomes]))
"""


@pytest.mark.slow
def test_several_workers_label_as_one_does(tmp_path, sessions) -> None:
    """With a model that one process loaded for all, each record is that of one worker; a bad model is refused alike."""
    found, records = [], []
    for workers in (1, 2):
        study = tmp_path / f"study_{workers}"
        command = [sys.executable, "-W", "error::DeprecationWarning", "-c", SEVERAL, study, sessions, str(workers)]
        found.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))
        records.append({path.name: json.loads(path.read_text()) for path in study.glob("records/*/*.json")})
    assert found[0] == found[1]
    assert found[0][2] == ["labelled", "labelled", "labelled", "refused"]
    assert len(records[0]) == 3
    assert records[0] == records[1]
