"""Patch masks: exact counts, no padded patch, the same seed the same mask."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import EmgDistillError, random_patch_mask


@given(n=st.integers(1, 200), percent=st.integers(0, 100), batch=st.integers(1, 5), seed=st.integers(0, 9))
def test_count_is_exact_in_decimal(n: int, percent: int, batch: int, seed: int) -> None:
    mask = random_patch_mask(n, percent / 100, torch.Generator().manual_seed(seed), batch_size=batch)
    assert mask.shape == (batch, n)
    assert mask.sum(1).tolist() == [math.floor(Fraction(percent, 100) * n)] * batch


@given(
    real=st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=5),
    patches=st.integers(1, 6),
    percent=st.integers(0, 100),
)
def test_padded_channels_are_never_masked(real: list[list[bool]], patches: int, percent: int) -> None:
    channels = torch.tensor(real)
    mask = random_patch_mask(4 * patches, percent / 100, torch.Generator().manual_seed(0), channel_mask=channels)
    assert not mask.reshape(len(real), 4, patches)[~channels].any()
    wanted = [math.floor(Fraction(percent, 100) * sum(row) * patches) for row in real]
    assert mask.sum(1).tolist() == wanted


def test_seed_decides_and_samples_differ() -> None:
    draw = [random_patch_mask(40, 0.5, torch.Generator().manual_seed(s), batch_size=8) for s in (1, 1, 2)]
    assert torch.equal(draw[0], draw[1])
    assert not torch.equal(draw[0], draw[2])
    assert len({tuple(row.tolist()) for row in draw[0]}) == 8


def test_stable_across_releases() -> None:
    mask = random_patch_mask(8, 0.5, torch.Generator().manual_seed(0), batch_size=1)
    assert mask.nonzero()[:, 1].tolist() == [2, 3, 4, 6]


def test_every_patch_is_equally_likely() -> None:
    share = random_patch_mask(10, 0.3, torch.Generator().manual_seed(0), batch_size=20_000).float().mean(0)
    assert (share - 0.3).abs().max() < 0.02


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_tokens": 4, "ratio": 1.5}, "ratio=1.5"),
        ({"n_tokens": 0, "ratio": 0.5}, "n_tokens=0"),
        ({"n_tokens": 5, "ratio": 0.5, "channel_mask": torch.ones(2, 2)}, "does not fit n_tokens=5"),
    ],
)
def test_bad_input_raises(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(EmgDistillError, match=message):
        random_patch_mask(**arguments)  # type: ignore[arg-type]
