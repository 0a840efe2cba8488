"""Training runs as a live table for people."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from .events import TrainEvent

_COLUMNS = ("task", "epoch", "step", "loss", "lr", "examples/s", "left", "best")
_RECENT = 50


@dataclass
class _Row:
    """A run as it stands."""

    event: TrainEvent
    loss: float | None = None
    lr: float | None = None
    seconds: float | None = None
    recent: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=_RECENT))

    def take(self, event: TrainEvent, now: float) -> None:
        self.event = event
        self.loss = event.metrics.get("loss" if event.kind == "step" else "train_loss", self.loss)
        self.lr = event.metrics.get("lr", self.lr)
        self.seconds = event.metrics.get("seconds", self.seconds)
        if event.kind == "step":
            self.recent.append((now, event.step))

    def cells(self) -> tuple[str, ...]:
        event = self.event
        pace = self._pace()
        return (
            event.task,
            f"{event.epoch}/{event.epochs}",
            f"{event.step}/{event.total_steps}",
            "" if self.loss is None else f"{self.loss:.4g}",
            "" if self.lr is None else f"{self.lr:.3g}",
            "" if pace is None else f"{pace * event.batch_size:.0f}",
            self._left(pace),
            "" if event.best is None else f"{event.monitor} {event.best:.4g}",
        )

    def _pace(self) -> float | None:
        """Return steps a second over the last steps."""
        if len(self.recent) < 2 or self.recent[-1][0] <= self.recent[0][0]:
            return None
        (start, first), (end, last) = self.recent[0], self.recent[-1]
        return (last - first) / (end - start)

    def _left(self, pace: float | None) -> str:
        if self.seconds is not None:
            return f"done in {_clock(self.seconds)}"
        return _clock((self.event.total_steps - self.event.step) / pace) if pace else ""


class RichProgress:
    """A callback that draws a live table with a row for every run it sees; use it as a context manager.

    Where the console is no terminal, nothing is drawn, and only messages (a checkpoint that was skipped, a run that was
    resumed) are printed.

    Parameters
    ----------
    console
        Where to draw; None draws on stderr.
    clock
        Seconds, for pace and time left.

    Examples
    --------
    >>> with RichProgress() as progress:  # doctest: +SKIP
    ...     finetune("uci-finetune", data, "runs/teacher", callback=progress)
    """

    def __init__(self, console: Console | None = None, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._rows: list[_Row] = []
        self._running = False
        self._live = Live(get_renderable=self._table, console=self._console, refresh_per_second=4)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def __call__(self, event: TrainEvent) -> None:
        """Take in one event; the next run after an ``"end"`` gets a row of its own."""
        if event.message:
            self._console.print(event.message, markup=False, highlight=False)
        if not self._running:
            self._rows.append(_Row(event))
        self._rows[-1].take(event, self._clock())
        self._running = event.kind != "end"

    def _table(self) -> Table:
        table = Table(*_COLUMNS, box=None, pad_edge=False)
        for row in list(self._rows):
            table.add_row(*row.cells())
        return table


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
