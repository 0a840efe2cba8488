"""The loop: it learns, it selects, it logs, and a run that was killed is the run that was not."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from emg_distill import EmgDistillError, TrainEvent, finetune, make_fabric, pretrain
from emg_distill._loop.checkpoint import list_checkpoints
from emg_distill._loop.run import _Run
from emg_distill._models import build_classifier, weights_digest
from emg_distill._tasks.tasks import ClassifyTask

LONG = {"epochs": 4, "checkpoint_every": 5}


class InterruptedRunError(Exception):
    """Stands for anything that ends a run from inside."""


def stop_at(step: int):
    def callback(event: TrainEvent) -> None:
        if event.kind == "step" and event.step == step:
            raise InterruptedRunError

    return callback


def test_it_learns(toy, recipe, tmp_path: Path) -> None:
    result = finetune(recipe(train={"epochs": 12}), toy, tmp_path)
    assert result.metrics["test"]["accuracy"] >= 0.9
    assert result.history[-1]["train_loss"] < 0.5 * result.history[0]["train_loss"]


def test_pretraining_lowers_the_same_loss_that_it_logs(toy, recipe, tmp_path: Path) -> None:
    """Defect D12: training and validation log one quantity, and validation masks are fixed."""
    result = pretrain(recipe("pretrain", train={"epochs": 8, "select": "last"}), toy, tmp_path)
    first, last = result.history[0], result.history[-1]
    assert last["loss"] < first["loss"]
    assert abs(last["train_loss"] - last["loss"]) < 0.2
    assert result.metrics["val"]["loss"] == last["loss"]


def test_best_is_kept_and_last_is_last(toy, recipe, tmp_path: Path) -> None:
    best = finetune(recipe(train={"epochs": 6, "monitor": "accuracy"}), toy, tmp_path / "best")
    values = [entry["accuracy"] for entry in best.history]
    assert best.fit.best_step == best.history[int(np.argmax(values))]["step"]
    assert best.metrics["val"]["accuracy"] == max(values)
    last = finetune(recipe(train={"epochs": 6, "select": "last"}), toy, tmp_path / "last")
    assert last.fit.best_step == last.fit.step == 36
    assert last.metrics["val"]["accuracy"] == last.history[-1]["accuracy"]


def test_early_stopping(toy, recipe, tmp_path: Path) -> None:
    plan = recipe(train={"epochs": 50, "patience": 2}, optimizer={"lr": 1e-30}, schedule={"warmup": 0, "floor_lr": 0.0})
    result = finetune(plan, toy, tmp_path)
    assert result.fit.stopped_early
    losses = [entry["loss"] for entry in result.history]
    assert len(losses) < 50
    assert min(losses[-2:]) >= min(losses[:-2])


def test_events_and_log(toy, recipe, tmp_path: Path) -> None:
    events: list[TrainEvent] = []
    finetune(recipe(train={"log_every": 4}), toy, tmp_path, callback=events.append)
    kinds = [event.kind for event in events]
    assert kinds[0] == "start"
    assert kinds[-1] == "end"
    assert [kinds.count(kind) for kind in ("step", "epoch", "checkpoint")] == [18, 3, 3]
    assert [event.epoch for event in events if event.kind == "step"] == [1] * 6 + [2] * 6 + [3] * 6
    assert all(event.total_steps == 18 for event in events)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["event"] == "step"] == [4, 8, 12, 16]
    assert {"loss", "accuracy", "macro_f1", "train_loss"} <= set(lines[-1])


def test_validation_can_be_rarer(toy, recipe, tmp_path: Path) -> None:
    result = finetune(recipe(train={"epochs": 5, "validate_every": 2}), toy, tmp_path)
    assert [entry["epoch"] for entry in result.history] == [2, 4, 5]


def test_a_run_leaves_the_global_generator_alone(toy, recipe, tmp_path: Path) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    finetune(recipe(train={"epochs": 1}), toy, tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_seed_decides(toy, recipe, tmp_path: Path) -> None:
    digests = [
        weights_digest(finetune(recipe(seed=seed, train={"epochs": 1}), toy, tmp_path / str(i)).model)
        for i, seed in enumerate((1, 1, 2))
    ]
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_bf16_trains_float32_weights(toy, recipe, tmp_path: Path) -> None:
    result = finetune(recipe(train={"epochs": 12, "precision": "bf16-mixed"}), toy, tmp_path)
    assert {p.dtype for p in result.model.parameters()} == {torch.float32}
    assert result.metrics["test"]["accuracy"] >= 0.8


@pytest.mark.parametrize(("precision", "dtype"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)])
def test_precision_decides_what_linear_layers_compute_in(precision, dtype, toy, recipe, tmp_path: Path) -> None:
    plan = recipe(train={"precision": precision})
    model = build_classifier(plan, toy)
    seen: set[torch.dtype] = set()
    model.encoder.blocks[0].mlp.fc1.register_forward_hook(lambda _module, _inputs, output: seen.add(output.dtype))
    run = _Run(ClassifyTask(model, plan, toy), plan, make_fabric(plan, "cpu"), tmp_path, "h", None)
    run.train_step(np.arange(8))
    assert seen == {dtype}


@pytest.mark.parametrize("grad_clip", [0.0, 1e-3])
def test_gradients_are_clipped_to_the_global_norm(grad_clip: float, toy, recipe, tmp_path: Path, monkeypatch) -> None:
    plan = recipe(train={"grad_clip": grad_clip})
    model = build_classifier(plan, toy)
    run = _Run(ClassifyTask(model, plan, toy), plan, make_fabric(plan, "cpu"), tmp_path, "h", None)
    norms: list[float] = []

    def note(*_arguments: object, **_keywords: object) -> None:
        grads = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
        norms.append(torch.cat(grads).norm().item())

    monkeypatch.setattr(run.optimizer, "step", note)
    run.train_step(np.arange(8))
    assert norms[0] == pytest.approx(1e-3, rel=1e-3) if grad_clip else norms[0] > 0.1


def test_a_batch_that_processes_cannot_share_is_refused(toy, recipe, tmp_path: Path) -> None:
    plan = recipe()
    task = ClassifyTask(build_classifier(plan, toy), plan, toy)
    three = SimpleNamespace(world_size=3)
    with pytest.raises(EmgDistillError, match="global batch of 8 cannot be shared evenly by 3 processes"):
        _Run(task, plan, three, tmp_path, "h", None)  # type: ignore[arg-type]


def test_checkpoints_asked_for_are_written_when_validation_is_rare(toy, recipe, tmp_path: Path) -> None:
    """Six steps an epoch: a checkpoint at its end must not depend on a validation there."""
    plan = recipe(train={"epochs": 5, "validate_every": 5, "checkpoint_every": 6, "keep_checkpoints": 9})
    expected = weights_digest(finetune(plan, toy, tmp_path / "whole").model)
    steps = [int(path.name[-9:]) for path in list_checkpoints(tmp_path / "whole" / "checkpoints")]
    assert steps == [6, 12, 18, 24, 30]
    with pytest.raises(InterruptedRunError):
        finetune(plan, toy, tmp_path / "cut", callback=stop_at(14))
    resumed = finetune(plan, toy, tmp_path / "cut")
    assert resumed.fit.resumed_from == 12
    assert weights_digest(resumed.model) == expected
    logs = [(tmp_path / name / "metrics.jsonl").read_bytes() for name in ("whole", "cut")]
    assert logs[0] == logs[1]


@pytest.mark.filterwarnings("ignore:overflow")
def test_divergence_raises(toy, recipe, tmp_path: Path) -> None:
    plan = recipe(optimizer={"lr": 1e30}, train={"grad_clip": 0.0}, schedule={"warmup": 0})
    with pytest.raises(EmgDistillError, match=r"at step .*lower optimizer.lr"):
        finetune(plan, toy, tmp_path)


@pytest.fixture(scope="module")
def whole(toy, recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """One run from end to end: the digest of its weights, and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return weights_digest(finetune(recipe(train=LONG), toy, folder).model), folder


def assert_same_run(result, folder: Path, whole: tuple[str, Path]) -> None:
    assert weights_digest(result.model) == whole[0]
    for name in ("metrics.jsonl", "model/model.safetensors", "model/eval.json"):
        assert (folder / name).read_bytes() == (whole[1] / name).read_bytes(), name
    newest = "checkpoints/step-000000024"
    for path in sorted((whole[1] / newest).iterdir()):
        assert (folder / newest / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("step", [1, 4, 5, 6, 7, 11, 12, 15, 18, 23, 24])
def test_interrupted_and_resumed_is_bit_for_bit_the_same(step: int, toy, recipe, whole, tmp_path: Path) -> None:
    with pytest.raises(InterruptedRunError):
        finetune(recipe(train=LONG), toy, tmp_path, callback=stop_at(step))
    result = finetune(recipe(train=LONG), toy, tmp_path)
    assert (result.fit.resumed_from is None) == (step < 6)
    assert_same_run(result, tmp_path, whole)


def test_interrupted_many_times(toy, recipe, whole, tmp_path: Path) -> None:
    for step in (6, 7, 13, 21):
        with pytest.raises(InterruptedRunError):
            finetune(recipe(train=LONG), toy, tmp_path, callback=stop_at(step))
    assert_same_run(finetune(recipe(train=LONG), toy, tmp_path), tmp_path, whole)


VICTIM = """
import os, signal, sys
from pathlib import Path
import torch
from importlib.machinery import SourceFileLoader
torch.set_num_threads(1)
conftest = SourceFileLoader("victim_conftest", sys.argv[1]).load_module()
kind, count, out = sys.argv[2], int(sys.argv[3]), sys.argv[4]
real, calls = getattr(os, kind), 0
def deadly(*arguments):
    global calls
    place = str(arguments[-1]) if kind == "replace" else os.readlink(f"/proc/self/fd/{arguments[0]}")
    calls += "checkpoints" in place
    if calls == count:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)
setattr(os, kind, deadly)
from emg_distill import finetune
finetune(conftest.make_recipe(train={"epochs": 4, "checkpoint_every": 5}), conftest.forge(), out)
"""


@pytest.mark.parametrize(("kind", "count"), [("fsync", 15), ("replace", 2), ("replace", 5)])
def test_killed_and_resumed_is_bit_for_bit_the_same(kind: str, count: int, toy, recipe, whole, tmp_path: Path) -> None:
    """SIGKILL in the middle of writing a checkpoint: at the n-th flush to disk, or at the n-th rename."""
    command = [sys.executable, "-W", "ignore", "-c", VICTIM, str(Path(__file__).with_name("conftest.py")), kind]
    killed = subprocess.run(
        [*command, str(count), str(tmp_path)],
        capture_output=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert not (tmp_path / "model").exists()
    result = finetune(recipe(train=LONG), toy, tmp_path)
    assert result.fit.resumed_from is not None
    assert_same_run(result, tmp_path, whole)


def test_damaged_newest_checkpoint_falls_back(toy, recipe, whole, tmp_path: Path, caplog) -> None:
    with pytest.raises(InterruptedRunError):
        finetune(recipe(train=LONG), toy, tmp_path, callback=stop_at(14))
    newest = sorted((tmp_path / "checkpoints").iterdir())[-1]
    (newest / "model.safetensors").write_bytes(b"0" * 100)
    events: list[TrainEvent] = []
    result = finetune(recipe(train=LONG), toy, tmp_path, callback=events.append)
    assert newest.name == "step-000000012"
    assert result.fit.resumed_from == 10
    assert "skipped checkpoint step-000000012" in result.fit.warnings[0]
    assert "skipped checkpoint step-000000012" in caplog.text
    assert any("skipped" in event.message for event in events if event.kind == "resume")
    assert_same_run(result, tmp_path, whole)


def test_a_finished_run_is_not_run_again(toy, recipe, whole, tmp_path: Path) -> None:
    events: list[TrainEvent] = []
    again = finetune(recipe(train=LONG), toy, whole[1], callback=events.append)
    assert not [event for event in events if event.kind == "step"]
    assert weights_digest(again.model) == whole[0]


def test_resume_refuses_another_recipe_and_can_start_again(toy, recipe, tmp_path: Path) -> None:
    finetune(recipe(train={"epochs": 1}), toy, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(EmgDistillError, match="belongs to another run"):
        finetune(recipe(train={"epochs": 2}), toy, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    result = finetune(recipe(train={"epochs": 2}), toy, tmp_path, resume=False)
    assert result.fit.resumed_from is None


PAIR = """
import sys
import torch
from importlib.machinery import SourceFileLoader
from lightning_fabric import Fabric
torch.set_num_threads(1)
conftest = SourceFileLoader("pair_conftest", sys.argv[1]).load_module()
from emg_distill import finetune
fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
fabric.launch()
still = {"dropout": 0.0, "drop_path": 0.0}
finetune(conftest.make_recipe(model=still, augment={"noise": 0.1}), conftest.forge(), sys.argv[2], fabric=fabric)
"""


def test_two_processes_follow_the_same_curve(toy, recipe, tmp_path: Path) -> None:
    """Equal global batch, no dropout: losses agree to float32 rounding."""
    script = tmp_path / "pair.py"
    script.write_text(PAIR)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    subprocess.run(
        [*launch, str(Path(__file__).with_name("conftest.py")), str(tmp_path / "two")],
        check=True,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    plan = recipe(model={"dropout": 0.0, "drop_path": 0.0}, augment={"noise": 0.1})
    one = finetune(plan, toy, tmp_path / "one")
    two = json.loads((tmp_path / "two" / "result.json").read_text())["fit"]["history"]
    for mine, theirs in zip(one.history, two, strict=True):
        assert theirs == pytest.approx(mine, rel=1e-4)


def test_no_pickle_anywhere(whole) -> None:
    suffixes = {path.suffix for path in whole[1].rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".jsonl", ".safetensors", ".md"}
