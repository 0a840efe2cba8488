"""Examples in memory: columns that fit, batches in order, parts that are there."""

import dataclasses

import numpy as np
import pytest
import torch

from emg_distill import Batch, EmgDistillError, ProtocolData, WindowSet

X = np.zeros((3, 2, 5), np.float32)
WHO = np.array(["a", "a", "b"])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"y": np.zeros(3)}, r"y of shape \(3,\), float64: int64 classes"),
        ({"y": np.array([0, -1, 0])}, "int64 classes"),
        ({"y": np.zeros((3, 4), np.int64)}, "symbols .* with y_lengths"),
        ({"y": np.full((3, 4, 1), np.nan, np.float32)}, "finite float32 values"),
        ({"y": np.zeros((3, 4), np.int64), "y_lengths": np.array([4, 5, 0])}, "y_lengths 0 to 5: rows of y have 4"),
        ({"y": np.zeros((3, 4, 1), np.float32), "weight": np.ones((3, 4), np.float32)}, r"weight of shape \(3, 4\)"),
        ({"y": np.zeros(2, np.int64)}, r"y of shape \(2,\): one row for each of 3 windows"),
        ({"y": None, "channel_mask": np.ones((2, 2), bool)}, "one row for each of 3 windows"),
    ],
)
def test_columns_that_do_not_fit_are_refused(columns: dict, message: str) -> None:
    with pytest.raises(EmgDistillError, match=message):
        WindowSet(X, subject=WHO, **columns)


def test_batches_have_the_columns_in_the_order_asked_for() -> None:
    y = np.arange(12, dtype=np.int64).reshape(3, 4)
    windows = WindowSet(X + np.arange(3, dtype=np.float32)[:, None, None], y, WHO, y_lengths=np.array([4, 2, 3]))
    batch = windows.read(np.array([2, 0]))
    assert batch.x[:, 0, 0].tolist() == [2.0, 0.0]
    assert batch.y.tolist() == [[8, 9, 10, 11], [0, 1, 2, 3]]
    assert batch.y_lengths.tolist() == [3, 4]
    assert windows.classes is None
    assert windows.timeline is None
    part = batch.rows(torch.tensor([1]))
    assert (len(part), part.y.tolist()) == (1, [[0, 1, 2, 3]])
    assert set(batch.to(torch.device("cpu")).columns()) == {"x", "y", "y_lengths"}


def test_digests_tell_columns_apart() -> None:
    plain = WindowSet(X, None, WHO)
    assert plain.digest == WindowSet(X.copy(), None, WHO).digest
    others = [WindowSet(X, np.zeros(3, np.int64), WHO), WindowSet(X, None, WHO[::-1]),
              WindowSet(X, None, WHO, channel_mask=np.ones((3, 2), bool))]  # fmt: skip
    assert len({plain.digest, *(other.digest for other in others)}) == 4


def test_parts_that_are_not_there_are_named(toy: ProtocolData) -> None:
    bare = dataclasses.replace(toy, val=None, test=None)
    assert bare.parts == ("train",)
    with pytest.raises(EmgDistillError, match="protocol 'toy' has no part 'test', only train"):
        bare.part("test")
    with pytest.raises(EmgDistillError, match="kind='colour': one of classification"):
        dataclasses.replace(toy, kind="colour")
    with pytest.raises(EmgDistillError, match=r"holds class -1, but there are 3 labels"):
        dataclasses.replace(toy, test=WindowSet(toy.test.x, None, toy.test.subject))


def test_images_have_places(toy: ProtocolData) -> None:
    grid = {**toy.preprocessing, "grid": {"rows": 4, "cols": 40, "places": []}}
    images = dataclasses.replace(toy, preprocessing=grid)
    assert (images.is_image, images.n_chans, images.n_times) == (True, 160, 1)
    assert (toy.is_image, toy.n_chans, toy.n_times) == (False, 4, 40)


def test_a_batch_is_as_long_as_its_windows() -> None:
    assert len(Batch(torch.zeros(4, 1, 1))) == 4
