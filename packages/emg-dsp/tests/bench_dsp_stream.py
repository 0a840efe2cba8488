"""Latency of streams: 128 channels at 2 kHz in chunks of 1 ms, and of other sizes; nothing is allocated in the loop.

Run with ``OMP_NUM_THREADS=1 pytest packages/emg-dsp/tests/bench_dsp_stream.py``: ``extra_info`` holds percentiles of
wall and CPU time over 20,000 chunks. The target is a 99th percentile of at most 100 us for the chain.
"""

import dsp_bench
import numpy as np
import pytest
from scipy import signal

import emg_dsp

SFREQ = 2000.0
CLEAN = emg_dsp.bandpass(20, 450, SFREQ) + emg_dsp.notch(50, SFREQ)
CHAINS = {
    "bandpass+notch": CLEAN,
    "bandpass+notch|RMS": CLEAN | emg_dsp.MovingRMS(0.2, sfreq=SFREQ),
    "bandpass|notch|RMS|zscore": emg_dsp.bandpass(20, 450, SFREQ)
    | emg_dsp.notch(50, SFREQ)
    | emg_dsp.MovingRMS(0.2, sfreq=SFREQ)
    | emg_dsp.Standardizer(np.zeros(128), np.ones(128)),
}


@pytest.mark.parametrize("size", [1, 2, 16, 64])
@pytest.mark.parametrize("copy", [True, False], ids=["copy", "view"])
@pytest.mark.parametrize("name", CHAINS)
def test_chunk(benchmark, name, copy, size):
    chunk = np.ascontiguousarray(dsp_bench.array_a()[:, 5000 : 5000 + size])
    stream = CHAINS[name].stream(128)
    dsp_bench.latency(benchmark, lambda: stream.push(chunk, copy=copy))


@pytest.mark.parametrize("size", [2, 64])
def test_chunk_as_scipy_users_write_it(benchmark, size):
    """The peer: `scipy.signal.sosfilt` with carried state, float32 sections; no moving RMS."""
    chunk = np.ascontiguousarray(dsp_bench.array_a()[:, 5000 : 5000 + size])
    sos = CLEAN.sos.astype(np.float32)
    state = np.zeros((len(sos), 128, 2), dtype=np.float32)

    def push():
        nonlocal state
        _, state = signal.sosfilt(sos, chunk, zi=state)

    dsp_bench.latency(benchmark, push)
