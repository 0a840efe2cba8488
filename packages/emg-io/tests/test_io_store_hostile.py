"""A manifest from a stranger, files that lie, stores larger than memory: `EmgIoError` or a store that can be read."""

import copy
import json
import os
import random
import subprocess
import sys
from contextlib import suppress

import numpy as np
import orjson
import pytest

from emg_io import EmgIoError, Recording, Span
from emg_io.store import WindowStore, _files, prepare

HUGE = 2**63 - 1


class Parts:
    """A split as far as a store looks at it."""

    unit, hash = "time", "c" * 64
    parts = {  # noqa: RUF012
        "train": (Span(0, 10, 200), Span(1, 0, 50)),
        "test": (Span(0, 200, 300),),
        "val": (Span(2, 0, 9), Span(3, 0, 9), Span(4, 0, 9)),
    }


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """Folder and parsed manifest of a small store with everything in it."""
    made = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        raw = rng.integers(-99, 99, (2, 300 + seed)).astype(np.int16)
        labels = rng.integers(0, 2, 300 + seed)
        names = {0: "rest", 1: "fist"}
        made.append(Recording.from_array(raw, 100.0, subject=str(seed), labels=labels, label_names=names))
    out = tmp_path_factory.mktemp("pristine") / "s"
    prepare(made, out, split=Parts(), shard_samples=700)
    return out, orjson.loads((out / "manifest.json").read_bytes())


@pytest.fixture
def forged(pristine, tmp_path):
    """Function that writes the store with another manifest, given as an object or as bytes, and returns its folder."""

    def write(body):
        out = tmp_path / "forged"
        out.mkdir(exist_ok=True)
        for path in pristine[0].glob("shard*"):
            if not (out / path.name).exists():
                os.link(path, out / path.name)
        (out / "manifest.json").write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())
        return out

    return write


def read_all(folder):
    """Read everything that a store offers."""
    store = WindowStore.open(folder)
    for number, entry in enumerate(store.entries):
        store.window(number, 0, min(entry.length, 1000))
        store.montage(number)
        for track in store.manifest.tracks:
            store.labels(number, 0, min(entry.length, 1000), track)
    for part in (None, *(store.split.parts if store.split else ())):
        if any(
            stop - start >= 3 for start, stop in zip(store._within(part).starts, store._within(part).stops, strict=True)
        ):
            picks = store.draw(5, 3, np.random.default_rng(0), part)
            store.windows(*zip(*picks, strict=True), 3, part=part)
    return store


CASES = [
    ("version", 1, r"version: store was written by an older emg-io: prepare the data set again: expected 2, found 1"),
    ("version", 3, r"written by a newer emg-io: upgrade this one"),
    ("version", None, r"version: damaged manifest: expected 2, found none"),
    ("version", True, r"version: damaged manifest"),
    ("n_chans", "x", r"signal: damaged manifest"),
    ("n_chans", 0, r"signal: damaged manifest"),
    ("n_chans", HUGE, r"signal: damaged manifest"),
    ("dtype", "|O8", r"signal: damaged manifest"),
    ("dtype", [], r"signal: damaged manifest"),
    ("sfreq", 0, r"signal: damaged manifest"),
    ("sfreq", 1e300, r"signal: damaged manifest"),
    ("unit", "furlong", r"signal: damaged manifest"),
    ("plan", "../x", r"plan: damaged manifest"),
    ("tracks", {"../../etc/passwd": {}}, r"tracks: damaged manifest: found \.\./\.\./etc/passwd"),
    ("tracks", {"samples": {}}, r"tracks: damaged manifest"),
    ("tracks/label", {"9" * 5000: "x"}, r"fields: damaged manifest.*label 9999"),
    ("tracks/label", {"01": "x"}, r"fields: damaged manifest.*label 01"),
    ("tracks/label", {"40000": "x"}, r"fields: damaged manifest.*label 40000"),
    ("tracks/label", {"1": 5}, r"tracks, label: damaged manifest"),
    ("calibrations/0/scale", None, r"calibrations, number 0, scale: damaged manifest"),
    ("calibrations/0/scale", [1.0], r"calibrations, number 0, scale: .*found 1 numbers"),
    ("calibrations/0/offset", True, r"calibrations, number 0, offset"),
    ("montages/0/channels", ["a", "a"], r"montages, number 0"),
    ("montages/0/layout/cells", [[0, 5]], r"montages, number 0: damaged manifest: layout is not a bijection"),
    ("montages/0/layout/cells", [[0]], r"montages, number 0: damaged manifest: found 1 channels placed"),
    ("montages/0/layout/cells", [], r"montages, number 0: damaged manifest: layout is empty"),
    ("montages/0/layout/cells", [5], r"fields: damaged manifest"),
    ("montages/0/layout/pitch_mm", -1, r"montages, number 0"),
    ("montages/0/layout/circular", [0, 1], r"montages, number 0"),
    ("shards", 5, r"shards: damaged manifest"),
    ("shards", [1], r"shards: damaged manifest"),
    ("shards/0/name", "../../etc/x", r"shards, number 0: damaged manifest"),
    ("shards/0/name", "shard-00001", r"shards, number 0: damaged manifest"),
    ("shards/0/n_samples", -1, r"shards, number 0: damaged manifest"),
    ("shards/0/n_samples", 600.0, r"shards, number 0: damaged manifest"),
    ("shards/0/n_samples", 599, r"shards, number 0: damaged manifest: found 599 samples, 601 in entries"),
    ("shards/0/sha256", {}, r"shards, number 0: damaged manifest"),
    ("shards/0/sha256/samples", "zz", r"shards, number 0: damaged manifest"),
    ("shards/0/extra", 1, r"fields: damaged manifest.*extra"),
    ("entries/0/shard", 7, r"entries, number 0: damaged manifest"),
    ("entries/2/shard", 0, r"entries, number 2: damaged manifest"),
    ("entries/0/offset", -4, r"entries, number 0: damaged manifest"),
    ("entries/1/offset", 0, r"entries, number 1: damaged manifest"),
    ("entries/0/length", 2**46, r"entries, number 0: damaged manifest"),
    ("entries/0/length", True, r"entries, number 0: damaged manifest"),
    ("entries/0/calibration", 1, r"entries, number 0: damaged manifest"),
    ("entries/0/montage", 9, r"entries, number 0: damaged manifest"),
    ("entries/0/subject", 5, r"entries, number 0: damaged manifest"),
    ("entries/0/repetition", "1", r"entries, number 0: damaged manifest"),
    ("entries/0/cuts", [5, 5], r"entries, number 0: damaged manifest"),
    ("entries/0/cuts", [0, 5], r"entries, number 0: damaged manifest"),
    ("entries/0/cuts", [300], r"entries, number 0: damaged manifest"),
    ("entries/0/cuts", ["a"], r"entries, number 0: damaged manifest"),
    ("entries/0/person", "x", r"fields: damaged manifest.*person"),
    ("split/parts/test", [[0, 100, 300]], r"split: spans of a split overlap: found .*'train'"),
    ("split/parts/test", [[9, 0, 1]], r"split, part test: damaged manifest"),
    ("split/parts/test", [[-1, 0, 1]], r"split, part test: damaged manifest"),
    ("split/parts/test", [[0, 250, 301]], r"split, part test: damaged manifest"),
    ("split/parts/test", [[0, 250, 250]], r"split, part test: damaged manifest"),
    ("split/parts/test", [[0, 250]], r"fields: damaged manifest"),
    ("split/parts/test", [None], r"fields: damaged manifest"),
    ("split/unit", 1, r"split: damaged manifest"),
    ("split", None, r"normalisation: damaged manifest: found \('train'"),
    ("normalisation/split_hash", "d" * 64, r"normalisation: damaged manifest"),
    ("normalisation/part", "all", r"normalisation: damaged manifest"),
    ("normalisation/mean", [1.0], r"normalisation: damaged manifest"),
    ("normalisation/std", [1.0, -1.0], r"normalisation, std: damaged manifest"),
]


@pytest.mark.parametrize(("path", "value", "message"), CASES)
def test_manifests_that_no_writer_makes(pristine, forged, path, value, message):
    body = copy.deepcopy(pristine[1])
    *parents, last = path.split("/")
    inner = body
    for key in parents:
        inner = inner[int(key)] if isinstance(inner, list) else inner[key]
    inner[int(last) if isinstance(inner, list) else last] = value
    with pytest.raises(EmgIoError, match=message) as caught:
        WindowStore.open(forged(body))
    assert caught.value.file.endswith("manifest.json")


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b'{"version": 2}', b"\xff\xfe", b"[" * 100_000, b'{"version": NaN}']
)
def test_manifests_that_are_not_even_json(forged, data):
    with pytest.raises(EmgIoError, match=r"manifest.json, (JSON|version|fields): damaged manifest"):
        WindowStore.open(forged(data))


def test_every_field_is_needed(pristine, forged):
    for key in pristine[1]:
        body = {name: value for name, value in pristine[1].items() if name != key}
        with pytest.raises(EmgIoError, match=r"damaged manifest"):
            WindowStore.open(forged(body))


def test_the_pristine_one_is_read(pristine, forged):
    assert len(read_all(forged(pristine[1]))) == 5


TOKENS = [
    b"-1",
    b"0",
    b"1",
    b"3",
    b"1e9",
    b"9223372036854775807",
    b"null",
    b"true",
    b'"x"',
    b"[]",
    b"{}",
    b"0.5",
    b"[0]",
]


def test_mutated_manifests(pristine, forged):
    """Seeded changes of bytes and of values: an `EmgIoError`, or a store all of which can be read."""
    mutate(pristine[0], forged, 300, random.Random(4))  # noqa: S311  seeded on purpose


def mutate(pristine, forged, times, chance):
    import re

    text = (pristine / "manifest.json").read_bytes()
    values = list(re.finditer(rb'(?<=[:\[,])\s*("[^"]*"|-?[\d.e-]+|null)(?=[,}\]\n])', text))
    for number in range(times):
        data = bytearray(text)
        if number % 3 == 0:
            for _ in range(chance.randint(1, 3)):
                data[chance.randrange(len(data))] = chance.randrange(256)
        elif number % 3 == 1:
            found = chance.choice(values)
            data[found.start(1) : found.end(1)] = chance.choice(TOKENS)
        else:
            a, b = sorted(chance.sample(range(len(data)), 2))
            data[a : min(b, a + 40)] = b"" if chance.random() < 0.5 else data[a : a + 10] * 2
        with suppress(EmgIoError):
            read_all(forged(bytes(data)))


def test_files_that_lie(pristine, forged, tmp_path):
    folder = forged(pristine[1])
    samples, label = folder / "shard-00001.samples", folder / "shard-00001.label"
    data = samples.read_bytes()
    for path in (samples, label):
        path.unlink()
        with pytest.raises(
            EmgIoError, match=rf"{path.name}, size: shard is damaged: expected \d+ bytes, found no file"
        ):
            WindowStore.open(folder)
        os.link(pristine[0] / path.name, path)
    samples.unlink()
    (tmp_path / "secret").write_bytes(data)
    samples.symlink_to(tmp_path / "secret")
    with pytest.raises(EmgIoError, match=r"size: shard is damaged: .*found a link or a device"):
        WindowStore.open(folder)
    samples.unlink()
    os.mkfifo(samples)
    with pytest.raises(EmgIoError, match=r"found a link or a device"):
        WindowStore.open(folder)
    samples.unlink()
    samples.write_bytes(data)
    store = WindowStore.open(folder)
    samples.write_bytes(data[:-4])
    with pytest.raises(EmgIoError, match=r"size: shard is damaged"):
        store.raw(2, 0, 5)
    samples.write_bytes(data[:-1] + b"\x7f")
    label.unlink()
    label.write_bytes(bytes(len(data) // 2))
    assert [error.file.rpartition("/")[2] for error in store.damage()] == ["shard-00001.samples", "shard-00001.label"]
    with pytest.raises(EmgIoError, match=r"2 files: shards are damaged: found shard-00001.samples, shard-00001.label"):
        store.verify()


def test_files_that_cannot_be_read(pristine, monkeypatch):
    def failing(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(_files, "digest", failing)
    found = WindowStore.open(pristine[0]).damage()
    assert len(found) == 6
    assert "Input/output error" in str(found[0])


def test_a_manifest_that_is_a_link_or_far_too_large(pristine, forged, tmp_path):
    folder = forged(pristine[1])
    (folder / "manifest.json").rename(tmp_path / "m")
    (folder / "manifest.json").symlink_to(tmp_path / "m")
    with pytest.raises(EmgIoError, match=r"manifest is no plain file: expected a file, found a link or a device"):
        WindowStore.open(folder)
    (folder / "manifest.json").unlink()
    with (folder / "manifest.json").open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(EmgIoError, match=r"manifest is too large"):
        WindowStore.open(folder)


def test_few_files_are_mapped_at_a_time(pristine, monkeypatch):
    monkeypatch.setattr(_files, "MOST_MAPPED", 2)
    store = WindowStore.open(pristine[0])
    assert len(store.manifest.shards) > 2
    first = store.raw(0, 0, 300)
    for _ in range(3):
        for entry in range(len(store)):
            assert store.raw(entry, 0, 1).shape == (2, 1)
            assert len(store._samples._held) <= 2
    assert np.array_equal(first, store.raw(0, 0, 300))


SPARSE = """
import resource, sys, time, orjson
from pathlib import Path
import numpy as np
from emg_io.store import WindowStore
clock = time.process_time()
store = WindowStore.open(sys.argv[1])
opened = time.process_time() - clock
picks = store.draw(20, 1000, np.random.default_rng(0), "train")
batch = store.windows(*zip(*picks), 1000, part="train")
held = Path("/proc/self/status")
peak = int(held.read_text().split("VmHWM:")[1].split()[0]) if held.exists() else resource.getrusage(0).ru_maxrss
print(orjson.dumps({"opened_s": opened, "peak_kib": peak, "sum": float(batch.sum()), "n": len(store)}).decode())
"""


def test_twenty_gigabytes_open_at_once(pristine, tmp_path):
    """Files of 20 GB without content, 20,000 recordings: opened in less than a second, in less than 300 MB."""
    body = copy.deepcopy(pristine[1])
    n_shards, per_shard, length, n_chans = 80, 250, 32_768, 16
    body |= {"n_chans": n_chans, "montages": [], "normalisation": None}
    layout = pristine[1]["montages"][0]["layout"] | {"cells": [list(range(n_chans))]}
    body["montages"] = [{"channels": [f"c{n}" for n in range(n_chans)], "layout": layout}]
    entry = body["entries"][0]
    body["entries"] = [
        entry | {"shard": shard, "offset": number * length, "length": length, "subject": str(shard)}
        for shard in range(n_shards)
        for number in range(per_shard)
    ]
    body["split"]["parts"] = {"train": [[number, 0, length] for number in range(0, n_shards * per_shard, 2)]}
    body["shards"] = []
    for shard in range(n_shards):
        name = f"shard-{shard:05d}"
        body["shards"].append({"name": name, "n_samples": per_shard * length, "sha256": body_hashes()})
        for kind, frame in (("samples", 2 * n_chans), ("label", 2)):
            with (tmp_path / f"{name}.{kind}").open("wb") as stream:
                stream.truncate(per_shard * length * frame)
    (tmp_path / "manifest.json").write_bytes(orjson.dumps(body))
    assert sum(path.stat().st_size for path in tmp_path.glob("*.samples")) > 20 * 10**9
    run = subprocess.run([sys.executable, "-c", SPARSE, tmp_path], capture_output=True, text=True, check=True)
    found = json.loads(run.stdout)
    assert found["n"] == 20_000
    assert found["sum"] == 0
    assert found["opened_s"] < 1
    assert found["peak_kib"] < 300 * 1000


def body_hashes():
    return {"samples": "0" * 64, "label": "0" * 64}
