"""Applying a change, all or nothing, and ending one that was interrupted."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from pathlib import Path

import pytest

from nwb_unitrefine.errors import FileBusyError, FileChangedError, JournalError, SourceError, WriteError
from nwb_unitrefine.journal import (
    Edit,
    RecoveryOutcome,
    commit,
    held_for_reading,
    journal_path,
    locked,
    recover,
    recover_if_needed,
    summarize_journal,
)
from nwb_unitrefine.journal.record import Journal
from nwb_unitrefine.journal.secret import secret_for_writing

OLD, NEW = b"a" * 5000, b"a" * 4096 + b"b" * 5000
EDIT = Edit("", 4096, OLD[4096:], NEW[4096:])
SIZES = {"size_before": len(OLD), "size_after": len(NEW)}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A file to change."""
    path = tmp_path / "session.nwb"
    path.write_bytes(OLD)
    return path


def interrupt(target: Path, *, content: bytes) -> None:
    """Leave a complete journal beside a target of given content."""
    journal_path(target).write_bytes(Journal(target.name, len(OLD), len(NEW), (EDIT,)).sealed(secret_for_writing()))
    target.write_bytes(content)


@pytest.mark.parametrize("applied", [0, 1, 904, 2000, 5000])
def test_an_interrupted_write_is_finished(target: Path, applied: int) -> None:
    """However far a write got, recovery finishes it, and leaves no journal."""
    interrupt(target, content=(NEW[: 4096 + applied] + OLD[4096 + applied :]))
    assert recover(target).outcome is RecoveryOutcome.FINISHED
    assert target.read_bytes() == NEW
    assert not journal_path(target).exists()


@pytest.mark.parametrize("applied", [0, 1, 904, 2000, 5000])
def test_an_interrupted_write_is_taken_back(target: Path, applied: int) -> None:
    """However far a write got, it can be undone."""
    interrupt(target, content=(NEW[: 4096 + applied] + OLD[4096 + applied :]))
    assert recover(target, undo=True).outcome is RecoveryOutcome.UNDONE
    assert target.read_bytes() == OLD


def test_recovering_twice_is_recovering_once(target: Path) -> None:
    """Where nothing was interrupted, nothing happens."""
    interrupt(target, content=OLD)
    recover(target)
    assert recover(target).outcome is RecoveryOutcome.NOTHING
    assert target.read_bytes() == NEW


@pytest.mark.slow
def test_a_journal_that_was_not_complete_is_dropped(target: Path) -> None:
    """At whatever byte the writing of a journal stopped, the file is as it was, and the rest of the journal goes."""
    content, _, _ = Journal(target.name, len(OLD), len(NEW), (EDIT,)).encode(secret_for_writing())
    for length in range(0, len(content), 7):
        for tail in (b"", bytes(len(content) - length)):
            journal_path(target).write_bytes(content[:length] + tail)
            with held_for_reading(target):  # a reader is not kept waiting, and removes nothing
                assert journal_path(target).exists()
            assert recover(target).outcome is RecoveryOutcome.DISCARDED
            assert target.read_bytes() == OLD
            assert not journal_path(target).exists()


@pytest.mark.parametrize("applied", [1, 904, 2000, 4999])
def test_a_journal_that_lost_its_end_is_kept_while_the_file_is_half_written(target: Path, applied: int) -> None:
    """Its bytes may be the only ones: it is not dropped, whatever is left of them, and the tip says what to do."""
    interrupt(target, content=(half := NEW[: 4096 + applied]))
    content = journal_path(target).read_bytes()
    for length in range(len(content) - len(EDIT.before) - len(EDIT.after), len(content), 97):
        journal_path(target).write_bytes(content[:length])
        with pytest.raises(JournalError, match="may be half written") as refusal:
            recover(target)
        assert "Restore the file from a copy" in refusal.value.tip
        assert journal_path(target).read_bytes() == content[:length]
    assert target.read_bytes() == half


@pytest.mark.parametrize(
    ("place", "damage"), [(120, b"?"), (-100, b"?"), (-5000, bytes(4096)), (-1, b"?"), (3, b"?")], ids=str
)
def test_a_damaged_journal_is_kept_while_the_file_is_half_written(target: Path, place: int, damage: bytes) -> None:
    """Damage in its first line, its head, its bytes or its digest does not look like a write that had not begun."""
    interrupt(target, content=(half := NEW[:6000]))
    content = bytearray(journal_path(target).read_bytes())
    place %= len(content)
    content[place : place + len(damage)] = damage
    journal_path(target).write_bytes(content)
    with pytest.raises(JournalError):
        recover(target)
    assert journal_path(target).read_bytes() == content
    assert target.read_bytes() == half


def test_a_damaged_journal_is_not_needed_once_the_file_is_whole(target: Path) -> None:
    """Where everything was written, it is found to be; only to take that back, the bytes are needed."""
    interrupt(target, content=NEW)
    content = journal_path(target).read_bytes()[:-1000]
    journal_path(target).write_bytes(content)
    with pytest.raises(JournalError, match="is damaged"):
        recover(target, undo=True)
    assert recover(target).outcome is RecoveryOutcome.FINISHED
    assert target.read_bytes() == NEW
    assert not journal_path(target).exists()


@pytest.mark.parametrize("half", [False, True])
def test_a_journal_of_a_folder_that_lost_its_end(tmp_path: Path, *, half: bool) -> None:
    """It is dropped while every file is as it was, and kept once one is not."""
    folder = tmp_path / "store.zarr"
    folder.mkdir()
    (folder / ".zattrs").write_bytes(b"{}")
    edits = (Edit("new/0", 0, None, b"new"), Edit(".zattrs", 0, b"{}", b"{1}"))
    journal_path(folder).write_bytes(Journal(folder.name, -1, -1, edits).sealed(secret_for_writing())[:-3])
    if half:
        (folder / "new").mkdir()
        (folder / "new" / "0").write_bytes(b"new")
        with pytest.raises(JournalError, match="may be half written"):
            recover(folder)
    else:
        assert recover(folder).outcome is RecoveryOutcome.DISCARDED
    assert journal_path(folder).exists() is half


def test_the_journal_of_another_write_is_not_touched(target: Path) -> None:
    """A writer that finds a journal where it wants to put its own leaves file and journal as they are."""
    with locked(target) as descriptor:
        journal_path(target).write_bytes(b"of another")
        with pytest.raises(FileBusyError, match=r"session\.nwb was not changed: .* is there"):
            commit(target, (EDIT,), descriptor=descriptor, **SIZES)
    assert journal_path(target).read_bytes() == b"of another"
    assert target.read_bytes() == OLD


def test_recovery_may_be_given_the_journal(target: Path) -> None:
    """The journal's own path stands for its file."""
    interrupt(target, content=OLD)
    found = recover(journal_path(target))
    assert (found.path, found.outcome) == (target, RecoveryOutcome.FINISHED)
    assert target.read_bytes() == NEW


def test_recovery_of_what_is_not_there_is_refused(target: Path) -> None:
    """Neither a misspelt name nor a file that went missing after an interrupted write passes for recovered."""
    with pytest.raises(SourceError, match=r"other\.nwb does not exist"):
        recover(target.with_name("other.nwb"))
    interrupt(target, content=OLD)
    target.unlink()
    with pytest.raises(JournalError, match=r"session\.nwb does not exist") as refusal:
        recover(target)
    assert "Put it back" in refusal.value.tip
    assert journal_path(target).exists()


@pytest.mark.parametrize("length", [237, 255])
def test_a_name_too_long_for_a_journal_is_read_and_not_written(tmp_path: Path, length: int) -> None:
    """No journal can be beside it: it is read as it is, and a write is refused with what helps."""
    path = tmp_path / ("a" * (length - 4) + ".nwb")
    path.write_bytes(OLD)
    with held_for_reading(path):
        assert recover(path).outcome is RecoveryOutcome.NOTHING
    with pytest.raises(WriteError, match="too long") as refusal, locked(path) as descriptor:
        commit(path, (EDIT,), descriptor=descriptor, **SIZES)
    assert "shorten its name" in refusal.value.tip
    assert path.read_bytes() == OLD


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    """What is neither a file nor a folder is not opened: a pipe would not come back before someone writes to it."""
    pipe = tmp_path / "pipe.nwb"
    os.mkfifo(pipe)
    with pytest.raises(SourceError, match=r"pipe\.nwb is neither a file nor a folder"), held_for_reading(pipe):
        pass
    with pytest.raises(SourceError, match=r"pipe\.nwb is neither a file nor a folder"), locked(pipe):
        pass


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_a_journal_may_be_read_by_those_who_may_read_the_file(
    target: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    """Its bytes are the file's: it has the file's mode while it is there."""
    target.chmod(mode)
    modes = []
    real = os.ftruncate

    def looking(descriptor: int, size: int) -> None:
        modes.append(stat.S_IMODE(journal_path(target).stat().st_mode))
        real(descriptor, size)

    monkeypatch.setattr(os, "ftruncate", looking)
    with locked(target) as descriptor:
        commit(target, (Edit("", 0, OLD, b"short"),), descriptor=descriptor, size_before=len(OLD), size_after=5)
    assert modes == [mode]
    assert target.read_bytes() == b"short"


def test_a_file_of_a_folder_keeps_its_mode(tmp_path: Path) -> None:
    """Who may read and write a file of a store is what it was after the file was replaced."""
    folder = tmp_path / "store.zarr"
    folder.mkdir()
    for number, mode in enumerate((0o600, 0o664)):
        (folder / f"{number}").write_bytes(b"{}")
        (folder / f"{number}").chmod(mode)
    edits = [Edit(f"{number}", 0, b"{}", b"{1}") for number in range(2)]
    with locked(folder) as descriptor:
        commit(folder, edits, descriptor=descriptor)
    assert [stat.S_IMODE((folder / f"{number}").stat().st_mode) for number in range(2)] == [0o600, 0o664]
    assert (folder / "1").read_bytes() == b"{1}"


def test_a_file_that_was_changed_since_is_refused(target: Path) -> None:
    """Pages are not written into a file that someone else has changed; file and journal stay."""
    interrupt(target, content=OLD[:4500] + b"?" + OLD[4501:])
    with pytest.raises(JournalError, match="has been changed since"):
        recover(target)
    assert target.read_bytes() == OLD[:4500] + b"?" + OLD[4501:]
    assert journal_path(target).exists()


@pytest.mark.parametrize("content", [OLD[:100], NEW + b"more"])
def test_a_file_of_another_size_is_refused(target: Path, content: bytes) -> None:
    """A file that is shorter than before, or longer than after, is not the journal's."""
    interrupt(target, content=content)
    with pytest.raises(JournalError, match="has been changed since"):
        recover(target)
    assert target.read_bytes() == content


def test_a_journal_of_another_file_is_refused(target: Path) -> None:
    """A journal knows its file by name."""
    interrupt(target, content=OLD)
    other = target.with_name("other.nwb")
    other.write_bytes(OLD)
    journal_path(target).rename(journal_path(other))
    with pytest.raises(JournalError, match=r"journal of another file, session\.nwb"):
        recover(other)
    assert other.read_bytes() == OLD


def test_a_file_in_use_is_waited_for_in_vain(target: Path) -> None:
    """The lock of a reader keeps a writer out, with an error that says so."""
    with target.open("rb") as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        with pytest.raises(FileBusyError, match="open in another program"), locked(target, patience_s=0):
            pass


def test_taking_the_lock_finishes_what_was_interrupted(target: Path) -> None:
    """No write begins on a file that is half written."""
    interrupt(target, content=OLD)
    with locked(target):
        assert target.read_bytes() == NEW


def test_reading_finishes_what_was_interrupted(target: Path) -> None:
    """A reader that asks first sees the new file."""
    interrupt(target, content=NEW[:4200] + OLD[4200:])
    recover_if_needed(target)
    assert target.read_bytes() == NEW


@pytest.mark.parametrize("call", ["pwrite", "fsync", "ftruncate"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_call_that_fails_leaves_the_old_file(
    target: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, number: int
) -> None:
    """Whatever call fails, the file is as it was and the error says so; if none did, it is the new one."""
    real, count = getattr(os, call), 0

    def failing(*arguments: object) -> object:
        nonlocal count
        count += 1
        if count == number:
            raise OSError(code, os.strerror(code))
        return real(*arguments)

    monkeypatch.setattr(os, call, failing)
    edits = (EDIT, Edit("", 0, OLD[:10], b"c" * 10))
    messages = [os.strerror(code)]
    try:
        with locked(target) as descriptor:
            commit(target, edits, descriptor=descriptor, **SIZES)
        expected = b"c" * 10 + NEW[10:]
    except WriteError as error:
        messages.append(error.message)
        expected = OLD
    monkeypatch.undo()
    assert messages[0] in messages[-1]
    assert target.read_bytes() == expected
    recover(target)
    assert target.read_bytes() == expected
    assert not journal_path(target).exists()


def test_a_disk_that_fails_for_good_leaves_a_journal_that_recovers(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a write can neither be finished nor taken back, the error says how to recover, and that works."""
    real, count = os.pwrite, 0

    def failing(descriptor: int, data: bytes, offset: int) -> int:
        nonlocal count
        count += 1
        if count > 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", failing)
    with pytest.raises(WriteError) as failure, locked(target) as descriptor:
        commit(target, (Edit("", 0, OLD[:10], b"c" * 10), EDIT), descriptor=descriptor, **SIZES)
    assert "nwb-unitrefine recover session.nwb" in failure.value.tip
    monkeypatch.undo()
    assert recover(target).outcome is RecoveryOutcome.FINISHED
    assert target.read_bytes() == b"c" * 10 + NEW[10:]


def test_a_folder_that_may_not_be_written_is_said(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without room for a journal beside it, a file is not touched, and the error says what is needed."""
    real = os.open

    def refusing(path: Path, flags: int, *mode: int, dir_fd: int | None = None) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, flags, *mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(WriteError) as refusal, locked(target) as descriptor:
        commit(target, (EDIT,), descriptor=descriptor, **SIZES)
    assert "allowed to write to its folder" in refusal.value.tip
    assert target.read_bytes() == OLD


def test_a_folder_is_changed_file_by_file(tmp_path: Path) -> None:
    """In a folder, files appear, change and vanish; recovery takes it back, folders and all."""
    folder = tmp_path / "store.zarr"
    (folder / "gone").mkdir(parents=True)
    (folder / "gone" / "0").write_bytes(b"old")
    (folder / ".zattrs").write_bytes(b"{}")
    edits = (
        Edit("new/deep/0", 0, None, b"new"),
        Edit(".zattrs", 0, b"{}", b"{1}"),
        Edit("gone/0", 0, b"old", None),
    )
    with locked(folder) as descriptor:
        commit(folder, edits, descriptor=descriptor)
    assert (folder / "new/deep/0").read_bytes() == b"new"
    assert (folder / ".zattrs").read_bytes() == b"{1}"
    assert not (folder / "gone").exists()
    journal_path(folder).write_bytes(Journal(folder.name, -1, -1, edits).sealed(secret_for_writing()))
    assert recover(folder, undo=True).outcome is RecoveryOutcome.UNDONE
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*")) == [".zattrs", "gone", "gone/0"]


def test_a_store_is_taken_back_in_the_reverse_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What refers to new files goes first, so that a reader half-way never follows it to what is gone."""
    folder = tmp_path / "store.zarr"
    folder.mkdir()
    edits = tuple(Edit(f"{number}", 0, b"old", b"new") for number in range(3))
    for number in range(3):
        (folder / f"{number}").write_bytes(b"new")
    journal_path(folder).write_bytes(Journal(folder.name, -1, -1, edits).sealed(secret_for_writing()))
    order, real = [], os.replace

    def noting(old: str, new: str, **folders: int) -> None:
        order.append(new)
        real(old, new, **folders)

    monkeypatch.setattr(os, "replace", noting)
    assert recover(folder, undo=True).outcome is RecoveryOutcome.UNDONE
    assert order == ["2", "1", "0"]


@pytest.mark.parametrize("is_folder", [False, True])
def test_every_step_is_on_the_disk_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_folder: bool
) -> None:
    """The journal, its seal, its name, the target, and that the journal is gone: each is waited for."""
    place = tmp_path / "target"
    if is_folder:
        place.mkdir()
        (place / "0").write_bytes(b"old")
        edits, sizes = (Edit("0", 0, b"old", b"new"),), {}
    else:
        place.write_bytes(OLD)
        edits, sizes = (EDIT,), SIZES
    log: list[str] = []

    def noted(name: str) -> None:
        real = getattr(os, name)

        def call(*arguments: object, **options: object) -> object:
            if isinstance(arguments[0], int):
                log.append(f"{name} {Path(f'/proc/self/fd/{arguments[0]}').readlink().name}")
            elif name == "unlink" and "journal" in str(arguments[0]):
                log.append("unlink journal")
            return real(*arguments, **options)

        monkeypatch.setattr(os, name, call)

    secret_for_writing()
    for name in ("pwrite", "fsync", "unlink"):
        noted(name)
    with locked(place) as descriptor:
        commit(place, edits, descriptor=descriptor, **sizes)
    journal = journal_path(place).name
    seal = [f"pwrite {journal}", f"fsync {journal}"]
    assert log[:5] == [*seal, *seal, f"fsync {tmp_path.name}"]
    assert log[-3:] == ["fsync target", "unlink journal", f"fsync {tmp_path.name}"]
    expected = [entry.partition(" ")[0] for entry in log[5:-3]]
    assert expected == (["pwrite", "fsync"] if is_folder else ["pwrite"])


@pytest.mark.parametrize("is_folder", [False, True])
def test_what_has_no_name_yet_needs_no_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_folder: bool
) -> None:
    """It is changed in place, and put on the disk by whoever gives it its name: only new parts are waited for here."""
    place = tmp_path / "target"
    if is_folder:
        place.mkdir()
        (place / "0").write_bytes(b"old")
    else:
        place.write_bytes(OLD)
    edits, sizes = ((Edit("0", 0, b"old", b"new"),), {}) if is_folder else ((EDIT,), SIZES)

    waited_for, real = [], os.fsync

    def noting(descriptor: int) -> None:
        waited_for.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    with locked(place) as descriptor:
        commit(place, edits, descriptor=descriptor, unnamed=True, **sizes)
    assert (place / "0" if is_folder else place).read_bytes() == (b"new" if is_folder else NEW)
    assert all(one.parent == place for one in waited_for)
    assert list(tmp_path.iterdir()) == [place]


def test_a_file_that_is_replaced_meanwhile_is_not_said_to_be_written(target: Path) -> None:
    """Where another file has taken the name, the error says that it has no labels, and no journal stays beside it."""
    other = target.with_name("other")
    other.write_bytes(b"another file")
    with pytest.raises(FileChangedError, match="was replaced by another program"), locked(target) as descriptor:
        commit(target, (EDIT,), descriptor=descriptor, require_unchanged=lambda: other.replace(target), **SIZES)
    assert target.read_bytes() == b"another file"
    assert not journal_path(target).exists()


def test_a_target_that_changed_is_not_touched(target: Path) -> None:
    """It is looked at once more when no other writer can begin; the journal is taken away."""

    def changed() -> None:
        raise FileChangedError("changed")

    with pytest.raises(FileChangedError, match="changed"), locked(target) as descriptor:
        commit(target, (EDIT,), descriptor=descriptor, require_unchanged=changed, **SIZES)
    assert target.read_bytes() == OLD
    assert not journal_path(target).exists()


def test_the_journal_of_another_user_is_not_applied(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That user finishes it; the file and the journal stay as they are."""
    interrupt(target, content=OLD)
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    with pytest.raises(JournalError, match="belongs to another user"):
        recover_if_needed(target)
    assert target.read_bytes() == OLD
    assert journal_path(target).exists()


def test_a_journal_from_elsewhere_is_looked_at_and_then_trusted(target: Path) -> None:
    """A stranger's is never applied by itself; shown, it changes nothing; on request, it is finished."""
    journal_path(target).write_bytes(Journal(target.name, len(OLD), len(NEW), (EDIT,)).sealed(b"s" * 32))
    for call in (recover, recover_if_needed):
        with pytest.raises(JournalError, match="not written by you on this machine"):
            call(target)
    summary = summarize_journal(target)
    assert summary is not None
    assert (summary.is_own, summary.is_whole, summary.state) == (False, True, "before")
    assert summary.places == ("bytes 4096 to 9096",)
    assert target.read_bytes() == OLD
    assert recover(target, trusted=True).outcome is RecoveryOutcome.FINISHED
    assert target.read_bytes() == NEW
    assert summarize_journal(target) is None


def test_a_copy_beside_its_journal_is_recovered(target: Path) -> None:
    """A folder that its user moves or copies keeps what a crash left in it, and is recovered by itself."""
    interrupt(target, content=NEW[:6000])
    elsewhere = target.parent.parent / "elsewhere"
    shutil.copytree(target.parent, elsewhere)
    recover_if_needed(elsewhere / target.name)
    assert (elsewhere / target.name).read_bytes() == NEW
