"""Kills whoever writes a window store, everywhere: python io_store_crash.py points|moments|workers|appends FOLDER.

Every victim is a forked child of this process, which has no threads. Prints JSON: kills, and what went wrong.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from emg_io import EmgIoError, Recording, Span
from emg_io.store import WindowStore, prepare

CALLS = ("fsync", "replace", "unlink", "mkdir")


def recordings():
    """Four recordings of two subjects."""
    made = []
    for number in range(4):
        rng = np.random.default_rng(number)
        raw = rng.integers(-999, 999, (3, 700 + 10 * number)).astype(np.int16)
        labels = np.repeat([0, 1], [300, 400 + 10 * number])
        subject, session = str(number // 2), str(number % 2)
        made.append(Recording.from_array(raw, 100.0, subject=subject, session=session, labels=labels, scale=0.5))
    return made


class Whole:
    """A split as far as a store looks at it."""

    unit, hash = "time", "f" * 64
    parts = {"train": (Span(0, 0, 500), Span(2, 100, 200)), "test": (Span(0, 500, 700), Span(1, 0, 9), Span(3, 0, 730))}  # noqa: RUF012


def write(out, executor=None):
    prepare(recordings(), out, split=Whole(), shard_samples=1000, executor=executor)


def write_by_threads(out):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as executor:
        write(out, executor)


def write_by_processes(out):
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    os.setpgid(0, 0)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as executor:
        write(out, executor)


def append(out):
    WindowStore.open(out).append(recordings()[:2], shard_samples=800)


def forked(work, *arguments):
    """Start a child that does some work; its exit status is 0 if it could."""
    child = os.fork()
    if child:
        return child
    try:
        work(*arguments)
        os._exit(0)
    except BaseException as error:  # noqa: BLE001  whatever it is, the parent must hear of it
        print(repr(error), file=sys.stderr)
        os._exit(1)


def ended(child):
    """Wait for a child; return its exit status, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def dying_at(point, work, *arguments):
    """Do some work; die before the n-th call that changes what is on disk."""
    count = 0

    def wrap(real):
        def call(*given, **options):
            nonlocal count
            count += 1
            if count == point:
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*given, **options)
            count += 1
            if count == point:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    for name in CALLS:
        setattr(os, name, wrap(getattr(os, name)))
    work(*arguments)


def files(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def finished(folder):
    """Return inode and time of the files of shards whose record is there."""
    stems = {path.stem for path in folder.glob("shard-*.json")}
    found = [path for path in folder.glob("shard-*") if path.stem in stems]
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def after_kill(folder, want):
    """Return what is wrong with a folder whose writer was killed."""
    try:
        store = WindowStore.open(folder)
    except EmgIoError as error:
        known = "store is unfinished" in str(error) or "not a window store" in str(error)
        return [] if known else [f"opening said {error}"]
    store.verify()
    return [] if (folder / "manifest.json").read_bytes() == want["manifest.json"] else ["manifest of something else"]


def resumed(folder, want):
    """Resume, and return what is wrong then."""
    kept = finished(folder) if not (folder / "manifest.json").exists() else {}
    wrong = [] if ended(forked(write, folder)) == 0 else ["resuming failed"]
    after = {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}
    wrong += [
        f"{name} was written again" for name, facts in kept.items() if name[-4:] != "json" and after[name] != facts
    ]
    return wrong + ([] if files(folder) == want else [f"other bytes: {sorted(files(folder))}"])


def points(folder, want):
    """Kill at every point; then, resuming, again at a random one."""
    chance, kills, wrong = random.Random(0), 0, []  # noqa: S311  seeded on purpose
    while True:
        out = folder / f"point-{kills}"
        if ended(forked(dying_at, kills + 1, write, out)) == 0:
            return kills, wrong
        kills += 1
        if out.exists():
            wrong += [f"point {kills}: {text}" for text in after_kill(out, want)]
        if kills % 3 == 0:
            ended(forked(dying_at, chance.randint(1, 60), write, out))
        wrong += [f"point {kills}: {text}" for text in resumed(out, want)]


def duration(work, out):
    """Return how long some work takes, s."""
    began = time.monotonic()
    ended(forked(work, out))
    return time.monotonic() - began


def moments(folder, want):
    """Kill at random moments, with two threads at work."""
    chance, kills, wrong = random.Random(1), 0, []  # noqa: S311  seeded on purpose
    takes = duration(write_by_threads, folder / "timed")
    for number in range(200):
        if kills == 20:
            break
        out = folder / f"moment-{number}"
        child = forked(write_by_threads, out)
        time.sleep(chance.uniform(0, takes))
        os.kill(child, signal.SIGKILL)
        kills += ended(child) == -signal.SIGKILL
        if out.exists():
            wrong += [f"moment {number}: {text}" for text in after_kill(out, want)]
        wrong += [f"moment {number}: {text}" for text in resumed(out, want)]
    return kills, wrong


def workers(folder, want):
    """Kill the one that commands two processes; they live on while the next run resumes."""
    chance, kills, wrong = random.Random(2), 0, []  # noqa: S311  seeded on purpose
    takes = duration(write_by_processes, folder / "timed")
    for number in range(100):
        if kills == 5:
            break
        out = folder / f"workers-{number}"
        child = forked(write_by_processes, out)
        time.sleep(chance.uniform(takes / 5, takes))
        os.kill(child, signal.SIGKILL)
        kills += ended(child) == -signal.SIGKILL
        wrong += [f"workers {number}: resuming failed"] * (ended(forked(write, out)) != 0)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        found = {name: data for name, data in files(out).items() if not name.endswith(".part")}
        wrong += [f"workers {number}: other bytes"] * (found != want)
    return kills, wrong


def appends(folder, want):
    """Kill appending at every point: the old store, or the new one; then append again."""
    write(folder / "longer")
    append(folder / "longer")
    longer, kills, wrong = files(folder / "longer"), 0, []
    while True:
        out = folder / f"append-{kills}"
        shutil.copytree(folder / "reference", out)
        if ended(forked(dying_at, kills + 1, append, out)) == 0:
            return kills, wrong
        kills += 1
        WindowStore.open(out).verify()
        manifest = (out / "manifest.json").read_bytes()
        if manifest == longer["manifest.json"]:
            continue
        wrong += [f"append {kills}: manifest of something else"] * (manifest != want["manifest.json"])
        wrong += [f"append {kills}: failed"] * (ended(forked(append, out)) != 0)
        wrong += [f"append {kills}: other bytes"] * (files(out) != longer)


if __name__ == "__main__":
    os.fsync = id  # does nothing: what a killed process wrote is not lost, only what a machine without power did
    place = Path(sys.argv[2])
    write(place / "reference")
    kills, wrong = {"points": points, "moments": moments, "workers": workers, "appends": appends}[sys.argv[1]](
        place, files(place / "reference")
    )
    print(json.dumps({"kills": kills, "wrong": wrong}))
