"""Spectra: equal to the oracle, independent of how many frames are transformed together, conventions, bad input."""

import dsp_oracles
import dsp_oracles_spectra
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

import emg_dsp
from emg_dsp import EmgDspError, band_power, filter_bank, log_spectrogram, mpf, power_spectrum, stft
from emg_dsp._spectra.tapers import taper

LAW = settings(derandomize=True, deadline=None, max_examples=25)
X = dsp_oracles.emg(5, 1500) - 0.5
DTYPES = ["int8", "int16", "int32", "float16", "float32", ">f4", "float64"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [1, 2, 15, 64, 100, 127])
def test_stft_equals_numpy(length, dtype):
    x = (X * 40).astype(dtype)
    got = stft(x, length, 13)
    assert got.dtype == (np.complex128 if dtype == "float64" else np.complex64)
    expected = dsp_oracles_spectra.stft(x.astype(np.float64), length, 13, signal.get_window("hann", length))
    np.testing.assert_allclose(got, expected, atol=2e-5 * np.abs(expected).max())
    exact = stft(x.astype(np.float64), length, 13)
    np.testing.assert_allclose(exact, expected, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["hann", "hamming", "blackman", "boxcar"])
@pytest.mark.parametrize("length", [1, 2, 7, 64])
def test_tapers_equal_scipy(name, length):
    np.testing.assert_allclose(taper(name, length), signal.get_window(name, length), atol=1e-15)
    symmetric = signal.get_window(name, length, fftbins=False)
    np.testing.assert_allclose(taper(name, length, symmetric=True), symmetric, atol=1e-15)


def test_stft_in_seconds_with_own_weights_and_zeros_behind():
    weights = np.arange(1.0, 65)
    got = stft(X, 0.064, 0.016, 1000, window=weights, n_fft=100)
    expected = dsp_oracles_spectra.stft(X.astype(np.float64), 64, 16, weights, 100)
    assert got.shape == (90, 5, 51)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@LAW
@given(st.integers(1, 300), st.integers(1, 90), st.integers(1, 120), st.sampled_from([np.float32, np.float64]))
def test_a_frame_has_the_bits_it_has_alone(samples, length, hop, dtype):
    """However many frames are transformed together, whatever their neighbours hold."""
    x = dsp_oracles.emg(3, samples, seed=samples).astype(dtype)
    frames, logs = stft(x, length, hop), log_spectrogram(x, length, hop)
    assert len(frames) == len(logs) == max(0, (samples - length) // hop + 1)
    for k in range(len(frames)):
        part = x[1:2, k * hop : k * hop + length]
        np.testing.assert_array_equal(stft(part, length, hop), frames[k : k + 1, 1:2])
        np.testing.assert_array_equal(log_spectrogram(part, length, hop), logs[k : k + 1, 1:2])


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_spectrogram_is_that_of_emg2qwerty(dtype):
    x = (X * 10).astype(dtype)
    got = log_spectrogram(x)
    assert got.shape == (90, 5, 33)
    assert got.dtype == (np.float64 if dtype == "float64" else np.float32)
    np.testing.assert_allclose(got, dsp_oracles_spectra.log_spectrogram(x), rtol=0, atol=1e-4)
    expected = dsp_oracles_spectra.log_spectrogram(x.astype(np.float64))
    np.testing.assert_allclose(log_spectrogram(x.astype(np.float64)), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("samples", "frames"), [(8000, 497), (10_000, 622), (64, 1), (63, 0), (0, 0)])
def test_log_spectrogram_counts_frames_as_emg2qwerty(samples, frames):
    assert log_spectrogram(np.zeros((2, 16, samples), np.float32)).shape == (2, frames, 16, 33)


def test_silence_gives_the_floor():
    np.testing.assert_allclose(log_spectrogram(np.zeros((1, 64))), -6, rtol=1e-12)
    np.testing.assert_allclose(log_spectrogram(np.zeros((1, 64), np.float32), floor=1e-3), -3, rtol=1e-6)


@pytest.mark.parametrize("exponent", [-9, -3, 0, 3, 12, 30])
def test_own_logarithm_is_as_good_as_the_type(exponent):
    x = np.linspace(1, 9.99, 3000, dtype=np.float32)[:, None] * np.float32(10.0**exponent)
    got = log_spectrogram(x, 1, 1, window="boxcar", floor=1e-30)[0, :, 0] if exponent < 15 else np.zeros(1)
    if exponent < 15:
        np.testing.assert_allclose(got, np.log10(x[:, 0].astype(np.float64) ** 2), rtol=2e-7, atol=1.5e-7)
    else:
        assert np.isnan(log_spectrogram(x, 1, 1)).all()


@pytest.mark.parametrize(("window", "span"), [(200, 254), (160, 214)])
def test_mpf_equals_scipy(window, span):
    bands = list(emg_dsp.MultivariatePower().bands)
    got = mpf(X.astype(np.float64), window=window)
    expected = dsp_oracles_spectra.mpf(X, 2000, window, 40, bands)
    assert got.shape == expected.shape == ((1500 - span) // 40 + 1, 6, 5, 5)
    np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-7)
    np.testing.assert_array_equal(got, got.swapaxes(-1, -2))
    single = mpf(X, window=window)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=1e-5, atol=1e-4)


def test_mpf_needs_exactly_its_span():
    """253 samples of left context, as the source says: one output from 254, none from 253."""
    assert emg_dsp.MultivariatePower().span == 254
    assert len(mpf(X[:, :254])) == 1
    assert len(mpf(X[:, :253])) == 0
    assert emg_dsp.MultivariatePower().sfreq_out == 50


def test_mpf_of_silence_and_of_equal_channels_is_finite():
    """Eigenvalues of 0 have the logarithm -inf, or NaN where rounding makes them negative: both count as 0."""
    assert not mpf(np.zeros((3, 300))).any()
    same = np.repeat(X[:1], 4, axis=0)
    assert np.isfinite(mpf(same)).all()


def test_mpf_of_other_rates_and_bands():
    got = mpf(X.astype(np.float64), 1000, window=100, stride=20, bands=[(0, 100), (100, 500)])
    expected = dsp_oracles_spectra.mpf(X, 1000, 100, 20, [(0, 100), (100, 500)])
    np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("detrend", [True, False])
@pytest.mark.parametrize(("length", "hop"), [(0.1, None), (0.101, 0.03), (1.0, 0.5)])
def test_power_spectrum_equals_welch(length, hop, detrend):
    size = round(length * 1000)
    step = round(hop * 1000) if hop else size - size // 2
    freqs, got = power_spectrum(X.astype(np.float64), 1000, length, hop, detrend=detrend)
    expected = dsp_oracles_spectra.density(X, 1000, size, step, detrend=detrend)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(freqs, np.fft.rfftfreq(size, 1e-3))
    single = power_spectrum(X, 1000, length, hop, detrend=detrend, threads=2)[1]
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, got.astype(np.float32))


def test_power_spectrum_adds_up_to_mean_power():
    x = np.random.default_rng(0).standard_normal((2, 100_000))
    freqs, got = power_spectrum(x, 2000)
    np.testing.assert_allclose(got.sum(axis=-1) * freqs[1], (x**2).mean(axis=-1), rtol=0.01)


@pytest.mark.parametrize("scale", ["mel", "linear", "log"])
def test_filter_bank_covers_its_range(scale):
    bank = filter_bank(8, 20, 450, 1000, 512, scale=scale)
    freqs = np.fft.rfftfreq(512, 1e-3)
    assert bank.shape == (8, 257)
    assert bank.min() == 0
    assert bank.max() <= 1
    assert not bank[:, (freqs <= 20) | (freqs >= 450)].any()
    centres = freqs[bank.argmax(axis=1)]
    assert (np.diff(centres) > 0).all()
    between = (freqs >= centres[0]) & (freqs <= centres[-1])
    np.testing.assert_allclose(bank[:, between].sum(axis=0), 1, atol=0.05)


def test_mel_bank_has_the_centres_of_the_formula():
    def mel(f):
        return 2595 * np.log10(1 + f / 700)

    bank = filter_bank(5, 0, 4000, 8000, 8192)
    centres = np.fft.rfftfreq(8192, 1 / 8000)[bank.argmax(axis=1)]
    np.testing.assert_allclose(mel(centres), mel(4000.0) * np.arange(1, 6) / 6, atol=1)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_band_power_is_a_weighted_sum(dtype):
    rng = np.random.default_rng(0)
    spectrum, bank = (rng.random((4, 3, 33)) * 100).astype(dtype), filter_bank(4, 0, 1000, 2000)
    got = band_power(spectrum, bank)
    assert got.dtype == (np.float64 if dtype == "float64" else np.float32)
    np.testing.assert_allclose(got, spectrum.astype(np.float64) @ bank.T, rtol=1e-6)
    np.testing.assert_array_equal(band_power(spectrum[2:3, 1:2], bank), got[2:3, 1:2])


def test_nan_spoils_only_the_frames_that_contain_it():
    x = X.astype(np.float64)
    x[2, 700] = np.nan
    for apply, span, hop in (
        (lambda s, **o: stft(s, 64, 16, **o), 64, 16),
        (log_spectrogram, 64, 16),
        (mpf, 254, 40),
    ):
        with pytest.raises(EmgDspError, match="has nan in channel 2 at sample 700"):
            apply(x)
        got, clean = apply(x, nan="propagate"), apply(X.astype(np.float64))
        touched = [k * hop <= 700 < k * hop + span for k in range(len(got))]
        assert any(touched)
        for k, hit in enumerate(touched):
            if not hit:
                np.testing.assert_array_equal(got[k], clean[k])
            elif apply is mpf:
                assert np.isnan(got[k]).all()
            else:
                assert np.isnan(got[k, 2]).all()
                np.testing.assert_array_equal(got[k, [0, 1, 3, 4]], clean[k, [0, 1, 3, 4]])
    with pytest.raises(EmgDspError, match="has nan in channel 2 at sample 700"):
        power_spectrum(x, 1000)
    density = power_spectrum(x, 1000, nan="propagate")[1]
    np.testing.assert_array_equal(np.isnan(density).any(axis=1), [False, False, True, False, False])
    bands = band_power(density, np.eye(3, density.shape[1]), nan="propagate")
    np.testing.assert_array_equal(np.isnan(bands).any(axis=1), [False, False, True, False, False])


@pytest.mark.parametrize(
    "apply", [log_spectrogram, lambda s: stft(s, 64, 16), mpf, lambda s: power_spectrum(s, 1000)[1]]
)
def test_memory_layout_and_batches_change_no_value(apply):
    expected = apply(X)
    kept = X.copy()
    for x in (np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2], X[::-1].copy()[::-1], X.astype(">f4")):
        np.testing.assert_array_equal(apply(x), expected)
    batch = apply(np.stack([X, X[::-1]])[None])
    np.testing.assert_array_equal(batch[0, 0], expected)
    assert batch.shape == (1, 2, *expected.shape)
    np.testing.assert_array_equal(X, kept)


@pytest.mark.parametrize("apply", [log_spectrogram, lambda s, **o: stft(s, 64, 16, **o), mpf])
def test_threads_change_no_value(apply):
    np.testing.assert_array_equal(apply(X, threads=3), apply(X))


def test_no_channels():
    assert log_spectrogram(np.zeros((0, 100))).shape == (3, 0, 33)
    assert stft(np.zeros((2, 0, 100)), 64, 16).shape == (2, 3, 0, 33)
    assert power_spectrum(np.zeros((0, 300)), 1000)[1].shape == (0, 126)


BAD = {
    "one axis": (lambda: stft(X[0], 64, 16), r"x has shape \(1500,\); required is \(..., channels, time\)"),
    "seconds": (lambda: stft(X, 0.1, 16), "length=0.1; required is a whole number of at least 1 samples"),
    "window": (
        lambda: stft(X, 64, 16, window="kaiser"),
        "window='kaiser'; required is one of blackman, boxcar, hamming",
    ),
    "weights": (lambda: stft(X, 64, 16, window=np.ones(3)), r"window has shape \(3,\); required are 64 finite weights"),
    "no weight": (lambda: stft(X, 2, 1, window=[0, 0]), "not all 0"),
    "words": (lambda: stft(X, 2, 1, window=["a", "b"]), "window is not a row of numbers"),
    "n_fft": (lambda: stft(X, 64, 16, n_fft=60), "n_fft=60 is shorter than a frame of 64 samples"),
    "nan": (lambda: stft(X, 64, 16, nan="drop"), "nan='drop'; required is 'raise' or 'propagate'"),
    "log length": (lambda: log_spectrogram(X, 0), "length=0; required is a whole number of at least 1 samples"),
    "floor": (lambda: log_spectrogram(X, floor=0), "floor=0; required is a finite number above 0"),
    "rate": (lambda: emg_dsp.LogSpectrogram(sfreq=-1), "sfreq=-1; required"),
    "log window": (lambda: emg_dsp.LogSpectrogram(window="gauss"), "window='gauss'"),
    "short": (lambda: power_spectrum(X[:, :30], 1000), "x has 30 samples; required are the 250 of one frame"),
    "multiple": (lambda: mpf(X, window=205), "window=205 samples; required is a multiple of fft_hop=10"),
    "stride": (lambda: mpf(X, stride=41), "stride=41 samples; required is a multiple of fft_hop=10"),
    "band order": (lambda: mpf(X, bands=[(100, 50)]), r"band \(100, 50\] Hz; required is 0 <= low < high <= 1000"),
    "band above": (lambda: mpf(X, 1000), r"band \(375, 700\] Hz; required is 0 <= low < high <= 500 Hz"),
    "no bands": (lambda: mpf(X, bands=5), "bands=5; required are pairs of edges"),
    "empty band": (lambda: mpf(X, bands=[(5, 10)]), r"no bin lies in the band \(5, 10\] Hz: bins are 31.25 Hz apart"),
    "bank scale": (lambda: filter_bank(4, 0, 100, 1000, scale="bark"), "scale='bark'; required is one of mel, linear"),
    "bank edges": (lambda: filter_bank(4, 100, 600, 1000), "low=100, high=600 Hz; required is 0 <= low < high <= 500"),
    "bank log": (lambda: filter_bank(4, 0, 100, 1000, scale="log"), "low=0, high=100 Hz; required is 0 < low"),
    "bank narrow": (lambda: filter_bank(40, 0, 400, 1000), r"band 0 \(0 to .* Hz\) holds no bin: bins are 15.625 Hz"),
    "bank bands": (lambda: filter_bank(0, 0, 400, 1000), "n_bands=0; required"),
    "power shape": (lambda: band_power(np.ones(3), np.ones((2, 4))), r"bank has shape \(2, 4\); required are finite"),
    "power nan": (lambda: band_power([np.nan], [[1.0]]), "spectrum has nan at"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_named(case):
    call, message = BAD[case]
    with pytest.raises(EmgDspError, match=message):
        call()


def test_power_that_overflows_the_type_of_the_result_raises_or_is_nan():
    loud = np.full((2, 200), 1e30, dtype=np.float32)
    loud[:, ::2] *= -1
    with pytest.raises(emg_dsp.EmgDspError, match=r"power overflows float32.*scale the signal down"):
        emg_dsp.power_spectrum(loud, 1000, 0.1)
    assert np.isnan(emg_dsp.power_spectrum(loud, 1000, 0.1, nan="propagate")[1]).any()
    power = np.full((2, 5), 3e38, dtype=np.float32)
    with pytest.raises(emg_dsp.EmgDspError, match="power overflows float32"):
        emg_dsp.band_power(power, np.ones((1, 5)))
    assert np.isnan(emg_dsp.band_power(power, np.ones((1, 5)), nan="propagate")).all()
    power[1, 3] = np.nan
    with pytest.raises(emg_dsp.EmgDspError, match=r"spectrum has nan at \[1, 3\]; required are finite powers"):
        emg_dsp.band_power(power, np.ones((1, 5)))


def test_multivariate_power_of_no_channels_and_of_loud_ones():
    assert emg_dsp.mpf(np.zeros((0, 400))).shape == (4, 6, 0, 0)
    x = np.random.default_rng(0).standard_normal((3, 400))
    assert np.isnan(emg_dsp.mpf(x * 1e200)).all()
    x[1, 20] = np.inf
    got = emg_dsp.mpf(x, nan="propagate")
    assert np.isnan(got[0]).all()
    assert np.isfinite(got[1:]).all()
