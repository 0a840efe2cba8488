"""Damage forged data sets of every format, many times, and report what the readers did.

    python packages/emg-io/fuzz/campaign.py --mutations 1000000 --seed 1 --jobs 2

A finding is anything but an `EmgIoError` or a valid recording: another exception, a dead process, more than ten
seconds, more memory than the limit. Each is printed with format, file, seed and number; ``--only`` makes it again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from mutations import mutate
from readers import read, specimen

from emg_io.formats import REGISTRY

LIMIT_S = 10.0
MEMORY_BYTES = 3 * 2**30
BATCH = 500


@dataclass
class Outcome:
    """What one batch of mutations came to."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


def batch(name: str, seed: int, first: int, n: int, trail: str) -> Outcome:
    """Run mutations ``first`` to ``first + n`` of one format; ``trail`` is a file that names the one under way."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    out, folder = Outcome(), Path(tempfile.mkdtemp(prefix="emg-io-", dir=_fast_folder()))
    try:
        sound = specimen(name, folder)
        for number in range(first, first + n):
            _one(sound, seed, number, out, trail)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return out


def _one(sound, seed: int, number: int, out: Outcome, trail: str) -> None:
    """Damage one file, read the set, put the file right again."""
    rng = np.random.default_rng((seed, number))
    path = list(sound.files)[int(rng.integers(0, len(sound.files)))]
    Path(trail).write_text(f"{sound.name} {path.name} seed {seed} number {number}")
    path.write_bytes(mutate(sound.files[path], rng))
    started = time.perf_counter()
    try:
        out.counts["refused" if read(sound.name, sound.folder) else "valid"] += 1
    except BaseException as error:  # noqa: BLE001  whatever it is, it is a finding
        out.counts["finding"] += 1
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        out.findings.append(f"{sound.name} {path.name} seed {seed} number {number}: {error!r} at {where}"[:400])
    seconds = time.perf_counter() - started
    out.slowest_s = max(out.slowest_s, seconds)
    if seconds > LIMIT_S:
        out.findings.append(f"{sound.name} {path.name} seed {seed} number {number}: {seconds:.1f} s")
    path.write_bytes(sound.files[path])


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
    """Run the campaign and print one line a format, then all findings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=10_000, help="in all, shared evenly by the formats")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--formats", nargs="*", default=sorted(REGISTRY))
    parser.add_argument("--only", type=int, help="run this one mutation of each format named, in this process")
    parser.add_argument("--json", type=Path, help="write the counts there")
    arguments = parser.parse_args()
    if arguments.only is not None:
        for name in arguments.formats:
            print(name, batch(name, arguments.seed, arguments.only, 1, tempfile.mkstemp()[1]))
        return 0
    from concurrent.futures import ThreadPoolExecutor

    each = -(-arguments.mutations // len(arguments.formats))
    trails = Path(tempfile.mkdtemp(dir=_fast_folder()))
    tasks = [
        (name, arguments.seed, first, min(BATCH, each - first), str(trails / f"{name}-{first}"))
        for first in range(0, each, BATCH)
        for name in arguments.formats
    ]
    totals = {name: Outcome() for name in arguments.formats}
    started = time.monotonic()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for task, outcome in zip(tasks, pool.map(isolated, tasks), strict=True):
            total = totals[task[0]]
            total.counts += outcome.counts
            total.findings += outcome.findings
            total.slowest_s = max(total.slowest_s, outcome.slowest_s)
    shutil.rmtree(trails, ignore_errors=True)
    for name, total in totals.items():
        print(f"{name:24} {dict(total.counts)}, slowest {total.slowest_s:.2f} s")
    findings = [finding for total in totals.values() for finding in total.findings]
    print(f"{sum(sum(t.counts.values()) for t in totals.values())} mutations, {len(findings)} findings,", end=" ")
    print(f"{time.monotonic() - started:.0f} s")
    print("\n".join(findings[:200]))
    if arguments.json:
        arguments.json.write_text(json.dumps({name: dict(total.counts) for name, total in totals.items()}, indent=2))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
