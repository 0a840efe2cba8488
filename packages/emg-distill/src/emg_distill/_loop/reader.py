"""Batches read by a thread while a step runs."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from emg_distill._examples.batch import Batch

from .sampling import Draw

Read = Callable[[Draw], Batch]


def read_ahead(read: Read, draws: Iterable[Draw], ahead: int) -> Generator[tuple[Draw, Batch], None, None]:
    """Yield every draw with its batch, in order.

    Parameters
    ----------
    read
        Reads a batch; a pure function, so that it does not matter when it runs. What it raises is raised here, when its
        turn comes.
    draws
        What to read; taken one by one, `ahead` of the batch that is out.
    ahead
        Batches to read before they are asked for, by one thread; 0 reads in the caller's thread.

    Notes
    -----
    Close the generator (`contextlib.closing`) to be sure that the thread has ended.
    """
    if not ahead:
        for draw in draws:
            yield draw, read(draw)
        return
    pending: deque[tuple[Draw, Future[Batch]]] = deque()
    pool = ThreadPoolExecutor(1, thread_name_prefix="emg-distill-reader")
    try:
        for draw in draws:
            pending.append((draw, pool.submit(read, draw)))
            if len(pending) > ahead:
                yield _next(pending)
        while pending:
            yield _next(pending)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _next(pending: deque[tuple[Draw, Future[Batch]]]) -> tuple[Draw, Batch]:
    draw, future = pending.popleft()
    return draw, future.result()
