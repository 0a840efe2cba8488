"""Damage small models many times and report what the reader, the passes and the quantiser did.

    python packages/emg-edge/fuzz/campaign.py --mutations 100000 --seed 1 --jobs 1

A finding is anything but an `EmgEdgeError` or a whole result: another exception, a dead process, more than ten seconds,
more than a gigabyte. Each is printed with model, seed and number; ``--only`` makes it again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from mutations import mutate
from specimens import MODELS, specimen
from target import read

LIMIT_S = 10.0
MEMORY_BYTES = 3 * 2**30
GROWTH_KIB = 2**20  # of the process, over what it had before the batch
BATCH = 250
DEEP_EVERY, BUILD_EVERY = 4, 500


@dataclass
class Outcome:
    """What one batch of mutations came to."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    peak_kib: int = 0


def batch(name: str, seed: int, first: int, n: int, trail: str) -> Outcome:
    """Run mutations ``first`` to ``first + n`` of one model; ``trail`` is a file that names the one under way."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    warnings.simplefilter("ignore")
    out, folder = Outcome(), Path(tempfile.mkdtemp(prefix="emg-edge-", dir=_fast_folder()))
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        for number in range(first, first + n):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            _one(name, folder, seed, number, out, trail)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            if peak > max(before, base + GROWTH_KIB):
                out.findings.append(f"{name} seed {seed} number {number}: {(peak - base) // 1024} MiB")
            out.peak_kib = max(out.peak_kib, peak - base)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return out


def _one(name: str, folder: Path, seed: int, number: int, out: Outcome, trail: str) -> None:
    """Damage a model and put it through."""
    Path(trail).write_text(f"{name} seed {seed} number {number}")
    (folder / "m.onnx").write_bytes(mutate(specimen(name), np.random.default_rng((seed, number))))
    (folder / "m.onnx.data").write_bytes(bytes(256))
    started = time.perf_counter()
    project = None
    try:
        stage, project = read(folder / "m.onnx", deep=number % DEEP_EVERY == 0)
        out.counts[stage] += 1
    except BaseException as error:  # noqa: BLE001  whatever it is, it is a finding
        out.counts["finding"] += 1
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        out.findings.append(f"{name} seed {seed} number {number}: {error!r} at {where}"[:400])
    seconds = time.perf_counter() - started
    out.slowest_s = max(out.slowest_s, seconds)
    if seconds > LIMIT_S:
        out.findings.append(f"{name} seed {seed} number {number}: {seconds:.1f} s")
    if project is not None and number % BUILD_EVERY == 0:
        out.counts["built"] += 1
        out.findings.extend(f"{name} seed {seed} number {number}: {line}" for line in build(project, folder))


def build(project: dict[str, bytes], folder: Path) -> list[str]:
    """Compile the C of a survivor with all warnings; return what the compiler said where it failed."""
    for name, content in project.items():
        (folder / "c" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "c" / name).write_bytes(content)
    command = ["make", "-s", "-C", str(folder / "c")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    shutil.rmtree(folder / "c", ignore_errors=True)
    return [] if done.returncode == 0 else [f"C does not build: {done.stderr[-300:]}"]


def _fast_folder() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  scratch in memory where there is some


def _child(queue, arguments) -> None:
    queue.put(batch(*arguments))


def isolated(arguments) -> Outcome:
    """Run a batch in a process of its own, so that a crash ends that process only."""
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    process = context.Process(target=_child, args=(queue, arguments))
    process.start()
    deadline = time.monotonic() + 600
    while process.is_alive() and queue.empty() and time.monotonic() < deadline:
        time.sleep(0.02)
    if not queue.empty():
        outcome = queue.get()
        process.join()
        return outcome
    code = process.exitcode
    process.kill()
    process.join()
    what = "hang" if code is None else f"process ended with {code}"
    return Outcome(Counter(finding=1), [f"{Path(arguments[-1]).read_text()}: {what}"])


def main() -> int:
    """Run the campaign; print findings as they come, then one line a model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=10_000, help="in all, shared evenly by the models")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--models", nargs="*", default=sorted(MODELS))
    parser.add_argument("--only", type=int, help="run this one mutation of each model named, in this process")
    arguments = parser.parse_args()
    if arguments.only is not None:
        for name in arguments.models:
            print(name, batch(name, arguments.seed, arguments.only, 1, tempfile.mkstemp()[1]))
        return 0
    from concurrent.futures import ThreadPoolExecutor

    for name in arguments.models:  # imports and specimens once, before the forks
        path = Path(tempfile.mkdtemp(dir=_fast_folder())) / "m.onnx"
        path.write_bytes(specimen(name))
        read(path, deep=True)
        shutil.rmtree(path.parent)
    each = -(-arguments.mutations // len(arguments.models))
    trails = Path(tempfile.mkdtemp(dir=_fast_folder()))
    tasks = [
        (name, arguments.seed, first, min(BATCH, each - first), str(trails / f"{name}-{first}"))
        for first in range(0, each, BATCH)
        for name in arguments.models
    ]
    totals = {name: Outcome() for name in arguments.models}
    started = time.monotonic()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for task, outcome in zip(tasks, pool.map(isolated, tasks), strict=True):
            total = totals[task[0]]
            total.counts += outcome.counts
            total.findings += outcome.findings
            for finding in outcome.findings:
                print(finding, flush=True)
            total.slowest_s = max(total.slowest_s, outcome.slowest_s)
            total.peak_kib = max(total.peak_kib, outcome.peak_kib)
    shutil.rmtree(trails, ignore_errors=True)
    for name, total in totals.items():
        print(f"{name:14} {dict(total.counts)}, slowest {total.slowest_s:.2f} s, {total.peak_kib // 1024} MiB")
    findings = [finding for total in totals.values() for finding in total.findings]
    count = sum(n for total in totals.values() for stage, n in total.counts.items() if stage != "built")
    print(f"{count} mutations, {len(findings)} findings, {time.monotonic() - started:.0f} s")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
