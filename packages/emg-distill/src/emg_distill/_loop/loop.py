"""The course of a run: steps, validations, checkpoints, all continued from the newest checkpoint."""

import logging
import math
from contextlib import closing, nullcontext
from pathlib import Path
from typing import cast

import torch
from lightning_fabric import Fabric

from emg_distill._distributed.sharding import setup
from emg_distill._distributed.shards import load_tensors
from emg_distill._errors import EmgDistillError
from emg_distill._examples.batch import Batch
from emg_distill._recipe.schema import Recipe
from emg_distill._tasks.task import Losses, Task

from .checkpoint import Snapshot, load_newest, save_checkpoint
from .ema import Ema
from .events import Callback, EventKind, TrainEvent
from .metric_log import MetricLog
from .optimizer import build_optimizer, load_optimizer_tensors, optimizer_tensors
from .ranking import finite_only
from .reader import read_ahead
from .sampling import Draw, Sampler
from .schedule import schedule_of
from .selection import Selection
from .state import RunState
from .step import Stepper

_LOGGER = logging.getLogger("emg_distill")


class Loop:
    """A task in training: state, and what moves it on.

    Parameters
    ----------
    task, recipe, fabric, folder, run_hash, callback
        As in `emg_distill._loop.run.fit`.
    """

    def __init__(
        self, task: Task, recipe: Recipe, fabric: Fabric, folder: Path, run_hash: str, callback: Callback | None
    ) -> None:
        self.task, self.recipe, self.fabric = task, recipe, fabric
        self.folder, self.run_hash, self.callback = folder, run_hash, callback
        self.sampler = Sampler(task.n_samples, task.classes, recipe, fabric.global_rank, fabric.world_size)
        self.schedule = schedule_of(recipe, self.sampler.epoch_steps, self.sampler.total_steps)
        self.work = setup(fabric, task.module, lambda module: build_optimizer(module, task.model, recipe.optimizer))
        self.stepper = Stepper(task, recipe, fabric, self.work)
        self.ema = Ema(task.module, recipe.train.ema) if recipe.train.ema else None
        self.state = RunState()
        self.selection = Selection(task.module, recipe.train)
        self.running = torch.zeros((), dtype=torch.float64, device=fabric.device)
        self.log = MetricLog(folder / "metrics.jsonl", active=fabric.is_global_zero)
        self.warnings: list[str] = []

    def emit(self, kind: EventKind, metrics: dict[str, float] | None = None, message: str = "") -> None:
        if self.callback is None or not self.fabric.is_global_zero:
            return
        state, sampler = self.state, self.sampler
        epoch = max(1, math.ceil(state.step / sampler.epoch_steps))
        monitor = self.recipe.train.monitor if self.task.monitors else ""
        self.callback(
            TrainEvent(
                kind, self.recipe.task, state.step, sampler.total_steps, epoch, sampler.epochs, metrics or {}, message,
                sampler.batch_size, monitor, state.best_value,
            )
        )  # fmt: skip

    def warn(self, message: str) -> None:
        self.warnings.append(message)
        _LOGGER.warning(message)

    def restore(self) -> int | None:
        """Go to the newest sound checkpoint, if there is one."""
        snapshot, problems = load_newest(self.folder / "checkpoints", self.run_hash)
        for problem in problems:
            self.warn(problem)
        if snapshot is None:
            self.log.start_after(0)
            return None
        self.state = RunState(step=snapshot.step, **snapshot.state)
        self.running.fill_(self.state.loss_sum)
        load_tensors(self.task.module, snapshot.tensors["model"])
        load_optimizer_tensors(self.task.module, self.work.raw_optimizer, snapshot.tensors["optimizer"])
        if self.ema is not None:
            self.ema.load(snapshot.tensors["ema"])
        self.selection.best = snapshot.tensors.get("best", {})
        self.log.start_after(snapshot.step)
        self.emit("resume", message="; ".join([*problems, f"resumed from step {snapshot.step}"]))
        return snapshot.step

    def save(self, cost: float | None = None) -> None:
        """Write a checkpoint; `cost` is what its validation gave, if there was one."""
        self.state.loss_sum = _finite(self.mean(self.running), self.state.step)
        self.log.sync()
        tensors = {
            "model": self.task.module.state_dict(),
            "optimizer": optimizer_tensors(self.task.module, self.work.raw_optimizer),
            **({"ema": self.ema.tensors()} if self.ema else {}),
            **({"best": self.selection.best} if self.selection.best else {}),
        }
        snapshot = Snapshot(self.state.step, self.run_hash, self.state.to_dict(), tensors, cost)
        train = self.recipe.train
        save_checkpoint(
            self.folder / "checkpoints", snapshot, train.keep_checkpoints, keep_best=train.keep_best, fabric=self.fabric
        )
        self.emit("checkpoint")

    def save_if_due(self) -> None:
        every = self.recipe.train.checkpoint_every
        if every and self.state.step % every == 0:
            self.save()

    def mean(self, value: torch.Tensor) -> float:
        """Return a number's mean over all processes."""
        if self.fabric.world_size > 1:
            value = cast("torch.Tensor", self.fabric.all_reduce(value, reduce_op="mean"))
        return float(value)

    def train_step(self, draw: Draw, batch: Batch) -> None:
        """Take one optimiser step and log it."""
        lr = self.schedule(draw.step)
        losses = self.stepper.take(draw, batch, lr, self.sampler.total_steps)
        self.state.step = draw.step + 1
        self.state.loss_steps += 1
        self.running += losses[0]
        if self.ema is not None:
            self.ema.update(self.state.step)
        numbers = {"lr": lr}
        if self.state.step % self.recipe.train.log_every == 0:
            numbers |= self.log_losses(losses, lr)
        if self.callback is not None:
            self.emit("step", numbers)

    def log_losses(self, losses: Losses, lr: float) -> dict[str, float]:
        loss = _finite(self.mean(losses[0]), self.state.step)
        parts = {name: self.mean(value) for name, value in losses[1].items()} if len(losses[1]) > 1 else {}
        entry = {"event": "step", "step": self.state.step, "loss": loss, "lr": lr}
        self.log.write({**entry, **({"parts": parts} if parts else {})})
        return {"loss": loss, **{f"loss/{name}": value for name, value in parts.items()}}

    def end_epoch(self) -> None:
        """Validate, keep the best weights, decide whether to stop, write a checkpoint."""
        train, state = self.recipe.train, self.state
        epoch = math.ceil(state.step / self.sampler.epoch_steps)
        train_loss = _finite(self.mean(self.running) / state.loss_steps, state.step)
        self.running.zero_()
        state.loss_steps = 0
        last = state.step == self.sampler.total_steps
        if epoch % train.validate_every and not last:
            self.save_if_due()
            return
        with self.ema.in_place() if self.ema else nullcontext():
            metrics = self.validate()
            cost = self.selection.rank(self.state, metrics)
        entry = {"epoch": epoch, "step": state.step, "train_loss": train_loss, **metrics}
        state.history.append(entry)
        state.finished = last or bool(train.patience and state.stale >= train.patience)
        self.log.write({"event": "epoch", **entry})
        self.emit("epoch", {"train_loss": train_loss, **metrics})
        self.save(cost)

    def validate(self) -> dict[str, float]:
        """Return the finite validation numbers, the same on all processes."""
        metrics = {
            name: self.mean(torch.tensor(value, dtype=torch.float64, device=self.fabric.device))
            for name, value in self.task.validate().items()
        }
        metrics, undefined = finite_only(metrics, self.recipe.train.monitor, self.state.step)
        if undefined:
            self.warn(f"validation at step {self.state.step}: {', '.join(undefined)} not finite, left out")
        return metrics

    def train(self) -> None:
        steps, train = self.sampler.epoch_steps, self.recipe.train
        draws = self.sampler.draws(self.state.step)
        self.work.module.train()
        with closing(read_ahead(self.read, draws, train.read_ahead)) as batches:
            while not self.state.finished:
                self.train_step(*next(batches))
                if self.state.step % steps == 0 or self.state.step == self.sampler.total_steps:
                    self.end_epoch()
                    self.work.module.train()
                else:
                    self.save_if_due()

    def read(self, draw: Draw) -> Batch:
        return self.task.read(draw.rows, draw.epoch)

    def hand_over(self) -> None:
        """Leave the selected weights in the task's module, whole and on its device."""
        if self.selection.best:
            load_tensors(self.task.module, self.selection.best)
        elif self.ema is not None:
            self.ema.hand_over()
        self.work.make_whole()


def _finite(value: float, step: int) -> float:
    if not math.isfinite(value):
        raise EmgDistillError(
            f"loss is {value} at step {step}: lower optimizer.lr or train.grad_clip, or check the data"
        )
    return value
