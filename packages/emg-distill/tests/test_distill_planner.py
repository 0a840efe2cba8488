"""Plans against what is allocated, against closed forms, and the page against the function."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import emg_models
from emg_distill import EmgDistillError, load_recipe
from emg_distill._distributed.anatomy import dissect
from emg_distill._distributed.duration import BUCKET, EFFICIENCY, step_operations
from emg_distill._distributed.gpus import GPUS, get_gpu
from emg_distill._distributed.memory import CPU_KEEPS, activation_bytes, training_memory
from emg_distill._distributed.plan_page import EMG2QWERTY, render_plan, render_scaling_tables
from emg_distill._distributed.planner import plan_training
from emg_distill._distributed.workload import Workload, workload_of

PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"
WINDOW = {"n_times": 10_000}
WORK = Workload(windows=1000, batch=8, epochs=2, precision="32-true")


def model_of(size: str, **settings: Any) -> emg_models.EmgModel:
    return emg_models.create_model(f"scaled-transformer-{size}", **settings)


def cut_down(size: str, n_times: int) -> emg_models.EmgModel:
    """A published size; of the largest two blocks, which is quicker to make."""
    return model_of(size, n_times=n_times, **({"n_blocks": 2} if size == "large" else {}))


def kept_bytes(model: emg_models.EmgModel, piece: int, *, bf16: bool = False) -> int:
    """Bytes that autograd really keeps of a forward pass, weights left out."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = tensor
        return tensor

    with (
        torch.autocast("cpu", torch.bfloat16, enabled=bf16),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        model.train()(torch.zeros(piece, *model.config.input_shape))
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


@pytest.mark.parametrize(
    ("size", "n_times", "piece"), [("tiny", 10_000, 1), ("tiny", 2500, 3), ("small", 5000, 2), ("large", 1000, 2)]
)
def test_activations_in_float32_are_predicted_to_the_byte(size: str, n_times: int, piece: int) -> None:
    model = cut_down(size, n_times)
    assert activation_bytes(dissect(model), CPU_KEEPS["32-true"], piece) == kept_bytes(model, piece)


@pytest.mark.parametrize(("size", "n_times", "piece"), [("tiny", 5000, 2), ("small", 2500, 3), ("large", 1000, 2)])
def test_activations_in_bfloat16_are_predicted_to_a_tenth_and_never_too_low(
    size: str, n_times: int, piece: int
) -> None:
    model = cut_down(size, n_times)
    anatomy = dissect(model)
    predicted = activation_bytes(anatomy, CPU_KEEPS["bf16-mixed"], piece) + 2 * anatomy.parameters
    assert 1.0 <= predicted / kept_bytes(model, piece, bf16=True) < 1.1


def test_a_forgetting_block_keeps_its_input() -> None:
    anatomy = dissect("scaled-transformer-tiny", WINDOW)
    kept = CPU_KEEPS["32-true"]
    outer = anatomy.outer_bytes + 2 * anatomy.outer_masks
    assert activation_bytes(anatomy, kept, 3, checkpoint_blocks=True) == 3 * (outer + 10 * 498 * 128 * 4)


@pytest.mark.parametrize(("optimizer", "make"), [
    ("adamw", torch.optim.AdamW),
    ("adam", torch.optim.Adam),
    ("sgd", lambda given: torch.optim.SGD(given, lr=1e-3, momentum=0.9)),
])  # fmt: skip
def test_states_are_as_large_as_what_is_allocated(optimizer: Any, make: Callable[..., torch.optim.Optimizer]) -> None:
    model = model_of("tiny", n_times=1000)
    work = make(model.parameters())
    model(torch.zeros(1, 32, 1000)).sum().backward()
    work.step()
    slots = [
        value for state in work.state.values() for value in state.values() if torch.is_tensor(value) and value.ndim
    ]
    memory = training_memory(dissect(model), replace(WORK, optimizer=optimizer), 1, "ddp")
    assert memory.weights == size_of(model.parameters())
    assert memory.gradients == size_of(parameter.grad for parameter in model.parameters())
    assert memory.optimizer == size_of(slots)
    assert memory.casts == memory.communication == 0


def size_of(tensors: Any) -> int:
    return sum(tensor.untyped_storage().nbytes() for tensor in tensors)


@pytest.mark.parametrize(
    ("size", "blocks", "width", "parameters", "gmac"),
    [("tiny", 10, 128, 2_217_571, 1.810), ("small", 6, 256, 5_388_003, 3.514), ("large", 8, 1024, 109_411_811, 58.575)],
)
def test_anatomy_is_that_of_the_published_sizes(
    size: str, blocks: int, width: int, parameters: int, gmac: float
) -> None:
    """Counts of arXiv 2507.22094, as derived from its layers; 5 s are 498 frames."""
    anatomy = dissect(f"scaled-transformer-{size}", WINDOW)
    assert (anatomy.blocks, anatomy.width, anatomy.hidden, anatomy.heads) == (blocks, width, 4 * width, 16)
    assert (anatomy.parameters, anatomy.tokens, anatomy.values) == (parameters, 498, 320_000)
    assert anatomy.block_parameters == 12 * width**2 + 13 * width
    assert anatomy.macs / 1e9 == pytest.approx(gmac, abs=1e-3)
    assert anatomy.block_macs == 498 * 12 * width**2 + 2 * 498**2 * width


def test_a_model_is_left_as_it_was() -> None:
    model = model_of("tiny", n_times=1000)
    before = copy.deepcopy(model.state_dict())
    dissect(model)
    assert not model.encoder.blocks[0].mlp.dropout._forward_hooks
    assert len(model.encoder.blocks) == 10
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_models_without_blocks_are_traced_whole() -> None:
    anatomy = dissect("sconvnet")
    assert anatomy.blocks == anatomy.tokens == anatomy.block_macs == 0
    assert anatomy.outer_bytes > 0
    memory = training_memory(anatomy, replace(WORK, checkpoint_blocks=True), 2, "fsdp")
    assert memory.communication == 4 * anatomy.parameters
    assert memory.working == 0


def test_rotary_models_keep_rotated_copies() -> None:
    turned, plain = dissect("tinymyo"), dissect("scaled-transformer-tiny")
    assert (turned.rotary, plain.rotary) == (True, False)


def test_steps_are_those_of_the_published_run() -> None:
    assert (EMG2QWERTY.steps, EMG2QWERTY.piece(16)) == (71_600, 40)


def test_shards_and_pieces_divide() -> None:
    anatomy = dissect("scaled-transformer-large", WINDOW)
    work = replace(EMG2QWERTY, accumulate=2)
    ddp, fsdp = (training_memory(anatomy, work, 8, kind) for kind in ("ddp", "fsdp"))
    for name in ("weights", "gradients", "optimizer"):
        assert getattr(fsdp, name) == getattr(ddp, name) / 8
    assert ddp.weights == 4 * anatomy.parameters == ddp.optimizer / 2
    whole = training_memory(anatomy, EMG2QWERTY, 8, "ddp")
    assert whole.activations == 2 * ddp.activations
    assert ddp.total == sum(vars(ddp).values())
    outside = anatomy.parameters - 8 * anatomy.block_parameters
    assert fsdp.communication == 4 * (outside + 4 * anatomy.block_parameters)


def test_time_adds_up() -> None:
    """Closed forms: 6 operations a multiply-accumulate; a ring sends 2 (n - 1) / n of all gradients."""
    plan = plan_training("scaled-transformer-large", EMG2QWERTY, gpus=8, settings=WINDOW)
    step, gpu = plan.step, GPUS["h100-80gb"]
    assert step.products == pytest.approx(6 * 80 * plan.anatomy.macs / (EFFICIENCY * gpu.bf16))
    assert step.data == 80 * 4 * 320_000 / gpu.host
    assert step.communication == pytest.approx(2 * 7 / 8 * BUCKET / gpu.link)
    assert step.total == step.products + step.traffic + step.communication + step.data
    assert plan.hours == pytest.approx(71_600 * step.total / 3600)
    assert plan.mfu == pytest.approx(6 * 80 * plan.anatomy.macs / step.total / gpu.bf16)
    again = replace(EMG2QWERTY, checkpoint_blocks=True)
    blocks = 2 * 640 * 8 * plan.anatomy.block_macs
    assert step_operations(plan.anatomy, again) - step_operations(plan.anatomy, EMG2QWERTY) == blocks


def test_what_is_not_hidden_is_waited_for() -> None:
    far = plan_training("scaled-transformer-large", EMG2QWERTY, gpus=64, settings=WINDOW)
    anatomy, step = far.anatomy, far.step
    ring = 2 * 63 / 64 * 4 * anatomy.parameters / GPUS["h100-80gb"].network
    assert step.communication == pytest.approx(ring - 2 / 3 * (step.products + step.traffic))
    near = plan_training("scaled-transformer-tiny", EMG2QWERTY, gpus=8, strategy="fsdp", settings=WINDOW)
    block = 7 / 8 * 4 * near.anatomy.block_parameters / GPUS["h100-80gb"].link
    assert near.step.communication == pytest.approx(max(block, 0), rel=1e-9)
    small = replace(EMG2QWERTY, accumulate=10)
    slow = plan_training("scaled-transformer-tiny", small, gpus=64, settings=WINDOW).step
    assert slow.total == slow.launches + slow.communication + slow.data


def test_one_gpu_sends_nothing() -> None:
    plan = plan_training("scaled-transformer-tiny", WORK, gpus=1, settings=WINDOW)
    assert plan.step.communication == plan.memory.communication == 0


def test_a_known_utilisation_replaces_the_model_of_time() -> None:
    plan = plan_training("scaled-transformer-large", EMG2QWERTY, gpus=8, settings=WINDOW, mfu=0.25)
    assert plan.step.traffic == 0
    assert plan.step.products == pytest.approx(6 * 80 * plan.anatomy.macs / (0.25 * GPUS["h100-80gb"].bf16))


def test_costs_are_hours_times_price() -> None:
    plan = plan_training("scaled-transformer-small", EMG2QWERTY, gpus=8, settings=WINDOW, price=2.0)
    assert plan.cost == 2.0 * plan.gpu_hours == 16.0 * plan.hours
    assert "at 2.00 a GPU-hour" in render_plan(plan)
    bare = plan_training("scaled-transformer-small", EMG2QWERTY, gpus=8, settings=WINDOW)
    assert bare.cost is None
    assert "GPU-hour," not in render_plan(bare)
    assert bare.to_dict()["memory_bytes"]["total"] == bare.memory.total
    assert "modelled, not measured" in bare.to_dict()["label"]


@pytest.mark.parametrize(
    ("work", "gpu", "gpus", "strategy", "advice"),
    [
        (Workload(10_000, 640, 1), "rtx4090-24gb", 4, "ddp", "train.accumulate=2"),
        (Workload(10_000, 640, 1), "tiny-6gb", 4, "ddp", "train.accumulate=32"),
        (Workload(10_000, 8, 1), "tiny-4gb", 8, "ddp", "strategy='fsdp'"),
        (Workload(10_000, 8, 1), "tiny-4gb", 1, "ddp", "train.accumulate=4 and train.checkpoint_blocks=true"),
        (Workload(10_000, 8, 1), "tiny-2gb", 8, "fsdp", "more memory a device"),
    ],
)
def test_what_does_not_fit_is_told_what_to_do(work: Workload, gpu: str, gpus: int, strategy: Any, advice: str) -> None:
    small = {"tiny-6gb": 6e9, "tiny-4gb": 4e9, "tiny-2gb": 2e9}
    spec = replace(GPUS["h100-80gb"], name=gpu, memory=small[gpu]) if gpu in small else GPUS[gpu]
    plan = plan_training("scaled-transformer-large", work, gpus=gpus, gpu=spec, strategy=strategy, settings=WINDOW)
    assert not plan.fits
    assert plan.advice.startswith(advice)
    assert "does not fit; set" in render_plan(plan)


def test_blocks_that_forget_are_advised_where_pieces_do_not_help() -> None:
    work = Workload(10_000, 8, 1)
    needed = training_memory(
        dissect("scaled-transformer-large", WINDOW), replace(work, checkpoint_blocks=True), 8, "ddp"
    )
    spec = replace(GPUS["h100-80gb"], memory=1.11 * needed.total)
    plan = plan_training("scaled-transformer-large", work, gpus=8, gpu=spec, settings=WINDOW)
    assert plan.advice == "train.checkpoint_blocks=true"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"gpus": 0}, "gpus=0: must be at least 1"),
        ({"gpus": 3}, "batch=8 cannot be shared by gpus=3 in accumulate=1 equal pieces"),
        ({"gpu": "h100"}, "unknown GPU 'h100': did you mean 'h100-80gb'"),
        ({"mfu": 1.5}, r"mfu=1.5: must lie in \(0, 1\]"),
        ({"gpu": "v100-32gb", "workload": replace(WORK, precision="bf16-mixed")}, "v100-32gb has no bfloat16"),
    ],
)
def test_plans_that_make_no_sense_are_refused(wrong: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"workload": WORK, "gpus": 1, **wrong}
    with pytest.raises(EmgDistillError, match=message):
        plan_training("scaled-transformer-tiny", given.pop("workload"), **given)


def test_unknown_models_are_refused() -> None:
    with pytest.raises(EmgDistillError, match="model 'scaled-transformer-huge':"):
        plan_training("scaled-transformer-huge", WORK, gpus=1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"batch": 0}, "batch=0: must be at least 1"), ({"windows": 7}, "windows=7: must be at least batch=8")],
)
def test_workloads_check_themselves(wrong: dict[str, int], message: str) -> None:
    with pytest.raises(EmgDistillError, match=message):
        replace(WORK, **wrong)


def test_recipes_tell_their_workload() -> None:
    work = workload_of(load_recipe("emg2qwerty-large"), 229_266)
    assert (work.batch, work.epochs, work.precision, work.steps) == (640, 200, "bf16-mixed", 71_600)
    counted = workload_of(load_recipe("emg2qwerty-large", ["train.steps=1000"]), 229_266)
    assert (counted.epochs, counted.steps) == (3, 1074)
    assert workload_of(load_recipe("uci-finetune"), 3).batch == 3


def test_devices_are_plausible() -> None:
    assert get_gpu("a100-80gb").source.startswith("NVIDIA A100 data sheet")
    for name, spec in GPUS.items():
        assert spec.name == name
        assert spec.bf16 is None or spec.bf16 > spec.fp32
        assert spec.bandwidth > spec.link > spec.network
        assert math.isclose(spec.memory / 1e9, float(name.rpartition("-")[2].removesuffix("gb")))
        assert spec.source


def test_the_page_is_what_the_function_renders() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.partition("<!-- plan -->\n")[2].partition("<!-- /plan -->")[0] == render_scaling_tables()
