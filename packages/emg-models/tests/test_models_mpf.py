"""Multivariate power frequency features: exact against a slow form, their laws, live, and refusals."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_models import EmgModelsError, MultivariatePowerFrequency, export_onnx
from emg_models._neuromotor.feature_config import electrode_pairs
from emg_models._neuromotor.mpf import BANDS, symmetric_log

ORACLE = "models_oracles_neuromotor"


def signal(electrodes, n_times, seed=0, batch=1):
    """Noise with common parts, so that electrodes are related."""
    rng = np.random.default_rng(seed)
    mix = rng.standard_normal((electrodes, electrodes)) * 3 + 8 * np.eye(electrodes)
    return torch.from_numpy(mix @ rng.standard_normal((batch, electrodes, n_times)))


@pytest.mark.parametrize(("window", "neighbours"), [(160, None), (200, 3)])
def test_features_equal_the_slow_form(slow, window, neighbours):
    mpf = MultivariatePowerFrequency(window=window, neighbours=neighbours).double()
    x = signal(16, mpf.span + 2 * 40 + 39)
    frames = slow.power_matrices(x[0].numpy(), 2000.0, window, 40, 64, 10, BANDS)
    wanted = np.array([slow.features(frame, electrode_pairs(16, neighbours)) for frame in frames]).T
    found = mpf(x)
    assert found.shape == (1, mpf.n_features, 3)
    np.testing.assert_allclose(found[0].numpy(), wanted, atol=2e-5)
    np.testing.assert_allclose(mpf.float()(x.float())[0].numpy(), wanted, atol=2e-3)
    assert float(np.abs(wanted).max()) > 5


def test_other_sizes_equal_the_slow_form(slow):
    bands = [(0.0, 125.0), (60.0, 250.0)]
    mpf = MultivariatePowerFrequency(3, window=12, stride=8, fft=8, hop=4, sfreq=500.0, bands=bands).double()
    x = signal(3, 60, batch=2)
    for one, found in zip(x.numpy(), mpf(x).numpy(), strict=True):
        frames = slow.power_matrices(one, 500.0, 12, 8, 8, 4, bands)
        wanted = np.array([slow.features(frame, electrode_pairs(3, None)) for frame in frames]).T
        np.testing.assert_allclose(found, wanted, atol=2e-5)


def test_sizes_are_the_published_ones():
    writing, wrist = MultivariatePowerFrequency(window=160), MultivariatePowerFrequency(window=200, neighbours=3)
    assert (writing.n_features, wrist.n_features) == (816, 384)
    assert (writing.span - 1, wrist.span - 1) == (213, 253)
    assert writing.frames(32000) == 795
    assert wrist.frames(8000) == 194
    assert [writing.frames(n) for n in (0, 213, 214, 253, 254)] == [0, 0, 1, 1, 2]
    assert writing(torch.randn(2, 16, 300)).shape == (2, 816, writing.frames(300))
    assert dict(writing.named_parameters()) == {}
    assert writing.state_dict() == {}


def test_bands_hold_their_bins():
    bins = [row.nonzero().flatten().tolist() for row in MultivariatePowerFrequency().bins]
    assert bins == [[1], [1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11, 12], [*range(13, 23)], [*range(23, 33)]]


@settings(max_examples=5, derandomize=True, deadline=None)
@given(gain=st.floats(1e-3, 1e3), seed=st.integers(0, 10))
def test_a_gain_adds_to_the_diagonal_alone(gain, seed):
    mpf = MultivariatePowerFrequency(5).double()
    x = signal(5, mpf.span + 40, seed)
    change = (mpf(gain * x) - mpf(x)).unflatten(1, (6, -1))
    diagonal = torch.tensor([i == j for i, j in electrode_pairs(5, None)])
    torch.testing.assert_close(
        change, (4 * np.log(gain) * diagonal.double())[:, None].expand_as(change), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("neighbours", [None, 2])
def test_turning_the_band_turns_the_features(neighbours):
    mpf = MultivariatePowerFrequency(6, neighbours=neighbours).double()
    x = signal(6, mpf.span)
    pairs = electrode_pairs(6, neighbours)
    place = {frozenset(pair): index for index, pair in enumerate(pairs)}
    order = [place[frozenset(((i - 1) % 6, (j - 1) % 6))] for i, j in pairs]
    torch.testing.assert_close(
        mpf(x.roll(1, 1)).unflatten(1, (6, -1)), mpf(x).unflatten(1, (6, -1))[:, :, order], atol=1e-8, rtol=0
    )


def test_frames_see_their_span_alone():
    mpf = MultivariatePowerFrequency(4)
    x = torch.randn(1, 4, 400)
    base = mpf(x)
    for sample, seen in ((39, [True, False, False]), (214, [False, True, True]), (290, [False, False, True])):
        other = x.clone()
        other[..., sample] += 5
        moved = (mpf(other) - base).abs().amax((0, 1))[:3] > 1e-4
        assert moved.tolist() == seen, sample


def test_dead_electrodes_and_silence_stay_finite():
    mpf = MultivariatePowerFrequency(4)
    x = torch.randn(1, 4, 300)
    x[:, 2] = 0
    y = mpf(x).unflatten(1, (6, -1))
    assert y.isfinite().all()
    dead = torch.tensor([2 in pair for pair in electrode_pairs(4, None)])
    torch.testing.assert_close(y[:, :, dead], torch.zeros_like(y[:, :, dead]), atol=1e-6, rtol=0)
    assert not mpf(torch.zeros(1, 4, 300)).any()


def test_logarithms_are_those_of_matrices():
    root = torch.randn(5, 4, 4, dtype=torch.float64)
    matrices = root @ root.mT + 0.1 * torch.eye(4)
    torch.testing.assert_close(torch.linalg.matrix_exp(symmetric_log(matrices)), matrices)
    assert torch.equal(symmetric_log(torch.diag(torch.tensor([-1e-9, 0.0, 1.0]))), torch.zeros(3, 3))


def test_a_doubled_electrode_adds_no_noise():
    """Of two equal electrodes one direction is empty; what is left is the logarithm of the rest."""
    mpf = MultivariatePowerFrequency(2).double()
    x = signal(1, mpf.span).expand(1, 2, -1)
    lone = MultivariatePowerFrequency(1).double()(x[:, :1])
    both = mpf(x).unflatten(1, (6, 3))
    torch.testing.assert_close(both, ((lone + np.log(2)) / 2)[:, :, None].expand_as(both), atol=1e-6, rtol=0)


def test_input_dtype_is_kept_and_no_gradient_flows():
    mpf = MultivariatePowerFrequency(4)
    y = mpf(torch.randn(1, 4, 300, requires_grad=True))
    assert y.dtype == torch.float32
    assert not y.requires_grad
    x = torch.randn(1, 4, 300)
    with torch.autocast("cpu", torch.bfloat16):
        lowered = mpf(x)
    torch.testing.assert_close(lowered, mpf(x))


@settings(max_examples=20, derandomize=True, deadline=None)
@given(cuts=st.lists(st.integers(0, 600), max_size=6))
def test_any_chunks_give_the_features_of_the_whole(cuts):
    mpf = MultivariatePowerFrequency(3)
    x = torch.randn(2, 3, 600, generator=torch.Generator().manual_seed(1))
    live = mpf.stream(batch=2)
    pieces = torch.tensor_split(x, sorted(cuts), dim=2)
    for _ in range(2):
        torch.testing.assert_close(torch.cat([live.push(piece) for piece in pieces], 2), mpf(x), atol=1e-4, rtol=0)
        live.reset()


@pytest.mark.parametrize(
    ("chunk", "message"),
    [
        (torch.zeros(3, 5), r"chunk of shape \(3, 5\) .* \(2, 3, samples\) is required"),
        (torch.zeros(1, 3, 5), r"chunk of shape \(1, 3, 5\)"),
        (torch.zeros(2, 4, 5), r"chunk of shape \(2, 4, 5\)"),
        (torch.zeros(2, 3, 5, dtype=torch.int16), "torch.int16"),
    ],
)
def test_chunks_that_do_not_fit_are_refused(chunk, message):
    live = MultivariatePowerFrequency(3).stream(batch=2)
    with pytest.raises(EmgModelsError, match=message):
        live.push(chunk)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(16, 300), r"input of shape \(16, 300\) .* \(batch, 16, time\) are required"),
        (torch.zeros(1, 15, 300), r"input of shape \(1, 15, 300\)"),
        (torch.zeros(1, 16, 300, dtype=torch.int32), "torch.int32"),
        (torch.zeros(1, 16, 213), "input has 213 samples, one frame needs 214; give longer windows"),
    ],
)
def test_signals_that_do_not_fit_are_refused(x, message):
    with pytest.raises(EmgModelsError, match=message):
        MultivariatePowerFrequency()(x)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": 165}, "window=165 is not a multiple of hop=10; choose 160"),
        ({"stride": 5}, "stride=5 is not a multiple of hop=10; choose 10"),
        ({"window": 0}, "window=0: an integer >= 1"),
        ({"bands": [(0.0, 10.0)]}, r"band \(0.0, 10.0\) Hz holds no bin of a transform of 64 samples at 2000.0 Hz"),
        ({"sfreq": 0}, "sfreq=0: a finite number > 0"),
        ({"neighbours": 8}, "neighbours=8: a ring of 16 electrodes has 7 to either side; give at most that"),
        ({"neighbours": -1}, "neighbours=-1: an integer >= 0"),
        ({"electrodes": 0}, "electrodes=0: an integer >= 1"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(change, message):
    with pytest.raises(EmgModelsError, match=message):
        MultivariatePowerFrequency(**change)


def test_pairs_occur_once():
    for neighbours, count in ((None, 136), (3, 64), (0, 16), (7, 128)):
        pairs = electrode_pairs(16, neighbours)
        assert len(pairs) == len({frozenset(pair) for pair in pairs}) == count
    assert electrode_pairs(5, 1)[5:] == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)]


def test_export_names_what_it_needs(tmp_path):
    with pytest.raises(EmgModelsError, match="model of type MultivariatePowerFrequency: a model of this package"):
        export_onnx(MultivariatePowerFrequency(), tmp_path / "m.onnx", preprocessing={}, labels=[])
    assert "ONNX has no eigenvalues" in MultivariatePowerFrequency.__doc__
