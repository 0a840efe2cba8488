"""How every benchmark of this package is timed: ours, the peers and a bare copy in turn, in one process.

`measure` stores in ``benchmark.extra_info``:

- ``ns_per_value``: best wall time of ours; ``<peer>_ns_per_value`` likewise;
- ``<peer>_over_ours``: best wall time of the peer over best wall time of ours, both per value;
- ``over_copy``: ours over a bare copy of as many float32 values into memory that exists already (``copy``);
- ``over_new_copy``: ours over a copy into new memory, the limit of a function that returns an array (``new_copy``);
- ``jobs``: wall and CPU time per value of every job, best and median, and how often it ran;
- ``setup``: versions, threads, load average before and after.

CPU time is that of the whole process: on a busy machine it says what wall time would be on an idle one, for jobs of one
thread. Ratios below 1.5 mean nothing on a shared machine; those within one run are all that is comparable.
"""

import importlib.util
import os
import platform
import time
import warnings
from functools import cache
from importlib import metadata
from statistics import median

import dsp_oracles
import numpy as np
import pytest

import emg_dsp

PATIENCE = 4.0
"""A job that takes longer, in seconds, is timed once and not warmed up again."""
SHORTEST = 2e-3
"""A shorter job is repeated within one timing until it takes as long, in seconds."""


@cache
def array_a():
    """128 channels, 60 s at 2048 Hz, float32; kernels compiled. Read-only, shared by all benchmarks."""
    return _prepared(128, 122_880)


@cache
def array_b():
    """8 channels, 600 s at 200 Hz, float32; kernels compiled. Read-only, shared by all benchmarks."""
    return _prepared(8, 120_000)


def _prepared(channels, samples):
    emg_dsp.warmup()
    x = dsp_oracles.emg(channels, samples)
    x.flags.writeable = False
    return x


def libemg():
    """Return LibEMG, or skip; ``nox -s "bench(emg-dsp)"`` makes an environment that has it."""
    return peer("libemg")


def peer(name):
    """Import a peer that need not be installed, whatever it warns of, or skip."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"{name} is not here; nox -s 'bench(emg-dsp)' makes an environment")


def measure(benchmark, values, ours, peers=None, *, rounds=3):
    """Time ours and every peer in turn, ``rounds`` times; store and return what the module says.

    ``peers`` holds a callable by name, or ``(callable, values)`` where the peer is timed on fewer values than ours.
    """
    jobs = {"ours": (ours, values), **_copies(values)}
    for name, peer in (peers or {}).items():
        jobs[name] = peer if isinstance(peer, tuple) else (peer, values)
    before = os.getloadavg()
    times = _in_turn({name: job for name, (job, _) in jobs.items()}, rounds)
    per_value = {name: [(wall / jobs[name][1], cpu / jobs[name][1]) for wall, cpu in times[name]] for name in jobs}
    table = {name: _row(pairs) for name, pairs in per_value.items()}
    info = benchmark.extra_info
    info.update(_ratios(table), jobs=table, values=values, setup=setup(before))
    benchmark.pedantic(ours, rounds=1)
    return info


def latency(benchmark, push, *, calls=20_000, warm=1_000):
    """Time every single call of ``push``; store its percentiles in microseconds, wall and CPU, after ``warm`` calls."""
    before = os.getloadavg()
    walls, cpus = np.empty(calls), np.empty(calls)
    for n in range(calls):
        cpu, wall = time.process_time_ns(), time.perf_counter_ns()
        push()
        walls[n], cpus[n] = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
    for name, nanoseconds in (("us", walls), ("cpu_us", cpus)):
        for percent in (50, 99, 99.9, 100):
            benchmark.extra_info[f"p{percent:g}_{name}"] = float(np.percentile(nanoseconds[warm:], percent)) / 1e3
    benchmark.extra_info["setup"] = setup(before)
    benchmark.pedantic(push, rounds=100)
    return benchmark.extra_info


def seconds(job):
    """Run a job once; return wall and CPU seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    job()
    return time.perf_counter() - wall, time.process_time() - cpu


def setup(load_before):
    """Versions, threads and load: what a ratio must be read with."""
    names = ["emg-dsp", "numpy", "scipy", "numba", "libemg", "neurokit2", "biosppy"]
    installed = [name for name in names if importlib.util.find_spec(name.replace("-", "_"))]
    return {
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in installed},
        "threads": os.environ.get("OMP_NUM_THREADS", "not set"),
        "cores": os.cpu_count(),
        "load_before": load_before,
        "load_after": os.getloadavg(),
    }


def _copies(values):
    source, target = np.ones(values, dtype=np.float32), np.ones(values, dtype=np.float32)
    return {"copy": (lambda: np.copyto(target, source), values), "new_copy": (source.copy, values)}


def _in_turn(jobs, rounds):
    """Wall and CPU seconds of every run of every job; jobs beyond patience are run once."""
    first = {name: seconds(job) for name, job in jobs.items()}
    repeats = {name: max(1, int(SHORTEST / max(wall, 1e-7))) for name, (wall, _) in first.items()}
    times = {name: [first[name]] if first[name][0] > PATIENCE else [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            if first[name][0] <= PATIENCE:
                times[name].append(_repeated(job, repeats[name]))
    return times


def _repeated(job, count):
    def run():
        for _ in range(count):
            job()

    wall, cpu = seconds(run)
    return wall / count, cpu / count


def _row(pairs):
    walls, cpus = zip(*pairs, strict=True)
    return {
        "best_ns": min(walls) * 1e9,
        "median_ns": median(walls) * 1e9,
        "cpu_best_ns": min(cpus) * 1e9,
        "cpu_median_ns": median(cpus) * 1e9,
        "runs": len(pairs),
    }


def _ratios(table):
    ours = table["ours"]
    info = {"ns_per_value": ours["best_ns"], "median_ns_per_value": ours["median_ns"]}
    for name, row in table.items():
        if name in {"copy", "new_copy"}:
            info[f"over_{name}"] = ours["best_ns"] / row["best_ns"]
            info[f"{name}_ns_per_value"] = row["best_ns"]
        elif name != "ours":
            info[f"{name}_ns_per_value"] = row["best_ns"]
            info[f"{name}_over_ours"] = row["best_ns"] / ours["best_ns"]
            info[f"{name}_over_ours_median"] = row["median_ns"] / ours["median_ns"]
            info[f"{name}_over_ours_cpu"] = row["cpu_best_ns"] / ours["cpu_best_ns"]
    return info
