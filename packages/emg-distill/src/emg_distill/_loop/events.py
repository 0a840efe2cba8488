"""What a training run tells the outside while it goes on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

EventKind = Literal["start", "resume", "step", "epoch", "checkpoint", "end"]


@dataclass(frozen=True)
class TrainEvent:
    """One thing that happened.

    Attributes
    ----------
    kind
        ``"start"`` and ``"end"`` come once, ``"resume"`` when a checkpoint was found, ``"step"`` after every optimiser
        step, ``"epoch"`` after every validation, ``"checkpoint"`` when one has been written.
    task
        ``"pretrain"``, ``"finetune"`` or ``"distill"``.
    step, total_steps
        Optimiser steps done, and of the whole run.
    epoch, epochs
        The epoch that the last step belongs to (1 before the first step), and how many there are at most.
    metrics
        Numbers known at this moment. At ``"step"``: ``lr`` and, every `log_every` steps, ``loss`` and, where the
        objective is a sum, its parts as ``loss/<name>``. At ``"epoch"``: ``train_loss`` and the validation's numbers.
        At ``"end"``: ``seconds``.
    message
        A sentence for people, e.g. which damaged checkpoint was skipped; may be empty.
    batch_size
        Examples of an optimiser step.
    monitor
        Name of the number that decides what is best; empty where nothing is validated.
    best
        Its best value so far; None before the first validation.
    """

    kind: EventKind
    task: str
    step: int
    total_steps: int
    epoch: int
    epochs: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    message: str = ""
    batch_size: int = 0
    monitor: str = ""
    best: float | None = None


Callback = Callable[[TrainEvent], None]


def combine_callbacks(*callbacks: Callback) -> Callback:
    """Join callbacks.

    Parameters
    ----------
    *callbacks
        Such as `RichProgress` and `BoardWriter`.

    Returns
    -------
    Callback
        Tells all of them, in order; what one raises ends the run.
    """

    def tell(event: TrainEvent) -> None:
        for callback in callbacks:
            callback(event)

    return tell
