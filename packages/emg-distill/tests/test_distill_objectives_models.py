"""Objectives meet the outputs of real models: shapes fit, and every weight that should learn gets a gradient."""

from typing import Any

import pytest
import torch
from torch import nn

import emg_models
from emg_distill._masks import random_patch_mask
from emg_distill.objectives import (
    ctc,
    ctc_distillation,
    ctc_sequence_distillation,
    events,
    l1,
    masked_reconstruction,
    relation_distillation,
    speech,
)

SMALL: dict[str, Any] = {"embed_dim": 16, "n_blocks": 1, "n_heads": 2}


def learns(model: nn.Module, loss: torch.Tensor, *, but: tuple[str, ...] = ()) -> None:
    loss.backward()
    assert loss.isfinite()
    assert {name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()} <= set(but)


@pytest.mark.parametrize("n_times", [40, 45])
def test_reconstruction_with_a_short_last_patch_and_padded_channels(n_times: int) -> None:
    model = emg_models.create_model(
        "tinymyo", task="reconstruction", n_chans=3, n_times=n_times, patch_size=20, **SMALL
    )
    x = torch.randn(2, 3, n_times)
    real = torch.tensor([[True, True, True], [True, False, True]])
    mask = random_patch_mask(model.config.n_tokens, 0.5, channel_mask=real)
    loss = masked_reconstruction(model(x, mask, real), x, mask, real, torch.tensor(model.config.patch_size))
    learns(model, loss)


def test_events_and_values_over_time() -> None:
    for task, objective in (("events", events), ("regression", l1)):
        model = emg_models.create_model("tinymyo", task=task, n_chans=2, n_times=60, n_outputs=3, **SMALL)
        output = model(torch.randn(2, 2, 60))
        learns(model, objective(output, torch.rand_like(output)), but=("encoder.mask_token",))


def test_silent_speech() -> None:
    model = emg_models.create_model("tinymyo-speech-production", **SMALL)
    config, lengths = model.config, torch.tensor([80, 40])
    output = model(torch.randn(2, config.n_chans, 80), lengths)
    frames = torch.tensor([model.frames(int(n)) for n in lengths])
    target = torch.randn(2, 10, config.n_features)
    phonemes = torch.randint(config.n_phonemes, (2, 10))
    learns(model, speech(output, target, phonemes, None, frames))


def test_text_from_a_larger_teacher() -> None:
    sizes: dict[str, Any] = {"n_chans": 4, "n_outputs": 6, "n_heads": 2, "position_groups": 4, "position_kernel": 16}
    student = emg_models.create_model(
        "scaled-transformer-tiny", task="ctc", n_times=1600, embed_dim=16, n_blocks=1, **sizes
    )
    teacher = emg_models.create_model(
        "scaled-transformer-tiny", task="ctc", n_times=1600, embed_dim=32, n_blocks=2, **sizes
    )
    caught: list[torch.Tensor] = []
    for model in (student, teacher):
        name = next(name for name, _ in model.named_modules() if name.endswith("blocks.0.attn.qkv"))
        model.get_submodule(name).register_forward_hook(lambda _m, _i, output: caught.append(output))
    x = torch.randn(2, 4, 1600)
    output, taught = student(x), teacher(x).detach()
    target, lengths = torch.randint(5, (2, 6)), torch.tensor([6, 3])
    loss = ctc(output, target, None, lengths) + ctc_distillation(output, taught, temperature=2.0)
    loss = loss + ctc_sequence_distillation(output, taught) + relation_distillation(*caught, heads=2)
    learns(student, loss, but=("encoder.mask_vector",))
