"""The loop: it learns, it takes batches in pieces, it selects, and it refuses what it cannot do."""

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from emg_distill import EmgDistillError, make_fabric
from emg_distill._distributed.sharding import setup
from emg_distill._loop.checkpoint import list_checkpoints
from emg_distill._loop.optimizer import build_optimizer
from emg_distill._loop.preparing import prepared
from emg_distill._loop.ranking import DIRECTIONS, cost_of, finite_only
from emg_distill._loop.run import _separate_couples, fit
from emg_distill._loop.sampling import Draw
from emg_distill._loop.step import Stepper


@pytest.fixture(scope="module")
def toys():
    spec = spec_from_file_location("distill_toys", Path(__file__).with_name("distill_toys.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def gradients(toys, task, rows: int = 8, **train) -> tuple[dict[str, torch.Tensor], float, dict[str, float]]:
    """Return what one step's optimiser sees, and its loss."""
    recipe = toys.toy_recipe(train={"grad_clip": 0.0, **train})
    fabric = make_fabric(recipe, "cpu")
    work = setup(fabric, task.module, lambda module: build_optimizer(module, task.model, recipe.optimizer))
    seen: dict[str, torch.Tensor] = {}

    def look(*_arguments: object, **_keywords: object) -> None:
        seen.update({name: p.grad.clone() for name, p in task.module.named_parameters() if p.grad is not None})

    work.optimizer.step = look
    draw = Draw(0, 0, np.arange(rows))
    loss, parts = Stepper(task, recipe, fabric, work).take(draw, task.read(draw.rows, 0), 0.1, 1)
    return seen, float(loss), {name: float(value) for name, value in parts.items()}


def test_it_learns(toys, tmp_path: Path) -> None:
    result = fit(toys.ToyTask(), toys.toy_recipe(train={"epochs": 30}, optimizer={"lr": 0.03}), tmp_path, "h")
    assert result.history[-1]["accuracy"] >= 0.95
    assert result.history[-1]["train_loss"] < 0.5 * result.history[0]["train_loss"]
    assert (result.step, result.resumed_from, result.warnings) == (150, None, [])


@pytest.mark.parametrize("accumulate", [2, 3, 8])
def test_a_batch_in_pieces_has_the_same_loss_and_gradient(accumulate: int, toys) -> None:
    whole, loss, parts = gradients(toys, toys.ToyTask())
    pieces, same, same_parts = gradients(toys, toys.ToyTask(), accumulate=accumulate)
    assert (same, same_parts) == (pytest.approx(loss, rel=1e-6), pytest.approx(parts, rel=1e-6))
    assert whole.keys() == pieces.keys()
    for name, value in whole.items():
        torch.testing.assert_close(pieces[name], value, rtol=1e-5, atol=1e-7)


def test_gradients_are_those_of_a_bare_step(toys) -> None:
    task = toys.ToyTask()
    batch = task.read(np.arange(8), 0)
    task.loss(task.module, batch, np.arange(8), 0)[0].backward()
    expected = {name: p.grad.clone() for name, p in task.module.named_parameters() if p.grad is not None}
    task.module.zero_grad()
    seen, _, _ = gradients(toys, task)
    assert all(torch.equal(seen[name], value) for name, value in expected.items())


@pytest.mark.parametrize("clip", ["norm", "value"])
def test_clipping(clip: str, toys) -> None:
    free, _, _ = gradients(toys, toys.ToyTask())
    limit = 0.5 * max(value.abs().max().item() for value in free.values())
    clipped, _, _ = gradients(toys, toys.ToyTask(), grad_clip=limit, clip=clip)
    norm = torch.cat([value.flatten() for value in free.values()]).norm()
    for name, value in free.items():
        expected = value.clamp(-limit, limit) if clip == "value" else value * (limit / (norm + 1e-6))
        torch.testing.assert_close(clipped[name], expected)


@pytest.mark.parametrize(("precision", "dtype"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)])
def test_precision_decides_what_linear_layers_compute_in(precision, dtype, toys) -> None:
    task = toys.ToyTask()
    seen: set[torch.dtype] = set()
    task.model.blocks[0].register_forward_hook(lambda _module, _inputs, output: seen.add(output.dtype))
    found, _, _ = gradients(toys, task, precision=precision)
    assert seen == {dtype}
    assert {value.dtype for value in found.values()} == {torch.float32}


def test_dropout_is_drawn_from_seed_and_step(toys) -> None:
    torch.manual_seed(1)
    first, _, _ = gradients(toys, toys.ToyTask(dropout=0.5))
    torch.manual_seed(2)
    second, _, _ = gradients(toys, toys.ToyTask(dropout=0.5))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_examples_are_read_once_in_order_whatever_is_read_ahead(toys, tmp_path: Path) -> None:
    seen = []
    for ahead in (0, 1, 4):
        task = toys.ToyTask()
        fit(task, toys.toy_recipe(train={"read_ahead": ahead}), tmp_path / str(ahead), "h")
        seen.append((task.read_rows, toys.weights(task)))
    assert len(seen[0][0]) == 15
    assert seen[0] == seen[1] == seen[2]
    assert [epoch for epoch, _ in seen[0][0]] == [0] * 5 + [1] * 5 + [2] * 5


def test_seed_decides(toys, tmp_path: Path) -> None:
    digests = []
    for number, seed in enumerate((1, 1, 2)):
        task = toys.ToyTask(dropout=0.1)
        fit(task, toys.toy_recipe(seed=seed), tmp_path / str(number), "h")
        digests.append(toys.weights(task))
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_a_run_leaves_the_global_generator_alone(toys, tmp_path: Path) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    fit(toys.ToyTask(), toys.toy_recipe(train={"epochs": 1}), tmp_path, "h")
    assert torch.equal(torch.rand(3), expected)


def test_a_run_can_be_so_many_steps_long(toys, tmp_path: Path) -> None:
    result = fit(toys.ToyTask(), toys.toy_recipe(train={"steps": 7, "epochs": 99}), tmp_path, "h")
    assert (result.step, result.stopped_early) == (7, False)
    assert [(entry["epoch"], entry["step"]) for entry in result.history] == [(1, 5), (2, 7)]
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    losses = {line["step"]: line["loss"] for line in lines if line["event"] == "step"}
    assert result.history[0]["train_loss"] == pytest.approx(np.mean([losses[step] for step in range(1, 6)]))
    assert result.history[1]["train_loss"] == pytest.approx(np.mean([losses[6], losses[7]]))


class Scripted:
    """Gives a task validations as they are written down, and remembers the weights of each."""

    def __init__(self, task, **numbers: list[float]) -> None:
        self.numbers, self.weights, self.task = numbers, [], task
        task.monitors, task.validate = tuple(numbers), self

    def __call__(self) -> dict[str, float]:
        self.weights.append(self.task.model.head.weight.detach().clone())
        return {name: values[len(self.weights) - 1] for name, values in self.numbers.items()}


@pytest.mark.parametrize(
    ("monitor", "values", "best"),
    [("loss", [3.0, 1.0, 2.0, 1.0], 2), ("accuracy", [0.5, 0.7, 0.9, 0.9], 3), ("r2", [-2.0, -0.5, -1.0, -3.0], 2)],
)
@pytest.mark.parametrize("select", ["best", "last"])
def test_best_is_kept_and_last_is_last(monitor, values, best, select, toys, tmp_path: Path) -> None:
    task = toys.ToyTask()
    script = Scripted(task, **{"loss": [1.0] * 4, monitor: values})
    plan = toys.toy_recipe(train={"epochs": 4, "monitor": monitor, "select": select, "keep_best": 1})
    result = fit(task, plan, tmp_path, "h")
    chosen = best if select == "best" else 4
    assert result.best_step == 5 * chosen
    assert torch.equal(task.model.head.weight, script.weights[chosen - 1])
    kept = [int(path.name[-9:]) for path in list_checkpoints(tmp_path / "checkpoints")]
    assert kept == sorted({5 * best, 15, 20})


def test_early_stopping(toys, tmp_path: Path) -> None:
    task = toys.ToyTask()
    Scripted(task, loss=[5.0, 4.0, 4.5, 4.0, 3.0, 3.5, 3.5, 3.5, 1.0])
    result = fit(task, toys.toy_recipe(train={"epochs": 9, "patience": 3}), tmp_path, "h")
    assert (result.stopped_early, result.step, result.best_step) == (True, 40, 25)
    again = fit(toys.ToyTask(), toys.toy_recipe(train={"epochs": 9, "patience": 3}), tmp_path, "h")
    assert (again.stopped_early, again.step) == (True, 40)


def test_validation_and_checkpoints_can_be_rarer_or_more_frequent(toys, tmp_path: Path) -> None:
    train = {"epochs": 5, "validate_every": 2, "checkpoint_every": 5, "keep_checkpoints": 9}
    result = fit(toys.ToyTask(), toys.toy_recipe(train=train), tmp_path / "a", "h")
    assert [entry["epoch"] for entry in result.history] == [2, 4, 5]
    assert [int(p.name[-9:]) for p in list_checkpoints(tmp_path / "a" / "checkpoints")] == [5, 10, 15, 20, 25]
    train |= {"checkpoint_every": 4}
    fit(toys.ToyTask(), toys.toy_recipe(train=train), tmp_path / "b", "h")
    assert [int(p.name[-9:]) for p in list_checkpoints(tmp_path / "b" / "checkpoints")] == [
        4,
        8,
        10,
        12,
        16,
        20,
        24,
        25,
    ]


def test_without_a_validation_part_the_last_weights_stay(toys, tmp_path: Path) -> None:
    task = toys.ToyTask()
    Scripted(task)
    result = fit(task, toys.toy_recipe(train={"select": "last"}), tmp_path, "h")
    assert [set(entry) for entry in result.history] == [{"epoch", "step", "train_loss"}] * 3
    assert result.best_step == 15
    for train in ({}, {"select": "last", "patience": 1}, {"select": "last", "keep_best": 1}):
        with pytest.raises(EmgDistillError, match="no validation part that could decide; set select='last'"):
            fit(task, toys.toy_recipe(train=train), tmp_path, "h")


def test_a_number_that_is_undefined_is_left_out_and_said(toys, tmp_path: Path, caplog) -> None:
    task = toys.ToyTask()
    Scripted(task, loss=[1.0] * 3, r2=[float("nan"), 0.5, float("-inf")])
    result = fit(task, toys.toy_recipe(), tmp_path, "h")
    assert ["r2" in entry for entry in result.history] == [False, True, False]
    assert result.warnings == [f"validation at step {step}: r2 not finite, left out" for step in (5, 15)]
    assert "r2 not finite" in caplog.text


@pytest.mark.parametrize("monitor", ["loss", "accuracy"])
def test_the_number_that_decides_has_to_be_finite(monitor: str, toys, tmp_path: Path) -> None:
    task = toys.ToyTask()
    Scripted(task, **{"loss": [1.0], monitor: [float("nan")]})
    with pytest.raises(EmgDistillError, match=rf"validation {monitor} is nan at step 5.*train.monitor"):
        fit(task, toys.toy_recipe(train={"monitor": monitor}), tmp_path, "h")


def test_costs() -> None:
    assert {name for name, way in DIRECTIONS.items() if way == "max"} == {
        "accuracy", "balanced_accuracy", "macro_f1", "phoneme_accuracy", "r2", "recall"
    }  # fmt: skip
    assert cost_of("cer", 0.25) == 0.25
    assert cost_of("macro_f1", 0.25) == -0.25
    assert finite_only({"loss": 1.0, "r2": float("nan")}, "loss", 3) == ({"loss": 1.0}, ["r2"])
    with pytest.raises(EmgDistillError, match="unknown validation number 'acuracy': did you mean 'accuracy'"):
        cost_of("acuracy", 1.0)


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("train", [{}, {"log_every": 99}, {"log_every": 99, "checkpoint_every": 2}])
def test_divergence_raises_before_anything_is_kept(train, toys, tmp_path: Path) -> None:
    task = toys.ToyTask()
    plan = toys.toy_recipe(train={"grad_clip": 0.0, **train}, optimizer={"lr": 1e30}, schedule={"kind": "constant"})
    with pytest.raises(EmgDistillError, match=r"loss is (nan|inf) at step .*lower optimizer.lr"):
        fit(task, plan, tmp_path, "h")
    assert not list((tmp_path / "checkpoints").glob("step-*"))


def test_what_recipe_and_task_do_not_share_is_refused(toys, tmp_path: Path) -> None:
    task = toys.ToyTask()
    with pytest.raises(
        EmgDistillError, match=r"unknown validation number 'cer' in train.monitor: known: accuracy, loss"
    ):
        fit(task, toys.toy_recipe(train={"monitor": "cer"}), tmp_path, "h")
    task.coupled = True
    with pytest.raises(EmgDistillError, match="accumulate=2: the objective couples the examples of a batch"):
        fit(task, toys.toy_recipe(train={"accumulate": 2}), tmp_path, "h")
    fit(task, toys.toy_recipe(), tmp_path, "h")


def test_processes_that_separate_coupled_examples_are_told(toys) -> None:
    task = toys.ToyTask()
    assert not _separate_couples(task, 2)
    task.coupled = True
    assert not _separate_couples(task, 1)
    assert "2 processes share a batch: each process couples its own" in _separate_couples(task, 2)


def test_frozen_parts_stay_and_are_free_again_afterwards(toys, tmp_path: Path) -> None:
    task = toys.ToyTask()
    before = {name: p.detach().clone() for name, p in task.model.named_parameters()}
    fit(task, toys.toy_recipe(train={"freeze": ("patch_embedding.*", "blocks.0.*")}), tmp_path, "h")
    moved = {name for name, p in task.model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"blocks.1.weight", "blocks.1.bias", "head.weight", "head.bias"}
    assert all(p.requires_grad for p in task.model.parameters())
    assert not any(p.requires_grad for p in task.module.teacher.parameters())


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="torch.compile follows new versions of Python late")
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiled_runs_end_at_the_same_weights(backend: str, toys, tmp_path: Path) -> None:
    plain, compiled = toys.ToyTask(), toys.ToyTask()
    traced: list[str] = []
    torch._dynamo.reset()
    fit(plain, toys.toy_recipe(train={"epochs": 1}), tmp_path / "plain", "h")
    with torch._dynamo.config.patch(suppress_errors=False):
        fit(compiled, toys.toy_recipe(train={"epochs": 1, "compile": backend}), tmp_path / "compiled", "h")
    traced += list(torch._dynamo.utils.counters["stats"])
    assert "unique_graphs" in traced
    for name, value in plain.module.state_dict().items():
        torch.testing.assert_close(compiled.module.state_dict()[name], value)
    assert compiled.module._compiled_call_impl is None


class Blocky(nn.Module):
    """A module whose model has Transformer blocks that can forget."""

    def __init__(self) -> None:
        super().__init__()
        import emg_models

        self.model = emg_models.create_model(
            "tinymyo", n_chans=4, n_times=40, sfreq=40.0, n_outputs=3, embed_dim=16, n_heads=2, n_blocks=2
        )


def test_blocks_forget_for_the_time_of_a_run(toys) -> None:
    task, module = toys.ToyTask(), Blocky()
    task.module, task.model = module, module.model
    with prepared(task, toys.toy_recipe(train={"checkpoint_blocks": True})):
        assert all(block.checkpointing for block in module.model.encoder.blocks)
    assert not any(block.checkpointing for block in module.model.encoder.blocks)


def test_a_model_without_blocks_cannot_forget_them(toys, tmp_path: Path) -> None:
    with pytest.raises(
        EmgDistillError, match=r"train.checkpoint_blocks: ToyModel has no Transformer block.*or set it to"
    ):
        fit(toys.ToyTask(), toys.toy_recipe(train={"checkpoint_blocks": True}), tmp_path, "h")


def test_nothing_on_disk_is_a_pickle(toys, tmp_path: Path) -> None:
    fit(toys.hard_task(), toys.hard_recipe(), tmp_path, "h")
    suffixes = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert suffixes == {".json", ".jsonl", ".safetensors", ".svg"}
