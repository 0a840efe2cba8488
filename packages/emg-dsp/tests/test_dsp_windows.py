"""Windows: the same values as copying each one, without copying."""

from collections import Counter

import dsp_oracles
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_dsp import (
    EmgDspError,
    overlap_mean,
    window_count,
    window_labels,
    window_padding,
    window_times,
    windows,
)

LAW = settings(derandomize=True, deadline=None, max_examples=60)
sizes = st.integers(1, 12)
lengths = st.integers(0, 50)
NUMPY_MODES = {"zero": "constant", "edge": "edge", "reflect": "reflect"}


@pytest.mark.parametrize("samples", [0, 9, 10, 11, 12, 13, 40, 41])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (0,)])
def test_equals_copying(shape, samples):
    x = np.random.default_rng(0).standard_normal((*shape, samples))
    got = windows(x, 10, 3)
    np.testing.assert_array_equal(got, dsp_oracles.windows(x, 10, 3))
    assert got.shape[-3] == max(0, (samples - 10) // 3 + 1)


def test_is_a_read_only_view():
    x = np.zeros((4, 100), dtype=np.int16)
    view = windows(x, 20, 5)
    assert np.shares_memory(view, x)
    assert view.dtype == np.int16
    assert not view.flags.writeable
    x[2, 7] = 5
    assert view[0, 2, 7] == 5
    assert view[1, 2, 2] == 5


@pytest.mark.parametrize("samples", [30, 35, 39])
def test_short_signal_gives_no_window(samples):
    """LibEMG 2.0.3 returns one truncated window for 39 and 35 samples (reference case 10)."""
    empty = windows(np.zeros((8, samples), dtype=np.float32), 40, 10)
    assert empty.shape == (0, 8, 40)
    assert empty.dtype == np.float32
    assert not empty.flags.writeable


def test_seconds_are_rounded_to_samples():
    x = np.zeros((128, 122_880), dtype=np.float32)
    assert windows(x, 0.2, 0.05, sfreq=2048).shape == (1201, 128, 410)
    assert windows(x, 0.2, 0.05, sfreq=np.float64(2048)).shape == (1201, 128, 410)
    assert windows(x, 1, 1, sfreq=2048).shape == (60, 128, 2048)


BAD = {
    "seconds without rate": ((0.2, 10), r"length=0.2; required is a whole number of at least 1 samples \(seconds need"),
    "zero": ((0, 10), r"length=0; required"),
    "negative hop": ((10, -1), r"hop=-1; required"),
    "bool": ((True, 1), r"length=True; required"),
    "below one sample": ((0.1, 0.0001, 1000.0), r"hop=0.0001 s is 0 samples at sfreq=1000 Hz"),
    "negative seconds": ((-0.1, 0.1, 1000.0), r"length=-0.1; required is a finite number above 0 s"),
    "rate": ((0.1, 0.1, -5.0), r"sfreq=-5.0; required"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_size_names_value_and_rule(case):
    arguments, message = BAD[case]
    with pytest.raises(EmgDspError, match=message):
        windows(np.zeros((1, 100)), *arguments)


def labels_one_by_one(track, length, hop, pad, rule, mixed):
    out = []
    for k in range(window_count(len(track), length, hop, pad=pad)):
        part = [int(label) for label in track[k * hop : k * hop + length]]
        if rule == "majority":
            counts = Counter(part)
            tied = [label for label in counts if counts[label] == max(counts.values())]
            out.append(next(label for label in reversed(part) if label in tied))
        elif rule == "centre":
            out.append(part[min(length // 2, len(part) - 1)])
        elif rule == "last":
            out.append(part[-1])
        else:
            out.append(part[0] if len(set(part)) == 1 else mixed)
    return out


@LAW
@given(lengths, sizes, sizes, st.sampled_from([None, *NUMPY_MODES]))
def test_padding_reaches_the_last_sample_and_no_further(samples, length, hop, pad):
    x = 1 + np.arange(samples)[None, :]
    count = window_count(samples, length, hop, pad=pad)
    padding = window_padding(samples, length, hop, pad=pad)
    if pad == "reflect" and padding > samples - 1 and count:
        with pytest.raises(EmgDspError, match="pad='reflect' needs"):
            windows(x, length, hop, pad=pad)
        return
    w = windows(x, length, hop, pad=pad)
    assert w.shape == (count, 1, length)
    assert not w.flags.writeable
    if pad is None:
        assert padding == 0
    elif count:
        np.testing.assert_array_equal(
            w[-1, 0], np.pad(x[0], (0, padding), NUMPY_MODES[pad])[(count - 1) * hop :][:length]
        )
        held = {k * hop + i for k in range(count) for i in range(length)} & set(range(samples))
        assert len(held) == samples or hop > length
        assert (count - 1) * hop < samples
        assert padding < length
        assert count == 1 or (count - 2) * hop + length < samples or hop >= length
    else:
        assert samples == 0


def test_padded_windows_share_one_copy():
    x = np.zeros((4, 100), dtype=np.float32)
    assert np.shares_memory(windows(x, 20, 5, pad="zero"), x)  # nothing to pad
    w = windows(x, 20, 7, pad="edge")
    assert not np.shares_memory(w, x)
    assert w.strides == (28, 4 * 104, 4)


@pytest.mark.parametrize("rule", ["majority", "centre", "last", "pure"])
@LAW
@given(st.lists(st.integers(-2, 2), max_size=50), sizes, sizes, st.sampled_from([None, "edge"]))
def test_labels_equal_counting_one_by_one(rule, track, length, hop, pad):
    track = np.array(track, dtype=np.int8)
    got = window_labels(track, length, hop, pad=pad, rule=rule, mixed=-9)
    assert got.dtype == np.int8
    assert got.tolist() == labels_one_by_one(track, length, hop, pad, rule, -9)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, ">i4", np.int64, np.uint64])
def test_majority_in_every_type_and_far_apart(dtype):
    low, high = (0, 1) if dtype is bool else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    track = np.array([low] * 5 + [high] * 4 + [low] * 2, dtype=dtype)
    got = window_labels(np.stack([track, track[::-1]]).astype(dtype), 4, 3)
    assert got.dtype == np.dtype(dtype)
    assert got.tolist() == [[low, high, high], [high, high, low]]


def test_labels_agree_with_windows_in_seconds():
    track = np.repeat([0, 3, 0, 7], 1000).astype(np.uint8)
    w = windows(track[None, :], 0.2, 0.05, sfreq=1000)
    got = window_labels(track, 0.2, 0.05, sfreq=1000)
    assert got.shape == (len(w),)
    np.testing.assert_array_equal(
        got, [np.bincount(one[0]).argmax() if one[0, 100] == one[0, 99] else one[0, -1] for one in w]
    )
    pure = window_labels(track, 0.2, 0.05, sfreq=1000, rule="pure", mixed=255)
    np.testing.assert_array_equal(pure == 255, [len(set(one[0])) > 1 for one in w])
    assert window_labels(np.zeros((2, 0), dtype=int), 3, 1).shape == (2, 0)
    assert window_labels(np.zeros((0, 9), dtype=int), 3, 1).shape == (0, 7)


def test_times_of_windows():
    np.testing.assert_array_equal(window_times(100, 40, 20, at="end"), [39, 59, 79, 99])
    np.testing.assert_array_equal(window_times(100, 40, 20, at="centre"), [19.5, 39.5, 59.5, 79.5])
    np.testing.assert_allclose(window_times(110, 0.04, 0.02, sfreq=1000, pad="zero"), [0, 0.02, 0.04, 0.06, 0.08])
    assert window_times(30, 40, 10).shape == (0,)


@LAW
@given(st.integers(1, 50), sizes, sizes, st.integers(0, 3))
def test_overlap_mean_undoes_windows(samples, length, hop, seed):
    x = np.random.default_rng(seed).standard_normal((2, 3, samples)).astype(np.float32)
    w = windows(x, length, hop)
    if hop > length:
        with pytest.raises(EmgDspError, match="required is hop <= length"):
            overlap_mean(w, hop)
        return
    back = overlap_mean(w, hop)
    assert back.dtype == np.float32
    covered = max(0, (w.shape[-3] - 1) * hop + length) if w.shape[-3] else 0
    np.testing.assert_array_equal(back, x[..., :covered])
    halved = overlap_mean(w * np.float32(0.5), hop)
    np.testing.assert_array_equal(halved, 0.5 * x[..., :covered])


def test_overlap_mean_takes_windows_alone():
    with pytest.raises(EmgDspError, match=r"windows have shape \(3, 40\); required"):
        overlap_mean(np.zeros((3, 40)), 10)


BAD_LABELS = {
    "names": ((np.array(["rest"]), 1, 1), {}, "labels have shape .* and type <U4; required are integers"),
    "floats": (([0.0, 1.0], 1, 1), {}, "type float64; required are integers"),
    "one number": ((3, 1, 1), {}, r"labels have shape \(\)"),
    "rule": (([1], 1, 1), {"rule": "mean"}, "rule='mean'; required is one of majority, centre, last, pure"),
    "mixed of unsigned": (
        (np.zeros(3, np.uint8), 1, 1),
        {"rule": "pure"},
        "mixed=-1 does not fit labels of type uint8",
    ),
    "mixed of words": (([1], 1, 1), {"rule": "pure", "mixed": 0.5}, "mixed=0.5; required is a whole number"),
    "pad": (([1], 1, 1), {"pad": "wrap"}, "pad='wrap'; required is None or one of zero, edge, reflect"),
}


@pytest.mark.parametrize("case", BAD_LABELS)
def test_bad_labels_name_value_and_rule(case):
    arguments, options, message = BAD_LABELS[case]
    with pytest.raises(EmgDspError, match=message):
        window_labels(*arguments, **options)


def test_bad_plan_names_value_and_rule():
    with pytest.raises(EmgDspError, match="at='middle'; required is one of start, centre, end"):
        window_times(100, 10, 10, at="middle")
    with pytest.raises(EmgDspError, match="n_times=-1; required is a whole number of at least 0"):
        window_count(-1, 10, 10)


def test_one_axis_is_refused():
    with pytest.raises(EmgDspError, match=r"x has shape \(100,\); required is \(..., channels, time\)"):
        windows(np.zeros(100), 10, 5)
