"""Two threads against one on array A; the target is 1.7 times.

``machine_scaling`` is what two threads gained in the same rounds on arithmetic that shares nothing: where it is below
2, other work held a core, and no job could have gained more.
"""

from concurrent.futures import ThreadPoolExecutor

import dsp_bench
import numpy as np
import pytest
from dsp_bench import measure

import emg_dsp

CLEAN = emg_dsp.bandpass(20, 450, 2048) + emg_dsp.notch(50, 2048)
HTD_RMS = ["MAV", "RMS", "WL", "ZC", "SSC"]
GRID = emg_dsp.Grid.capgmyo()

JOBS = {
    "causal filter": lambda a, threads: CLEAN(a, threads=threads),
    "zero-phase filter": lambda a, threads: CLEAN.zero_phase(a, threads=threads),
    "windows and five features": lambda a, threads: emg_dsp.features(
        emg_dsp.windows(a, 410, 102), HTD_RMS, 2048, threads=threads
    ),
    "moving RMS": lambda a, threads: emg_dsp.MovingRMS(205)(a, threads=threads),
    "HD frames": lambda a, threads: GRID.image(a, frames=True, threads=threads),
}


def arithmetic(block):
    for _ in range(40):
        np.sin(block, out=block)


@pytest.mark.parametrize("name", JOBS)
def test_two_threads(benchmark, name):
    a = dsp_bench.array_a()
    job = JOBS[name]
    blocks = [np.ones(1 << 15), np.ones(1 << 15)]
    with ThreadPoolExecutor(2) as pool:
        peers = {
            "one_thread": lambda: job(a, 1),
            "alone": lambda: [arithmetic(block) for block in blocks],
            "abreast": lambda: list(pool.map(arithmetic, blocks)),
        }
        info = measure(benchmark, a.size, lambda: job(a, 2), peers, rounds=7)
    info["machine_scaling"] = info["alone_ns_per_value"] / info["abreast_ns_per_value"]
