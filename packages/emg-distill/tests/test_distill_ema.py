"""The average of the weights against its sum, and what the loop does with it."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch
from torch import nn

from emg_distill import EmgDistillError
from emg_distill._loop.ema import Ema
from emg_distill._loop.run import fit


@pytest.fixture(scope="module")
def toys():
    spec = spec_from_file_location("distill_toys", Path(__file__).with_name("distill_toys.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.9999])
def test_the_average_is_the_bias_corrected_sum(decay: float) -> None:
    layer = nn.Linear(4, 3)
    ema, past = Ema(layer, decay), []
    for step in range(1, 9):
        with torch.no_grad():
            layer.weight.normal_()
        past.append(layer.weight.detach().double().clone())
        ema.update(step)
        terms = [decay ** (step - i) * theta for i, theta in enumerate(past, 1)]
        expected = (1 - decay) * sum(terms) / (1 - decay**step)
        torch.testing.assert_close(ema.tensors()["weight"].double(), expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(Ema(layer, decay).tensors()["weight"], layer.weight)


def test_the_first_average_is_the_first_weight() -> None:
    layer = nn.Linear(2, 2)
    ema = Ema(layer, 0.99)
    with torch.no_grad():
        layer.weight.fill_(7.0)
    ema.update(1)
    assert torch.equal(ema.tensors()["weight"], layer.weight)


def fail_in_place(ema: Ema, layer: nn.Linear, average: torch.Tensor) -> None:
    with ema.in_place():
        assert torch.equal(layer.weight, average)
        raise ZeroDivisionError


def test_weights_come_back_bit_for_bit() -> None:
    layer = nn.Linear(5, 5)
    layer.bias.requires_grad_(False)
    ema = Ema(layer, 0.9)
    before = layer.weight.detach().clone()
    with torch.no_grad():
        layer.weight.mul_(3.0)
    ema.update(2)
    own, average = layer.weight.detach().clone(), ema.tensors()["weight"].clone()
    assert set(ema.tensors()) == {"weight"}
    with pytest.raises(ZeroDivisionError):
        fail_in_place(ema, layer, average)
    assert torch.equal(layer.weight, own)
    assert torch.equal(ema.tensors()["weight"], average)
    assert not torch.equal(before, own)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(EmgDistillError, match=r"averaged weights of a checkpoint do not fit the module: \['bias'\]"):
        Ema(nn.Linear(2, 2), 0.9).load({"weight": torch.zeros(2, 2)})


class Spy:
    """Remembers the head's weight after every step and at every validation."""

    def __init__(self, task) -> None:
        self.task, self.steps, self.validated = task, [], []
        self.weight = task.model.head.weight
        self.after_step, self.validate = task.after_step, task.validate
        task.after_step, task.validate = self.on_step, self.on_validation

    def on_step(self, step: int, total: int) -> None:
        self.after_step(step, total)
        self.steps.append(self.weight.detach().clone())

    def on_validation(self) -> dict[str, float]:
        self.validated.append(self.weight.detach().clone())
        return self.validate()


@pytest.mark.parametrize("select", ["best", "last"])
def test_the_average_is_validated_selected_and_left(select: str, toys, tmp_path: Path) -> None:
    decay = 0.8
    task = toys.ToyTask()
    spy = Spy(task)
    result = fit(task, toys.toy_recipe(train={"ema": decay, "select": select}), tmp_path, "h")
    for epoch, seen in enumerate(spy.validated, 1):
        past = spy.steps[: 5 * epoch]
        terms = [decay ** (len(past) - i) * theta for i, theta in enumerate(past, 1)]
        torch.testing.assert_close(seen, (1 - decay) * sum(terms) / (1 - decay ** len(past)))
    assert torch.equal(task.model.head.weight, spy.validated[result.best_step // 5 - 1])
    assert not torch.equal(spy.steps[-1], spy.validated[-1])
