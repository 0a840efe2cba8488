"""One optimiser step: everything random in it follows from (seed, step)."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, cast

import torch
from lightning_fabric import Fabric

from emg_distill._distributed.sharding import Setup
from emg_distill._examples.batch import Batch
from emg_distill._recipe.schema import Recipe
from emg_distill._seeds import Purpose, derive_seed
from emg_distill._tasks.task import Losses, Task

from .optimizer import set_learning_rate
from .sampling import Draw

if TYPE_CHECKING:
    from lightning_fabric.wrappers import _FabricModule


class Stepper:
    """Takes optimiser steps.

    Parameters
    ----------
    task
        Gives losses.
    recipe
        Its seed, pieces and clipping are used.
    fabric
        Moves data, goes back, clips.
    work
        Module and optimiser on the Fabric.
    """

    def __init__(self, task: Task, recipe: Recipe, fabric: Fabric, work: Setup) -> None:
        self._task, self._fabric, self._work = task, fabric, work
        self._seed, self._train = recipe.seed, recipe.train

    def take(self, draw: Draw, batch: Batch, lr: float, total_steps: int) -> Losses:
        """Take the step of a draw; return this process's loss and its parts, detached."""
        set_learning_rate(self._work.raw_optimizer, lr)
        self._seed_model(draw.step)
        losses = self._backward(draw, batch.to(self._fabric.device))
        self._clip()
        self._work.optimizer.step()
        self._work.optimizer.zero_grad(set_to_none=True)
        self._task.after_step(draw.step + 1, total_steps)
        return losses

    def _seed_model(self, step: int) -> None:
        """Seed what the model draws itself, such as dropout."""
        seed = derive_seed(self._seed, Purpose.DROPOUT, step, self._fabric.global_rank)
        torch.default_generator.manual_seed(seed)
        if self._fabric.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def _backward(self, draw: Draw, batch: Batch) -> Losses:
        """Add up gradients of the pieces, each weighted by its share of the examples."""
        pieces = list(_pieces(len(draw.rows), self._train.accumulate))
        total, sums = torch.zeros((), device=self._fabric.device), dict[str, torch.Tensor]()
        for index, piece in enumerate(pieces):
            last = index + 1 == len(pieces)
            share = (piece.stop - piece.start) / len(draw.rows)
            with self._hold_back(hold=not last):
                part = batch if len(pieces) == 1 else batch.rows(piece)
                loss, parts = self._task.loss(self._work.module, part, draw.rows[piece], draw.epoch)
                self._fabric.backward(loss if len(pieces) == 1 else loss * share)
            total += loss.detach() * share
            for name, value in parts.items():
                sums[name] = sums[name] + value * share if name in sums else value * share
        return total, sums

    def _hold_back(self, *, hold: bool) -> AbstractContextManager[None]:
        """Keep gradients to this process until the last piece."""
        if not hold or self._fabric.world_size == 1:
            return nullcontext()
        return self._fabric.no_backward_sync(cast("_FabricModule", self._work.module))

    def _clip(self) -> None:
        limit, work = self._train.grad_clip, self._work
        if not limit:
            return
        if self._train.clip == "value":
            self._fabric.clip_gradients(work.module, work.optimizer, clip_val=limit)
        else:
            self._fabric.clip_gradients(work.module, work.optimizer, max_norm=limit, error_if_nonfinite=False)


def _pieces(rows: int, count: int) -> Iterator[slice]:
    """Cut rows into pieces whose sizes differ by one at most."""
    for index in range(count):
        yield slice(rows * index // count, rows * (index + 1) // count)
