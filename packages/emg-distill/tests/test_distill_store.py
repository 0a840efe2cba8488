"""A protocol prepared on disk: the same bits as in memory, resumed after a stop, refused when made otherwise."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from emg_distill import EmgDistillError, ProtocolData, load_protocol
from emg_distill._data import jobs as jobs_module
from emg_distill._data import protocols
from emg_distill._data import store as store_module
from emg_distill._data.protocols import get_protocol
from emg_distill._data.store import prepare_protocol
from emg_distill._data.tables import StoredPlan, Tables
from emg_distill._data.targets import NoTarget

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emg_distill._data.windows import WindowTable

NAME = "uci/subject-disjoint"
emg_io = pytest.importorskip("emg_io", reason="the extra emg-distill[data] is not installed")


@pytest.fixture
def one_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every recording a job of its own."""
    monkeypatch.setattr(store_module, "_JOB_VALUES", 1)


@pytest.fixture(scope="module")
def made(uci_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store") / "uci"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_module, "_JOB_VALUES", 60_000)
        prepare_protocol(NAME, uci_folder, folder)
    return folder


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_bits_from_disk_and_from_memory(uci: ProtocolData, uci_folder: Path, made: Path) -> None:
    data = load_protocol(NAME, uci_folder, store=made)
    assert data.digest == uci.digest
    assert data.preprocessing == uci.preprocessing
    assert (data.split_hash, data.labels, data.notes) == (uci.split_hash, uci.labels, uci.notes)
    assert len(list(made.glob("job-*.json"))) > 1
    for part in data.parts:
        ours, theirs = data.part(part), uci.part(part)
        assert ours.digest == theirs.digest
        rows = np.random.default_rng(0).permutation(len(ours))
        for name, column in ours.read(rows).columns().items():
            assert np.array_equal(column.numpy(), theirs.read(rows).columns()[name].numpy())
        assert np.array_equal(ours.y, theirs.classes)
    copy = pickle.loads(pickle.dumps(data.test))  # noqa: S301  our own bytes
    assert np.array_equal(copy.x, uci.test.x)
    assert len(pickle.dumps(data.test)) < 60_000


def test_recordings_are_not_read_again(uci_folder: Path, made: Path, tmp_path: Path, uci: ProtocolData) -> None:
    hollow = Path(shutil.copytree(uci_folder, tmp_path / "hollow"))
    for path in hollow.rglob("*.txt"):
        path.write_bytes(b"")
    assert load_protocol(NAME, hollow, store=made).test.digest == uci.test.digest
    assert prepare_protocol(NAME, hollow, made).test.digest == uci.test.digest


def test_a_stored_models_statistics_are_used(uci_folder: Path, made: Path, uci: ProtocolData) -> None:
    stored = json.loads(json.dumps(uci.preprocessing))
    stored["normalisation"]["std"] = [2 * value for value in stored["normalisation"]["std"]]
    half = load_protocol(NAME, uci_folder, store=made, preprocessing=stored)
    assert np.allclose(half.test.x, uci.test.x / 2, atol=1e-5)
    stored["filter"]["sos"][0][0] *= 2
    with pytest.raises(EmgDistillError, match=r"prepared with other arguments \(filters: stored "):
        load_protocol(NAME, uci_folder, store=made, preprocessing=stored)


@pytest.mark.usefixtures("one_a_job")
def test_a_stopped_run_goes_on(
    uci_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uci: ProtocolData
) -> None:
    folder, counts = tmp_path / "store", []

    def stop(done: int, total: int) -> None:
        counts.append((done, total))
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_protocol(NAME, uci_folder, folder, on_job=stop)
    with pytest.raises(
        EmgDistillError, match=r"holds an unfinished store of uci/subject-disjoint: run prepare_protocol"
    ):
        load_protocol(NAME, uci_folder, store=folder)
    shutil.rmtree(folder / "job-00001")  # a finished job lost its samples, another never got as far as its record
    (folder / "job-00003").mkdir()
    (folder / ".job-00003.killed" / "made").mkdir(parents=True)
    (folder / ".tmp-killed").write_bytes(b"half a file")
    ran: list[str] = []
    real = jobs_module.run_job
    monkeypatch.setattr(store_module, "run_job", lambda job: ran.append(job.name) or real(job))
    data = prepare_protocol(NAME, uci_folder, folder)
    assert not list(folder.glob(".*"))
    assert "job-00000" not in ran
    assert ran[:2] == ["job-00001", "job-00003"]
    assert len(ran) == counts[0][1] - 2
    assert data.digest == uci.digest


@pytest.mark.usefixtures("one_a_job")
def test_any_executor_writes_the_same_bytes(uci_folder: Path, tmp_path: Path) -> None:
    prepare_protocol(NAME, uci_folder, tmp_path / "here")
    seen = []
    with ProcessPoolExecutor(1) as executor:
        prepare_protocol(NAME, uci_folder, tmp_path / "there", executor=executor, on_job=lambda *n: seen.append(n))
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    assert seen[-1][0] == seen[-1][1] == len(seen)


class Dying:
    """An executor whose second job fails; the others never start."""

    def __init__(self) -> None:
        self.futures: list[Future[str]] = []

    def submit(self, *_: object) -> Future[str]:
        future: Future[str] = Future()
        if len(self.futures) == 0:
            future.set_result("job-00000")
        elif len(self.futures) == 1:
            future.set_exception(OSError("a worker died"))
        self.futures.append(future)
        return future


@pytest.mark.usefixtures("one_a_job")
def test_a_failed_job_stops_the_others(uci_folder: Path, tmp_path: Path) -> None:
    executor = Dying()
    with pytest.raises(OSError, match="a worker died"):
        prepare_protocol(NAME, uci_folder, tmp_path / "store", executor=executor)
    assert all(future.cancelled() for future in executor.futures[2:])
    assert not (tmp_path / "store" / "store.json").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split_seed": 1}, r"split_seed: stored 0, asked 1"),
        ({"partial": True}, r"partial: stored False, asked True"),
    ],
)
def test_other_arguments_are_refused(change: dict[str, object], message: str, uci_folder: Path, made: Path) -> None:
    with pytest.raises(EmgDistillError, match=f"was prepared with other arguments .*{message}.*or name a new folder"):
        load_protocol(NAME, uci_folder, store=made, **change)
    with pytest.raises(EmgDistillError, match=message):
        prepare_protocol(NAME, uci_folder, made, **change)


def test_other_rules_are_refused(uci_folder: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = get_protocol(NAME)
    for field, value in (("cut", replace(protocol.cut, hop=50)), ("path", replace(protocol.path, resample="rows"))):
        monkeypatch.setitem(protocols._PROTOCOLS, NAME, replace(protocol, **{field: value}))
        with pytest.raises(EmgDistillError, match="rule: stored "):
            load_protocol(NAME, uci_folder, store=made)
    monkeypatch.setitem(protocols._PROTOCOLS, NAME, replace(protocol, source="elsewhere", flaw="told anew"))
    load_protocol(NAME, uci_folder, store=made)


def test_other_recordings_are_refused(uci_folder: Path, made: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(uci_folder, tmp_path / "other"))
    shutil.rmtree(next(path for path in sorted(other.rglob("*")) if path.name == "05"))
    with pytest.raises(EmgDistillError, match="recordings: stored "):
        load_protocol(NAME, other, store=made)


@pytest.mark.usefixtures("one_a_job")
def test_a_begun_store_of_other_data_is_refused(uci_folder: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_protocol(NAME, uci_folder, tmp_path / "store", on_job=stop)
    changed = Path(shutil.copytree(uci_folder, tmp_path / "changed"))
    path = next(changed.rglob("*_raw_data_*.txt"))
    path.write_bytes(path.read_bytes().replace(b"\t1e-05\t", b"\t2e-05\t"))
    with pytest.raises(EmgDistillError, match="split_hash: stored "):
        prepare_protocol(NAME, changed, tmp_path / "store")


def test_other_files_are_left_alone(uci_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(EmgDistillError, match="holds other files and no store"):
        prepare_protocol(NAME, uci_folder, tmp_path)
    with pytest.raises(EmgDistillError, match="holds no store of this version"):
        load_protocol(NAME, uci_folder, store=tmp_path)
    assert contents(tmp_path) == {"notes.txt": b"mine"}


def damaged() -> Iterator[tuple[str, str]]:
    yield "store.json", "store.json is damaged"
    yield "job-00000.json", "job-00000 is damaged"
    yield "job-00001.tables", "job-00001 is damaged"
    yield "job-00001/manifest.json", "job-00001 is damaged"


@pytest.mark.parametrize(("name", "message"), list(damaged()))
def test_damage_is_named(name: str, message: str, uci_folder: Path, copied: Path) -> None:
    path = copied / name
    path.write_bytes(path.read_bytes()[:-9] + b"xxxxxxxxx")
    with pytest.raises(EmgDistillError, match=message):
        load_protocol(NAME, uci_folder, store=copied)


def test_missing_files_are_named(uci_folder: Path, copied: Path) -> None:
    (copied / "job-00001.tables").unlink()
    with pytest.raises(EmgDistillError, match=r"job-00001.tables cannot be read: No such file"):
        load_protocol(NAME, uci_folder, store=copied)


def test_an_index_without_a_key_is_refused(uci_folder: Path, copied: Path) -> None:
    (copied / "store.json").write_text("[]")
    with pytest.raises(EmgDistillError, match="is damaged: it has no key"):
        load_protocol(NAME, uci_folder, store=copied)


def test_samples_that_were_cut_short_are_refused(uci_folder: Path, copied: Path) -> None:
    path = copied / "job-00000" / "shard-00000.samples"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(emg_io.EmgIoError, match=r"shard-00000\.samples"):
        load_protocol(NAME, uci_folder, store=copied)


@pytest.mark.usefixtures("one_a_job")
def test_recordings_without_windows_take_no_room(tmp_path: Path) -> None:
    """A job whose recordings are all too short has no samples, and the rest is as in memory."""
    folder = emg_io.synthesize(tmp_path / "set", format="biosppy", n_subjects=2, seed=0, segment_s=10)
    path = folder / "emg_1.txt"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:700]))
    name = "biosppy/unlabelled"
    memory = load_protocol(name, folder)
    stored = prepare_protocol(name, folder, tmp_path / "store")
    assert stored.digest == memory.digest
    assert set(stored.train.subject) == {"emg"}
    assert not (tmp_path / "store" / "job-00001").exists()
    assert (tmp_path / "store" / "job-00001.json").exists()


def test_a_pool_on_disk(tmp_path: Path) -> None:
    """Sets with other channels go into other jobs; one store holds them all."""
    from emg_io.formats import REGISTRY

    root = tmp_path / "sets"
    for number, (name, _) in enumerate(get_protocol("tinymyo/pretraining").members):
        (root / name).mkdir(parents=True)
        options = {"segment_s": 0.55, "gap_s": 0.02}
        REGISTRY[name].forge(root / name, 2 if name == "emg2pose" else 1, number, **options)
    memory = load_protocol("tinymyo/pretraining", root, partial=True)
    stored = prepare_protocol("tinymyo/pretraining", root, tmp_path / "store", partial=True)
    assert stored.digest == memory.digest
    rows = np.arange(0, len(memory.train), 9)
    ours, theirs = stored.train.read(rows).columns(), memory.train.read(rows).columns()
    assert set(ours) == set(theirs) == {"x", "channel_mask"}
    assert all(np.array_equal(ours[name].numpy(), theirs[name].numpy()) for name in ours)


@dataclass(frozen=True)
class Loudness(NoTarget):
    """The level of every sample: a target that takes arrays along."""

    def plan(self, _recording: object, uniform: object) -> dict[str, np.ndarray]:
        return {"level": np.abs(uniform.signal()).mean(0)[::2], "nothing": np.zeros((0, 3), np.int64)}

    def table(self, plans: Sequence[dict[str, np.ndarray]], windows: WindowTable) -> Levels:
        return Levels(tuple(plan["level"] for plan in plans), windows.recording)


@dataclass(frozen=True)
class Levels:
    levels: tuple[np.ndarray, ...]
    recording: np.ndarray

    @property
    def digest(self) -> str:
        return hashlib.sha256(b"".join(level.tobytes() for level in self.levels)).hexdigest()

    def read(self, rows: np.ndarray, starts: np.ndarray) -> dict[str, torch.Tensor]:
        pairs = zip(self.recording[rows].tolist(), starts.tolist(), strict=True)
        return {"y": torch.tensor([float(self.levels[recording][start // 2]) for recording, start in pairs])}


def test_what_targets_need_is_stored_with_the_samples(
    uci_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(protocols._PROTOCOLS, NAME, replace(get_protocol(NAME), target=Loudness()))
    memory, stored = load_protocol(NAME, uci_folder), prepare_protocol(NAME, uci_folder, tmp_path / "store")
    assert stored.digest == memory.digest
    assert stored.labels == []
    rows = np.arange(0, len(memory.train), 3)
    assert np.array_equal(stored.train.read(rows).y.numpy(), memory.train.read(rows).y.numpy())
    assert len(np.unique(memory.train.read(rows).y.numpy())) > 10
    copy = pickle.loads(pickle.dumps(stored.train))  # noqa: S301  our own bytes
    assert np.array_equal(copy.read(rows).y.numpy(), memory.train.read(rows).y.numpy())


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8, np.int16, np.bool_])
def test_plans_are_read_from_the_file_when_they_are_asked_for(dtype: type, tmp_path: Path) -> None:
    """Arrays of a job are views of one map, with the bits that safetensors reads, and only their place is pickled."""
    from safetensors.numpy import load_file, save_file

    rng, path = np.random.default_rng(0), tmp_path / "job.tables"
    shapes = {"values": (4000, 5), "nothing": (0, 3), "one": (1,)}
    arrays = {
        f"{n}.plan.{name}": (9 * rng.standard_normal(shape)).astype(dtype)
        for n in range(3)
        for name, shape in shapes.items()
    }
    save_file(arrays, path)
    tables = Tables(path)
    plans = [StoredPlan(tables, n, tuple(shapes)) for n in range(3)]
    plans = pickle.loads(pickle.dumps(plans))  # noqa: S301  our own bytes
    assert len(pickle.dumps(plans)) < 1000
    assert plans[0].tables is plans[2].tables
    for number, plan in enumerate(plans):
        assert list(plan) == list(shapes)
        assert len(plan) == 3
        for name, array in plan.items():
            wanted = load_file(path)[f"{number}.plan.{name}"]
            assert (array.dtype, array.shape) == (wanted.dtype, wanted.shape)
            assert array.tobytes() == wanted.tobytes()
            assert not array.flags.writeable
    assert np.shares_memory(plans[0]["values"], plans[0]["values"])
    assert "other" not in plans[0]


@pytest.mark.usefixtures("one_a_job")
def test_a_dask_cluster_writes_the_same_bytes(uci_folder: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    prepare_protocol(NAME, uci_folder, tmp_path / "here")
    options = {"dashboard_address": None, "protocol": "tcp", "processes": False}
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, **options) as cluster,
        emg_io.dask_executor(cluster.scheduler_address) as executor,
    ):
        prepare_protocol(NAME, uci_folder, tmp_path / "there", executor=executor)
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
