"""Preparing a store: the same bytes whoever works, resumed after any end, one writer at a time, one plan a folder."""

import hashlib
import json
import math
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from emg_io import EmgIoError, Recording, Span, open_dataset
from emg_io._source import Annotations, Header, RandomAccess, Track
from emg_io.store import WindowStore, _pool, _shard, dask_executor, prepare
from emg_io.store._folder import locked

SHARD = 8_000


@dataclass(frozen=True)
class Parts:
    """A split as far as a store looks at it."""

    parts: dict
    unit: str = "time"
    hash: str = "a" * 64


def files(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


@pytest.fixture(scope="module")
def split(uci):
    spans = [(index, recording.n_samples) for index, recording in enumerate(uci)]
    train = tuple(Span(index, n // 4, n) for index, n in spans[2:])
    return Parts({"train": train, "test": tuple(Span(index, 0, n // 5) for index, n in spans)})


@pytest.fixture(scope="module")
def reference(uci, split, tmp_path_factory):
    """The store of the forged UCI set, written in this process alone: its folder and its bytes."""
    out = tmp_path_factory.mktemp("reference") / "s"
    prepare(uci, out, split=split, tracks=("label", "repetition"), shard_samples=SHARD)
    return out, files(out)


def again(uci, parts, out, executor=None, **changes):
    options = {"split": parts, "tracks": ("label", "repetition"), "shard_samples": SHARD} | changes
    return prepare(uci, out, executor=executor, **options)


def test_the_store_holds_the_data_set(uci, reference):
    store = WindowStore.open(reference[0])
    store.verify()
    assert len(store.manifest.shards) > 3
    assert store.signal.sfreq == 100.0
    for index, (entry, recording) in enumerate(zip(store.entries, uci, strict=True)):
        held = recording.resample(100.0)
        assert entry.length == held.n_samples
        assert np.array_equal(store.raw(index, 0, entry.length), held.raw())
        for track in ("label", "repetition"):
            assert np.array_equal(store.labels(index, 0, entry.length, track), held.labels(track))
        assert (entry.subject, entry.session, entry.task) == (recording.subject, recording.session, recording.task)
        assert recording.source.endswith(entry.source)
        assert not Path(entry.source).is_absolute()
    assert store.label_names()[2] == "fist"
    assert store.montage(0).layout == uci[0].layout
    assert not any(name.startswith((".", "plan")) for name in reference[1])


@pytest.mark.parametrize("kind", ["threads", "one thread", "fork", "spawn"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_same_bytes_on_any_executor(uci, split, reference, tmp_path, kind):
    executor = {
        "threads": lambda: ThreadPoolExecutor(5),
        "one thread": lambda: ThreadPoolExecutor(1),
        "fork": lambda: ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("fork")),
        "spawn": lambda: ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")),
    }[kind]
    with executor() as pool:
        told = []
        store = again(uci, split, tmp_path / "s", pool, on_shard=lambda done, total: told.append((done, total)))
        store.verify(pool)
        assert told[-1] == (len(store.manifest.shards),) * 2
    assert files(tmp_path / "s") == reference[1]


def test_same_bytes_on_a_dask_cluster(uci, split, reference, tmp_path):
    import dask
    from distributed import LocalCluster

    options = {"dashboard_address": None, "host": "127.0.0.1", "processes": True}
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(n_workers=2, threads_per_worker=1, **options) as cluster,
        dask_executor(cluster.scheduler_address) as pool,
    ):
        store = again(uci, split, tmp_path / "s", pool)
        assert files(tmp_path / "s") == reference[1]
        shard = tmp_path / "s" / "shard-00000.label"
        shard.write_bytes(shard.read_bytes()[::-1])
        with pytest.raises(EmgIoError, match=r"shard-00000.label, sha256: shard is damaged"):
            store.verify(pool)
        other = replace(uci[0], n_chans=7, layout=uci[0].layout.ring(7), channels=())
        with pytest.raises(EmgIoError, match=r"recording does not fit the store"):
            prepare([*uci, other], tmp_path / "t", executor=pool, sfreq=100.0)
        with (
            pytest.raises(EmgIoError, match=r"Dask cluster lost a job: run the same call again to resume"),
            dask_executor(cluster.scheduler_address) as doomed,
        ):
            _pool.run_all(os._exit, [3], doomed)


def test_dask_that_is_not_there(monkeypatch):
    with (
        pytest.raises(EmgIoError, match=r"Dask cluster does not answer.*tcp://127.0.0.1:9 within 0.2 s"),
        dask_executor("tcp://127.0.0.1:9", timeout_s=0.2),
    ):
        pass
    with pytest.raises(EmgIoError, match=r"Dask cluster does not answer"), dask_executor("no://address"):
        pass
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(EmgIoError, match=r"pip install 'emg-io\[dask\]'"), dask_executor("tcp://127.0.0.1:9"):
        pass


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_a_copy_of_the_data_set_gives_the_same_bytes(uci, split, reference, tmp_path, kind):
    import shutil

    root = uci[0].reader.container.path
    if kind == "folder":
        copy = shutil.copytree(root, tmp_path / "elsewhere")
    else:
        copy = shutil.make_archive(str(tmp_path / "elsewhere"), "zip", root)
    again(open_dataset(copy), split, tmp_path / "s")
    assert files(tmp_path / "s") == reference[1]


@pytest.mark.parametrize("how", ["points", "moments", "workers", "appends"])
def test_killed_anywhere_and_resumed(tmp_path, how):
    """Children die by SIGKILL: before and after every call that changes the disk, at random moments, with workers."""
    script = Path(__file__).with_name("io_store_crash.py")
    run = subprocess.run(
        [sys.executable, script, how, tmp_path], capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["wrong"] == []
    assert found["kills"] >= {"points": 100, "moments": 20, "workers": 5, "appends": 30}[how]


def sealed(record):
    """A record with the hash that belongs to it."""
    return orjson.dumps({"sha256": hashlib.sha256(orjson.dumps(record)).hexdigest(), "record": record})


class Failing(Executor):
    """Does so many jobs, then fails."""

    def __init__(self, jobs):
        self.jobs, self.most, self.waiting = jobs, 0, []

    def submit(self, work, /, *arguments):
        self.jobs -= 1
        if self.jobs < 0:
            raise BrokenExecutor("worker ran out of memory")
        future = Future()
        future.set_result(work(*arguments))
        return future


def test_a_worker_that_dies_and_what_it_leaves(uci, split, reference, tmp_path):
    out = tmp_path / "s"
    with pytest.raises(EmgIoError, match=r"a worker died: run the same call again.*ran out of memory"):
        again(uci, split, out, Failing(3))
    with pytest.raises(EmgIoError, match=r"store is unfinished: run prepare again.*found a plan and 2 finished shards"):
        WindowStore.open(out)
    (out / ".shard-00001.samples.abc.part").write_bytes(b"half")
    (out / "shard-00099.samples").write_bytes(b"of an older run")
    again(uci, split, out)
    assert files(out) == reference[1]


@pytest.mark.parametrize(
    "damage", ["byte", "cut", "gone", "record", "digit", "other plan", "other name", "other length"]
)
def test_a_finished_shard_is_kept_only_if_it_is_whole(uci, split, reference, tmp_path, damage):
    out = tmp_path / "s"
    with pytest.raises(EmgIoError, match="a worker died"):
        again(uci, split, out, Failing(4))
    shard, record = out / "shard-00001.samples", out / "shard-00001.json"
    data, kept = bytearray(shard.read_bytes()), (out / "shard-00000.samples").stat().st_ino
    data[7] ^= 1
    body = json.loads(record.read_bytes())
    moments = body["record"]["moments"] | {"mean": [0.0] * 8}
    {
        "byte": lambda: shard.write_bytes(data),
        "cut": lambda: shard.write_bytes(data[:-1]),
        "gone": shard.unlink,
        "record": lambda: record.write_bytes(record.read_bytes()[:-9]),
        "digit": lambda: record.write_text(json.dumps(body | {"record": body["record"] | {"moments": moments}})),
        "other plan": lambda: record.write_bytes(sealed(body["record"] | {"plan": "0" * 64})),
        "other name": lambda: record.write_bytes(sealed(body["record"] | {"name": "shard-00007"})),
        "other length": lambda: record.write_bytes(sealed(body["record"] | {"pieces": []})),
    }[damage]()
    again(uci, split, out)
    assert files(out) == reference[1]
    assert (out / "shard-00000.samples").stat().st_ino == kept


@pytest.mark.parametrize(("change", "message"), [
    ({"tracks": ("label",)}, r"plan.json, tracks: folder holds an unfinished store.*expected \['label', 'rep"),
    ({"sfreq": 120.0}, r"plan.json, clock: .*'sfreq': None.*'sfreq': 120.0"),
    ({"shard_samples": SHARD + 1}, r"plan.json, shard_samples: .*expected 8000, found 8001"),
    ({"split": None}, r"plan.json, split: "),
])  # fmt: skip
def test_another_plan_is_refused(uci, split, reference, tmp_path, change, message):
    out = tmp_path / "s"
    with pytest.raises(EmgIoError, match="a worker died"):
        again(uci, split, out, Failing(3))
    before = files(out)
    with pytest.raises(EmgIoError, match=message):
        again(uci, split, out, **change)
    assert files(out) == before
    with pytest.raises(EmgIoError, match=r"plan: folder holds another store"):
        again(uci, split, reference[0], **change)
    (out / "plan.json").write_text("[]")
    with pytest.raises(EmgIoError, match=r"plan.json, JSON: folder holds an unfinished store.*found a plan"):
        again(uci, split, out)


def test_data_that_changed_meanwhile_is_refused(uci, split, tmp_path):
    import shutil

    shutil.copytree(uci[0].reader.container.path, tmp_path / "set")
    with pytest.raises(EmgIoError, match="a worker died"):
        again(open_dataset(tmp_path / "set"), split, tmp_path / "s", Failing(3))
    file = next((tmp_path / "set").rglob("*.txt"))
    os.utime(file, ns=(1, 1))
    with pytest.raises(EmgIoError, match=r"plan.json, files' stamps: folder holds an unfinished store of other data"):
        again(open_dataset(tmp_path / "set"), split, tmp_path / "s")


def test_a_finished_store_is_checked_and_left_alone(uci, split, reference):
    out, want = reference
    inodes = {path.name: path.stat().st_ino for path in out.iterdir()}
    assert len(again(uci, split, out)) == len(uci)
    assert {path.name: path.stat().st_ino for path in out.iterdir()} == inodes
    label = out / "shard-00000.label"
    try:
        label.write_bytes(want[label.name][::-1])
        with pytest.raises(EmgIoError, match=r"shard-00000.label, sha256: shard is damaged"):
            again(uci, split, out)
    finally:
        label.write_bytes(want[label.name])


def test_folders_that_are_not_for_us(uci, split, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").write_text("")
    with pytest.raises(EmgIoError, match=r"output exists: .*found thesis.tex"):
        again(uci, split, tmp_path / "taken")
    (tmp_path / "file").write_text("")
    with pytest.raises(EmgIoError, match=r"cannot be written"):
        again(uci, split, tmp_path / "file")
    assert files(tmp_path / "taken") == {"thesis.tex": b""}


def test_two_writers_are_kept_apart(uci, split, tmp_path):
    store = again(uci, split, tmp_path / "s")
    with locked(store.folder):
        with pytest.raises(EmgIoError, match=r"\.lock: another process writes to this store: wait until it ends"):
            store.append([uci[0]])
        with pytest.raises(EmgIoError, match=r"another process writes"):
            again(uci, split, tmp_path / "s")
    assert ".lock" not in files(tmp_path / "s")
    (tmp_path / "s" / ".lock").write_bytes(b"")  # as a killed writer leaves it
    held = replace(uci[0].resample(100.0), subject="new")
    first = WindowStore.open(tmp_path / "s").append([held])
    second = store.append([held])  # opened before the other grew: nothing may be lost
    assert [len(store), len(first), len(second)] == [12, 13, 14]
    second.verify()
    assert second.split == store.split
    assert second.manifest.plan is None
    with pytest.raises(EmgIoError, match=r"folder holds another store"):
        again(uci, split, tmp_path / "s")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_that_leaves_the_block_takes_no_lock_away(tmp_path):
    parent = os.getpid()
    try:
        with locked(tmp_path):
            child = os.fork()
            if child:
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
                assert (tmp_path / ".lock").exists()
    finally:
        if os.getpid() != parent:
            os._exit(0)
    assert not (tmp_path / ".lock").exists()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_hold_the_lock(tmp_path):
    ready, go = os.pipe(), os.pipe()
    with locked(tmp_path):
        child = os.fork()
        if not child:
            os.write(ready[1], b"x")
            os.read(go[0], 1)
            os._exit(0)
        os.read(ready[0], 1)
    try:
        with locked(tmp_path):
            pass
    finally:
        os.write(go[1], b"x")
        os.waitpid(child, 0)
        for handle in (*ready, *go):
            os.close(handle)


def test_a_lock_that_another_took_away_is_taken_anew(tmp_path, monkeypatch):
    import fcntl

    real, before = fcntl.flock, len(list(Path("/dev/fd").iterdir()))

    def flock(handle, how):
        monkeypatch.undo()
        (tmp_path / ".lock").unlink()  # the last writer ends between our open and our lock
        real(handle, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with locked(tmp_path), pytest.raises(EmgIoError, match="another process writes"), locked(tmp_path):
        pass
    assert len(list(Path("/dev/fd").iterdir())) == before
    with pytest.raises(EmgIoError, match=r"nowhere: cannot be written: .*No such file"), locked(tmp_path / "nowhere"):
        pass


def test_a_worker_that_outlives_its_run_writes_nothing(uci, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("emg_io.store._prepare.make_shard", lambda job: seen.append(job) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        prepare(uci, tmp_path / "s", shard_samples=SHARD)
    plan = (tmp_path / "s" / "plan.json").read_bytes()
    for other in (None, plan.replace(seen[0].task.plan.encode(), b"0" * 64), b"junk"):
        (tmp_path / "s" / "plan.json").unlink() if other is None else (tmp_path / "s" / "plan.json").write_bytes(other)
        with pytest.raises(EmgIoError, match=r"the plan changed while a shard was written"):
            _shard.make_shard(seen[0])
        assert not [name for name in files(tmp_path / "s") if name.startswith((".", "shard"))]


class Slow(Executor):
    """Runs a job only when somebody waits, and counts how many wait."""

    def __init__(self):
        self.pool, self.count, self.most = ThreadPoolExecutor(1), 0, 0

    def submit(self, work, /, *arguments):
        self.count += 1
        self.most = max(self.most, self.count)
        future = self.pool.submit(work, *arguments)
        future.add_done_callback(self.less)
        return future

    def less(self, _):
        self.count -= 1


def test_few_jobs_wait_and_results_keep_their_order():
    import time

    executor, told = Slow(), []
    results = _pool.run_all(lambda job: time.sleep(0.0002) or job**2, range(600), executor, told.append)
    assert results == [n**2 for n in range(600)]
    assert executor.most <= _pool.IN_FLIGHT
    assert told[-1] == 600
    assert told == sorted(told)
    assert _pool.run_all(str, range(3), None) == ["0", "1", "2"]
    ran = []

    def fail(job):
        ran.append(job)
        raise EmgIoError(f"job {job}")

    with pytest.raises(EmgIoError, match="job 0"):
        _pool.run_all(fail, range(10_000), executor)
    executor.pool.shutdown()
    assert len(ran) <= 2 * _pool.IN_FLIGHT


@dataclass(frozen=True)
class Streamed(RandomAccess):
    """A source that remembers how much it was asked for at a time."""

    n: int
    asked: tuple[list, ...]

    def __hash__(self):
        return self.n

    def scan(self):
        return Header(self.n, 1000.0)

    def samples(self, start, stop):
        self.asked[0].append(stop - start)
        return np.arange(2 * start, 2 * stop, dtype=np.int32).reshape(-1, 2).T

    def read_annotations(self):
        return Annotations(tracks={"trial": Track("trial", np.arange(self.n) // 1000)})


def test_a_recording_is_streamed_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(_shard, "BLOCK_BYTES", 8_000)
    asked = []
    base = Recording.from_array(np.zeros((2, 1), np.int32), 1000.0)
    recording = replace(base, reader=Streamed(10_500, (asked,)))
    store = prepare([recording], tmp_path / "s")
    assert sum(asked) >= 10_500
    assert 10_500 in asked  # the hash of what has no file; all the rest is blocks
    assert sorted(asked)[-2] == 1000
    assert store.raw(0, 0, 10_500)[1].tolist() == list(range(1, 21_000, 2))
    assert store.entries[0].cuts == tuple(range(1000, 10_001, 1000))
    assert store.manifest.tracks == {}


def test_what_does_not_fit_together_is_refused(uci, split, tmp_path):
    def one(subject="1", **changes):
        options = {"raw": np.zeros((2, 50), np.int16), "sfreq": 100.0, "labels": np.zeros(50, int)} | changes
        return Recording.from_array(options.pop("raw"), options.pop("sfreq"), subject=subject, **options)

    cases = [
        ([one(), one("2", sfreq=200.0)], {}, r"does not fit the store.*sfreq=100.0.*sfreq=200.0"),
        ([one(), one("2", unit="mV")], {}, r"does not fit the store.*unit='unknown'.*unit='mV'"),
        ([one(), one("2", raw=np.zeros((2, 50)))], {}, r"does not fit the store.*<i2.*<f8"),
        ([one(), one("2", labels=None)], {}, r"recording lacks a track: .*expected label, found none at all"),
        ([one()], {"tracks": ("label", "glove")}, r"tracks: recording lacks a track: .*expected glove, found label"),
        ([one()], {"tracks": ("../x",)}, r"tracks: track cannot name a file.*found \.\./x"),
        ([one()], {"tracks": ("samples",)}, r"track cannot name a file"),
        ([one()], {"tracks": ("label", "label")}, r"track cannot name a file"),
        ([one(labels=np.full(50, 40_000))], {}, r"label: label does not fit 16 bits: .*found 40000\.\.40000"),
        ([one(label_names={0: "a"}), one("2", label_names={0: "b"})], {}, r"value 0: .*expected a, found b"),
        ([one(raw=np.zeros((2, 50), np.uint64))], {}, r"samples cannot be stored.*found <u8"),
        ([one(timestamps=np.arange(50) ** 1.5)], {}, r"clock is not uniform: resample first, or name a rate"),
        ([], {}, r"nothing to store"),
        ([one()], {"shard_samples": 0}, r"not a shard: expected >= 1, found 0"),
        ([one()], {"sfreq": -1.0}, r"not a rate"),
        (
            [one()],
            {"split": Parts({"train": (Span(1, 0, 5),)})},
            r"part train: split does not fit the data set: .*one of 1 recordings, found 1",
        ),
        (
            [one()],
            {"split": Parts({"test": (Span(0, 5, 51),)})},
            r"part test: split does not fit.*inside 50 samples, found 5\.\.51",
        ),
    ]
    for number, (recordings, options, message) in enumerate(cases):
        with pytest.raises(EmgIoError, match=message):
            prepare(recordings, tmp_path / str(number), **options)
        assert not (tmp_path / str(number) / "manifest.json").exists()


@pytest.mark.real
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_real_recordings_from_their_archive(real, tmp_path):
    """Eight of UCI's subjects: two processes write what one writes, and a span begins where its stamps say."""
    dataset = open_dataset(real("uci_emg_gestures.zip"))[:16]
    spans = tuple(Span(index, 1000, 9000) for index in range(len(dataset)))
    parts = Parts({"test": spans[:2], "train": spans[2:]})
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        store = again(dataset, parts, tmp_path / "two", pool, shard_samples=200_000, sfreq=100.0)
    again(dataset, parts, tmp_path / "one", shard_samples=200_000, sfreq=100.0)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert len(store.manifest.shards) > 3
    held = dataset[7].resample(100.0)
    assert np.array_equal(store.raw(7, 0, held.n_samples), held.raw())
    assert dataset[7].source.endswith(f"::{store.entries[7].source}")
    stamps = dataset[2].timestamps
    edges = [math.ceil((stamps[at] - stamps[0]) * 100 - 1e-6) for at in (1000, 9000)]
    assert store.split.parts["train"][0] == (2, *edges)


def test_recordings_that_no_part_uses_are_left_out(uci, tmp_path):
    parts = Parts({"train": (Span(3, 0, 900), Span(1, 5, 800)), "test": (Span(1, 900, 1000),), "val": ()})
    store = prepare(uci, tmp_path / "s", split=parts)
    assert [(entry.subject, entry.session) for entry in store.entries] == [uci[n].key[:2] for n in (1, 3)]
    assert {part: [span[0] for span in spans] for part, spans in store.split.parts.items()} == {
        "test": [0],
        "train": [0, 1],
        "val": [],
    }
    with pytest.raises(EmgIoError, match="nothing to store"):
        prepare(uci, tmp_path / "t", split=Parts({"train": ()}))


def test_names_across_shards_are_joined_or_refused(tmp_path):
    def one(subject, names):
        labels = np.zeros(50, int)
        return Recording.from_array(
            np.zeros((2, 50), np.int8), 100.0, subject=subject, labels=labels, label_names=names
        )

    store = prepare(
        [one("1", {0: "rest", 3: "fist"}), one("2", {0: "rest", 1: "open"})], tmp_path / "a", shard_samples=1
    )
    assert len(store.manifest.shards) == 2
    assert store.label_names() == {0: "rest", 1: "open", 3: "fist"}
    with pytest.raises(EmgIoError, match=r"shard-00001, track label, value 0: .*expected rest, found idle"):
        prepare([one("1", {0: "rest"}), one("2", {0: "idle"})], tmp_path / "b", shard_samples=1)


def test_big_sets_make_few_files(tmp_path):
    from emg_io.store._manifest import Signal
    from emg_io.store._plan import grouped, shard_limit

    signal = Signal(16, "<i2", 2000.0, "V")
    assert shard_limit(None, signal, 10**7) * 32 == 256 * 2**20
    assert len(list(grouped([10**6] * 100_000, shard_limit(None, signal, 10**11)))) <= 260
    assert list(grouped([5, 5, 5, 20, 0, 1], 10)) == [(0, 2), (2, 3), (3, 4), (4, 6)]
