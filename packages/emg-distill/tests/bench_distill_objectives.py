"""Speed of objectives at the sizes of the published recipes: forward and backward, one thread."""

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from emg_distill._masks import block_patch_mask, random_patch_mask
from emg_distill.objectives import ctc, ctc_distillation, masked_reconstruction

BATCH, FRAMES, OUTPUTS = 8, 498, 99


def step(loss: Callable[[torch.Tensor], torch.Tensor], leaf: torch.Tensor) -> Callable[[], None]:
    leaf = leaf.detach().requires_grad_()

    def run() -> None:
        leaf.grad = None
        loss(leaf).backward()

    return run


@pytest.mark.parametrize("form", ["ours", "torch"])
def test_reconstruction(benchmark, form: str) -> None:
    x, y = torch.randn(32, 16, 1000), torch.randn(32, 16, 1000)
    mask = random_patch_mask(800, 0.5, batch_size=32)
    forms = {
        "ours": lambda p: masked_reconstruction(p, y, mask),
        "torch": lambda p: functional.smooth_l1_loss(p, y),
    }
    benchmark(step(forms[form], x))


@pytest.mark.parametrize("form", ["ours", "torch"])
def test_ctc(benchmark, form: str) -> None:
    target = torch.randint(98, (BATCH, 30))
    lengths = torch.full((BATCH,), FRAMES), torch.full((BATCH,), 30)
    plain = torch.nn.CTCLoss(blank=98)
    forms = {
        "ours": lambda p: ctc(p.log_softmax(-1), target, *lengths),
        "torch": lambda p: plain(p.log_softmax(-1).transpose(0, 1), target, *lengths),
    }
    benchmark(step(forms[form], torch.randn(BATCH, FRAMES, OUTPUTS)))


@pytest.mark.parametrize("options", [{}, {"alignment": "shift", "max_shift": 5}], ids=["frames", "shift"])
def test_ctc_distillation(benchmark, options: dict[str, object]) -> None:
    teacher = torch.randn(BATCH, FRAMES, OUTPUTS).log_softmax(-1)
    loss = step(lambda p: ctc_distillation(p.log_softmax(-1), teacher, **options), torch.randn_like(teacher))  # type: ignore[arg-type]
    benchmark(loss)


def test_block_masks(benchmark) -> None:
    scores = torch.rand(32, 16, 54)
    benchmark(lambda: block_patch_mask(scores, 0.5, 5))
