"""Augmentations: what each one may change, by how much, and what is refused."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import EmgDistillError
from emg_distill._augment.apply import augment
from emg_distill._augment.curves import smooth_curve
from emg_distill._augment.time import warped_times
from emg_distill._examples.batch import Batch
from emg_distill._recipe.augment import AugmentRecipe
from emg_distill._seeds import Purpose, SampleDraws

N, SFREQ = 64, 100.0


def draws(seed: int = 1, n: int = N) -> SampleDraws:
    return SampleDraws(seed, Purpose.AUGMENT, 0, np.arange(n))


def windows(n_chans: int = 5, n_times: int = 30) -> torch.Tensor:
    return torch.randn(N, n_chans, n_times, generator=torch.Generator().manual_seed(0))


def run(x: torch.Tensor | None = None, sfreq: float = SFREQ, **changes: Any) -> tuple[torch.Tensor, torch.Tensor]:
    x = windows() if x is None else x
    return x, augment(Batch(x), AugmentRecipe(**changes), draws(n=len(x)), sfreq).x


@pytest.mark.parametrize(("change", "axis", "reach"), [("rotate", 1, 2), ("shift", 2, 7)])
def test_rolls_go_both_ways_and_no_further(change: str, axis: int, reach: int) -> None:
    x, out = run(**{change: reach})
    amounts = []
    for before, after in zip(x, out, strict=True):
        fits = [k for k in range(-reach, reach + 1) if torch.equal(before.roll(k, axis - 1), after)]
        assert len(fits) == 1
        amounts += fits
    assert set(amounts) == set(range(-reach, reach + 1))


def test_a_share_of_windows_is_rotated() -> None:
    x, out = run(rotate=1, rotate_p=0.3)
    rotated = [not torch.equal(before, after) for before, after in zip(x, out, strict=True)]
    assert 4 <= sum(rotated) <= 22


def test_two_wrists_turn_by_themselves() -> None:
    x, out = run(windows(32), rotate=1, rings=2)
    turns = []
    for before, after in zip(x.unflatten(1, (2, 16)), out.unflatten(1, (2, 16)), strict=True):
        turns.append(
            tuple(next(k for k in (-1, 0, 1) if torch.equal(before[w].roll(k, 0), after[w])) for w in range(2))
        )
    assert set(turns) == {(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)}


def test_a_ring_closes_without_absent_electrodes() -> None:
    x = windows(6)
    real = torch.tensor([True, False, True, True, False, False]).expand(N, 6)
    x = x * real[:, :, None]
    out = augment(Batch(x, channel_mask=real), AugmentRecipe(rotate=1), draws(), SFREQ).x
    for before, after in zip(x, out, strict=True):
        assert any(torch.equal(before[[0, 2, 3]].roll(k, 0), after[[0, 2, 3]]) for k in (-1, 0, 1))
        assert not after[[1, 4, 5]].any()


def test_a_slip_mixes_two_neighbours() -> None:
    x = torch.eye(8)[None].expand(N, 8, 8).contiguous()
    _, out = run(x, electrode_shift=1.0)
    assert ((out > 0).sum(2) <= 2).all()
    assert torch.allclose(out.sum(2), torch.ones(N, 8))
    slips = (out[:, 0] * torch.tensor([0.0, -1, 2, 3, 4, 5, 6, 1])).sum(1)
    assert slips.min() < -0.9
    assert slips.max() > 0.9
    assert slips.abs().max() <= 1


def test_a_grid_moves_by_one_electrode() -> None:
    x = torch.arange(1.0, 13).reshape(1, 3, 4).expand(N, 3, 4)
    fills = {fill: run(x, grid_shift=1, grid_fill=fill)[1] for fill in ("zeros", "edge", "wrap")}
    corner = {fill: set(out[:, 0, 0].tolist()) for fill, out in fills.items()}
    assert corner["zeros"] == {0.0, 1.0, 2.0, 5.0, 6.0}
    assert corner["edge"] == {1.0, 2.0, 5.0, 6.0}
    assert corner["wrap"] == {1.0, 2.0, 4.0, 5.0, 6.0, 8.0, 9.0, 10.0, 12.0}


def test_misaligned_wrists_lose_up_to_120_samples() -> None:
    """The published form: ±60 ms at 2 kHz, s > 0 drops the first s of the left and the last s of the right wrist."""
    clock = torch.arange(1.0, 1001).expand(N, 4, 1000)
    out = augment(Batch(clock), AugmentRecipe(misalign=0.06, rings=2), draws(), 2000.0)
    assert out.x_lengths is not None
    steps = (out.x[:, 0, 0] - out.x[:, 2, 0]).long()
    assert torch.equal(out.x_lengths, 1000 - steps.abs())
    assert 90 < steps.max() <= 120
    assert -120 <= steps.min() < -90
    for x, s, n in zip(out.x, steps.tolist(), out.x_lengths.tolist(), strict=True):
        assert torch.equal(x[:2, :n], clock[0, :2, max(s, 0) :][:, :n])
        assert torch.equal(x[2:, :n], clock[0, :2, max(-s, 0) :][:, :n])
        assert not x[:, n:].any()


@given(st.floats(0.01, 0.99), st.integers(1, 9), st.integers(2, 300), st.integers(0, 99))
def test_warped_time_runs_forward_within_its_speeds(strength: float, knots: int, size: int, seed: int) -> None:
    times = warped_times(strength, draws(seed, 8), knots, np.full((8, 1), size), 300)
    speed = np.diff(times[:, :size])
    assert (times[:, 0] == 0).all()
    assert np.array_equal(times[:, size - 1 :], np.broadcast_to(np.arange(size - 1, 300), (8, 301 - size)))
    assert speed.min() >= 1 - strength - 1e-9
    assert speed.max() <= 1 + strength + 1e-9


def test_a_warped_ramp_is_its_own_clock() -> None:
    """Linear interpolation reads a ramp exactly, so it shows at which times the warp reads."""
    ramp = torch.arange(200.0).expand(N, 2, 200)
    _, out = run(ramp, time_warp=0.5)
    assert torch.allclose(
        out[:, 0].double(), torch.from_numpy(warped_times(0.5, draws(), 4, np.full((N, 1), 200), 200))
    )
    assert torch.equal(out[:, 0], out[:, 1])
    assert (out - ramp).abs().amax((1, 2)).min() > 0.1


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=7))
def test_a_smooth_curve_passes_its_knots_and_stays_between_them(values: list[float]) -> None:
    knots, last = np.array(values), len(values) - 1
    np.testing.assert_allclose(smooth_curve(knots, np.arange(last + 1.0)), knots, atol=1e-15)
    position = np.linspace(0, last, 101)
    curve = smooth_curve(knots, position)
    left = np.minimum(position.astype(int), last - 1)
    low, high = np.minimum(knots[left], knots[left + 1]), np.maximum(knots[left], knots[left + 1])
    assert (curve >= low - 1e-12).all()
    assert (curve <= high + 1e-12).all()


def test_gain_is_one_factor_per_window() -> None:
    x, out = run(gain=0.4)
    ratio = out / x
    assert torch.allclose(ratio, ratio[:, :1, :1].expand_as(ratio), atol=1e-4)
    assert ratio.min() >= 0.599
    assert ratio.max() <= 1.401
    assert ratio[:, 0, 0].unique().numel() == N


def test_channel_gain_is_one_factor_per_channel() -> None:
    x, out = run(channel_gain=0.4)
    ratio = out / x
    assert torch.allclose(ratio, ratio[..., :1].expand_as(ratio), atol=1e-4)
    assert (ratio[:, :, 0].std(1) > 0.01).all()


def test_a_warped_magnitude_is_a_smooth_factor_per_channel() -> None:
    _, out = run(torch.ones(N, 3, 500), magnitude_warp=0.5)
    assert out.min() >= 0.5
    assert out.max() <= 1.5
    assert out.diff(dim=2).abs().max() <= 1.5 * 1.0 * 5 / 499 + 1e-6
    assert (out.amax(2) - out.amin(2)).min() > 0.05
    assert not torch.equal(out[:, 0], out[:, 1])


def test_flip_changes_the_sign_of_whole_windows() -> None:
    x, out = run(flip=0.5)
    same = [torch.equal(a, b) for a, b in zip(x, out, strict=True)]
    other = [torch.equal(a, -b) for a, b in zip(x, out, strict=True)]
    assert all(a != b for a, b in zip(same, other, strict=True))
    assert 15 < sum(same) < 49


def test_mains_stands_at_its_harmonics_below_half_the_rate() -> None:
    _, out = run(torch.zeros(N, 2, 400), 400.0, mains=0.5, mains_freq=60.0, mains_harmonics=9)
    power = torch.fft.rfft(out).abs() / 200
    lines = (power.amax((0, 1)) > 1e-4).nonzero()[:, 0].tolist()
    assert lines == [60, 120, 180]
    assert 0.4 < power[..., 60].max() <= 0.5
    assert (power[..., 120] <= power[..., 60] / 2 + 1e-6).all()
    correlation = (out[:, 0] * out[:, 1]).sum(1) / (out[:, 0].norm(dim=1) * out[:, 1].norm(dim=1))
    assert torch.allclose(correlation, torch.ones(N), atol=1e-4), "one phase on all electrodes"


def test_motion_is_slow_bounded_and_rare() -> None:
    _, out = run(torch.zeros(N, 3, 2000), 1000.0, motion=4.0, motion_p=0.5, motion_length=0.5)
    struck = out.any(2).any(1)
    assert 0.3 < struck.float().mean() < 0.7
    assert 3.0 < out.abs().max() <= 4.0
    power = torch.fft.rfft(out[struck]).abs().square().sum((0, 1))
    assert power[: 2 * 6 + 1].sum() > 0.97 * power.sum(), "below 3 / length = 6 Hz, in bins of 0.5 Hz"
    assert (out != 0).sum(2).max() <= 500
    assert run(torch.zeros(N, 3, 2000), 1000.0, motion=4.0, motion_p=1.0)[1].any(2).all()


def test_noise_has_the_asked_deviation() -> None:
    x, out = run(noise=0.25)
    assert (out - x).std().item() == pytest.approx(0.25, rel=0.05)


def test_noise_share_follows_each_channel() -> None:
    loud = torch.tensor([0.0, 0.1, 1.0, 30.0])[:, None]
    x, out = run(windows(4, 400) * loud + 7.0, noise_share=0.01)
    measured = (out - x).double().std((0, 2))
    assert measured[0] == 0, "a constant channel stays"
    assert torch.allclose(measured[1:], 0.01 * loud[1:, 0].double(), rtol=0.05)


def test_dropped_channels_are_zero_even_in_noise() -> None:
    x, out = run(drop_channel=0.3)
    dead = (out == 0).all(-1)
    assert torch.equal(out[~dead], x[~dead])
    assert dead.float().mean().item() == pytest.approx(0.3, abs=0.08)
    _, noisy = run(drop_channel=0.3, noise=0.1)
    assert torch.equal((noisy == 0).all(-1), dead)


def test_masked_time_is_zero_in_all_channels_and_no_more_than_asked() -> None:
    x, out = run(windows(3, 200), time_mask=0.4, time_mask_span=0.1)
    masked = (out == 0).all(1)
    assert torch.equal(out.transpose(1, 2)[~masked], x.transpose(1, 2)[~masked])
    assert masked.sum(1).max() <= 80
    assert masked.sum(1).min() >= 10
    assert masked.any(0).all()


def test_two_thirds_are_changed_as_on_db5() -> None:
    """DB5 trains on each window and two changed copies: gain U(0.9, 1.1), 1 % noise, channels zeroed at 5 %."""
    x, out = run(p=2 / 3, gain=0.1, noise_share=0.01, drop_channel=0.05)
    untouched = [torch.equal(a, b) for a, b in zip(x, out, strict=True)]
    assert 12 < sum(untouched) < 32


@pytest.mark.parametrize("given", [None, torch.full((N,), 150)])
def test_untouched_examples_keep_their_length(given: torch.Tensor | None) -> None:
    x = torch.ones(N, 2, 200)
    if given is not None:
        x[:, :, 150:] = 0
    out = augment(Batch(x, x_lengths=given), AugmentRecipe(p=0.5, misalign=0.2, rings=2), draws(), SFREQ)
    assert out.x_lengths is not None
    size = 200 if given is None else 150
    kept = out.x_lengths == size
    assert 20 < kept.sum() < 50
    assert out.x_lengths[~kept].min() >= size - 20
    assert torch.equal(out.x[:, 0] != 0, torch.arange(200) < out.x_lengths[:, None])


def test_targets_and_the_rest_of_the_batch_are_handed_on() -> None:
    y, weight = torch.arange(N), torch.ones(N)
    out = augment(Batch(windows(), y, weight=weight), AugmentRecipe(noise=0.1, shift=3), draws(), SFREQ)
    assert out.y is y
    assert out.weight is weight


VALUES, SYMBOLS = torch.zeros(N, 3, 2), torch.zeros(N, 7, dtype=torch.int64)


@pytest.mark.parametrize(
    ("batch", "changes", "message"),
    [
        (Batch(torch.zeros(N, 4)), {"gain": 0.1}, r"x of shape \(64, 4\): \(batch, channels, time\) or"),
        (Batch(windows()), {"rotate": 1, "rings": 2}, "augment.rings=2: 5 channels do not divide"),
        (Batch(windows()), {"mains": 1.0}, r"augment.mains_freq=50.0: must lie below half the rate, 50 Hz"),
        (Batch(windows(4)), {"misalign": 0.3, "rings": 2}, "augment.misalign=0.3: is 30 samples, but .* only 30;"),
        (
            Batch(windows(4), x_lengths=torch.full((N,), 9)),
            {"misalign": 0.1, "rings": 2},
            "augment.misalign=0.1: is 10 samples, but an example has only 9; lower it",
        ),
        (Batch(windows(), VALUES), {"shift": 1}, "augment.shift=1: moves the signal under its targets, which have"),
        (Batch(windows(), VALUES), {"time_warp": 0.1}, "augment.time_warp=0.1: moves the signal under its targets"),
        (Batch(windows(4), VALUES), {"misalign": 0.1, "rings": 2}, "augment.misalign=0.1: moves the signal under"),
        (Batch(windows(), phonemes=SYMBOLS), {"shift": 1}, "augment.shift=1: moves .* targets"),
        (Batch(windows(), SYMBOLS), {"shift": 1}, "augment.shift=1: moves the signal under its symbols, whose order"),
    ],
)
def test_changes_that_do_not_suit_a_batch_are_refused(batch: Batch, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(EmgDistillError, match=message):
        augment(batch, AugmentRecipe(**changes), draws(), SFREQ)


def test_symbols_may_be_warped_and_misaligned_and_images_have_no_rings() -> None:
    augment(Batch(windows(4), SYMBOLS), AugmentRecipe(time_warp=0.2, misalign=0.1, rings=2), draws(), SFREQ)
    augment(Batch(windows(5, 5)), AugmentRecipe(grid_shift=1, rings=2), draws(), SFREQ)
    empty = Batch(torch.zeros(0, 4, 30))
    assert augment(empty, AugmentRecipe(misalign=0.1, noise=1.0, rings=2), draws(n=0), SFREQ).x.shape == (0, 4, 30)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"noise": -0.1}, "augment.noise=-0.1: must be finite and not negative"),
        ({"shift": -1}, "augment.shift=-1: must be finite and not negative"),
        ({"mains": float("nan")}, "augment.mains=nan: must be finite and not negative"),
        ({"p": 1.1}, r"augment.p=1.1: must lie in \[0, 1\]"),
        ({"magnitude_warp": 1.5}, r"augment.magnitude_warp=1.5: must lie in \[0, 1\]"),
        ({"time_mask": 1.5}, r"augment.time_mask=1.5: must lie in \[0, 1\]"),
        ({"time_warp": 1.0}, r"augment.time_warp=1.0: must lie in \[0, 1\): time never stands still"),
        ({"rings": 0}, "augment.rings=0: must be at least 1"),
        ({"mains_harmonics": 0}, "augment.mains_harmonics=0: must be at least 1"),
        ({"motion_length": 0.0}, "augment.motion_length=0.0: must be > 0"),
        ({"misalign": 0.1}, "augment.misalign=0.1: is between two rings: set augment.rings = 2"),
        ({"grid_fill": "mean"}, "augment.grid_fill='mean': choose zeros, edge or wrap"),
        (
            {"grid_shift": 1, "shift": 2},
            "augment.shift=2: changes channels or time, which images of augment.grid_shift",
        ),
    ],
)
def test_recipes_are_checked(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(EmgDistillError, match=message):
        AugmentRecipe(**changes)
