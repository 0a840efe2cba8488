"""A step of the loop against a bare one: `pytest packages/emg-distill/tests/bench_distill.py`."""

from pathlib import Path

import numpy as np
import pytest
import torch

from emg_distill import load_recipe, make_fabric
from emg_distill._examples.windows import ProtocolData, WindowSet
from emg_distill._loop.run import _Run
from emg_distill._models import build_classifier
from emg_distill._tasks.tasks import ClassifyTask

BATCH = 32


@pytest.fixture(scope="module")
def data() -> ProtocolData:
    """Noise in the shape of the UCI windows."""
    rng = np.random.default_rng(0)

    def part(who: str) -> WindowSet:
        x = rng.standard_normal((256, 8, 100), dtype=np.float32)
        return WindowSet(x, rng.integers(0, 6, 256), np.array([who] * 256))

    labels = [str(index) for index in range(6)]
    return ProtocolData("uci/subject-disjoint", part("a"), part("b"), part("c"), labels, 100.0, {}, "h")


@pytest.fixture(scope="module", params=["uci-finetune", "uci-distill"])
def plan(request: pytest.FixtureRequest):
    """The recipes' models, without augmentation: both loops do the same arithmetic."""
    off = [f"augment.{name}=0" for name in ("rotate", "gain", "channel_gain", "noise", "flip", "shift", "drop_channel")]
    model = load_recipe(request.param).model.options
    return load_recipe("uci-finetune", [*off, *(f"model.{key}={value}" for key, value in model.items())])


def test_bare_step(benchmark, data, plan) -> None:
    model = build_classifier(plan, data).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)

    def step() -> None:
        rows = torch.randint(0, 256, (BATCH,))
        torch.nn.functional.cross_entropy(model(x[rows]), y[rows], label_smoothing=0.1).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    benchmark.pedantic(step, rounds=60, warmup_rounds=10)


def test_loop_step(benchmark, data, plan, tmp_path: Path) -> None:
    task = ClassifyTask(build_classifier(plan, data), plan, data)
    run = _Run(task, plan, make_fabric(plan, "cpu"), tmp_path, "h", None)
    run.log.start_after(0)
    run.model.train()
    rng = np.random.default_rng(0)
    benchmark.pedantic(lambda: run.train_step(rng.integers(0, 256, BATCH)), rounds=60, warmup_rounds=10)
    run.log.close()
