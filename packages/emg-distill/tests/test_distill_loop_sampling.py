"""Which examples a step trains on: a pure function of (seed, epoch, step), read ahead without changing it."""

import threading
from contextlib import closing
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_distill import EmgDistillError
from emg_distill._loop.reader import read_ahead
from emg_distill._loop.sampling import Draw, Sampler, balanced_order
from emg_distill._seeds import sample_order


@pytest.fixture(scope="module")
def toys():
    spec = spec_from_file_location("distill_toys", Path(__file__).with_name("distill_toys.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_lengths(toys) -> None:
    sampler = Sampler(50, None, toys.toy_recipe(train={"epochs": 4}))
    assert (sampler.batch_size, sampler.epoch_steps, sampler.total_steps, sampler.epochs) == (8, 6, 24, 4)
    sampler = Sampler(50, None, toys.toy_recipe(train={"steps": 13}))
    assert (sampler.epoch_steps, sampler.total_steps, sampler.epochs) == (6, 13, 3)
    sampler = Sampler(5, None, toys.toy_recipe())
    assert (sampler.batch_size, sampler.epoch_steps) == (5, 1)


def test_every_step_has_its_rows_wherever_it_starts(toys) -> None:
    sampler = Sampler(50, None, toys.toy_recipe(train={"epochs": 3}, seed=4))
    whole = list(sampler.draws(0))
    assert [(draw.step, draw.epoch) for draw in whole] == [(step, step // 6) for step in range(18)]
    for epoch in range(3):
        rows = np.concatenate([draw.rows for draw in whole if draw.epoch == epoch])
        assert rows.tolist() == sample_order(50, 4, epoch)[:48].tolist()
    for start in (1, 6, 11, 17, 18):
        again = list(sampler.draws(start))
        assert [draw.rows.tolist() for draw in again] == [draw.rows.tolist() for draw in whole[start:]]


def test_processes_share_every_batch(toys) -> None:
    recipe = toys.toy_recipe()
    one = [draw.rows for draw in Sampler(50, None, recipe).draws(0)]
    two = [[draw.rows for draw in Sampler(50, None, recipe, rank, 2).draws(0)] for rank in (0, 1)]
    for whole, first, second in zip(one, *two, strict=True):
        assert np.stack([first, second], 1).ravel().tolist() == whole.tolist()


def test_what_cannot_be_shared_is_refused(toys) -> None:
    with pytest.raises(EmgDistillError, match="global batch of 8 cannot be shared evenly by 3 processes"):
        Sampler(50, None, toys.toy_recipe(), 0, 3)
    with pytest.raises(EmgDistillError, match="accumulate=5: a process has 4 examples of a batch"):
        Sampler(50, None, toys.toy_recipe(train={"accumulate": 5}), 0, 2)
    with pytest.raises(EmgDistillError, match="sampling='balanced': the examples have no classes"):
        Sampler(50, None, toys.toy_recipe(train={"sampling": "balanced"}))


@given(counts=st.lists(st.integers(1, 30), min_size=1, max_size=5), size=st.integers(1, 80), epoch=st.integers(0, 3))
def test_balanced_epochs_draw_equally_often(counts: list[int], size: int, epoch: int) -> None:
    classes = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)) * 3, counts))
    rows = balanced_order(classes, 1, epoch, size)
    drawn = [int((classes[rows] == label).sum()) for label in np.unique(classes)]
    assert sum(drawn) == size
    assert max(drawn) - min(drawn) <= 1
    assert rows.tolist() == balanced_order(classes, 1, epoch, size).tolist()


def test_balanced_draws_are_uniform_within_a_class_and_differ_between_epochs(toys) -> None:
    classes = np.array([0] * 10 + [1] * 2)
    rows = np.concatenate([balanced_order(classes, 0, epoch, 40) for epoch in range(200)])
    shares = np.bincount(rows, minlength=12) / len(rows)
    assert shares[:10] == pytest.approx([0.05] * 10, abs=0.01)
    assert shares[10:] == pytest.approx([0.25] * 2, abs=0.01)
    order = balanced_order(classes, 0, 0, 40)
    assert order.tolist() != balanced_order(classes, 0, 1, 40).tolist()
    assert classes[order].tolist() not in ([0, 1] * 20, sorted(classes[order].tolist()))
    sampler = Sampler(12, classes, toys.toy_recipe(train={"sampling": "balanced"}))
    assert sampler.order(0).tolist() == balanced_order(classes, 0, 0, 8).tolist()


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("emg-distill-reader")]


@pytest.mark.parametrize("ahead", [0, 1, 3, 100])
def test_batches_come_in_order(ahead: int) -> None:
    draws = [Draw(step, 0, np.array([step])) for step in range(7)]
    with closing(read_ahead(lambda draw: draw.step * 10, draws, ahead)) as batches:
        assert [(draw.step, batch) for draw, batch in batches] == [(step, step * 10) for step in range(7)]
    assert not readers()


def test_it_reads_no_further_ahead_than_asked() -> None:
    taken: list[int] = []

    def draws():
        for step in range(10):
            taken.append(step)
            yield Draw(step, 0, np.array([step]))

    with closing(read_ahead(lambda draw: draw.step, draws(), 2)) as batches:
        next(batches)
        assert taken == [0, 1, 2]
        assert len(readers()) == 1
    assert not readers()


def test_what_reading_raises_comes_in_its_turn_and_leaves_no_thread() -> None:
    def read(draw: Draw) -> int:
        if draw.step == 2:
            raise OSError("gone")
        return draw.step

    seen = []
    with pytest.raises(OSError, match="gone"):  # noqa: PT012  the turn is the point
        for draw, _ in read_ahead(read, [Draw(step, 0, np.array([0])) for step in range(9)], 2):
            seen.append(draw.step)
    assert seen == [0, 1]
    assert not readers()
