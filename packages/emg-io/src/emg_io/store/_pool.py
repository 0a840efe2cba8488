"""Many jobs on any executor, few of them waiting at a time, results in the order of the jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Executor, Future

IN_FLIGHT = 128

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


def run_all(
    work: Callable[[_Job], _Result],
    jobs: Iterable[_Job],
    executor: Executor | None = None,
    on_done: Callable[[int], None] | None = None,
) -> list[_Result]:
    """Run jobs here (None) or on an executor, and return their results in order.

    At most `IN_FLIGHT` jobs are submitted at a time. When one fails no more are submitted; those under way are waited
    for, and the error of the earliest job is raised. ``on_done`` is told how many have ended.
    """
    tell = on_done or _nobody
    if executor is None:
        results = []
        for done, job in enumerate(jobs, 1):
            results.append(work(job))
            tell(done)
        return results
    return _run_on(executor, work, jobs, tell)


def _nobody(done: int) -> None:
    """Listen to progress for nobody."""


def _run_on(
    executor: Executor, work: Callable[[_Job], _Result], jobs: Iterable[_Job], tell: Callable[[int], None]
) -> list[_Result]:
    """Keep an executor fed; the nonce keeps those that remember results by arguments, as Dask does, from doing so."""
    from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, wait
    from uuid import uuid4

    results: dict[int, _Result] = {}
    waiting: dict[Future[_Result], int] = {}
    numbered, nonce = enumerate(jobs), uuid4().hex
    try:
        while True:
            while len(waiting) < IN_FLIGHT and (item := next(numbered, None)) is not None:
                waiting[executor.submit(_once, nonce, work, item[1])] = item[0]
            if not waiting:
                return [results[number] for number in range(len(results))]
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=waiting.__getitem__):
                results[waiting[future]] = future.result()
                del waiting[future]
            tell(len(results))
    except BrokenExecutor as error:
        raise EmgIoError(
            "a worker died: run the same call again to resume, with fewer workers if memory ran out",
            place="executor",
            found=str(error),
        ) from None
    finally:
        wait([future for future in waiting if not future.cancel()])


def _once(nonce: str, work: Callable[[_Job], _Result], job: _Job) -> _Result:  # noqa: ARG001  see `_run_on`
    """Run a job."""
    return work(job)
