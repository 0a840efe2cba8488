"""Augmentations: what each one may change, and that a seed decides everything."""

import numpy as np
import pytest
import torch

from emg_distill._augment.apply import augment
from emg_distill._examples.batch import Batch
from emg_distill._recipe.augment import AugmentRecipe
from emg_distill._seeds import Purpose, SampleDraws

EVERYTHING = AugmentRecipe(rotate=1, gain=0.3, channel_gain=0.2, noise=0.1, flip=0.5, shift=5, drop_channel=0.2)


def windows(n: int = 64) -> torch.Tensor:
    return torch.randn(n, 5, 30, generator=torch.Generator().manual_seed(0))


def draws(seed: int = 1, n: int = 64) -> SampleDraws:
    return SampleDraws(seed, Purpose.AUGMENT, 0, np.arange(n))


def run(seed: int = 1, **changes: float) -> tuple[torch.Tensor, torch.Tensor]:
    x = windows()
    return x, augment(Batch(x), AugmentRecipe(**changes), draws(seed), 100.0).x  # type: ignore[arg-type]


def test_nothing_asked_nothing_done() -> None:
    batch = Batch(windows())
    assert augment(batch, AugmentRecipe(), draws(), 100.0) is batch


def test_seed_decides_and_input_stays() -> None:
    x = windows()
    before = x.clone()
    results = [augment(Batch(x), EVERYTHING, draws(seed), 100.0).x for seed in (1, 1, 2)]
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert torch.equal(x, before)


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


def test_gain_is_one_factor_per_window() -> None:
    x, out = run(gain=0.4)
    ratio = out / x
    assert torch.allclose(ratio, ratio[:, :1, :1].expand_as(ratio), atol=1e-4)
    assert ratio.min() >= 0.599
    assert ratio.max() <= 1.401
    assert ratio[:, 0, 0].unique().numel() == 64


def test_channel_gain_is_one_factor_per_channel() -> None:
    x, out = run(channel_gain=0.4)
    ratio = out / x
    assert torch.allclose(ratio, ratio[..., :1].expand_as(ratio), atol=1e-4)
    assert (ratio[:, :, 0].std(1) > 0.01).all()


def test_flip_changes_the_sign_of_whole_windows() -> None:
    x, out = run(flip=0.5)
    same = [torch.equal(a, b) for a, b in zip(x, out, strict=True)]
    other = [torch.equal(a, -b) for a, b in zip(x, out, strict=True)]
    assert all(a != b for a, b in zip(same, other, strict=True))
    assert 15 < sum(same) < 49


def test_noise_has_the_asked_deviation() -> None:
    x, out = run(noise=0.25)
    assert (out - x).std().item() == pytest.approx(0.25, rel=0.05)


def test_dropped_channels_are_zero() -> None:
    x, out = run(drop_channel=0.3)
    dead = (out == 0).all(-1)
    assert torch.equal(out[~dead], x[~dead])
    assert dead.float().mean().item() == pytest.approx(0.3, abs=0.08)
