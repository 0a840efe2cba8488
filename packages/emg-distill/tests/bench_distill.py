"""A step of the loop against a bare one, on the same model and examples.

``pytest packages/emg-distill/tests/bench_distill.py`` times both. Run as a script, this file takes turns between them,
so that both see the same machine, and prints the overhead; its argument is the number of rounds.
"""

import copy
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

import emg_models
from emg_distill import ProtocolData, Recipe, TrainEvent, WindowSet, make_fabric
from emg_distill._loop.loop import Loop
from emg_distill._loop.reader import read_ahead
from emg_distill._recipe.read import recipe_from_dict
from emg_distill._tasks.supervised import SupervisedTask

CASES = {
    "tinymyo 8x200, batch 32": ("tinymyo", {"n_chans": 8, "n_times": 200, "sfreq": 200.0}, 32),
    "scaled-transformer-tiny 32x2000, batch 4": (
        "scaled-transformer-tiny",
        {"task": "classification", "n_chans": 32, "n_times": 2000, "sfreq": 2000.0},
        4,
    ),
}
N, CLASSES = 128, 6


def data(n_chans: int, n_times: int, sfreq: float) -> ProtocolData:
    rng = np.random.default_rng(0)

    def part(who: str, size: int) -> WindowSet:
        x = rng.standard_normal((size, n_chans, n_times), dtype=np.float32)
        return WindowSet(x, rng.integers(0, CLASSES, size), np.array([who] * size))

    labels = [str(index) for index in range(CLASSES)]
    return ProtocolData("bench", part("a", N), part("b", 8), part("c", 8), labels, sfreq, {}, "h")


def recipe_of(name: str, batch_size: int) -> Recipe:
    table = {"task": "finetune", "protocol": "bench", "model": {"name": name}, "objective": {"name": "cross_entropy"}}
    return recipe_from_dict({**table, "train": {"steps": 10**6, "batch_size": batch_size}}, "bench")


def print_nothing(_event: TrainEvent) -> None:
    """Stand for a callback."""


@contextmanager
def steps(case: str, folder: Path) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """Give a bare step and a step of the loop, with its reading, its log and a callback."""
    name, settings, batch_size = CASES[case]
    model = emg_models.create_model(name, n_outputs=CLASSES, **settings)
    bare = copy.deepcopy(model).train()
    recipe = recipe_of(name, batch_size)
    examples = data(settings["n_chans"], settings["n_times"], settings["sfreq"])
    x, y = torch.from_numpy(examples.train.x), torch.from_numpy(examples.train.y)
    optimizer = torch.optim.AdamW(bare.parameters(), lr=1e-4, fused=True)

    def bare_step() -> None:
        rows = torch.randint(0, N, (batch_size,))
        functional.cross_entropy(bare(x[rows]), y[rows]).backward()
        torch.nn.utils.clip_grad_norm_(bare.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    task = SupervisedTask(model, recipe, examples)
    loop = Loop(task, recipe, make_fabric(recipe, "cpu"), folder, "h", print_nothing)
    loop.log.start_after(0)
    loop.work.module.train()
    batches = read_ahead(loop.read, loop.sampler.draws(0), recipe.train.read_ahead)
    try:
        yield bare_step, lambda: loop.train_step(*next(batches))
    finally:
        batches.close()
        loop.log.close()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("which", ["bare", "loop"])
def test_step(benchmark, case: str, which: str, tmp_path: Path) -> None:
    with steps(case, tmp_path) as pair:
        benchmark.pedantic(pair[which == "loop"], rounds=30, warmup_rounds=5)


def overhead(case: str, rounds: int) -> tuple[float, float]:
    """Return the bare step in seconds, and how much longer a step of the loop takes as a share of it."""
    with tempfile.TemporaryDirectory() as folder, steps(case, Path(folder)) as pair:
        times: list[list[float]] = [[], []]
        for index in range(rounds + 5):
            for which in (0, 1) if index % 2 else (1, 0):
                started = time.perf_counter()
                pair[which]()
                times[which].append(time.perf_counter() - started)
    bare, loop = (statistics.median(taken[5:]) for taken in times)
    return bare, loop / bare - 1


if __name__ == "__main__":
    torch.set_num_threads(1)
    for case in CASES:
        bare, more = overhead(case, int(sys.argv[1]) if len(sys.argv) > 1 else 40)
        print(f"{case}: bare {bare * 1e3:.1f} ms, loop {more:+.1%}")
