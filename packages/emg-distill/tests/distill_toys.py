"""Toys that the loop trains: a task with everything that makes resuming hard, and recipes for it."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from emg_distill._examples.batch import Batch
from emg_distill._recipe.schema import ObjectiveRecipe, Recipe
from emg_distill._recipe.training import GroupRecipe, OptimizerRecipe, ScheduleRecipe, TrainRecipe
from emg_distill._seeds import Purpose, SampleDraws

N, FEATURES, CLASSES = 40, 6, 3


class ToyModel(nn.Module):
    """Two numbered layers between an embedding and a head, with dropout and batch statistics."""

    def __init__(self, dropout: float = 0.0, norm: bool = False) -> None:
        super().__init__()
        self.patch_embedding = nn.Linear(FEATURES, 8)
        self.blocks = nn.ModuleList(nn.Linear(8, 8) for _ in range(2))
        self.norm = nn.BatchNorm1d(8) if norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch_embedding(x)
        for block in self.blocks:
            x = x + torch.tanh(block(x))
        return self.head(self.dropout(self.norm(x)))


class ToyModule(nn.Module):
    """The model, and a teacher that follows its weights."""

    def __init__(self, model: ToyModel) -> None:
        super().__init__()
        self.model = model
        self.teacher = nn.Linear(FEATURES, CLASSES).requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)


class ToyTask:
    """Three classes of noisy points; the loss is cross-entropy and the distance to a teacher that follows the head."""

    def __init__(
        self, seed: int = 0, *, dropout: float = 0.0, norm: bool = False, classes: bool = True, n: int = N
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model = ToyModel(dropout, norm)
            self.module = ToyModule(self.model)
        rng = np.random.default_rng(seed)
        y = np.arange(n) % CLASSES
        centres = rng.normal(size=(CLASSES, FEATURES))
        self.x = torch.from_numpy((centres[y] + 0.5 * rng.normal(size=(n, FEATURES))).astype(np.float32))
        self.y = torch.from_numpy(y)
        self.n_samples = n
        self.classes = y if classes else None
        self.monitors: tuple[str, ...] = ("loss", "accuracy")
        self.coupled = False
        self.read_rows: list[tuple[int, list[int]]] = []
        self.noise = 0.1

    def read(self, rows: np.ndarray, epoch: int) -> Batch:
        self.read_rows.append((epoch, rows.tolist()))
        noise = SampleDraws(0, Purpose.AUGMENT, epoch, rows).normal("noise", FEATURES)
        where = torch.from_numpy(rows)
        return Batch(self.x[where] + self.noise * torch.from_numpy(noise), self.y[where])

    def loss(self, module, batch, rows, epoch) -> tuple[torch.Tensor, dict]:  # noqa: ARG002
        logits = module(batch.x)
        with torch.no_grad():
            taught = self.module.teacher(batch.x)
        parts = {"labels": functional.cross_entropy(logits, batch.y), "teacher": (logits - taught).square().mean()}
        return parts["labels"] + 0.1 * parts["teacher"], {name: part.detach() for name, part in parts.items()}

    def after_step(self, step: int, total_steps: int) -> None:
        with torch.no_grad():
            self.module.teacher.bias.lerp_(self.model.head.bias, 0.1 * step / total_steps)

    def validate(self) -> dict[str, float]:
        self.module.eval()
        with torch.no_grad():
            logits = self.module(self.x)
        loss = functional.cross_entropy(logits, self.y)
        return {"loss": float(loss), "accuracy": float((logits.argmax(1) == self.y).double().mean())}


def toy_recipe(**tables: Any) -> Recipe:
    """Build a recipe; tables are keyword arguments of its parts."""
    train = {"epochs": 3, "batch_size": 8, "log_every": 1} | tables.pop("train", {})
    optimizer = {"lr": 1e-2} | tables.pop("optimizer", {})
    optimizer["group"] = tuple(GroupRecipe(**group) for group in optimizer.get("group", ()))
    return Recipe(
        name="toy",
        task="finetune",
        protocol="toy",
        objective=(ObjectiveRecipe("cross_entropy"),),
        train=TrainRecipe(**train),
        optimizer=OptimizerRecipe(**optimizer),
        schedule=ScheduleRecipe(**tables.pop("schedule", {})),
        **tables,
    )


def weights(task: ToyTask) -> str:
    """Return the sha256 of all that the module holds."""
    digest = hashlib.sha256()
    for name, value in task.module.state_dict().items():
        digest.update(name.encode() + value.numpy().tobytes())
    return digest.hexdigest()


def hard_recipe() -> Recipe:
    """Everything that a checkpoint has to carry: averages, pieces, best ones, checkpoints in the middle of epochs."""
    return toy_recipe(
        seed=5,
        train={
            "epochs": 4, "accumulate": 3, "ema": 0.9, "checkpoint_every": 3, "keep_best": 2, "monitor": "accuracy",
            "sampling": "balanced", "validate_every": 2,
        },
        optimizer={"layer_decay": 0.7, "weight_decay": 0.1},
        schedule={"warmup_epochs": 1.0},
    )  # fmt: skip


def hard_task() -> ToyTask:
    return ToyTask(2, dropout=0.2, norm=True)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def variants(recipe: Recipe, **train: Any) -> Recipe:
    return dataclasses.replace(recipe, train=dataclasses.replace(recipe.train, **train))
