"""Objectives against numbers worked out by hand, and their gradients against finite differences."""

import inspect
import math

import pytest
import torch
from torch.autograd import gradcheck

import emg_distill.objectives as face
from emg_distill import EmgDistillError
from emg_distill.objectives import (
    _classification,
    _distillation,
    _reconstruction,
    cross_entropy,
    get_objective,
    list_objectives,
    logit_distillation,
    masked_reconstruction,
)


def two_patches(error_masked: float, error_visible: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    target = torch.zeros(1, 1, 8)
    prediction = torch.tensor([error_masked] * 4 + [error_visible] * 4).reshape(1, 1, 8)
    return prediction, target, torch.tensor([[True, False]])


def test_masked_reconstruction_is_quadratic_inside_and_linear_outside() -> None:
    assert masked_reconstruction(*two_patches(0.5, 0.0)).item() == pytest.approx(0.5 * 0.25)
    assert masked_reconstruction(*two_patches(3.0, 0.0)).item() == pytest.approx(2.5)
    assert masked_reconstruction(*two_patches(0.0, 2.0)).item() == pytest.approx(0.1 * 1.5)
    assert masked_reconstruction(*two_patches(0.0, 2.0), visible_weight=1.0).item() == pytest.approx(1.5)
    assert masked_reconstruction(*two_patches(2.0, 0.0), beta=2.0).item() == pytest.approx(1.0)


def test_masked_reconstruction_means_are_over_samples_not_over_windows() -> None:
    prediction = torch.zeros(2, 1, 8)
    prediction[0, 0, :4], prediction[1, 0] = 1.0, 3.0
    mask = torch.tensor([[True, False], [True, True]])
    assert masked_reconstruction(prediction, torch.zeros(2, 1, 8), mask).item() == pytest.approx((0.5 + 2.5 + 2.5) / 3)


def test_padded_channels_count_nowhere() -> None:
    torch.manual_seed(0)
    prediction, target = torch.randn(2, 3, 8), torch.randn(2, 3, 8)
    mask = torch.rand(2, 12) < 0.5
    padded = torch.cat([prediction, torch.full((2, 2, 8), 1e6)], 1), torch.cat([target, torch.zeros(2, 2, 8)], 1)
    wide = torch.cat([mask, torch.ones(2, 8, dtype=torch.bool)], 1)
    real = torch.tensor([[True, True, True, False, False]] * 2)
    loss = masked_reconstruction(*padded, wide, channel_mask=real)
    assert loss.item() == pytest.approx(masked_reconstruction(prediction, target, mask).item(), rel=1e-6)


def test_nothing_masked_leaves_the_visible_part() -> None:
    prediction, target, mask = two_patches(1.0, 1.0)
    assert masked_reconstruction(prediction, target, ~mask | mask).item() == pytest.approx(0.5)
    assert masked_reconstruction(prediction, target, mask & ~mask).item() == pytest.approx(0.05)


def test_cross_entropy_closed_forms() -> None:
    uniform = torch.zeros(2, 4)
    target = torch.tensor([1, 3])
    assert cross_entropy(uniform, target).item() == pytest.approx(math.log(4))
    assert cross_entropy(uniform, target, label_smoothing=0.3).item() == pytest.approx(math.log(4))
    logits = torch.tensor([[math.log(3.0), 0.0]])
    expected = -(0.9 * math.log(0.75) + 0.05 * math.log(0.75) + 0.05 * math.log(0.25))
    assert cross_entropy(logits, torch.tensor([0]), label_smoothing=0.1).item() == pytest.approx(expected)


def test_distillation_closed_forms() -> None:
    student, teacher = torch.tensor([[0.0, 0.0]]), torch.tensor([[2 * math.log(3.0), 0.0]])
    target = torch.tensor([0])
    soft = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert logit_distillation(student, teacher, target, temperature=2.0, alpha=1.0).item() == pytest.approx(4 * soft)
    assert logit_distillation(student, teacher, target, temperature=2.0, alpha=0.0).item() == pytest.approx(math.log(2))
    mixed = logit_distillation(student, teacher, target, temperature=2.0, alpha=0.25).item()
    assert mixed == pytest.approx(0.25 * 4 * soft + 0.75 * math.log(2))
    assert logit_distillation(teacher, teacher, target, alpha=1.0).item() == pytest.approx(0.0, abs=1e-7)


def test_soft_gradient_keeps_its_scale_over_temperatures() -> None:
    teacher, target = torch.tensor([[0.4, -0.1, 0.2]]), torch.tensor([0])
    norms = []
    for temperature in (20.0, 40.0):
        student = torch.zeros(1, 3, requires_grad=True)
        logit_distillation(student, teacher, target, temperature=temperature, alpha=1.0).backward()
        assert student.grad is not None
        norms.append(student.grad.norm().item())
    assert norms[0] == pytest.approx(norms[1], rel=0.02)


def test_no_gradient_reaches_the_teacher() -> None:
    teacher = torch.randn(2, 3, requires_grad=True)
    student = torch.randn(2, 3, requires_grad=True)
    logit_distillation(student, teacher, torch.tensor([0, 1])).backward()
    assert teacher.grad is None
    assert student.grad is not None


def test_gradients() -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 2, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    target = torch.randn(2, 2, 6, generator=generator, dtype=torch.float64)
    mask = torch.rand(2, 6, generator=generator) < 0.5
    assert gradcheck(lambda p: masked_reconstruction(p, target, mask), (x,))
    logits = torch.randn(3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    teacher = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    labels = torch.tensor([0, 3, 1])
    assert gradcheck(lambda s: cross_entropy(s, labels, label_smoothing=0.1), (logits,))
    assert gradcheck(lambda s: logit_distillation(s, teacher, labels, temperature=3.0, alpha=0.4), (logits,))


def test_registry_is_complete() -> None:
    functions = {
        name
        for module in (_classification, _distillation, _reconstruction)
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and name in face.__all__
    }
    assert functions == set(list_objectives())


@pytest.mark.parametrize("name", list_objectives())
def test_contract_of_every_objective(name: str) -> None:
    objective = get_objective(name)
    documentation = inspect.getdoc(objective.function) or ""
    assert ".. math::" in documentation
    assert "References" in documentation
    assert objective.options
    with pytest.raises(EmgDistillError, match=f"unknown option of objective '{name}' 'alhpa'"):
        objective.bind({"alhpa": 1.0})
    with pytest.raises(EmgDistillError, match="a number is required"):
        objective.bind({next(iter(objective.options)): True})


def test_unknown_objective_names_the_nearest() -> None:
    with pytest.raises(EmgDistillError, match="unknown objective 'cross_entropi': did you mean 'cross_entropy'"):
        get_objective("cross_entropi")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: masked_reconstruction(x, x[:, :1], torch.ones(2, 4).bool()), "must both be .batch, channels, time."),
        (lambda x: masked_reconstruction(x, x, torch.ones(2, 3).bool()), "does not cut"),
        (lambda x: masked_reconstruction(x, x, torch.ones(2, 4).bool(), channel_mask=torch.ones(2, 3)), "channel_mask"),
        (lambda x: masked_reconstruction(x, x, torch.ones(2, 4).bool(), visible_weight=-1.0), "visible_weight=-1.0"),
        (lambda x: masked_reconstruction(x, x, torch.ones(2, 4).bool(), beta=0.0), "beta=0.0 must be > 0"),
        (lambda x: cross_entropy(x, torch.zeros(2)), r"must be \(batch, classes\)"),
        (lambda x: cross_entropy(x[0], torch.tensor([0, 1]), label_smoothing=1.0), "label_smoothing=1.0"),
        (lambda x: logit_distillation(x[0], x[0, :, :2], torch.tensor([0, 1])), "same labels in the same order"),
        (lambda x: logit_distillation(x[0], x[0], torch.tensor([0, 1]), temperature=0.0), "temperature=0.0"),
        (lambda x: logit_distillation(x[0], x[0], torch.tensor([0, 1]), alpha=1.5), "alpha=1.5"),
    ],
)
def test_bad_input_raises(call: object, message: str) -> None:
    with pytest.raises(EmgDistillError, match=message):
        call(torch.zeros(2, 2, 8))  # type: ignore[operator]
