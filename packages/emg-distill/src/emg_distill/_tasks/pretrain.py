"""Pre-training by masked reconstruction of training windows."""

import numpy as np
from numpy.typing import NDArray
from torch import nn

from emg_distill._errors import EmgDistillError
from emg_distill._examples.batch import Batch
from emg_distill._examples.examples import Examples
from emg_distill._examples.protocol_data import ProtocolData
from emg_distill._masks import mask_from_recipe
from emg_distill._recipe.schema import Recipe
from emg_distill._seeds import Purpose, SampleDraws
from emg_distill.objectives import Combination

from .learner import Context, Learner, inputs_of
from .predict import batches, evaluating
from .task import Losses
from .training_view import TrainingView


class ReconstructionTask:
    """Windows with hidden patches in, whole windows out.

    Parameters
    ----------
    model
        A model of emg-models whose task is ``"reconstruction"``.
    recipe
        Its seed, objective, mask and augmentation are used.
    data
        Its training part trains, its validation part, if any, validates under masks fixed by the seed.
    """

    classes: NDArray[np.int64] | None = None

    def __init__(self, model: nn.Module, recipe: Recipe, data: ProtocolData) -> None:
        self.model: nn.Module = model
        self.module: nn.Module = Learner(model)
        self.n_samples = len(data.train)
        self.objective = Combination(recipe.objective)
        self.coupled = self.objective.coupled
        self.monitors: tuple[str, ...] = ("loss",) if data.val is not None else ()
        self._recipe = recipe
        self._view = TrainingView(data.train, recipe, data.sfreq)
        self._val = data.val

    def read(self, rows: NDArray[np.int64], epoch: int) -> Batch:
        """Return training windows, augmented."""
        return self._view.read(rows, epoch)

    def loss(self, module: nn.Module, batch: Batch, rows: NDArray[np.int64], epoch: int) -> Losses:
        """Return the loss under masks drawn from (seed, epoch, example)."""
        draws = SampleDraws(self._recipe.seed, Purpose.MASK, epoch, rows)
        return self.objective(reconstruct(module, self.model, self._recipe, batch, draws))

    def after_step(self, step: int, total_steps: int) -> None:
        """Nothing follows the weights."""

    def validate(self) -> dict[str, float]:
        """Return the same loss on the validation part."""
        if self._val is None:
            return {}
        return {"loss": reconstruction_loss(self.model, self._val, self._recipe)}


def reconstruct(module: nn.Module, model: nn.Module, recipe: Recipe, batch: Batch, draws: SampleDraws) -> Context:
    """Hide patches of a batch and return what the objective compares."""
    mask = mask_from_recipe(recipe.mask, draws, batch.x.shape[1], _patches(model, batch), batch.channel_mask)
    mask = mask.to(batch.x.device)
    context: Context = module(**inputs_of(batch), patch_mask=mask)
    known = {"target": batch.x, "patch_mask": mask, "channel_mask": batch.channel_mask}
    return {**context, **{name: value for name, value in known.items() if value is not None}}


def _patches(model: nn.Module, batch: Batch) -> int:
    """Return the patches of one channel."""
    encoder = getattr(model, "encoder", None)
    if encoder is None:
        raise EmgDistillError(f"{type(model).__name__} hides no patches; choose a model with the task 'reconstruction'")
    return int(encoder.frames(batch.x.shape[-1])) // batch.x.shape[1]


def reconstruction_loss(model: nn.Module, examples: Examples, recipe: Recipe) -> float:
    """Return the recipe's objective over all examples, masks drawn from the seed alone."""
    objective = Combination(recipe.objective)
    device = next(model.parameters()).device
    learner = Learner(model)
    total = 0.0
    with evaluating(learner):
        for rows, batch in batches(examples):
            draws = SampleDraws(recipe.seed, Purpose.VALIDATION, 0, rows)
            loss, _ = objective(reconstruct(learner, model, recipe, batch.to(device), draws))
            total += float(loss) * len(rows)
    value = total / len(examples)
    if not np.isfinite(value):
        raise EmgDistillError(f"reconstruction loss is {value}: the weights have diverged; lower optimizer.lr")
    return value
