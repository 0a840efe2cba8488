"""Calibration: what is sampled, which ranges are chosen, what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_edge._errors import EmgEdgeError
from emg_edge.graph._float import run_float
from emg_edge.onnx_reader._onnx import load_onnx
from emg_edge.passes import canonicalise
from emg_edge.quantiser._calibrate import KEPT, Sample, check_calibration, collect
from emg_edge.quantiser._ranges import choose_range, grid_error, int8_grid


def sample(values):
    found = Sample()
    found.add(np.asarray(values, np.float32), KEPT, np.random.default_rng(0))
    return found


@pytest.fixture(scope="module")
def graph(builders, tmp_path_factory):
    return canonicalise(load_onnx(builders.save(builders.tiny_myo(), tmp_path_factory.mktemp("m") / "m.onnx")))


def test_every_value_is_sampled_with_exact_extremes(graph, builders):
    x = builders.windows(builders.tiny_myo(), 10)
    statistics, floats = collect(graph, check_calibration(graph, x)), run_float(graph, x)
    assert set(floats) <= set(statistics.values)
    for name, value in floats.items():
        assert statistics.values[name].low == pytest.approx(value.min(), rel=1e-4, abs=1e-5)
        assert statistics.values[name].high == pytest.approx(value.max(), rel=1e-4, abs=1e-5)
    assert f"{graph.nodes[8].output}:pre" in statistics.values
    q, _, v = statistics.heads["attn"]
    assert len(q) == len(v) == 2
    assert len(q[0].parts) == 2 * len(v[0].parts)  # before and after rotation


def test_sampling_is_reproducible_and_bounded(graph, builders):
    x = builders.windows(builders.tiny_myo(), 6)
    a, b = collect(graph, check_calibration(graph, x)), collect(graph, check_calibration(graph, x))
    assert all(np.array_equal(a.values[name].values, b.values[name].values) for name in a.values)
    big = Sample()
    big.add(np.arange(10**5), 100, np.random.default_rng(0))
    assert big.values.size == 100
    assert (big.low, big.high) == (0.0, 99999.0)


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=50), st.booleans())
def test_ranges_hold_zero_and_errors_shrink(values, symmetric):
    data = sample(values)
    everything = choose_range(data, "minmax", symmetric=symmetric)
    best = choose_range(data, "mse", symmetric=symmetric)
    for low, high in (everything, best):
        assert low <= 0 <= high
        assert low < high
        assert not symmetric or low == -high
    if any(values):
        assert grid_error(data.values, *best) <= grid_error(data.values, *everything) * (1 + 1e-9)


def test_outliers_are_clipped_by_mse_and_percentile():
    rng = np.random.default_rng(0)
    data = sample(np.append(rng.normal(size=20000), 100.0))
    widths = {m: choose_range(data, m, symmetric=True, percentile=99.9)[1] for m in ("minmax", "percentile", "mse")}
    assert widths["minmax"] == 100.0
    assert 3.0 < widths["percentile"] < 4.5
    assert widths["mse"] < 100.0


@given(st.floats(-100, 0), st.floats(0.01, 100))
def test_grids_reach_both_ends_and_hold_zero_exactly(low, high):
    scale, zero = int8_grid(low, high)
    assert -128 <= zero <= 127
    assert (-128 - zero) * scale <= low + scale
    assert (127 - zero) * scale >= high - scale
    assert int8_grid(-high, high) == (high / 127, 0)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((3, 4, 41)), r"shape \(3, 4, 41\), need \(n, 4, 40\)"),
        (np.zeros((4, 40)), r"need \(n, 4, 40\)"),
        (np.zeros((0, 4, 40)), r"need \(n, 4, 40\)"),
        (np.full((2, 4, 40), np.nan), r"window 0 of '.*' holds NaN, infinity"),
        (np.full((2, 4, 40), 1e300), "more than float32 can"),
        (np.full((2, 4, 40), "a"), "give real numbers"),
        (np.zeros((2, 4, 40)), "are all zero"),
    ],
)
def test_bad_windows_are_refused(graph, bad, message):
    if bad.dtype.kind == "U":
        with pytest.raises(EmgEdgeError, match=message):
            check_calibration(graph, bad)
        return
    with pytest.raises(EmgEdgeError, match=message):
        check_calibration(graph, bad)


def test_a_model_that_overflows_is_refused(graph):
    with np.errstate(all="ignore"), pytest.raises(EmgEdgeError, match="gives NaN or infinity at"):
        collect(graph, {graph.inputs[0]: np.full((1, 4, 40), 3e38, np.float32)})
