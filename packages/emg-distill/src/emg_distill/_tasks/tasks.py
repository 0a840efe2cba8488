"""The three tasks, each as a loss on a batch and a validation: everything that the loop does not know."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from emg_distill._augment.apply import augment
from emg_distill._errors import EmgDistillError
from emg_distill._examples.protocol_data import ProtocolData
from emg_distill._examples.windows import WindowSet
from emg_distill._masks import random_patch_mask
from emg_distill._metrics.classification import accuracy, confusion_matrix, macro_f1
from emg_distill._recipe.schema import Recipe
from emg_distill._seeds import Purpose, torch_generator
from emg_distill.objectives import get_objective


@dataclass(frozen=True)
class Batch:
    """Rows of the global batch of one step, and which of them this process trains on.

    All draws are made for the global batch and cut afterwards, so that they do not depend on the number of processes.
    """

    rows: NDArray[np.int64]
    seed: int
    step: int
    rank: int = 0
    world_size: int = 1

    @property
    def mine(self) -> slice:
        """Return the rows of this process."""
        return slice(self.rank, None, self.world_size)


class Task(Protocol):
    """What the loop asks of a task."""

    model: nn.Module
    n_samples: int
    monitor: str

    def loss(self, model: nn.Module, batch: Batch, device: torch.device) -> torch.Tensor:
        """Return the mean loss over this process's rows of a batch."""
        ...

    def validate(self) -> dict[str, float]:
        """Return validation numbers of `model` in float32."""
        ...


class PretrainTask:
    """Masked reconstruction of training windows."""

    def __init__(self, model: nn.Module, recipe: Recipe, data: ProtocolData, n_tokens: int) -> None:
        self.model = model
        self.n_samples = len(data.train)
        self.monitor = "loss"
        self._recipe = recipe
        self._x = torch.from_numpy(data.train.x)
        self._val = data.val
        self._n_tokens = n_tokens
        self._objective = objective_of(recipe)

    def loss(self, model: nn.Module, batch: Batch, device: torch.device) -> torch.Tensor:
        """Return the reconstruction loss under masks drawn from (seed, step)."""
        x = training_view(self._x, batch, self._recipe).to(device)
        draw = torch_generator(batch.seed, Purpose.MASK, batch.step)
        mask = random_patch_mask(self._n_tokens, self._recipe.mask.ratio, draw, batch_size=len(batch.rows))
        mask = mask[batch.mine].to(device)
        return self._objective(model(x, mask), x, mask)

    def validate(self) -> dict[str, float]:
        """Return the same loss on the validation part, under masks fixed by the seed."""
        return {"loss": reconstruction_loss(self.model, self._val, self._recipe)}


class ClassifyTask:
    """Cross-entropy against labels, or distillation from a teacher when one is given."""

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        data: ProtocolData,
        teacher: nn.Module | None = None,
        cached_logits: torch.Tensor | None = None,
    ) -> None:
        self.model = model
        self.n_samples = len(data.train)
        self.monitor: str = recipe.train.monitor
        self._recipe = recipe
        self._x = torch.from_numpy(data.train.x)
        self._y = torch.from_numpy(data.train.y)
        self._val = data.val
        self._n_classes = len(data.labels)
        self._objective = objective_of(recipe)
        self._teacher = teacher
        self._cached = cached_logits

    def loss(self, model: nn.Module, batch: Batch, device: torch.device) -> torch.Tensor:
        """Return the objective of a batch; the teacher runs in eval mode and without gradient."""
        x = training_view(self._x, batch, self._recipe).to(device)
        rows = torch.from_numpy(batch.rows[batch.mine])
        target = self._y[rows].to(device)
        logits = model(x)
        if self._cached is not None:
            return self._objective(logits, self._cached[rows].to(device), target)
        if self._teacher is not None:
            with torch.no_grad():
                taught = self._teacher(x)
            return self._objective(logits, taught, target)
        return self._objective(logits, target)

    def validate(self) -> dict[str, float]:
        """Return cross-entropy, accuracy and macro F1 on the validation part."""
        logits = predict_logits(self.model, self._val.x)
        confusion = confusion_matrix(self._val.y, logits.argmax(1).numpy(), self._n_classes)
        loss = functional.cross_entropy(logits, torch.from_numpy(self._val.y))
        return {"loss": float(loss), "accuracy": accuracy(confusion), "macro_f1": macro_f1(confusion)}


def objective_of(recipe: Recipe) -> Callable[..., torch.Tensor]:
    """Return the recipe's objective with its options set."""
    return get_objective(recipe.objective.name).bind(recipe.objective.options)


def training_view(x: torch.Tensor, batch: Batch, recipe: Recipe) -> torch.Tensor:
    """Return this process's windows of a batch, augmented from (seed, step)."""
    windows = x[torch.from_numpy(batch.rows)]
    return augment(windows, recipe.augment, torch_generator(batch.seed, Purpose.AUGMENT, batch.step))[batch.mine]


def predict_logits(model: nn.Module, x: NDArray[np.float32], batch_size: int = 256) -> torch.Tensor:
    """Return float32 logits (n, classes) on the CPU, in eval mode; the model's mode is put back afterwards."""
    device = next(model.parameters()).device
    mode = model.training
    model.eval()
    try:
        with torch.inference_mode():
            parts = [model(part.to(device)).float().cpu() for part in torch.split(torch.from_numpy(x), batch_size)]
    finally:
        model.train(mode)
    return torch.cat(parts)


def reconstruction_loss(model: nn.Module, windows: WindowSet, recipe: Recipe, batch_size: int = 256) -> float:
    """Return the recipe's objective over all windows at once, masks drawn from the seed alone."""
    x = torch.from_numpy(windows.x)
    device = next(model.parameters()).device
    n_tokens = int(model.encoder.config.n_tokens)  # type: ignore[union-attr, arg-type]
    draw = torch_generator(recipe.seed, Purpose.VALIDATION)
    mask = random_patch_mask(n_tokens, recipe.mask.ratio, draw, batch_size=len(x))
    mode = model.training
    model.eval()
    try:
        with torch.inference_mode():
            pairs = zip(torch.split(x, batch_size), torch.split(mask, batch_size), strict=True)
            parts = [model(part.to(device), hidden.to(device)).float().cpu() for part, hidden in pairs]
    finally:
        model.train(mode)
    value = float(objective_of(recipe)(torch.cat(parts), x, mask))
    if not np.isfinite(value):
        raise EmgDistillError(f"reconstruction loss is {value}: the weights have diverged; lower optimizer.lr")
    return value
