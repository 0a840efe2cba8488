"""Splits work over rows between threads: kernels release the interpreter lock, so plain threads are enough.

The threads live as long as one call. Nothing is kept, so a process may be forked at any time between calls. A thread
costs some tens of microseconds to start; short signals are faster with one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._checks import whole

if TYPE_CHECKING:
    from collections.abc import Callable

ROW_BLOCK = 16
"""Rows that kernels advance together; blocks are whole multiples of it, so that no lane idles in the middle."""
_BLOCKS_PER_THREAD = 4


def checked_threads(threads: int) -> int:
    """Return ``threads``, or raise unless it is a whole number of at least 1."""
    return whole(threads, "threads", 1)


def over_rows(n_rows: int, threads: int, job: Callable[[int, int], None], *, multiple: int = ROW_BLOCK) -> None:
    """Run ``job(start, stop)`` over blocks of rows that together are ``0 ... n_rows``, on several threads.

    Parameters
    ----------
    n_rows : int
        Rows in all; 0 runs nothing.
    threads : int
        Threads at most, >= 1. One runs the whole range at once in the calling thread.
    job : callable
        Writes the rows ``start ... stop - 1`` of the result and nothing else. A row's values must not depend on the
        block it is in; then they do not depend on ``threads`` either. Compile its kernel before.
    multiple : int
        Every block but the last has a multiple of so many rows; pass 1 where each row is much work by itself.

    Raises
    ------
    EmgDspError
        If ``threads`` is not a whole number of at least 1. What a job raises is raised after all jobs have ended.
    """
    blocks = row_blocks(n_rows, checked_threads(threads), multiple)
    if len(blocks) < 2:
        for start, stop in blocks:
            job(start, stop)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(threads, len(blocks))) as pool:
        jobs = [pool.submit(job, start, stop) for start, stop in blocks]
    for done in jobs:
        done.result()


def row_blocks(n_rows: int, threads: int, multiple: int = ROW_BLOCK) -> list[tuple[int, int]]:
    """Cut rows into blocks: one for one thread, else some for each, so that a thread that is held up holds up few."""
    if n_rows <= 0:
        return []
    wanted = 1 if threads == 1 else _BLOCKS_PER_THREAD * threads
    units = -(-n_rows // multiple)
    size = -(-units // wanted) * multiple
    return [(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]
