"""The window store: exact, appendable, verified, and whole whatever happens while it is written."""

import pickle

import numpy as np
import orjson
import pytest

from emg_io import EmgIoError, Recording, WindowStore


def recording(seed=0, n=500, **changes):
    rng = np.random.default_rng(seed)
    arguments = {
        "raw": rng.integers(-128, 128, (4, n)).astype(np.int8),
        "sfreq": 100.0,
        "subject": str(seed),
        "labels": rng.integers(0, 3, n),
        "label_names": {0: "rest", 1: "fist", 2: "flexion"},
        "unit": "V",
        "scale": 1e-5,
        "offset": 0.5,
    }
    return Recording.from_array(**(arguments | changes))


@pytest.fixture
def many():
    return [recording(seed, 300 + 17 * seed) for seed in range(7)]


def test_every_window_equals_the_recording(tmp_path, many):
    store = WindowStore.create(tmp_path / "s", many, shard_samples=800)
    assert len(store.manifest.shards) > 2
    for index, original in enumerate(many):
        entry = store.entries[index]
        assert (entry.subject, entry.length) == (original.subject, original.n_samples)
        assert np.array_equal(store.raw(index, 0, entry.length), original.raw())
        assert np.array_equal(store.labels(index, 0, entry.length), original.labels())
        assert np.allclose(store.window(index, 10, 50), original.signal(10, 60), rtol=1e-6, atol=0)
    picks = store.draw(64, 100, np.random.default_rng(0))
    entries, starts = zip(*picks, strict=True)
    batch = store.windows(entries, starts, 100)
    assert batch.shape == (64, 4, 100)
    assert batch.dtype == np.float32
    for row, (entry, start) in zip(batch, picks, strict=True):
        assert np.array_equal(row, store.window(entry, start, 100))


def test_draw_is_uniform_over_windows_and_seeded(tmp_path):
    store = WindowStore.create(tmp_path / "s", [recording(1, 100), recording(2, 40), recording(3, 103)])
    picks = store.draw(4000, 100, np.random.default_rng(1))
    assert picks == store.draw(4000, 100, np.random.default_rng(1))
    assert set(picks) == {(0, 0), (2, 0), (2, 1), (2, 2), (2, 3)}
    assert 0.15 < picks.count((0, 0)) / 4000 < 0.25
    with pytest.raises(EmgIoError, match=r"no recording is long enough.*found 104"):
        store.draw(1, 104, np.random.default_rng(0))


def test_append_reopen_pickle_verify(tmp_path, many):
    store = WindowStore.create(tmp_path / "s", many[:3])
    store.append(many[3:])
    store = pickle.loads(pickle.dumps(WindowStore.open(tmp_path / "s")))  # noqa: S301  own bytes
    store.verify()
    assert [entry.subject for entry in store.entries] == list("0123456")
    assert np.array_equal(store.raw(6, 5, 20), many[6].raw(5, 25))
    assert store.label_names() == {0: "rest", 1: "fist", 2: "flexion"}
    body = orjson.loads((tmp_path / "s" / "manifest.json").read_bytes())
    assert body["unit"] == "V"
    assert {"offset", "length", "shard", "subject", "session", "repetition", "source"} < set(body["entries"][0])
    assert len(body["shards"][0]["sha256"]["samples"]) == 64


@pytest.mark.parametrize(("change", "message"), [
    ({"sfreq": 200.0}, r"does not fit the store.*sfreq=100.0.*sfreq=200.0"),
    ({"unit": "mV"}, "does not fit the store"),
    ({"raw": np.zeros((3, 500), np.int8)}, "does not fit the store"),
    ({"raw": np.zeros((4, 500), np.int16)}, "does not fit the store"),
    ({"label_names": {0: "other"}}, "track label, value 0: .*other label names: expected rest, found other"),
    ({"labels": None, "label_names": None}, r"recording lacks a track: store it apart.*found none"),
    ({"labels": np.full(500, 40_000)}, "label does not fit 16 bits"),
    ({"timestamps": np.arange(500) + 0.5}, "clock is not uniform: resample first"),
])  # fmt: skip
def test_what_does_not_fit_is_refused_and_the_store_stays(tmp_path, change, message):
    store = WindowStore.create(tmp_path / "s", [recording()])
    before = (tmp_path / "s" / "manifest.json").read_bytes()
    with pytest.raises(EmgIoError, match=message):
        store.append([recording(1), recording(2, **change)])
    assert (tmp_path / "s" / "manifest.json").read_bytes() == before
    again = WindowStore.open(tmp_path / "s")
    again.verify()
    assert len(again) == 1
    assert len(again.append([recording(5)])) == 2


@pytest.mark.parametrize("step", range(6))
def test_a_crash_at_any_file_leaves_the_old_store(tmp_path, many, monkeypatch, step):
    """Fail at the n-th rename: what is on disk afterwards is the old store, whole."""
    from pathlib import Path

    store = WindowStore.create(tmp_path / "s", many[:2])
    real, calls = Path.replace, []

    def failing(self, target):
        calls.append(target)
        if len(calls) > step:
            raise OSError("power cut")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(EmgIoError, match=r"cannot be written.*power cut"):
        store.append(many[2:], shard_samples=900)
    monkeypatch.undo()
    after = WindowStore.open(tmp_path / "s")
    after.verify()
    assert len(after) == 2
    assert not list((tmp_path / "s").glob("*.part")) + list((tmp_path / "s").glob(".*"))
    assert len(after.append(many[2:])) == 7


def test_damage_is_found(tmp_path, many):
    folder = tmp_path / "s"
    WindowStore.create(folder, many)
    shard = folder / "shard-00000.samples"
    data = bytearray(shard.read_bytes())
    data[100] ^= 1
    shard.write_bytes(data)
    with pytest.raises(EmgIoError, match=r"shard-00000.samples, sha256: shard is damaged"):
        WindowStore.open(folder).verify()
    shard.write_bytes(data[:-1])
    with pytest.raises(EmgIoError, match=r"size: shard is damaged: expected \d+ bytes"):
        WindowStore.open(folder)
    shard.unlink()
    with pytest.raises(EmgIoError, match=r"shard is damaged.*found no file"):
        WindowStore.open(folder)


def test_requests_outside(tmp_path, many):
    store = WindowStore.create(tmp_path / "s", many)
    for call in (store.raw, store.window, store.labels):
        with pytest.raises(EmgIoError, match=r"entry 0: window lies outside.*start 290, length 20"):
            call(0, 290, 20)
        for start, length in ((-1, 20), (5, -1), (2**80, 1), (0, 2**80)):
            with pytest.raises(EmgIoError, match=rf"window lies outside.*(length|found) {length}"):
                call(0, start, length)
        for entry in (-1, 7, 2**80):
            with pytest.raises(EmgIoError, match=rf"no such recording in the store: .*0 <= entry < 7, found {entry}"):
                call(entry, 0, 5)
    with pytest.raises(EmgIoError, match=r"no such recording in the store"):
        store.montage(-1)
    with pytest.raises(EmgIoError, match=r"no such track in the store: expected label, found glove"):
        store.labels(0, 0, 5, "glove")
    with pytest.raises(EmgIoError, match=r"not a shard"):
        store.append([many[0]], shard_samples=0)
    unlabelled = WindowStore.create(tmp_path / "u", [recording(labels=None, label_names=None)])
    with pytest.raises(EmgIoError, match=r"no such track in the store: expected none at all"):
        unlabelled.labels(0, 0, 5)
    with pytest.raises(EmgIoError, match=r"output exists"):
        WindowStore.create(tmp_path / "s", many)
    with pytest.raises(EmgIoError, match=r"nothing to store"):
        WindowStore.create(tmp_path / "empty", [])
    assert not (tmp_path / "empty").exists()
    for n, length in ((-1, 5), (1, 0), (1, -5)):
        with pytest.raises(EmgIoError, match=rf"cannot draw that.*found {n}, {length}"):
            store.draw(n, length, np.random.default_rng(0))
    with pytest.raises(EmgIoError, match=r"not a window store"):
        WindowStore.open(tmp_path)
    with pytest.raises(ValueError, match=r"read-only"):
        store.raw(0, 0, 5)[...] = 0
