"""Random streams are pure functions of their arguments."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from emg_distill._seeds import Purpose, derive_seed, sample_order, steps_per_epoch


@given(n=st.integers(1, 300), seed=st.integers(0, 2**31), epoch=st.integers(0, 1000))
def test_order_is_a_permutation_and_repeats(n: int, seed: int, epoch: int) -> None:
    order = sample_order(n, seed, epoch)
    assert sorted(order.tolist()) == list(range(n))
    assert np.array_equal(order, sample_order(n, seed, epoch))


def test_epochs_and_seeds_differ() -> None:
    orders = {tuple(sample_order(50, seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def test_streams_never_meet() -> None:
    seeds = {derive_seed(s, purpose, step) for s in range(4) for purpose in Purpose for step in range(50)}
    assert len(seeds) == 4 * len(Purpose) * 50
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_steps_per_epoch_counts_full_batches() -> None:
    assert [steps_per_epoch(n, 8) for n in (3, 8, 15, 16)] == [1, 1, 1, 2]
