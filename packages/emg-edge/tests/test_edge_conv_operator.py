"""What the integer operator conv refuses, and batches that it takes in parts."""

from __future__ import annotations

import numpy as np
import pytest

from emg_edge import EmgEdgeError
from emg_edge.kernels import Conv
from emg_edge.program._tensor import Tensor

LEGAL = {"weight": np.ones((4, 1, 3, 2), np.int8), "bias": np.zeros(4, np.int32), "mul": np.ones(4, np.int32)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": np.ones((4, 3, 2), np.int8)}, r"weight \(4, 3, 2\), need \(outputs, rows, columns, channels\)"),
        ({"weight": np.full((4, 1, 3, 2), -128, np.int8)}, r"weights reach 128, must lie in \[-127, 127\]"),
        ({"weight_bits": 4, "weight": np.full((4, 1, 3, 2), 9, np.int8)}, r"weights reach 9, must lie in \[-7, 7\]"),
        ({"weight_bits": 5}, r"weight_bits 5 must be 8 or 4"),
        ({"bias": np.zeros(3, np.int32)}, r"bias \(3,\) and mul \(4,\) need \(4,\)"),
        ({"pre_zero": 200}, r"pre_zero 200 must lie in -128\.\.127"),
        ({"shift": 63}, r"mul must be >= 0 and shift 63 in 1\.\.62"),
        ({"table": np.zeros(9, np.int8)}, r"a table needs int8 and 256 entries"),
        ({"bias": np.full(4, 2**31 - 1, np.int32)}, r"accumulator may reach 2147484409 >= 2\*\*31; use int8 input"),
        ({"size": (1, 7)}, r"input \(1, 8, 2\) is not \(1, 7\) pixels of 2 channels"),
        ({"stride": (1,)}, r"size, stride and dilation need two values, pads four"),
        ({"stride": (1, 0)}, r"stride \(1, 0\), dilation \(1, 1\) and groups 1 must be >= 1, pads \(0, 0, 0, 0\) >= 0"),
        ({"groups": 3}, r"4 outputs do not split into 3 groups"),
        ({"dilation": (1, 4)}, r"kernel \(1, 3\) does not fit \(1, 8\) and its pads"),
        ({"pads": (0, 1, 0, 0)}, r"output \(1, 6, 4\) does not hold \(1, 7\) pixels of 4"),
    ],
)  # fmt: skip
def test_the_operator_refuses(changes, message):
    op = Conv(name="c", inputs=("x",), output="y", **({"shift": 8, "size": (1, 8)} | LEGAL | changes))
    x = Tensor(name="x", shape=(1, 8, 2), dtype="int8", scale=1.0)
    y = Tensor(name="y", shape=(1, 6, 4), dtype="int8", scale=1.0)
    with pytest.raises(EmgEdgeError, match=rf"conv 'c': {message}"):
        op.check([x], y)


def test_a_wide_input_is_named():
    op = Conv(name="c", inputs=("x",), output="y", shift=8, size=(1, 8), **LEGAL)
    x, y = (Tensor(name=n, shape=s, dtype="int32", scale=1.0) for n, s in (("x", (1, 8, 2)), ("y", (1, 6, 4))))
    with pytest.raises(EmgEdgeError, match="input dtype int32, need int8 or int16"):
        op.check([x], y)


def test_large_batches_are_taken_in_parts(monkeypatch):
    op = Conv(name="c", inputs=("x",), output="y", shift=2, size=(1, 8), **LEGAL)
    x, y = (Tensor(name=n, shape=s, dtype="int8", scale=1.0) for n, s in (("x", (1, 8, 2)), ("y", (1, 6, 4))))
    stored = np.random.default_rng(0).integers(-128, 128, (9, 1, 8, 2)).astype(np.int8)
    whole = op.reference([stored], [x], y)
    monkeypatch.setattr("emg_edge.kernels._convolution._CHUNK", 100)
    np.testing.assert_array_equal(op.reference([stored], [x], y), whole)
    assert len(np.unique(whole)) > 4
