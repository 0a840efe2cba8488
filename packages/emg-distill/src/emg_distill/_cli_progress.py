"""Progress of a training run on stderr."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ._events import TrainEvent


class RichProgress:
    """A callback that draws one bar for a run; use it as a context manager.

    Parameters
    ----------
    console
        Where to draw; None draws on stderr.
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
        self._bar = self._progress.add_task("loading", total=None, note="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, event: TrainEvent) -> None:
        """Draw one event."""
        if event.message:
            self._progress.console.print(f"[yellow]{event.message}")
        numbers = " ".join(f"{name} {value:.3f}" for name, value in event.metrics.items())
        self._progress.update(
            self._bar,
            description=f"{event.task} epoch {event.epoch}/{event.epochs}",
            total=event.total_steps,
            completed=event.step,
            **({"note": numbers} if event.kind == "epoch" else {}),  # type: ignore[arg-type]
        )
