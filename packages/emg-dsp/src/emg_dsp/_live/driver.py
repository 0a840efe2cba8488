"""`Live`: a thread that takes chunks from a source, runs them through a stream and hands the results on."""

from __future__ import annotations

from threading import TIMEOUT_MAX, Event, Thread
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Literal, Self

from emg_dsp._arrays import Array, as_signal
from emg_dsp._checks import among, positive
from emg_dsp._errors import EmgDspError

from .latency import Recorder
from .opening import opened, warm
from .report import LiveReport
from .source import Gap, Source, TimedChunk, items_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from numpy.typing import ArrayLike

    from emg_dsp._stages import Stage, Stream

_GAPS = ("raise", "reset", "ignore")
_END = object()


class Live:
    """Runs source, stream and sink in a thread of its own, between ``with`` and the end of its block.

    The thread takes the next chunk when the sink has returned: a slow sink slows the source down, and what happens to
    samples meanwhile is the source's rule (an LSL inlet keeps some seconds, a `ChunkQueue` raises, drops or waits). An
    error in source, stream or sink ends the run and is raised again by `wait`, `stop` and the end of the block.

    Parameters
    ----------
    source : iterable or callable
        Gives chunks (channels, n), `TimedChunk` or `Gap`; a function returns None at the end. If it has ``n_chans`` and
        ``sfreq`` they are checked; if it has ``stop()``, that is called to end a wait for samples.
    stage : Stage or Stream
        What to run. A stream continues where it stands.
    sink : callable
        ``sink(values, time)`` is called in the thread with every result that is not empty, and the time in seconds of
        the newest sample pushed so far, or None where the source has none.
    nan : {"raise", "propagate"}
        As for `Stream`; only for a stage.
    on_gap : {"raise", "reset", "ignore"}
        What to do where samples are missing: end with an error; return the stream to rest; join the ends.
    copy : bool
        False hands the sink a read-only view that holds until it returns, so that nothing is allocated.

    Examples
    --------
    >>> import numpy as np
    >>> import emg_dsp
    >>> chunks = (np.ones((2, 10), dtype=np.float32) for _ in range(5))
    >>> got = []
    >>> with emg_dsp.Live(chunks, emg_dsp.highpass(20, 1000), lambda values, time: got.append(values)) as live:
    ...     live.wait()
    True
    >>> len(got), live.report().n_samples
    (5, 50)
    """

    def __init__(
        self,
        source: Source,
        stage: Stage | Stream,
        sink: Callable[[Array, float | None], object],
        *,
        nan: Literal["raise", "propagate"] = "raise",
        on_gap: Literal["raise", "reset", "ignore"] = "raise",
        copy: bool = True,
    ) -> None:
        if not among(on_gap, _GAPS):
            raise EmgDspError(f"on_gap={on_gap!r}; required is one of {', '.join(_GAPS)}.")
        if not callable(sink):
            raise EmgDspError(f"sink={sink!r}; required is a function of values and time.")
        self._source, self._sink = source, sink
        self._items = items_of(source)
        self._stage, self._stream = opened(source, stage, nan)
        self._nan: Literal["raise", "propagate"] = nan
        self._on_gap, self._copy = on_gap, copy
        self._stopped = Event()
        self._error: BaseException | None = None
        self._processing, self._total = Recorder(), Recorder()
        self._n_samples = self._n_gaps = 0
        self._thread = Thread(target=self._work, name="emg-dsp live", daemon=True)

    @property
    def running(self) -> bool:
        """Whether the thread is at work."""
        return self._thread.is_alive()

    def start(self) -> Self:
        """Compile what will run, then start the thread. Once only."""
        if self._thread.ident is not None:
            raise EmgDspError("this run has been started before; required is a new Live for every run.")
        if self._stream is not None:
            warm(self._stream)
        self._thread.start()
        return self

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the source ends, or for so many seconds; tell whether it has ended. Raises what the run raised."""
        self._thread.join(None if seconds is None else min(TIMEOUT_MAX, positive(seconds, "seconds", "s")))
        if self.running:
            return False
        self._raise()
        return True

    def stop(self, seconds: float = 5.0) -> None:
        """End the run after the chunk at hand. Raises what the run raised, or if it does not end in so many seconds."""
        self._end(positive(seconds, "seconds", "s"))
        if self.running:
            raise EmgDspError(
                f"the live thread did not end within {seconds:g} s: the source or the sink has not returned. "
                "Give the source a stop() that ends its wait."
            )
        self._raise()

    def report(self) -> LiveReport:
        """Return counts and latencies so far."""
        total = self._total.summary()
        return LiveReport(total.count, self._n_samples, self._n_gaps, self._processing.summary(), total)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.stop()
        else:
            self._end(5.0)

    def _end(self, seconds: float) -> None:
        """Ask the thread to end, and the source to stop waiting."""
        self._stopped.set()
        interrupt = getattr(self._source, "stop", None)
        if callable(interrupt):
            interrupt()
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _raise(self) -> None:
        """Raise the error of the thread, once."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _work(self) -> None:
        """Run in the thread until the source ends, somebody stops it, or something fails."""
        try:
            while not self._stopped.is_set():
                item: Any = next(self._items, _END)
                if item is _END:
                    break
                self._take(item)
        except BaseException as error:  # noqa: BLE001  raised again in the thread that waits
            self._error = error

    def _take(self, item: ArrayLike | TimedChunk | Gap) -> None:
        """Process one item of the source."""
        begun = perf_counter_ns()
        if isinstance(item, Gap):
            self._gap(item)
            return
        values, time = item if isinstance(item, TimedChunk) else (item, None)
        stream = self._stream or self._open(values)
        seen = stream.n_seen
        out = stream.push(values, copy=self._copy)
        processed = perf_counter_ns()
        if out.size:
            self._sink(out, time)
        self._n_samples += stream.n_seen - seen
        self._processing.add(processed - begun)
        self._total.add(perf_counter_ns() - begun)

    def _open(self, values: ArrayLike) -> Stream:
        """Open the stream for the channels of the first chunk."""
        self._stream = self._stage.stream(as_signal(values, "chunk").shape[-2], nan=self._nan)
        return self._stream

    def _gap(self, gap: Gap) -> None:
        """Do what the policy says where samples are missing."""
        self._n_gaps += 1
        if self._on_gap == "raise":
            lost = "some" if gap.n_samples is None else gap.n_samples
            raise EmgDspError(
                f"{lost} samples are missing after sample {self._n_samples} (time {gap.time}); required is a signal "
                "without gaps. Choose on_gap='reset' to start again from rest, or 'ignore' to join the ends."
            )
        if self._on_gap == "reset" and self._stream is not None:
            self._stream.reset()


def run_live(
    source: Source,
    stage: Stage | Stream,
    sink: Callable[[Array, float | None], object],
    *,
    seconds: float | None = None,
    **options: Any,  # noqa: ANN401  those of Live
) -> LiveReport:
    """Run a source through a stage into a sink until it ends, or for so many seconds; arguments as for `Live`.

    Examples
    --------
    >>> import numpy as np
    >>> import emg_dsp
    >>> ring = emg_dsp.RingBuffer(n_chans=2, length=100)
    >>> chunks = [np.ones((2, 30), dtype=np.float32)] * 4
    >>> report = emg_dsp.run_live(chunks, emg_dsp.highpass(20, 1000), lambda values, time: ring.push(values))
    >>> report.n_chunks, ring.latest().shape
    (4, (2, 100))
    """
    with Live(source, stage, sink, **options) as live:
        live.wait(seconds)
    return live.report()
