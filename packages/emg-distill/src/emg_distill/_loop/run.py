"""Training a task as a recipe says: from the newest checkpoint, if there is one, to the selected weights."""

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric

from emg_distill._distributed.fabric import make_fabric
from emg_distill._errors import EmgDistillError, unknown_name
from emg_distill._files import write_json
from emg_distill._recipe.schema import Recipe
from emg_distill._tasks.task import Task

from .curve import draw_curve
from .events import Callback
from .layers import layer_names
from .loop import Loop
from .preparing import prepared


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
        What was wrong with checkpoints that had to be skipped, which validation numbers were left out, and whether
        processes change what is trained.
    """

    history: list[dict[str, float]]
    step: int
    best_step: int
    stopped_early: bool
    resumed_from: int | None
    warnings: list[str]


def fit(
    task: Task,
    recipe: Recipe,
    folder: Path,
    run_hash: str,
    *,
    fabric: Fabric | None = None,
    callback: Callback | None = None,
) -> FitResult:
    """Train a task's module in place as a recipe says, from the newest checkpoint in `folder` if there is one.

    Parameters
    ----------
    task
        Module, loss and validation.
    recipe
        Length, optimiser, schedule, seed.
    folder
        Run folder; checkpoints, metrics.jsonl, recipe.json and, in the end, curve.svg lie in it.
    run_hash
        Hash of recipe, data and initial weights; checkpoints of another run are refused.
    fabric
        A launched Fabric; None makes one on the CPU or one GPU with the recipe's precision.
    callback
        Called with a `TrainEvent` for everything that happens; what it raises ends the run.

    Returns
    -------
    FitResult
        The module holds the selected weights (best or last; the averaged ones where `train.ema` is on).

    Raises
    ------
    EmgDistillError
        When task and recipe do not fit, the loss stops being finite or the checkpoints do not fit.

    Notes
    -----
    On one machine with the same number of threads, a run that was killed anywhere and started again ends with the same
    bits as one that was not. Another number of processes changes dropout and the order of sums.

    An interrupted run (Ctrl-C, an error in a callback) writes no checkpoint on its way out: the interrupt may have come
    between two halves of a step. Started again, it repeats the steps since the last checkpoint, to the same bits;
    `train.checkpoint_every` says how many these can be.
    """
    _check(task, recipe)
    fabric = fabric or make_fabric(recipe)
    devices = [fabric.device] if fabric.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), prepared(task, recipe):
        loop = Loop(task, recipe, fabric, folder, run_hash, callback)
        resumed_from = loop.restore()
        if fabric.is_global_zero:  # not before: the folder of another run stays as it is
            write_json(folder / "recipe.json", {"name": recipe.name, "hash": recipe.hash, **recipe.to_dict()})
        for remark in (_separate_couples(task, fabric.world_size), _one_batch(task, recipe)):
            if remark:
                loop.warn(remark)
        started = time.perf_counter()
        loop.emit("start", message=_layers(task, recipe))
        try:
            loop.train()
        finally:
            loop.log.close()
        loop.hand_over()
    if fabric.is_global_zero:
        draw_curve(folder / "metrics.jsonl", folder / "curve.svg")
    loop.emit("end", {"seconds": time.perf_counter() - started})
    state = loop.state
    early = state.step < loop.sampler.total_steps
    return FitResult(state.history, state.step, state.best_step, early, resumed_from, loop.warnings)


def _separate_couples(task: Task, world_size: int) -> str:
    """Say what becomes of a loss that couples examples where processes share a batch."""
    if not task.coupled or world_size == 1:
        return ""
    return (
        f"the objective couples examples, and {world_size} processes share a batch: each process couples its own "
        "examples only, so the loss is not that of one process"
    )


def _one_batch(task: Task, recipe: Recipe) -> str:
    """Say what becomes of batches that are larger than the training part."""
    if recipe.train.batch_size <= task.n_samples:
        return ""
    return (
        f"train.batch_size={recipe.train.batch_size}: there are {task.n_samples} training examples, which make one "
        "batch, and one step, an epoch"
    )


def _layers(task: Task, recipe: Recipe) -> str:
    """Say what layer-wise decay takes for layers."""
    if recipe.optimizer.layer_decay == 1.0:
        return ""
    names = layer_names(task.model)
    return f"layer-wise decay over {len(names)} layers, {names[0]} to {names[-1]}"


def _check(task: Task, recipe: Recipe) -> None:
    """Refuse a recipe that the task cannot follow."""
    train = recipe.train
    if task.coupled and train.accumulate > 1:
        raise EmgDistillError(
            f"train.accumulate={train.accumulate}: the objective couples the examples of a batch, which can then not "
            "be taken in pieces; set it to 1, and train.checkpoint_blocks=true to save memory"
        )
    if not task.monitors and (train.select == "best" or train.patience or train.keep_best):
        raise EmgDistillError(
            f"train.select={train.select!r}, patience={train.patience}, keep_best={train.keep_best}: the data have no "
            "validation part that could decide; set select='last' and the others to 0"
        )
    if task.monitors and train.monitor not in task.monitors:
        raise unknown_name("validation number", train.monitor, task.monitors, place="train.monitor")
