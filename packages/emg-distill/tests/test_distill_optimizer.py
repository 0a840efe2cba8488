"""Parameter groups: layer-wise decay that matches layers (defect D3), state that travels through a file."""

import pytest
import torch

from emg_distill import EmgDistillError
from emg_distill._loop.optimizer import (
    build_optimizer,
    layer_depths,
    load_optimizer_tensors,
    optimizer_tensors,
    parameter_groups,
    set_learning_rate,
)
from emg_distill._models import build_classifier, build_pretrainer
from emg_distill._recipe.schema import OptimizerRecipe


@pytest.mark.parametrize("build", [build_classifier, build_pretrainer])
def test_every_parameter_is_in_exactly_one_group(build, recipe, toy) -> None:
    plan = recipe("finetune", model={"n_blocks": 3}, optimizer={"layer_decay": 0.9})
    model = build(plan, toy)
    grouped = [id(p) for group in parameter_groups(model, plan.optimizer) for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters() if p.requires_grad)


def test_rates_fall_from_head_to_embedding(recipe, toy) -> None:
    plan = recipe(model={"n_blocks": 3}, optimizer={"lr": 1.0, "layer_decay": 0.5})
    model = build_classifier(plan, toy)
    optimizer = build_optimizer(model, plan.optimizer)
    set_learning_rate(optimizer, 2.0)
    rate = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    by_name = {name: rate[id(p)] for name, p in model.named_parameters() if p.requires_grad}
    assert by_name["head.weight"] == by_name["encoder.norm.weight"] == 2.0
    assert [by_name[f"encoder.blocks.{i}.attn.qkv.weight"] for i in (2, 1, 0)] == [1.0, 0.5, 0.25]
    assert by_name["encoder.channel_embed"] == 0.125
    assert by_name["encoder.patch_embedding.patch_embed.proj.weight"] == 0.125
    assert len(set(rate.values())) == 5


def test_vectors_do_not_decay(recipe, toy) -> None:
    model = build_classifier(recipe(), toy)
    for group in parameter_groups(model, OptimizerRecipe(weight_decay=0.3)):
        assert {p.ndim > 1 for p in group["params"]} == {group["weight_decay"] == 0.3}


def test_layer_decay_that_matches_nothing_raises() -> None:
    with pytest.raises(EmgDistillError, match="Linear has no parameters named blocks"):
        layer_depths(torch.nn.Linear(2, 2))


def test_settings_reach_the_optimizer(recipe, toy) -> None:
    """Defect D4: what the configuration says is what runs."""
    model = build_classifier(recipe(), toy)
    optimizer = build_optimizer(model, OptimizerRecipe(lr=3e-3, betas=(0.8, 0.98), weight_decay=0.2))
    assert all(group["betas"] == (0.8, 0.98) for group in optimizer.param_groups)
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.2, 0.0}
    assert optimizer.defaults["lr"] == 3e-3


def test_state_travels_as_flat_tensors() -> None:
    def one_step(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
        set_learning_rate(optimizer, 0.1)
        model(torch.ones(1, 3)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    torch.manual_seed(0)
    first = torch.nn.Linear(3, 2)
    second = torch.nn.Linear(3, 2)
    optimizers = [build_optimizer(model, OptimizerRecipe()) for model in (first, second)]
    one_step(first, optimizers[0])
    second.load_state_dict(first.state_dict())
    tensors = optimizer_tensors(first, optimizers[0])
    assert set(tensors) == {f"{p}/{s}" for p in ("weight", "bias") for s in ("step", "exp_avg", "exp_avg_sq")}
    load_optimizer_tensors(second, optimizers[1], {name: value.clone() for name, value in tensors.items()})
    for model, optimizer in zip((first, second), optimizers, strict=True):
        one_step(model, optimizer)
    assert torch.equal(first.weight, second.weight)
    with pytest.raises(EmgDistillError, match="parameter 'other'"):
        load_optimizer_tensors(second, optimizers[1], {"other/step": torch.ones(())})
