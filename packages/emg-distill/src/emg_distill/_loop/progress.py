"""Progress of training runs for people."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from emg_distill._loop.events import TrainEvent


class RichProgress:
    """A callback that draws one bar for every run it sees; use it as a context manager.

    Parameters
    ----------
    console
        Where to draw; None draws on stderr.

    Examples
    --------
    >>> with RichProgress() as progress:  # doctest: +SKIP
    ...     finetune("uci-finetune", data, "runs/teacher", callback=progress)
    """

    def __init__(self, console: Console | None = None) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console or Console(stderr=True),
        )
        self._bar: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, event: TrainEvent) -> None:
        """Draw one event; the next run after an ``"end"`` gets a bar of its own."""
        if event.message:
            self._progress.console.print(event.message, markup=False, highlight=False)
        if self._bar is None:
            self._bar = self._progress.add_task(event.task, note="")
        description = f"{event.task} epoch {event.epoch}/{event.epochs}"
        self._progress.update(self._bar, description=description, total=event.total_steps, completed=event.step)
        if event.kind == "epoch":
            note = " ".join(f"{name} {value:.3f}" for name, value in event.metrics.items())
            self._progress.update(self._bar, note=note)
        if event.kind == "end":
            self._bar = None
