"""The one training loop: draws come from (seed, step), state from the checkpoint, so a resumed run is the same run."""

import logging
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric

from emg_distill._errors import EmgDistillError
from emg_distill._files import write_json
from emg_distill._loop.checkpoint import Snapshot, load_newest, save_checkpoint
from emg_distill._loop.events import Callback, EventKind, TrainEvent
from emg_distill._loop.metric_log import MetricLog
from emg_distill._loop.optimizer import build_optimizer, load_optimizer_tensors, optimizer_tensors, set_learning_rate
from emg_distill._loop.schedule import schedule_of
from emg_distill._recipe.schema import Recipe
from emg_distill._seeds import Purpose, derive_seed, sample_order, steps_per_epoch
from emg_distill._tasks.tasks import Batch, Task

_LOGGER = logging.getLogger("emg_distill")


@dataclass
class FitResult:
    """How a run went.

    Attributes
    ----------
    history
        One entry per validated epoch: epoch, step, train_loss (mean over that epoch) and the validation metrics.
    step
        Optimiser steps done.
    best_step
        Step whose weights the model now holds.
    stopped_early
        True when patience ran out.
    resumed_from
        Step of the checkpoint that the run went on from, or None.
    warnings
        What was wrong with checkpoints that had to be skipped.
    """

    history: list[dict[str, float]]
    step: int
    best_step: int
    stopped_early: bool
    resumed_from: int | None
    warnings: list[str]


@dataclass
class _State:
    """All that changes during a run besides tensors; JSON-able through `vars`."""

    step: int = 0
    loss_sum: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    best_value: float | None = None
    best_step: int = 0
    stale: int = 0
    finished: bool = False


class _Run:
    def __init__(
        self, task: Task, recipe: Recipe, fabric: Fabric, folder: Path, run_hash: str, callback: Callback | None
    ) -> None:
        self.task, self.recipe, self.fabric = task, recipe, fabric
        self.folder, self.run_hash, self.callback = folder, run_hash, callback
        self.epoch_steps = steps_per_epoch(task.n_samples, recipe.train.batch_size)
        self.batch_size = min(recipe.train.batch_size, task.n_samples)
        if self.batch_size % fabric.world_size:
            raise EmgDistillError(
                f"a global batch of {self.batch_size} cannot be shared evenly by {fabric.world_size} processes: "
                "set train.batch_size to a multiple of them"
            )
        self.schedule = schedule_of(recipe, self.epoch_steps)
        optimizer = build_optimizer(task.model, recipe.optimizer)
        self.raw_optimizer = optimizer
        self.model, self.optimizer = fabric.setup(task.model, optimizer)
        self.state = _State()
        self.best: dict[str, torch.Tensor] = {}
        self.running = torch.zeros((), dtype=torch.float64, device=fabric.device)
        self.log = MetricLog(folder / "metrics.jsonl", active=fabric.is_global_zero)

    def emit(self, kind: EventKind, metrics: dict[str, float] | None = None, message: str = "") -> None:
        if self.callback is not None and self.fabric.is_global_zero:
            train = self.recipe.train
            epoch = max(1, math.ceil(self.state.step / self.epoch_steps))
            self.callback(
                TrainEvent(
                    kind, self.recipe.task, self.state.step, self.schedule.total_steps, epoch, train.epochs,
                    metrics or {}, message,
                )
            )  # fmt: skip

    def restore(self) -> tuple[int | None, list[str]]:
        """Go to the newest sound checkpoint, if there is one."""
        snapshot, problems = load_newest(self.folder / "checkpoints", self.run_hash)
        for problem in problems:
            _LOGGER.warning(problem)
        if snapshot is None:
            self.log.start_after(0)
            return None, problems
        self.state = _State(step=snapshot.step, **snapshot.state)
        self.running.fill_(self.state.loss_sum)
        self.task.model.load_state_dict(snapshot.tensors["model"])
        load_optimizer_tensors(self.task.model, self.raw_optimizer, snapshot.tensors["optimizer"])
        self.best = snapshot.tensors.get("best", {})
        self.log.start_after(snapshot.step)
        self.emit("resume", message="; ".join([*problems, f"resumed from step {snapshot.step}"]))
        return snapshot.step, problems

    def save(self) -> None:
        self.state.loss_sum = self.mean(self.running)
        self.log.sync()
        if self.fabric.is_global_zero:
            state = {key: value for key, value in vars(self.state).items() if key != "step"}
            tensors = {
                "model": self.task.model.state_dict(),
                "optimizer": optimizer_tensors(self.task.model, self.raw_optimizer),
                **({"best": self.best} if self.best else {}),
            }
            snapshot = Snapshot(self.state.step, self.run_hash, state, tensors)
            save_checkpoint(self.folder / "checkpoints", snapshot, self.recipe.train.keep_checkpoints)
        self.fabric.barrier()
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

    def train_step(self, rows: Any) -> None:  # noqa: ANN401  numpy indices
        """Take one optimiser step; everything random in it follows from (seed, step)."""
        step, seed, fabric = self.state.step, self.recipe.seed, self.fabric
        lr = self.schedule(step)
        set_learning_rate(self.raw_optimizer, lr)
        _seed_dropout(derive_seed(seed, Purpose.DROPOUT, step, fabric.global_rank), fabric.device)
        batch = Batch(rows, seed, step, fabric.global_rank, fabric.world_size)
        loss = self.task.loss(self.model, batch, fabric.device)
        fabric.backward(loss)
        if self.recipe.train.grad_clip:
            fabric.clip_gradients(
                self.model, self.optimizer, max_norm=self.recipe.train.grad_clip, error_if_nonfinite=False
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.running += loss.detach()
        self.state.step = step + 1
        if self.state.step % self.recipe.train.log_every == 0:
            value = _finite(self.mean(loss.detach()), self.state.step)
            self.log.write({"event": "step", "step": self.state.step, "loss": value, "lr": lr})
        if self.callback is not None:
            self.emit("step", {"lr": lr})

    def end_epoch(self) -> None:
        """Validate, keep the best weights, decide whether to stop, write a checkpoint."""
        train, state = self.recipe.train, self.state
        epoch = state.step // self.epoch_steps
        train_loss = _finite(self.mean(self.running) / self.epoch_steps, state.step)
        self.running.zero_()
        last = epoch == train.epochs
        if epoch % train.validate_every and not last:
            self.save_if_due()
            return
        metrics = {name: _finite(value, state.step) for name, value in self.task.validate().items()}
        entry = {"epoch": epoch, "step": state.step, "train_loss": train_loss, **metrics}
        state.history.append(entry)
        self._rank(metrics)
        state.finished = last or bool(train.patience and state.stale >= train.patience)
        self.log.write({"event": "epoch", **entry})
        self.emit("epoch", {"train_loss": train_loss, **metrics})
        self.save()

    def _rank(self, metrics: dict[str, float]) -> None:
        value = metrics[self.task.monitor] * (1.0 if self.task.monitor == "loss" else -1.0)
        better = self.state.best_value is None or value < self.state.best_value
        self.state.stale = 0 if better else self.state.stale + 1
        if better:
            self.state.best_value = value
        if self.recipe.train.select == "last":
            self.state.best_step = self.state.step
        elif better:
            self.state.best_step = self.state.step
            self.best = {name: value.detach().cpu().clone() for name, value in self.task.model.state_dict().items()}

    def train(self) -> None:
        while not self.state.finished:
            epoch, inner = divmod(self.state.step, self.epoch_steps)
            order = sample_order(self.task.n_samples, self.recipe.seed, epoch)
            self.model.train()
            for index in range(inner, self.epoch_steps):
                self.train_step(order[index * self.batch_size : (index + 1) * self.batch_size])
                if index + 1 < self.epoch_steps:
                    self.save_if_due()
            self.end_epoch()


def fit(
    task: Task,
    recipe: Recipe,
    folder: Path,
    run_hash: str,
    *,
    fabric: Fabric | None = None,
    callback: Callback | None = None,
) -> FitResult:
    """Train a task's model in place as a recipe says, from the newest checkpoint in `folder` if there is one.

    Parameters
    ----------
    task
        Model, loss and validation.
    recipe
        Length, optimiser, schedule, seed.
    folder
        Run folder; checkpoints, metrics.jsonl and recipe.json lie in it.
    run_hash
        Hash of recipe, data and initial weights; checkpoints of another run are refused.
    fabric
        A launched Fabric; None makes one on the CPU or one GPU with the recipe's precision.
    callback
        Called with a `TrainEvent` for everything that happens; what it raises ends the run.

    Returns
    -------
    FitResult
        The model holds the selected weights (best or last).

    Raises
    ------
    EmgDistillError
        When the loss stops being finite or the checkpoints do not fit.

    Notes
    -----
    On one machine with the same number of threads, a run that was killed anywhere and started again ends with the same
    bits as one that was not. Another number of processes changes dropout and the order of sums.
    """
    fabric = fabric or make_fabric(recipe)
    devices = [fabric.device] if fabric.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        run = _Run(task, recipe, fabric, folder, run_hash, callback)
        resumed_from, problems = run.restore()
        if fabric.is_global_zero:  # not before: the folder of another run stays as it is
            write_json(folder / "recipe.json", {"name": recipe.name, "hash": recipe.hash, **recipe.to_dict()})
        started = time.perf_counter()
        run.emit("start")
        try:
            run.train()
        finally:
            run.log.close()
    if recipe.train.select == "best":
        task.model.load_state_dict(run.best)
    run.emit("end", {"seconds": time.perf_counter() - started})
    state = run.state
    early = state.step < run.schedule.total_steps
    return FitResult(state.history, state.step, state.best_step, early, resumed_from, problems)


def make_fabric(recipe: Recipe, accelerator: str = "auto") -> Fabric:
    """Return a Fabric for one device.

    Parameters
    ----------
    recipe
        Its precision is used.
    accelerator
        ``"auto"`` (the GPU where there is one), ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    lightning_fabric.Fabric
        Ready to be given to `pretrain`, `finetune` and `distill`; launch it yourself for more than one process.
    """
    return Fabric(accelerator=accelerator, devices=1, precision=recipe.train.precision)


def _seed_dropout(seed: int, device: torch.device) -> None:
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


def _finite(value: float, step: int) -> float:
    if not math.isfinite(value):
        raise EmgDistillError(
            f"loss is {value} at step {step}: lower optimizer.lr or train.grad_clip, or check the data"
        )
    return value
