"""Patch masks: exact counts, no padded patch, the same numbers the same mask."""

import itertools
import math
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import EmgDistillError, random_patch_mask
from emg_distill._masks import block_patch_mask, lowest_patch_mask, mask_from_recipe
from emg_distill._recipe.schema import MaskRecipe
from emg_distill._seeds import Purpose, SampleDraws

CHANNELS = st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=5)


def draws(rows: list[int], epoch: int = 0) -> SampleDraws:
    return SampleDraws(3, Purpose.MASK, epoch, np.array(rows, np.int64))


@given(n=st.integers(1, 200), percent=st.integers(0, 100), batch=st.integers(1, 5), seed=st.integers(0, 9))
def test_count_is_exact_in_decimal(n: int, percent: int, batch: int, seed: int) -> None:
    mask = random_patch_mask(n, percent / 100, torch.Generator().manual_seed(seed), batch_size=batch)
    assert mask.shape == (batch, n)
    assert mask.sum(1).tolist() == [math.floor(Fraction(percent, 100) * n)] * batch


@given(real=CHANNELS, patches=st.integers(1, 6), percent=st.integers(0, 100), block=st.integers(0, 4))
def test_padded_channels_are_never_masked(real: list[list[bool]], patches: int, percent: int, block: int) -> None:
    channels = torch.tensor(real)
    g = torch.Generator().manual_seed(0)
    if block:
        scores = torch.rand(len(real), 4, patches + block - 1, generator=g)
        mask = block_patch_mask(scores, percent / 100, block, channels)
    else:
        mask = random_patch_mask(4 * patches, percent / 100, g, channel_mask=channels)
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
    mask = mask_from_recipe(MaskRecipe(kind="random"), draws([0, 7]), 2, 4)
    assert [row.nonzero()[:, 0].tolist() for row in mask] == [[1, 2, 6, 7], [0, 1, 3, 7]]


def test_lowest_scores_are_masked_and_ties_go_to_the_first() -> None:
    scores = torch.tensor([[0.3, 0.1, 0.2, 0.9], [0.5, 0.5, 0.5, 0.1]])
    assert lowest_patch_mask(scores, 0.5).tolist() == [[False, True, True, False], [True, False, False, True]]


@pytest.mark.parametrize("block", [1, 5])
def test_every_patch_is_equally_likely(block: int) -> None:
    g = torch.Generator().manual_seed(0)
    share = block_patch_mask(torch.rand(20_000, 2, 10 + block - 1, generator=g), 0.3, block).float().mean(0)
    assert (share - 0.3).abs().max() < (0.02 if block == 1 else 0.03)


def runs_one_by_one(scores: np.ndarray, count: int, block: int) -> np.ndarray:
    """Take runs in the order of their scores until enough patches are hidden."""
    n_chans, places = scores.shape
    hidden = np.zeros((n_chans, places - block + 1), bool)
    for place in np.argsort(scores, axis=None):
        chan, first = place // places, place % places - block + 1
        run = range(max(0, first), min(first + block, hidden.shape[1]))
        forward = math.floor(scores[chan, place % places] * 2**20) % 2 == 0
        for patch in run if forward else reversed(run):
            if hidden.sum() == count:
                return hidden.ravel()
            hidden[chan, patch] = True
    return hidden.ravel()


@given(
    chans=st.integers(1, 3),
    patches=st.integers(1, 12),
    block=st.integers(1, 6),
    percent=st.integers(0, 100),
    seed=st.integers(0, 99),
)
def test_blocks_equal_runs_taken_one_by_one(chans: int, patches: int, block: int, percent: int, seed: int) -> None:
    scores = np.random.default_rng(seed).random((2, chans, patches + block - 1))
    count = math.floor(Fraction(percent, 100) * chans * patches)
    expected = np.stack([runs_one_by_one(row, count, block) for row in scores])
    np.testing.assert_array_equal(block_patch_mask(torch.from_numpy(scores), percent / 100, block).numpy(), expected)


def test_blocks_are_long() -> None:
    g = torch.Generator().manual_seed(0)
    mask = block_patch_mask(torch.rand(50, 4, 54, generator=g), 0.5, 5).reshape(-1, 50)
    lengths = [len(list(run)) for row in mask.tolist() for hidden, run in itertools.groupby(row) if hidden]
    assert np.mean(lengths) > 5
    assert np.mean(np.array(lengths) < 5) < 0.2


@pytest.mark.parametrize("kind", ["random", "block"])
def test_masks_of_a_recipe_belong_to_examples(kind: str) -> None:
    recipe = MaskRecipe(kind=kind, ratio=0.4, block=3)  # type: ignore[arg-type]
    real = torch.tensor([[True, True, False], [True, True, True], [False, True, False]])
    together = mask_from_recipe(recipe, draws([4, 9, 2]), 3, 10, real)
    assert together.sum(1).tolist() == [8, 12, 4]
    for i, row in enumerate([4, 9, 2]):
        assert torch.equal(mask_from_recipe(recipe, draws([row]), 3, 10, real[i : i + 1])[0], together[i])
    assert not torch.equal(mask_from_recipe(recipe, draws([4, 9, 2], epoch=1), 3, 10, real), together)
    assert not torch.equal(mask_from_recipe(recipe, draws([4, 9, 2]), 3, 10, real, name="other"), together)
    assert torch.equal(mask_from_recipe(recipe, draws([4, 9]), 3, 10), mask_from_recipe(recipe, draws([4, 9]), 3, 10))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_tokens": 4, "ratio": 1.5}, "ratio=1.5"),
        ({"n_tokens": 0, "ratio": 0.5}, "n_tokens=0"),
        ({"n_tokens": 5, "ratio": 0.5, "channel_mask": torch.ones(2, 2)}, "does not fit n_tokens=5"),
        ({"n_tokens": 5, "ratio": 0.5, "channel_mask": torch.ones(2, 0)}, "does not fit n_tokens=5"),
    ],
)
def test_bad_input_raises(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(EmgDistillError, match=message):
        random_patch_mask(**arguments)  # type: ignore[arg-type]


def test_bad_blocks_and_kinds_raise() -> None:
    for block in (0, 5):
        with pytest.raises(EmgDistillError, match=rf"scores .* with block={block} >= 1"):
            block_patch_mask(torch.zeros(1, 2, 4), 0.5, block)
    with pytest.raises(EmgDistillError, match=r"scores .2, 4. must be .batch, channels, patches"):
        block_patch_mask(torch.zeros(2, 4), 0.5, 1)
    with pytest.raises(EmgDistillError, match=r"mask.kind='spans': patches are hidden by 'random' or 'block'"):
        mask_from_recipe(SimpleNamespace(kind="spans", ratio=0.5, block=2), draws([0]), 1, 4)
