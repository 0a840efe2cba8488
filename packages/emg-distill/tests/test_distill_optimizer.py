"""Parameter groups: layer-wise decay that matches layers (defect D3), settings that arrive (D4), state in files."""

from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch
from torch import nn

import emg_models
from emg_distill import EmgDistillError
from emg_distill._loop.groups import freeze, parameter_groups
from emg_distill._loop.layers import layer_depths
from emg_distill._loop.optimizer import (
    build_optimizer,
    load_optimizer_tensors,
    optimizer_tensors,
    set_learning_rate,
)
from emg_distill._recipe.training import GroupRecipe, OptimizerRecipe

WINDOW = {"n_chans": 8, "n_times": 60, "sfreq": 60.0, "embed_dim": 32, "n_heads": 2, "n_blocks": 2}
GRID = {"rows": 6, "cols": 5, "n_outputs": 6}
SCALED = {"n_chans": 4, "n_times": 800, "sfreq": 2000.0, "n_heads": 4, "position_groups": 4, "position_kernel": 16}
SCALED |= {"conv_widths": (16, 8, 8), "n_blocks": 2, "embed_dim": 16, "n_outputs": 9}
POSE = {"n_chans": 8, "n_times": 43, "n_outputs": 5, "sfreq": 200.0, "width": 16, "block_channels": 4, "hidden": 12}
POSE |= {"kernels": (5, 4, 3), "strides": (2, 2, 2), "block_kernels": (3, 2), "stage_blocks": 1, "n_features": 6}
POSE |= {"rollout_rate": 50.0}
TDS = {"n_chans": 8, "n_times": 120, "n_outputs": 6, "sfreq": 60.0, "window": 8, "hop": 4, "mlp_width": 12}
SPEECH = {"n_chans": 8, "n_times": 120, "sfreq": 120.0, "embed_dim": 32, "n_heads": 2, "n_blocks": 2}
EVENTS = {"n_chans": 8, "n_times": 240, "n_outputs": 9, "sfreq": 240.0}
WRITING = {"electrodes": 6, "bands": 2, "n_times": 60, "n_outputs": 5, "contexts": (4, 3), "strides": (1, 2)}
SMALL = {
    **{f"scaled-transformer-{size}": SCALED for size in ("tiny", "small", "medium", "base", "large")},
    "allconvnet": GRID,
    "allconvnet-bn": GRID,
    "gengnet": GRID,
    "sconvnet": GRID | {"width": 8, "hidden": 16},
    "neuromotor-handwriting": WRITING | {"width": 16, "hidden": 24, "n_heads": 2, "kernel_size": 3},
    "neuromotor-wrist": {"electrodes": 7, "bands": 2, "n_times": 12, "n_outputs": 2, "width": 24, "n_layers": 2},
    "neuromotor-gestures": EVENTS | {"n_times": 91, "width": 24, "n_layers": 2},
    "emg2pose": POSE,
    "vemg2pose": POSE | {"position_time": 0.06},
    "neuropose": {"n_chans": 8, "n_times": 50, "n_outputs": 5, "sfreq": 50.0, "widths": (4, 6), "time_factors": (5, 2)}
    | {"chan_pools": (2, 4), "chan_repeats": (4, 2), "n_blocks": 2},
    "tds-emg2qwerty": TDS | {"block_channels": 4, "kernel": 4, "n_blocks": 2},
    "tinymyo": WINDOW | {"n_outputs": 6},
    "tinymyo-released": WINDOW | {"n_outputs": 6},
    "tinyissimomyo": WINDOW | {"n_outputs": 6},
    "tinymyo-neuromotor": EVENTS | {"embed_dim": 32, "n_heads": 2, "n_blocks": 2},
    "tinymyo-speech-production": SPEECH | {"n_outputs": 9, "n_phonemes": 4},
    "tinymyo-speech-recognition": SPEECH | {"n_outputs": 7},
}
LAYERS = {"allconvnet": 7, "allconvnet-bn": 7, "gengnet": 7, "sconvnet": 3, "neuropose": 6, "tds-emg2qwerty": 3}
LAYERS |= {"emg2pose": 7, "vemg2pose": 7}  # the output of emg2pose is the last member of its list
MORE = [
    ("tinymyo", {"task": "reconstruction", **WINDOW}),
    ("tinymyo", {"task": "regression", **WINDOW, "n_outputs": 5}),
    ("scaled-transformer-tiny", {"task": "classification", **SCALED}),
]


def test_every_model_is_here() -> None:
    assert sorted(SMALL) == emg_models.list_models()


def in_order_of_use(model: nn.Module) -> list[str]:
    """Return the modules that own parameters, in the order in which a forward pass first enters them."""
    used: list[str] = []
    owners = {name: m for name, m in model.named_modules() if any(p.requires_grad for p in m.parameters(False))}
    handles = [
        module.register_forward_pre_hook(lambda _module, _inputs, name=name: used.append(name))
        for name, module in owners.items()
    ]
    with torch.no_grad():
        model.eval()(torch.randn(1, *model.config.input_shape))
    for handle in handles:
        handle.remove()
    return list(dict.fromkeys(used))


@pytest.mark.parametrize(
    ("name", "settings"), [*SMALL.items(), *MORE], ids=lambda value: value if isinstance(value, str) else ""
)
def test_layer_decay_matches_the_layers_of_every_model(name: str, settings: dict) -> None:
    """At least L + 1 rates that fall from head to embedding, the order being that of a forward pass."""
    model = emg_models.create_model(name, **settings)
    optimizer = build_optimizer(model, model, OptimizerRecipe(layer_decay=0.5))
    set_learning_rate(optimizer, 1.0)
    grouped = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters() if p.requires_grad)
    rate = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    by_name = {key: rate[id(p)] for key, p in model.named_parameters() if p.requires_grad}
    layers = LAYERS.get(name, 2)
    assert len(set(rate.values())) in {layers + 1, layers + 2}, sorted(set(rate.values()))
    assert max(rate.values()) == 1.0
    owners = in_order_of_use(model)
    own = {owner: model.get_submodule(owner).named_parameters(prefix=owner, recurse=False) for owner in owners}
    rates = [min(by_name[name] for name, p in parameters if p.requires_grad) for parameters in own.values()]
    assert rates == sorted(rates), list(zip(owners, rates, strict=True))
    assert rates[0] < rates[-1]


@pytest.mark.parametrize(
    "model",
    [nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2)), nn.ModuleDict({"a": nn.Linear(1, 1), "head": nn.Linear(1, 1)})],
)
def test_layer_decay_that_matches_nothing_raises(model: nn.Module) -> None:
    with pytest.raises(EmgDistillError, match=r"no layers that layer-wise decay could tell apart.*layer_decay=1"):
        layer_depths(model)


def test_parts_without_a_number_stand_where_they_are_registered() -> None:
    model = nn.ModuleDict(
        {"stem": nn.Linear(1, 1), "trunk": nn.ModuleList([nn.Linear(1, 1)]), "bridge": nn.Linear(1, 1)}
    )
    model["upper"] = nn.ModuleList([nn.Linear(1, 1)])
    model["last"] = nn.LSTM(1, 1)
    model["norm"] = nn.Linear(1, 1)
    depths = {name.rpartition(".")[0]: depth for name, depth in layer_depths(model).items()}
    assert depths == {"stem": 0, "trunk.0": 1, "bridge": 1, "upper.0": 2, "last": 3, "norm": 4}


@pytest.fixture(scope="module")
def toys():
    spec = spec_from_file_location("distill_toys", Path(__file__).with_name("distill_toys.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def settings_of(groups: list[dict], module: nn.Module) -> dict[str, tuple[float, float]]:
    found = {id(p): (group["lr_scale"], group["weight_decay"]) for group in groups for p in group["params"]}
    return {name: found[id(p)] for name, p in module.named_parameters() if id(p) in found}


def test_what_is_trained_beside_the_model_stands_above_its_layers(toys) -> None:
    task = toys.ToyTask()
    task.module.teacher.requires_grad_(True)
    found = settings_of(parameter_groups(task.module, task.model, OptimizerRecipe(layer_decay=0.5)), task.module)
    assert {name: value[0] for name, value in found.items() if name.endswith("weight")} == {
        "model.patch_embedding.weight": 0.125,
        "model.blocks.0.weight": 0.25,
        "model.blocks.1.weight": 0.5,
        "model.head.weight": 1.0,
        "teacher.weight": 1.0,
    }


def test_vectors_decay_only_when_asked_to(toys) -> None:
    model = toys.ToyModel(norm=True)
    for decay_vectors in (False, True):
        groups = parameter_groups(model, model, OptimizerRecipe(weight_decay=0.3, decay_vectors=decay_vectors))
        for name, (_, decay) in settings_of(groups, model).items():
            matrix = model.get_parameter(name).ndim > 1
            assert decay == (0.3 if matrix or decay_vectors else 0.0), name


def test_groups_by_pattern(toys) -> None:
    task = toys.ToyTask()
    rules = (
        GroupRecipe("head.bias", weight_decay=0.5),
        GroupRecipe("head.*", lr_scale=10.0),
        GroupRecipe("blocks.*.weight", lr_scale=0.0, weight_decay=0.0),
    )
    recipe = OptimizerRecipe(weight_decay=0.1, group=rules, layer_decay=0.5)
    found = settings_of(parameter_groups(task.module, task.model, recipe), task.module)
    assert found["model.head.bias"] == (1.0, 0.5)
    assert found["model.head.weight"] == (10.0, 0.1)
    assert found["model.blocks.1.weight"] == (0.0, 0.0)
    assert found["model.blocks.1.bias"] == (0.5, 0.0)
    assert "teacher.weight" not in found
    with pytest.raises(
        EmgDistillError, match=r"unknown name of parameters 'heads\.\*' in optimizer.group.pattern: did"
    ):
        parameter_groups(task.module, task.model, OptimizerRecipe(group=(GroupRecipe("heads.*"),)))


def test_freezing(toys) -> None:
    task = toys.ToyTask()
    frozen = freeze(task.module, task.model, ("blocks.0.*", "*.bias"))
    assert sorted(frozen) == [
        "model.blocks.0.bias",
        "model.blocks.0.weight",
        "model.blocks.1.bias",
        "model.head.bias",
        "model.patch_embedding.bias",
    ]
    grouped = settings_of(parameter_groups(task.module, task.model, OptimizerRecipe()), task.module)
    assert sorted(grouped) == ["model.blocks.1.weight", "model.head.weight", "model.patch_embedding.weight"]
    with pytest.raises(EmgDistillError, match=r"unknown name of parameters 'neck' in train.freeze"):
        freeze(task.module, task.model, ("neck",))
    with pytest.raises(EmgDistillError, match=r"train.freeze=\('\*',\): nothing is left to train"):
        freeze(task.module, task.model, ("*",))
    assert task.model.head.weight.requires_grad


def test_settings_reach_the_optimizer(toys) -> None:
    """Defect D4: what the configuration says is what runs."""
    model = toys.ToyModel()
    recipe = OptimizerRecipe(lr=3e-3, betas=(0.8, 0.98), weight_decay=0.2, eps=1e-6)
    for kind, cls in (("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam)):
        optimizer = build_optimizer(model, model, OptimizerRecipe(**{**vars(recipe), "kind": kind}))
        assert type(optimizer) is cls
        assert all((group["betas"], group["eps"]) == ((0.8, 0.98), 1e-6) for group in optimizer.param_groups)
        assert {group["weight_decay"] for group in optimizer.param_groups} == {0.2, 0.0}
        assert optimizer.defaults["lr"] == 3e-3


def test_sgd_is_nesterovs_update_with_decay_after_clipping() -> None:
    """The published recipe of GengNet: v = m v + g + d w; w -= lr (g + d w + m v)."""
    layer = nn.Linear(3, 1, bias=False)
    recipe = OptimizerRecipe(kind="sgd", lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-2)
    optimizer = build_optimizer(layer, layer, recipe)
    expected, speed = layer.weight.detach().double().clone(), torch.zeros(1, 3, dtype=torch.float64)
    for step in range(5):
        set_learning_rate(optimizer, 0.1)
        layer.weight.grad = torch.full((1, 3), float(step) - 2)
        optimizer.step()
        gradient = step - 2 + 1e-2 * expected
        speed = 0.9 * speed + gradient
        expected = expected - 0.1 * (gradient + 0.9 * speed)
    torch.testing.assert_close(layer.weight.detach().double(), expected, rtol=1e-6, atol=1e-6)


@pytest.fixture(params=["adamw", "adam", "sgd"])
def pair(request) -> Iterator[tuple]:
    momentum = 0.9 if request.param == "sgd" else 0.0
    recipe = OptimizerRecipe(kind=request.param, momentum=momentum)
    models = [nn.Linear(3, 2) for _ in range(2)]
    return [(model, build_optimizer(model, model, recipe)) for model in models]


def test_state_travels_as_flat_tensors(pair) -> None:
    def one_step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        set_learning_rate(optimizer, 0.1)
        model(torch.ones(1, 3)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    (first, one), (second, two) = pair
    one_step(first, one)
    second.load_state_dict(first.state_dict())
    tensors = optimizer_tensors(first, one)
    slots = ("momentum_buffer",) if isinstance(one, torch.optim.SGD) else ("step", "exp_avg", "exp_avg_sq")
    assert set(tensors) == {f"{p}/{s}" for p in ("weight", "bias") for s in slots}
    load_optimizer_tensors(second, two, {name: value.clone() for name, value in tensors.items()})
    one_step(first, one)
    one_step(second, two)
    assert torch.equal(first.weight, second.weight)
    with pytest.raises(EmgDistillError, match="parameter 'other'"):
        load_optimizer_tensors(second, two, {"other/step": torch.ones(())})
