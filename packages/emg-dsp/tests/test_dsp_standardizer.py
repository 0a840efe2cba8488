"""Standardisation: statistics equal NumPy's in float64, flat channels are centred only, bad input is named."""

import json

import dsp_oracles
import numpy as np
import pytest

from emg_dsp import EmgDspError, RunningStandardizer, Standardizer

X = dsp_oracles.emg(4, 3000)


def test_statistics_equal_numpy():
    batch = X.reshape(4, 10, 300).swapaxes(0, 1)
    for given in (X, batch, [X[:, :7], X[:, 7:]], (X[:, :1000], X[:, 1000:])):
        fitted = Standardizer.fit(given)
        np.testing.assert_allclose(fitted.mean, X.mean(axis=1, dtype=np.float64), rtol=1e-12)
        np.testing.assert_allclose(fitted.std, X.std(axis=1, dtype=np.float64), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "float32", "float64", ">f8"])
def test_transform_gives_mean_0_and_deviation_1(dtype):
    x = (X * 20).astype(dtype)
    got = Standardizer.fit(x).transform(x)
    assert got.dtype == (np.float64 if np.dtype(dtype).itemsize == 8 else np.float32)
    np.testing.assert_allclose(got.mean(axis=1, dtype=np.float64), 0, atol=1e-6)
    np.testing.assert_allclose(got.std(axis=1, dtype=np.float64), 1, rtol=1e-6)


def test_large_offset_costs_no_accuracy():
    x = X.astype(np.float64) + 1e6
    fitted = Standardizer.fit(x)
    np.testing.assert_allclose(fitted.std, x.std(axis=1), rtol=1e-9)
    counts = np.array([[2**30, 2**30 + 1] * 50], dtype=np.int32)
    np.testing.assert_allclose(Standardizer.fit(counts).transform(counts), counts * 2.0 - (2.0**31 + 1), rtol=1e-6)


def test_flat_channel_is_centred_only():
    x = np.stack([X[0], np.full(3000, 0.1, dtype=np.float32)])
    fitted = Standardizer.fit(x)
    assert fitted.std[1] == 1
    np.testing.assert_allclose(fitted.transform(x)[1], 0, atol=1e-7)


def test_dictionary_survives_json():
    fitted = Standardizer.fit(X)
    again = Standardizer.from_dict(json.loads(json.dumps(fitted.to_dict())))
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    assert fitted.to_dict()["kind"] == "zscore"
    with pytest.raises(ValueError, match="read-only"):
        fitted.mean[0] = 0


def test_as_a_stage_it_names_what_is_not_finite_and_counts_channels():
    scaler = Standardizer.fit(X)
    np.testing.assert_array_equal(scaler(X), scaler.transform(X), strict=True)
    bad = X.copy()
    bad[2, 9] = np.inf
    with pytest.raises(EmgDspError, match="x has inf in channel 2 at sample 9"):
        scaler(bad)
    np.testing.assert_array_equal(scaler(bad, nan="propagate"), scaler.transform(bad))
    with pytest.raises(EmgDspError, match="nan='drop'"):
        scaler(X, nan="drop")
    with pytest.raises(EmgDspError, match="the signal has 3 channels; required are 4, as in the training data"):
        scaler.stream(3)


def test_equal_statistics_are_equal_stages():
    first, second = Standardizer([1, 2], [3, 4]), Standardizer([1.0, 2.0], [3.0, 4.0])
    assert first == second
    assert hash(first) == hash(second)
    assert first != Standardizer([1, 2], [3, 5])
    assert first != 7


def test_running_statistics_forget_what_is_long_ago():
    rng = np.random.default_rng(1)
    loud, quiet = rng.normal(40, 30, (2, 20_000)), rng.normal(-5, 0.1, (2, 20_000))
    got = RunningStandardizer(0.5, 1000)(np.hstack([loud, quiet]))
    for part in (got[:, 5_000:20_000], got[:, 35_000:]):
        np.testing.assert_allclose(part.mean(axis=1), 0, atol=0.1)
        np.testing.assert_allclose(part.std(axis=1), 1, atol=0.1)


def test_running_statistics_of_a_flat_channel_give_0():
    flat = np.full((1, 50), 0.1, dtype=np.float32)
    assert not RunningStandardizer(0.01, 1000)(flat).any()


BAD = {
    "short": (lambda: RunningStandardizer(1e-4, 1000), r"seconds=0\.0001 is 0\.1 samples at sfreq=1000 Hz"),
    "seconds": (lambda: RunningStandardizer(-1, 1000), r"seconds=-1; required is a finite number above 0 s"),
    "rate": (lambda: RunningStandardizer(1, 0), r"sfreq=0; required is"),
    "no samples": (lambda: Standardizer.fit(np.zeros((3, 0))), r"3 channels and 0 samples; required is at least one"),
    "no arrays": (lambda: Standardizer.fit([]), r"training arrays have \[\] channels"),
    "channels": (lambda: Standardizer.fit([X, X[:2]]), r"training arrays have \[2, 4\] channels"),
    "nan": (
        lambda: Standardizer.fit(np.where(np.arange(3000) == 5, np.nan, X)),
        r"nan in channel 0 at sample 5.*mask them first\.$",
    ),
    "transform": (lambda: Standardizer.fit(X).transform(X[:3]), r"3 channels; required are 4"),
    "keys": (lambda: Standardizer.from_dict({"kind": "zscore"}), r"not a standardizer: keys \['kind'\]"),
    "std": (lambda: Standardizer([0, 0], [1, 0]), r"every std above 0"),
    "lengths": (lambda: Standardizer([0, 0], [1]), r"mean has 2 channels, std 1"),
    "shape": (lambda: Standardizer([[0]], [1]), r"mean has shape \(1, 1\)"),
    "words": (lambda: Standardizer(["a"], [1]), r"mean is not a row of numbers"),
    "finite": (lambda: Standardizer([0], [np.inf]), r"std has shape \(1,\); required is one finite number"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    make, message = BAD[case]
    with pytest.raises(EmgDspError, match=message):
        make()
