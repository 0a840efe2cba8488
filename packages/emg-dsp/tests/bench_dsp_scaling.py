"""Cost against length and channels: every job should be linear in both, beyond the fixed cost of a call.

``extra_info`` holds CPU seconds by size and the slope of log time over log size, fitted where size matters: 1 is
linear.
``tools/cost_plot.py`` draws the benchmark's JSON.
"""

import time
from functools import partial

import dsp_bench
import dsp_oracles
import numpy as np
import pytest

import emg_dsp

SEED = 0
LENGTHS = [2**n for n in range(10, 21)]
CHANNELS = [2**n for n in range(9)]
FIXED = {"channels": 8, "samples": 2**15}
FITTED_FROM = {"samples": 2**14, "channels": 32}
"""Below, the fixed cost of a call and (channels) a vector that is not full hide the slope."""
HTD_RMS = ["MAV", "RMS", "WL", "ZC", "SSC"]
ROUNDS = 7


def _filter(n_chans):
    return emg_dsp.bandpass(20, 450, 2048) + emg_dsp.notch(50, 2048)


def _zero_phase(n_chans):
    return _filter(n_chans).zero_phase


def _features(n_chans):
    return lambda x: emg_dsp.features(emg_dsp.windows(x, 410, 102), HTD_RMS, 2048)


def _envelope(n_chans):
    return emg_dsp.MovingRMS(205)


def _image(n_chans):
    grid = emg_dsp.Grid.custom(np.arange(n_chans).reshape(-1, min(n_chans, 8)))
    return lambda x: grid.image(x, frames=True)


JOBS = {
    "causal filter, 5 sections": _filter,
    "zero-phase filter, 5 sections": _zero_phase,
    "windows and 5 features": _features,
    "moving RMS, 0.1 s": _envelope,
    "HD frames": _image,
}


def best_seconds(jobs):
    """CPU time, best of some rounds over all sizes: what a busy machine bends least."""
    repeats = []
    for job in jobs:
        job()
        repeats.append(max(1, int(2e-3 / dsp_bench.seconds(job)[0])))
    best = np.full(len(jobs), np.inf)
    for _ in range(ROUNDS):
        for n, (job, count) in enumerate(zip(jobs, repeats, strict=True)):
            start = time.process_time()
            for _ in range(count):
                job()
            best[n] = min(best[n], (time.process_time() - start) / count)
    return best.tolist()


@pytest.mark.parametrize("axis", ["samples", "channels"])
@pytest.mark.parametrize("name", JOBS)
def test_cost(benchmark, name, axis):
    emg_dsp.warmup()
    sizes = LENGTHS if axis == "samples" else CHANNELS
    signal = dsp_oracles.emg(
        *((FIXED["channels"], max(sizes)) if axis == "samples" else (max(sizes), FIXED["samples"]))
    )
    jobs = []
    for size in sizes:
        x = np.ascontiguousarray(signal[:, :size] if axis == "samples" else signal[:size])
        jobs.append(partial(JOBS[name](x.shape[0]), x))
    seconds = best_seconds(jobs)
    fitted = np.array(sizes) >= FITTED_FROM[axis]
    slope = np.polyfit(np.log(np.array(sizes)[fitted]), np.log(np.array(seconds)[fitted]), 1)[0]
    benchmark.extra_info.update(
        job=name,
        axis=axis,
        sizes=sizes,
        seconds=seconds,
        slope=float(slope),
        fitted_from=FITTED_FROM[axis],
        fixed=FIXED,
        seed=SEED,
        setup=dsp_bench.setup(None),
    )
    benchmark.pedantic(jobs[-1], rounds=1)
