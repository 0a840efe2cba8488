"""Entropies and models against LibEMG: 200 ms windows every 50 ms of arrays A and B, peers on a part of the windows.

Values are compared first, where the formulas agree; where they differ, the comparison says by how much.
"""

import numpy as np
import pytest
from dsp_bench import array_a, array_b, libemg, measure
from dsp_oracles import windows as copied

import emg_dsp

ARRAYS = {"A": (array_a, 2048, 410, 102), "B": (array_b, 200, 40, 10)}
PEER_OPTIONS = {"AR": {"AR_order": 4}, "CC": {"CC_order": 4}}
PART = {"SAMPEN": 1, "FUZZYEN": 1, "LS": 24, "AR": 48, "CC": 48, "RMSPHASOR": 24, "WLPHASOR": 24}
"""Windows of all channels of A that the peer is timed on; ten times as many of B."""


def _same(name, ours, theirs):
    """Compare (n, C, k) of ours with LibEMG's (n, C * k)."""
    if name in {"LS", "AR"}:
        np.testing.assert_allclose(ours.reshape(len(ours), -1), theirs, rtol=2e-3, atol=2e-4)
    elif name == "SAMPEN":  # theirs counts one more template of m samples than of m + 1, and differs without matches
        matched = (theirs < 10) & (ours[..., 0] < 5)
        assert np.abs(ours[..., 0] - theirs)[matched].mean() < 0.1
    elif name.endswith("PHASOR"):  # theirs holds each pair once, ours twice
        channels = ours.shape[1]
        for half, columns in enumerate(np.split(theirs, 2, axis=1)):
            table = ours[..., half * (channels - 1) : (half + 1) * (channels - 1)]
            pairs = [table[:, c, j - c - 1] for c in range(channels) for j in range(c + 1, channels)]
            np.testing.assert_allclose(np.stack(pairs, axis=1), columns, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("name", PART)
def test_against_libemg(benchmark, name, array):
    make, sfreq, length, hop = ARRAYS[array]
    x = make()
    extractor = libemg().feature_extractor.FeatureExtractor()
    count = PART[name] * (1 if array == "A" else 10)
    theirs = copied(x[:, : length + (count - 1) * hop], length, hop)
    options = PEER_OPTIONS.get(name, {})

    def peer():
        return extractor.extract_features([name], theirs, options)[name]

    ours = emg_dsp.features(theirs, [name], sfreq)
    _same(name, ours, peer())
    view = emg_dsp.windows(x, length, hop)
    rows = x.shape[0] * count * hop
    measure(
        benchmark,
        x.size,
        lambda: emg_dsp.features(view, [name], sfreq),
        {"libemg": (peer, rows)},
        rounds=1 if name in {"SAMPEN", "FUZZYEN"} else 3,
    )


@pytest.mark.parametrize("name", ["AFB", "APEN", "HIST", "MHW", "MTW"])
def test_without_a_peer(benchmark, name):
    x = array_a()
    view = emg_dsp.windows(x, 410, 102)
    measure(benchmark, x.size, lambda: emg_dsp.features(view, [name], 2048), rounds=2)


@pytest.mark.parametrize("length", [128, 512, 2048, 8192])
@pytest.mark.parametrize("name", ["FUZZYEN", "SAMPEN"])
def test_cost_against_length(benchmark, name, length):
    x = array_b()[:1, : length * 4]
    view = emg_dsp.windows(x, length, length)
    measure(benchmark, x.size, lambda: emg_dsp.features(view, [name], 200), rounds=2)
