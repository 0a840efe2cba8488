"""What every kind of pre-training shares: examples, an objective over a context, validation under fixed draws."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from torch import nn

from emg_distill._errors import EmgDistillError
from emg_distill._examples.batch import Batch
from emg_distill._examples.examples import Examples
from emg_distill._examples.protocol_data import ProtocolData
from emg_distill._recipe.schema import Recipe
from emg_distill._seeds import Purpose, SampleDraws
from emg_distill.objectives import Combination

from .learner import Context
from .predict import batches, evaluating
from .task import Losses
from .training_view import TrainingView


class PretrainTask(ABC):
    """Windows without labels.

    Parameters
    ----------
    model
        The model that is left in the end.
    module
        The module that is trained, with the model in it.
    recipe
        Its seed, objective, mask and augmentation are used.
    data
        Its training part trains, its validation part, if any, validates under draws fixed by the seed.
    """

    classes: NDArray[np.int64] | None = None

    def __init__(self, model: nn.Module, module: nn.Module, recipe: Recipe, data: ProtocolData) -> None:
        self.model, self.module = model, module
        self.n_samples = len(data.train)
        self.objective = Combination(recipe.objective)
        self.coupled = self.objective.coupled
        self.monitors: tuple[str, ...] = ("loss",) if data.val is not None else ()
        self.recipe, self._data = recipe, data
        self._view = TrainingView(data.train, recipe, data.sfreq)

    @abstractmethod
    def context(self, module: nn.Module, batch: Batch, draws: SampleDraws) -> Context:
        """Run the module on a batch and return what the objective compares; all that is random comes from `draws`."""

    def read(self, rows: NDArray[np.int64], epoch: int) -> Batch:
        """Return training windows, augmented."""
        return self._view.read(rows, epoch)

    def loss(self, module: nn.Module, batch: Batch, rows: NDArray[np.int64], epoch: int) -> Losses:
        """Return the objective of a batch, draws from (seed, epoch, example)."""
        return self.objective(self.context(module, batch, SampleDraws(self.recipe.seed, Purpose.MASK, epoch, rows)))

    def after_step(self, step: int, total_steps: int) -> None:  # noqa: B027  most follow nothing
        """Nothing follows the weights."""

    def validate(self) -> dict[str, float]:
        """Return the same objective on the validation part."""
        return {} if self._data.val is None else {"loss": self.loss_of(self._data.val)}

    def loss_of(self, examples: Examples) -> float:
        """Return the objective over all examples, draws from the seed alone, in evaluation mode.

        Raises
        ------
        EmgDistillError
            When it is not finite.
        """
        device = next(self.module.parameters()).device
        total = 0.0
        with evaluating(self.module):
            for rows, batch in batches(examples):
                draws = SampleDraws(self.recipe.seed, Purpose.VALIDATION, 0, rows)
                loss, _ = self.objective(self.context(self.module, batch.to(device), draws))
                total += float(loss) * len(rows)
        value = total / len(examples)
        if not np.isfinite(value):
            raise EmgDistillError(f"pre-training loss is {value}: the weights have diverged; lower optimizer.lr")
        return value
