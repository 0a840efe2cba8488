"""What a run asks of the machines: windows, batches, precision, optimiser."""

from dataclasses import dataclass
from typing import Literal

from emg_distill._errors import EmgDistillError
from emg_distill._recipe.schema import Recipe

Precision = Literal["32-true", "bf16-mixed"]
_SLOTS = {"adamw": 2, "adam": 2, "sgd": 1}


@dataclass(frozen=True)
class Workload:
    """A run without its model.

    Attributes
    ----------
    windows
        Windows of the training part, ``>= batch``.
    batch
        Windows of an optimiser step, over all devices, ``>= 1``.
    epochs
        ``>= 1``; an epoch has ``windows // batch`` steps.
    precision
        As `TrainRecipe.precision`.
    optimizer
        As `OptimizerRecipe.kind`; SGD with momentum.
    accumulate
        Pieces of a device's share of a batch, ``>= 1``.
    checkpoint_blocks
        Whether blocks are computed again on the way back.
    """

    windows: int
    batch: int
    epochs: int
    precision: Precision = "bf16-mixed"
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    accumulate: int = 1
    checkpoint_blocks: bool = False

    def __post_init__(self) -> None:
        for name in ("windows", "batch", "epochs", "accumulate"):
            if getattr(self, name) < 1:
                raise EmgDistillError(f"{name}={getattr(self, name)}: must be at least 1")
        if self.windows < self.batch:
            raise EmgDistillError(f"windows={self.windows}: must be at least batch={self.batch}")

    @property
    def steps(self) -> int:
        """Optimiser steps of the run."""
        return self.windows // self.batch * self.epochs

    @property
    def slots(self) -> int:
        """Values that the optimiser keeps per parameter."""
        return _SLOTS[self.optimizer]

    def piece(self, gpus: int) -> int:
        """Return the windows that a device takes at a time.

        Raises
        ------
        EmgDistillError
            When devices and pieces do not divide the batch.
        """
        if self.batch % (gpus * self.accumulate):
            raise EmgDistillError(
                f"batch={self.batch} cannot be shared by gpus={gpus} in accumulate={self.accumulate} equal pieces: "
                "choose a batch that is a multiple of both"
            )
        return self.batch // (gpus * self.accumulate)


def workload_of(recipe: Recipe, windows: int) -> Workload:
    """Return the workload of a recipe.

    Parameters
    ----------
    recipe
        Its batch, length, precision and optimiser are taken.
    windows
        Training windows, ``>= 1``.
    """
    train, batch = recipe.train, min(recipe.train.batch_size, windows)
    epochs = -(-train.steps // (windows // batch)) if train.steps else train.epochs
    return Workload(
        windows, batch, epochs, train.precision, recipe.optimizer.kind, train.accumulate, train.checkpoint_blocks
    )
