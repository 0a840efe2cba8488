"""XDF against the field's reader, in the same run: pytest packages/emg-io/tests/bench_io_xdf.py."""

import numpy as np
import pytest
import pyxdf

from emg_io import open_dataset
from emg_io.engines._xdf_write import StreamText, xdf_bytes
from emg_io.formats._xdf_session import session_of

N_CHANS, N_TIMES = 8, 200_000


@pytest.fixture(scope="module", params=["every sample stamped", "one in 32 stamped"])
def file(request, tmp_path_factory):
    """200 s of EMG at 1 kHz in chunks of 32 samples."""
    stamps = 1e4 + np.arange(N_TIMES) / 1000 + np.random.default_rng(0).uniform(0, 1e-3, N_TIMES)
    if request.param != "every sample stamped":
        stamps[np.arange(N_TIMES) % 32 != 0] = np.nan
    values = np.zeros((N_CHANS, N_TIMES), np.float32)
    offsets = [(1e4 + 5.0 * n, 3.0) for n in range(40)]
    stream = StreamText("EMG", "EMG", "float32", 1000.0, values, stamps, offsets)
    path = tmp_path_factory.mktemp("xdf") / "a.xdf"
    path.write_bytes(xdf_bytes([stream], samples_per_chunk=32))
    return path


def _open(path):
    session_of.cache_clear()
    return open_dataset(path.parent, "xdf")[0]


@pytest.mark.benchmark(group="8 channels x 200 s at 1 kHz, values and clock")
def test_ours(benchmark, file):
    assert benchmark.pedantic(lambda: _open(file).raw(), rounds=5).shape == (N_CHANS, N_TIMES)


@pytest.mark.benchmark(group="8 channels x 200 s at 1 kHz, values and clock")
def test_theirs(benchmark, file):
    streams, _ = benchmark.pedantic(lambda: pyxdf.load_xdf(str(file)), rounds=2)
    assert streams[0]["time_series"].shape == (N_TIMES, N_CHANS)


@pytest.mark.benchmark(group="window of 500 samples of an open file")
def test_ours_window(benchmark, file):
    recording = _open(file)
    assert benchmark(recording.raw, 100_000, 100_500).shape == (N_CHANS, 500)
