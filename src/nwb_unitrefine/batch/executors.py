"""Run the tasks of a study: one after another, in processes, or on a Dask cluster. No state is kept in any of them."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from nwb_unitrefine.errors import MissingExtraError, SchedulerError, UnitRefineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from multiprocessing.context import BaseContext

__all__ = ["MOST_DEATHS", "WorkerDiedError", "run_tasks"]

Task = TypeVar("Task")
Result = TypeVar("Result")

MOST_DEATHS = 3
"""Workers that may die over one task before it is given up."""

_IN_HAND = 4
"""Tasks that wait on a Dask cluster for each of its threads."""


class WorkerDiedError(Exception):
    """Every worker that a task was given to died, as of too little memory."""


def run_tasks(
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    workers: int = 1,
    scheduler: str = "",
    preload: Sequence[str] = (),
) -> Iterator[tuple[Task, Result | WorkerDiedError]]:
    """Run tasks, and yield each with its result as soon as it is done.

    Parameters
    ----------
    work : callable
        A function of a module. What it raises ends the run. A task whose worker died is given to it again.
    tasks : iterable
        Values that can be pickled; they are taken as they are needed.
    workers : int, optional
        Processes on this machine, with one thread each; 1 for none but this one.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://node1:8786``, or ``local`` for a Dask cluster of `workers`
        processes on this machine.
    preload : sequence of str, optional
        Modules that the work imports: they are imported once for all processes where the system can fork.

    Raises
    ------
    SchedulerError
        If the Dask scheduler cannot be reached, or went away.
    MissingExtraError
        If Dask is needed and not installed.
    """
    if scheduler:
        yield from _on_dask(work, tasks, workers=workers, scheduler=scheduler)
    elif workers > 1:
        yield from _in_processes(work, tasks, workers=workers, start=_start(preload))
    else:
        for task in tasks:
            yield task, work(task)


def _in_processes(
    work: Callable[[Task], Result], tasks: Iterable[Task], *, workers: int, start: BaseContext
) -> Iterator[tuple[Task, Result | WorkerDiedError]]:
    """Give each worker a pool of its own: one that dies then takes its own task with it, and no other."""
    waiting, again = iter(tasks), deque[tuple[Task, int]]()
    pools = [_pool(start) for _ in range(workers)]
    free, running = list(range(workers)), dict[Any, tuple[int, Task, int]]()
    try:
        while True:
            while free and (given := again.popleft() if again else next(((task, 0) for task in waiting), None)):
                place = free.pop()
                running[pools[place].submit(work, given[0])] = (place, *given)
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                place, task, deaths = running.pop(future)
                free.append(place)
                try:
                    result: Result | WorkerDiedError = future.result()
                except BrokenProcessPool:
                    pools[place].shutdown(wait=False)
                    pools[place] = _pool(start)
                    if deaths + 1 < MOST_DEATHS:
                        again.append((task, deaths + 1))
                        continue
                    result = WorkerDiedError()
                yield task, result
    finally:
        for pool in pools:
            pool.shutdown(wait=True, cancel_futures=True)


def _start(preload: Sequence[str]) -> BaseContext:
    """Decide how processes start: as forks of one that has done its imports, where the system has forks, else anew.

    A fork of this process would inherit its threads and locks.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    start = multiprocessing.get_context("forkserver")
    start.set_forkserver_preload(list(preload))
    return start


def _pool(start: BaseContext) -> ProcessPoolExecutor:
    """One process."""
    return ProcessPoolExecutor(1, mp_context=start, initializer=_begin_worker)


def _begin_worker() -> None:
    """Use one thread, leave Ctrl-C to the parent, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _use_one_thread()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """Wait for the end of the parent; a task in hand leaves nothing half written."""
    from multiprocessing.connection import wait as wait_for

    wait_for([sentinel])
    os._exit(1)


def _use_one_thread() -> None:
    """Keep libraries from starting a thread for every core: there is a worker for it."""
    from threadpoolctl import threadpool_limits

    for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    threadpool_limits(1)


def _begin_dask_worker() -> None:
    """Use one thread, and leave Ctrl-C to the client, whose nannies end their workers."""
    with suppress(ValueError):  # where tasks do not run in the main thread, no signal reaches them
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    _use_one_thread()


def _on_dask(
    work: Callable[[Task], Result], tasks: Iterable[Task], *, workers: int, scheduler: str
) -> Iterator[tuple[Task, Result | WorkerDiedError]]:
    """Keep a few tasks on the cluster for each of its threads; Dask gives those of a dead worker to another."""
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtraError("distributed", extra="cluster", purpose="to run on a Dask cluster") from error
    place: dict[str, Any] = {"address": scheduler}
    if scheduler == "local":
        place = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
        place["silence_logs"] = logging.CRITICAL  # a Ctrl-C would print the tracebacks of every part
    try:
        client = Client(**place, set_as_default=False, timeout="20s")
    except (OSError, ValueError) as error:
        raise _gone(scheduler) from error
    try:
        if scheduler == "local":
            client.run(_begin_dask_worker)
        yield from _keep_busy(client, work, tasks, scheduler)
    except (OSError, TimeoutError) as error:
        raise _gone(scheduler) from error
    finally:
        client.close(timeout=5)


def _keep_busy(
    client: Any, work: Callable[[Task], Result], tasks: Iterable[Task], scheduler: str
) -> Iterator[tuple[Task, Result | WorkerDiedError]]:
    """Submit a further task for each that is done."""
    from distributed import KilledWorker, as_completed

    waiting, known = iter(tasks), dict[Any, Task]()

    def submit(task: Task) -> Any:
        future = client.submit(work, task, pure=False)
        known[future] = task
        return future

    in_hand = _IN_HAND * max(1, sum(client.nthreads().values()))
    done = as_completed([submit(task) for task in islice(waiting, in_hand)], loop=client.loop)
    for future in done:
        task = known.pop(future)
        failure = None if future.status in {"cancelled", "lost"} else future.exception()
        if isinstance(failure, UnitRefineError):
            raise failure
        if future.status != "finished" and not isinstance(failure, KilledWorker):
            raise _gone(scheduler) from failure
        yield task, WorkerDiedError() if failure is not None else future.result()
        for further in islice(waiting, 1):
            done.add(submit(further))


def _gone(scheduler: str) -> SchedulerError:
    return SchedulerError(
        f"The Dask scheduler {scheduler} cannot be reached, or a task cannot run on its workers.",
        tip="Workers need this package and the study's folder at the same path. Run again to go on: what is done stays "
        "done.",
    )
