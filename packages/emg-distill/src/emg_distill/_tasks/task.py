"""What the loop asks of that which is trained."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emg_distill._examples.batch import Batch

Losses = tuple[torch.Tensor, Mapping[str, torch.Tensor]]


class Task(Protocol):
    """A module, its training examples, its loss and its validation.

    Attributes
    ----------
    module
        All that is trained and checkpointed: the model and what an objective trains beside it.
    model
        The model that is left in the end, a part of `module`.
    n_samples
        Training examples, ``> 0``.
    classes
        Class of every training example, (n_samples,) int64, for balanced epochs; None where there are no classes.
    monitors
        Names of the numbers that `validate` returns; empty where there is no validation part.
    coupled
        Whether the loss couples the rows of a batch, so that a batch cannot be taken in pieces.
    """

    module: nn.Module
    model: nn.Module
    n_samples: int
    classes: NDArray[np.int64] | None
    monitors: tuple[str, ...]
    coupled: bool

    def read(self, rows: NDArray[np.int64], epoch: int) -> Batch:
        """Return training examples, augmented; a pure function of (seed, epoch, rows), on the CPU."""
        ...

    def loss(self, module: nn.Module, batch: Batch, rows: NDArray[np.int64], epoch: int) -> Losses:
        """Return the mean loss over the rows of a batch, and the parts of the sum by name, detached.

        `module` is `self.module`, possibly wrapped (several processes, compiled); `batch` is what `read` returned for
        these rows, on the device.
        """
        ...

    def after_step(self, step: int, total_steps: int) -> None:
        """Update what follows the weights without gradient, such as a momentum teacher; `step` counts from 1."""
        ...

    def validate(self) -> dict[str, float]:
        """Return the numbers of the validation part, by the names of `monitors`, in float32 and evaluation mode."""
        ...
