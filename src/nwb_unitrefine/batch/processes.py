"""Worker processes that do one task at a time: one that dies takes its own task with it, and no other."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import traceback
import warnings
from collections import deque
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import islice
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from multiprocessing.connection import Connection

__all__ = ["MOST_DEATHS", "WorkerDiedError", "can_fork", "import_for_workers", "run_in_processes", "use_one_thread"]

Task = TypeVar("Task")
Result = TypeVar("Result")

MOST_DEATHS = 3
"""Workers that may die over one task before it is given up."""

_KNOW_OF_FORKS = {"jemalloc_bg_thd"}
"""Names of threads of libraries, and ids of those that imports started, which a fork does without: they hold no lock
while they are idle, and are started again where they are needed."""


class WorkerDiedError(Exception):
    """Every worker that a task was given to died, as of too little memory."""


def run_in_processes(
    work: Callable[[Task], Result], tasks: Iterable[Task], *, workers: int, preload: Sequence[str] = ()
) -> Iterator[tuple[Task, Result | WorkerDiedError]]:
    """Run tasks in processes of this machine, which begin at once: see `executors.run_tasks`.

    Parameters
    ----------
    work : callable
        A function of a module.
    tasks : iterable
        No more are taken than there are workers for.
    workers : int
    preload : sequence of str, optional
        Modules that the work imports: they are imported once for all processes where the system can fork.

    Returns
    -------
    iterator of (task, result)
    """
    waiting = iter(tasks)
    first = list(islice(waiting, workers))
    crew = [_Worker(work, preload) for _ in first]
    running = dict[Any, tuple[_Worker[Task, Result], Task, int]]()
    for worker, task in zip(crew, first, strict=True):
        worker.give(task)
        running[worker.connection] = (worker, task, 0)
    return _give_out(crew, running, waiting)


def _give_out(
    crew: list[_Worker[Task, Result]],
    running: dict[Any, tuple[_Worker[Task, Result], Task, int]],
    waiting: Iterator[Task],
) -> Iterator[tuple[Task, Result | WorkerDiedError]]:
    """Keep every worker busy, and yield what each gives back; a task whose worker died is given out again."""
    again, free = deque[tuple[Task, int]](), list[_Worker[Task, Result]]()
    try:
        while running:
            done: list[tuple[Task, Result | WorkerDiedError]] = []
            failure: Exception | None = None
            for connection in wait(list(running)):
                worker, task, deaths = running.pop(connection)
                try:
                    done.append((task, worker.take()))
                except EOFError:
                    worker.start()
                    if deaths + 1 < MOST_DEATHS:
                        again.append((task, deaths + 1))
                    else:
                        done.append((task, WorkerDiedError()))
                except Exception as error:  # noqa: BLE001 - raised below, once the results that came with it are out
                    failure = error
                free.append(worker)
            if failure is not None:
                yield from done
                raise failure
            while free and (given := again.popleft() if again else next(((task, 0) for task in waiting), None)):
                worker = free.pop()
                worker.give(given[0])
                running[worker.connection] = (worker, *given)
            yield from done
    finally:
        for worker in crew:
            worker.dismiss()
        for worker in crew:
            worker.end()


class _Worker(Generic[Task, Result]):
    """A process and the connection to it.

    It is a fork of this process, with all that is imported and loaded, where that is sound; where it is not, a fork of
    a process that has done its imports, if the system has forks, and a new process elsewhere.
    """

    def __init__(self, work: Callable[[Task], Result], preload: Sequence[str]) -> None:
        self._work, self._preload = work, list(preload)
        self.start()

    def start(self) -> None:
        """Start a process, in the place of one that died."""
        start = self._context()
        self.connection, theirs = start.Pipe()
        inherited = self.connection if start.get_start_method() == "fork" else None
        self._process = start.Process(target=_serve, args=(theirs, self._work, inherited), daemon=True)
        with _undisturbed():
            self._process.start()
        theirs.close()  # so that the connection ends with the process

    def _context(self) -> Any:  # the contexts' common class has no `Process`
        """Decide how to start a process."""
        if can_fork():
            return multiprocessing.get_context("fork")
        if "forkserver" not in multiprocessing.get_all_start_methods():
            return multiprocessing.get_context("spawn")
        start = multiprocessing.get_context("forkserver")
        start.set_forkserver_preload(self._preload)
        return start

    def give(self, task: Task) -> None:
        """Give it a task; that it died is seen when the result is taken."""
        with suppress(OSError):
            self.connection.send((task,))

    def take(self) -> Result:
        """Return the result of its task, or raise what that raised.

        Raises
        ------
        EOFError
            If it died.
        """
        try:
            result, error = self.connection.recv()
        except OSError as died:
            raise EOFError from died
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]  # what a connection gives has no type

    def dismiss(self) -> None:
        """Let it end once it has done what it has in hand."""
        with suppress(OSError):
            self.connection.send(())

    def end(self) -> None:
        """Wait for its end; what it still sends is not waited for by anybody."""
        with suppress(EOFError, OSError):
            while True:
                self.connection.recv_bytes()
        self._process.join()


def can_fork() -> bool:
    """Whether a fork of this process is sound: nothing is open in HDF5, and no thread of it could hold a lock.

    Threads of OpenBLAS end before a fork, and begin again when they are needed.
    """
    if sys.platform != "linux" or threading.active_count() > 1:
        return False
    from h5py import h5f
    from threadpoolctl import threadpool_info

    if h5f.get_obj_count(h5f.OBJ_ALL, h5f.OBJ_FILE):
        return False
    of_pools = [int(pool["num_threads"]) - 1 for pool in threadpool_info() if pool["internal_api"] == "openblas"]
    others = [thread for thread, name in _threads().items() if not _KNOW_OF_FORKS & {thread, name}]
    return 1 <= len(others) <= 1 + sum(of_pools)


def import_for_workers(modules: Sequence[str]) -> None:
    """Import what forks of this process are to find in it. Threads that libraries start for that are idle pools."""
    before = _threads()
    for name in modules:
        import_module(name)
    _KNOW_OF_FORKS.update(_threads().keys() - before.keys())


def _threads() -> dict[str, str]:
    """Name of each thread of this process by its id; empty where the system does not tell."""
    try:
        return {place.name: (place / "comm").read_text().strip() for place in Path("/proc/self/task").iterdir()}
    except OSError:
        return {}


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep Ctrl-C from a process until it ignores it, and Python from its advice on idle threads.

    This process gets the Ctrl-C afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, work: Callable[[Any], Any], inherited: Connection | None) -> None:
    """Do tasks until there are no more, or the parent has gone or has dropped its end of the connection."""
    if inherited is not None:
        inherited.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    use_one_thread()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    with suppress(EOFError, OSError):
        while given := connection.recv():
            result, failure = None, None
            try:
                result = work(*given)
            except Exception as error:  # noqa: BLE001 - it is raised in the parent, where somebody sees it
                error.add_note(traceback.format_exc())
                failure = error
            _send(connection, result, failure)


def _send(connection: Connection, result: object, failure: Exception | None) -> None:
    """Send what became of a task; what cannot be sent is a failure, and not the death of the worker."""
    try:
        connection.send((result, failure))
    except (TypeError, ValueError, AttributeError) as error:
        what = type(result if failure is None else failure).__name__
        connection.send((None, RuntimeError(f"A worker cannot send a {what} to the study: {error}. {failure or ''}")))


def _end_with(sentinel: int) -> None:
    """Wait for the end of the parent; a task in hand leaves nothing half written."""
    wait([sentinel])
    os._exit(1)


def use_one_thread() -> None:
    """Keep libraries from starting a thread for every core: there is a worker for it."""
    from threadpoolctl import threadpool_limits

    for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    threadpool_limits(1)
