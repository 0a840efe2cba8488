"""Speed on array A (128 channels, 60 s, 2048 Hz, float32), each job beside its peer in the same run.

Run with ``OMP_NUM_THREADS=1 pytest packages/emg-dsp/tests/bench_dsp.py``; `dsp_bench` says what is timed and stored.
"""

import os
import subprocess
import sys

import dsp_bench
import dsp_oracles
import numpy as np
import pytest
from dsp_bench import latency, measure
from scipy import signal

import emg_dsp

DESIGN = dsp_oracles.DESIGNS["bandpass+notch"]
HTD_RMS = ["MAV", "RMS", "WL", "ZC", "SSC"]


@pytest.fixture(scope="module")
def a():
    return dsp_bench.array_a()


def test_causal(benchmark, a):
    clean, sos = DESIGN.ours(), DESIGN.sos()
    single = sos.astype(np.float32)
    peers = {"sosfilt_float32": lambda: signal.sosfilt(single, a), "sosfilt_float64": lambda: signal.sosfilt(sos, a)}
    measure(benchmark, a.size, lambda: clean(a), peers)


def test_causal_from_time_major(benchmark, a):
    clean, sos = DESIGN.ours(), DESIGN.sos().astype(np.float32)
    rows = np.ascontiguousarray(a.T)
    measure(benchmark, a.size, lambda: clean(rows.T), {"sosfilt_float32": lambda: signal.sosfilt(sos, rows, axis=0)})


def test_zero_phase(benchmark, a):
    clean, sos = DESIGN.ours(), DESIGN.sos()
    measure(benchmark, a.size, lambda: clean.zero_phase(a), {"sosfiltfilt": lambda: signal.sosfiltfilt(sos, a)})


def test_windows_and_five_features(benchmark, a):
    def numpy_rms():
        return np.sqrt(np.square(np.ascontiguousarray(emg_dsp.windows(a, 410, 102))).mean(axis=-1))

    def ours():
        return emg_dsp.features(emg_dsp.windows(a, 0.2, 0.05, sfreq=2048), HTD_RMS, 2048)

    measure(benchmark, a.size, ours, {"numpy_rms_alone": numpy_rms})


def test_rms(benchmark, a):
    w = emg_dsp.windows(a, 410, 102)
    measure(benchmark, a.size, lambda: emg_dsp.rms(w), {"numpy": lambda: np.sqrt(np.square(w).mean(axis=-1))})


def test_windows_cost_nothing(benchmark, a):
    measure(benchmark, a.size, lambda: emg_dsp.windows(a, 410, 102))


def test_stream_of_one_millisecond_chunks(benchmark, a):
    stream = DESIGN.ours().stream(128)
    chunk = np.ascontiguousarray(a[:, :2])
    latency(benchmark, lambda: stream.push(chunk))


def in_a_new_process(code, **variables):
    """Seconds that a new interpreter spends on ``code``, its own start left out."""
    timed = f"import time; start = time.perf_counter(); {code}; print(time.perf_counter() - start)"
    ran = subprocess.run(
        [sys.executable, "-c", timed], capture_output=True, text=True, check=True, env={**os.environ, **variables}
    )
    return float(ran.stdout)


def test_import(benchmark):
    jobs = {"emg_dsp": "import emg_dsp", "numpy": "import numpy", "scipy_signal": "import scipy.signal"}
    times = {name: [in_a_new_process(code) for _ in range(7)] for name, code in jobs.items()}
    benchmark.extra_info.update({f"{name}_s": (min(values), max(values)) for name, values in times.items()})
    benchmark.extra_info["setup"] = dsp_bench.setup(None)
    benchmark.pedantic(lambda: None)


def test_warmup(benchmark, tmp_path):
    """The first time on a machine compiles; after that the cache is read."""
    code = "import emg_dsp; emg_dsp.warmup()"
    times = [in_a_new_process(code, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(4)]
    benchmark.extra_info.update(
        empty_cache_s=times[0], filled_cache_s=(min(times[1:]), max(times[1:])), setup=dsp_bench.setup(None)
    )
    benchmark.pedantic(lambda: None)
