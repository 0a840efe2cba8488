"""Projection heads, momentum teachers and spectra: formulas, padding, and a step of each way to pre-train."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import emg_models
from emg_distill import EmgDistillError
from emg_distill._auxiliary.embedder import Embedder, ProjectionHead, mean_token
from emg_distill._auxiliary.momentum import MomentumTeacher, momentum_at
from emg_distill._auxiliary.spectrum import amplitude_spectrum, perturb_spectrum
from emg_distill._auxiliary.time_frequency import TimeFrequencyPair
from emg_distill._masks import mask_from_recipe
from emg_distill._recipe.schema import MaskRecipe
from emg_distill._seeds import Purpose, SampleDraws
from emg_distill.objectives import feature_prediction, feature_target, nt_xent, time_frequency_consistency

CHANS, TIMES, WIDTH = 3, 40, 12


def encoder(n_times: int = TIMES) -> nn.Module:
    return emg_models.create_model(
        "tinymyo", task="tokens", n_chans=CHANS, n_times=n_times, patch_size=10, embed_dim=WIDTH, n_blocks=3, n_heads=2
    )


def draws(rows: list[int], epoch: int = 0) -> SampleDraws:
    return SampleDraws(1, Purpose.MASK, epoch, np.array(rows, np.int64))


def test_momentum_is_linear_then_constant() -> None:
    values = [momentum_at(step, 0.9, 1.0, 10) for step in (0, 5, 10, 999)]
    assert values == pytest.approx([0.9, 0.95, 1.0, 1.0])
    assert momentum_at(0, 0.9, 0.99, 0) == 0.99
    assert momentum_at(15_000) == pytest.approx(0.99945)


@pytest.mark.parametrize(
    "options", [{"start": 1.5}, {"end": -0.1}, {"ramp": -1}], ids=lambda options: next(iter(options))
)
def test_bad_momentum_raises(options: dict[str, float]) -> None:
    with pytest.raises(EmgDistillError, match=r"must lie in \[0, 1\], ramp=.* must be >= 0"):
        momentum_at(0, **options)  # type: ignore[arg-type]


def test_teacher_follows_by_the_formula() -> None:
    student = encoder()
    teacher = MomentumTeacher(student, top=2)
    before = copy.deepcopy(teacher.model.state_dict())
    with torch.no_grad():
        for p in student.parameters():
            p.add_(torch.randn_like(p))
    for buffer in student.buffers():
        buffer.add_(1.0)
    teacher.update(student, 0.75)
    for name, mine in teacher.model.named_parameters():
        torch.testing.assert_close(mine, 0.75 * before[name] + 0.25 * student.get_parameter(name))
    for name, buffer in teacher.model.named_buffers():
        assert torch.equal(buffer, student.get_buffer(name))
    teacher.update(student, 0.0)
    for name, mine in teacher.model.named_parameters():
        torch.testing.assert_close(mine, student.get_parameter(name))


def test_teacher_is_still_and_independent() -> None:
    student = encoder()
    teacher = MomentumTeacher(student, top=1)
    holder = nn.ModuleDict({"student": student, "teacher": teacher}).train()
    assert student.training
    assert not any(module.training for module in teacher.modules())
    assert not any(p.requires_grad for p in teacher.parameters())
    assert {p.data_ptr() for p in teacher.parameters()}.isdisjoint(p.data_ptr() for p in student.parameters())
    assert any(name.startswith("teacher.model.") for name in holder.state_dict())


def test_target_is_that_of_the_last_blocks() -> None:
    student = encoder().eval()
    outputs: list[torch.Tensor] = []
    teacher = MomentumTeacher(student, top=2)
    for block in student.get_submodule("blocks").children():
        block.register_forward_hook(lambda _m, _i, output: outputs.append(output))
    x = torch.randn(2, CHANS, TIMES)
    student(x)
    target = teacher.target(x)
    assert target.shape == (2, CHANS * 4, WIDTH)
    assert not target.requires_grad
    torch.testing.assert_close(target, feature_target(outputs, 2))
    torch.testing.assert_close(copy.deepcopy(teacher).target(x), target)
    mask = torch.tensor([[True, True, False]] * 2)
    hollow = x.masked_fill(~mask[..., None], torch.nan)
    assert teacher.target(hollow, channel_mask=mask).isfinite().all()


@pytest.mark.parametrize(("student", "top"), [(nn.Linear(2, 2), 1), (encoder(), 0), (encoder(), 4)])
def test_teacher_needs_blocks(student: nn.Module, top: int) -> None:
    with pytest.raises(EmgDistillError, match=rf"top={top}: .* has (no|3) blocks"):
        MomentumTeacher(student, top)


def test_a_step_of_feature_prediction() -> None:
    student, predictor = encoder(), nn.Linear(WIDTH, WIDTH)
    teacher = MomentumTeacher(student, top=2)
    x = torch.randn(4, CHANS, TIMES)
    real = torch.tensor([[True, True, True], [True, False, True]] * 2)
    mask = mask_from_recipe(MaskRecipe(kind="random", ratio=0.5), draws([0, 1, 2, 3]), CHANS, 4, real)
    loss = feature_prediction(predictor(student(x, mask, real)), teacher.target(x, channel_mask=real), mask, real)
    loss.backward()
    assert 0 < loss.item() < 5
    assert all(p.grad is not None for p in student.parameters())
    assert all(p.grad is None for p in teacher.parameters())


def test_mean_token_leaves_padded_channels_out() -> None:
    tokens = torch.arange(24.0).reshape(2, 6, 2)
    torch.testing.assert_close(mean_token(tokens), tokens.mean(1))
    real = torch.tensor([[True, False, True], [True, True, True]])
    bad = tokens.masked_fill(~real.repeat_interleave(2, 1)[..., None], torch.nan)
    expected = torch.stack([tokens[0, [0, 1, 4, 5]].mean(0), tokens[1].mean(0)])
    torch.testing.assert_close(mean_token(bad, real), expected)


@pytest.mark.parametrize(
    ("tokens", "mask", "message"),
    [
        (torch.zeros(2, 6), None, "choose a token encoder"),
        (torch.zeros(2, 6, 1), torch.ones(2, 4).bool(), "does not fit n_tokens=6"),
        (torch.zeros(2, 6, 1), torch.tensor([[True], [False]]), "without any real channel"),
    ],
)
def test_bad_tokens_raise(tokens: torch.Tensor, mask: torch.Tensor | None, message: str) -> None:
    with pytest.raises(EmgDistillError, match=message):
        mean_token(tokens, mask)


def test_projection_head_takes_rows_alone() -> None:
    head = ProjectionHead(5, hidden=8, width=3)
    x = torch.randn(4, 5)
    torch.testing.assert_close(head(x)[1:2], head(x[1:2]))
    assert head(x).shape == (4, 3)
    assert sum(p.numel() for p in head.parameters()) == 5 * 8 + 8 + 2 * 8 + 8 * 3 + 3


def test_spectrum_of_a_tone_and_of_noise() -> None:
    t = torch.arange(40.0)
    tone = amplitude_spectrum(3.0 * torch.cos(2 * torch.pi * 5 * t / 40))
    expected = torch.zeros(21)
    expected[5] = 3.0 * 40 / 2 / 40**0.5
    torch.testing.assert_close(tone, expected, atol=1e-5, rtol=1e-5)
    assert amplitude_spectrum(torch.randn(50, 1001)).square().mean().item() == pytest.approx(1.0, abs=0.05)
    assert amplitude_spectrum(torch.ones(2, 3, 7).bfloat16()).dtype == torch.float32
    assert amplitude_spectrum(torch.ones(7).double()).shape == (4,)


def test_perturbed_spectra() -> None:
    amplitude = torch.rand(2, 3, 500) + 0.1
    out = perturb_spectrum(amplitude, draws([5, 6]), remove=0.2, add=0.3, strength=0.5)
    level = (0.5 * amplitude.amax(-1, keepdim=True)).expand_as(amplitude)
    gone, same = out == 0, out == amplitude
    raised = ~gone & ~same
    assert gone.float().mean().item() == pytest.approx(0.2, abs=0.03)
    assert torch.equal(out[raised], level[raised])
    assert (amplitude[raised] < level[raised]).all()
    weak = amplitude < level
    assert raised[weak].float().mean().item() == pytest.approx(0.8 * 0.3, abs=0.03)
    again = perturb_spectrum(amplitude[1:], draws([6]), remove=0.2, add=0.3, strength=0.5)
    assert torch.equal(again[0], out[1])
    assert torch.equal(perturb_spectrum(amplitude, draws([5, 6]), remove=0.0, add=0.0), amplitude)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((2, 5), {}, r"amplitude .2, 5. must be .batch, channels, components."),
        ((2, 3, 5), {"remove": 1.5}, r"remove=1.5 must lie in \[0, 1\]"),
        ((2, 3, 5), {"add": -0.5}, "add=-0.5"),
        ((2, 3, 5), {"strength": 2.0}, "strength=2.0"),
    ],
)
def test_bad_spectra_raise(shape: tuple[int, ...], options: dict[str, float], message: str) -> None:
    with pytest.raises(EmgDistillError, match=message):
        perturb_spectrum(torch.ones(shape), draws([0, 1]), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("padded", [False, True])
def test_a_step_of_time_frequency_consistency(padded: bool) -> None:
    pair = TimeFrequencyPair(encoder(), encoder(TIMES // 2 + 1), WIDTH, hidden=16, width=8)
    x = torch.randn(4, CHANS, TIMES)
    real = torch.tensor([[True, True, False]] * 4) if padded else None
    spectrum = amplitude_spectrum(x)
    spectra = spectrum, perturb_spectrum(spectrum, draws([0, 1, 2, 3]))
    context = pair((x, x + 0.1 * torch.randn_like(x)), spectra, real)
    assert {name: tuple(value.shape) for name, value in context.items()} == {
        "time_views": (4, 2, WIDTH),
        "time_projected": (4, 2, 8),
        "frequency_views": (4, 2, WIDTH),
        "frequency_projected": (4, 2, 8),
    }
    time_frequency_consistency(**context).backward()
    unused = {name for name, p in pair.named_parameters() if p.grad is None}
    assert unused == {"time.encoder.mask_token", "frequency.encoder.mask_token"}


def test_contrast_learns_to_tell_rows_apart() -> None:
    embed = Embedder(encoder(), WIDTH, hidden=16, width=8)
    x = torch.randn(8, CHANS, TIMES)
    optimizer = torch.optim.Adam(embed.parameters(), lr=1e-2)
    losses = []
    for _ in range(8):
        noisy = [x + 0.05 * torch.randn_like(x) for _ in range(2)]
        loss = nt_xent(embed(noisy[0])[1], embed(noisy[1])[1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
