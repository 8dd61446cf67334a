"""Run the tasks of a study: one after another, in processes, or on a Dask cluster. No state is kept in any of them."""

from __future__ import annotations

import logging
import signal
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from nwb_unitrefine.batch.interrupts import Interrupts
from nwb_unitrefine.batch.processes import MOST_DEATHS, WorkerDiedError, run_in_processes, use_one_thread
from nwb_unitrefine.errors import MissingExtraError, SchedulerError, UnitRefineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["MOST_DEATHS", "WorkerDiedError", "run_tasks"]

Task = TypeVar("Task")
Result = TypeVar("Result")

_IN_HAND = 4
"""Tasks that wait on a Dask cluster for each of its threads."""


def run_tasks(
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    workers: int = 1,
    scheduler: str = "",
    preload: Sequence[str] = (),
) -> Iterator[tuple[Task, Result | WorkerDiedError]]:
    """Run tasks, and give each with its result as soon as it is done.

    Processes are started at once: what is started afterwards, as a thread that shows the progress, is none of theirs.

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

    Returns
    -------
    iterator of (task, result)
        The result is a `WorkerDiedError` where every worker died that the task was given to.

    Raises
    ------
    SchedulerError
        If the Dask scheduler cannot be reached, or went away.
    MissingExtraError
        If Dask is needed and not installed.
    """
    if scheduler:
        return _on_dask(work, tasks, workers=workers, scheduler=scheduler)
    if workers > 1:
        return run_in_processes(work, tasks, workers=workers, preload=preload)
    return _one_by_one(work, tasks)


def _one_by_one(
    work: Callable[[Task], Result], tasks: Iterable[Task]
) -> Iterator[tuple[Task, Result | WorkerDiedError]]:
    """Do the tasks in this process."""
    interrupts = Interrupts()
    for task in tasks:
        with interrupts.noted():
            result = work(task)
        yield task, result
        interrupts.raise_if_pending()


def _begin_dask_worker() -> None:
    """Use one thread, and leave Ctrl-C to the client, whose nannies end their workers."""
    with suppress(ValueError):  # where tasks do not run in the main thread, no signal reaches them
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    use_one_thread()


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
