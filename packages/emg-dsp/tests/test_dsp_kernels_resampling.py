"""The resampling kernel on small arrays; test_dsp_interpreted.py runs this file without compilation too."""

import dsp_oracles
import dsp_oracles_resampling as oracles
import numpy as np
import pytest

from emg_dsp import Resampler, resample


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("edge", ["zero", "hold"])
@pytest.mark.parametrize("rates", [(3, 2), (2, 3)])
def test_resampling_equals_convolution(rates, edge, dtype):
    x = dsp_oracles.emg(2, 40).astype(dtype)
    design = Resampler(*rates).design
    expected = oracles.polyphase(x, design.filter, design.up, design.down, design.half, edge)
    assert dsp_oracles.relative_error(resample(x, *rates, edge=edge), expected) < (
        1e-6 if dtype == np.float32 else 1e-12
    )


def test_live_equals_whole():
    x = dsp_oracles.emg(2, 30)
    stage = Resampler(3, 2)
    stream = stage.stream(2)
    parts = [stream.push(x[:, a:b]) for a, b in [(0, 1), (1, 1), (1, 20), (20, 30)]]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), stage(x))
