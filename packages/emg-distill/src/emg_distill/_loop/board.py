"""Training runs in TensorBoard, an extra."""

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from emg_distill._errors import EmgDistillError

from .events import TrainEvent

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class BoardWriter:
    """A callback that writes event files for TensorBoard; use it as a context manager.

    Losses and learning rate are written at the steps that metrics.jsonl has (``train/loss``, ``train/lr``), validation
    numbers as ``val/<name>``. A run that resumes hides what an interrupted one wrote after its checkpoint.

    Parameters
    ----------
    folder
        Where the event files go, one folder a run.

    Raises
    ------
    EmgDistillError
        When TensorBoard is not installed.

    Examples
    --------
    >>> with BoardWriter("boards/teacher") as board:  # doctest: +SKIP
    ...     finetune("uci-finetune", data, "runs/teacher", callback=board)
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise EmgDistillError(
                f"TensorBoard is not installed ({error}): pip install 'emg-distill[board]', or leave the board out; "
                "metrics.jsonl and curve.svg are always written"
            ) from None
        self._open = SummaryWriter
        self._folder = str(folder)
        self._writer: SummaryWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __call__(self, event: TrainEvent) -> None:
        """Write the numbers of one event."""
        if self._writer is None:
            self._writer = self._start(event)
        if event.kind == "step" and "loss" in event.metrics:
            self._add("train", event)
        if event.kind == "epoch":
            self._add("val", event)
        if event.kind == "end":
            self.close()

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _start(self, event: TrainEvent) -> "SummaryWriter":
        options: dict[str, Any] = {"purge_step": event.step + 1} if event.kind == "resume" else {}
        return self._open(self._folder, **options)

    def _add(self, group: str, event: TrainEvent) -> None:
        assert self._writer is not None  # noqa: S101  opened above
        for name, value in event.metrics.items():
            self._writer.add_scalar(f"{group}/{name}", value, event.step)
