"""Arrays beside JSON files: any order of axes and bytes, slices of their own bytes, and every way to be wrong."""

import io
import itertools
import json
import struct

import numpy as np
import pytest

from emg_io import EmgIoError, Layout, open_dataset
from emg_io.engines._npy import read_header, read_rows

SAID = {"sfreq": 2000, "unit": "uV", "axis": "time-first"}
N_MUTATIONS = 300
DTYPES = ["i1", "u1", "<i2", ">i2", "<u2", "<i4", ">i4", "<i8", "<f2", "<f4", ">f4", "<f8", ">f8"]


def npy(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False, **options)
    return stream.getvalue()


def put(folder, array, said=SAID, name="a"):
    (folder / f"{name}.npy").write_bytes(array if isinstance(array, bytes) else npy(array))
    if said is not None:
        (folder / f"{name}.json").write_text(said if isinstance(said, str) else json.dumps(said))
    return folder


def read(folder):
    return open_dataset(folder, "npy")[0]


def header(descr="<i2", fortran=False, shape=(3, 2), text=None, version=1):
    words = (text or f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}").encode()
    length = struct.pack("<H" if version == 1 else "<I", len(words))
    return b"\x93NUMPY" + bytes([version, 0]) + length + words


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("axis", "order"), list(itertools.product(["time-first", "channels-first"], "CF")))
def test_equal_to_numpy(tmp_path, dtype, axis, order):
    raw = np.random.default_rng(1).integers(0, 100, (3, 40)).astype(dtype)
    stored = np.array(raw.T if axis == "time-first" else raw, order=order)
    own = read(put(tmp_path, stored, SAID | {"axis": axis}))
    assert np.array_equal(own.raw(), raw)
    assert own.raw().dtype == np.dtype(dtype).newbyteorder("=")
    for start, stop in [(0, 0), (5, 17), (39, 40)]:
        assert np.array_equal(own.raw(start, stop), raw[:, start:stop])
    own.check()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_header(tmp_path, version):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.arange(6).reshape(3, 2), version=version, allow_pickle=False)
    assert read(put(tmp_path, stream.getvalue())).raw().tolist() == [[0, 2, 4], [1, 3, 5]]


@pytest.mark.parametrize("axis", ["time-first", "channels-first"])
def test_a_row_of_numbers_is_one_channel(tmp_path, axis):
    own = read(put(tmp_path, np.arange(5, dtype="<i4"), SAID | {"axis": axis}))
    assert own.raw().tolist() == [[0, 1, 2, 3, 4]]


def test_a_slice_reads_its_own_bytes():
    raw = np.arange(100_000 * 4, dtype="<i2").reshape(-1, 4)
    data = npy(raw)

    class Counting(io.BytesIO):
        n_read = 0

        def read(self, size=-1):
            out = super().read(size)
            Counting.n_read += len(out)
            return out

    stream = Counting(data)
    array = read_header(stream, len(data), "x")
    Counting.n_read = 0
    assert np.array_equal(read_rows(stream, array, 70_000, 70_100, 0, "x"), raw[70_000:70_100])
    assert Counting.n_read == 800


def test_everything_a_sidecar_can_say(tmp_path):
    labels = np.repeat([0, 3], 10).astype(">i2")
    (tmp_path / "x.labels.npy").write_bytes(npy(labels))
    layout = {
        "kind": "grid",
        "cells": [[0, 1], [2, -1]],
        "pitch_mm": 4,
        "circular": [True, False],
        "description": "arm",
    }
    said = SAID | {"subject": "P1", "session": "2", "task": "grip", "repetition": 4, "scale": [1, 2, 3], "offset": 0.5}
    said |= {
        "channels": ["a", "b", "c"],
        "layout": layout,
        "labels": "x.labels.npy",
        "label_names": {"3": "fist", "0": "rest"},
    }
    own = read(put(tmp_path, np.zeros((20, 3), np.int16), said, "x"))
    assert own.key == ("P1", "2", "grip", 4)
    assert (own.sfreq, own.unit, own.channels) == (2000.0, "uV", ("a", "b", "c"))
    assert own.layout == Layout("grid", ((0, 1), (2, -1)), (True, False), "arm", 4)
    assert own.signal()[:, 0].tolist() == [0.5, 0.5, 0.5]
    assert own.scale == (1.0, 2.0, 3.0)
    assert own.labels().tolist() == labels.tolist()
    assert own.label_counts() == {"rest": 10, "fist": 10}


def test_missing_samples_are_counted(tmp_path):
    raw = np.zeros((10, 2), np.float32)
    raw[3:5, 1] = np.nan
    own = read(put(tmp_path, raw, SAID | {"missing_samples": 2}))
    assert own.metadata["missing_samples"] == 2
    assert np.isnan(own.raw()).sum() == 2
    own.check()
    wrong = read(put(tmp_path, raw, SAID | {"missing_samples": 3}))
    with pytest.raises(EmgIoError, match="missing samples are not as many as stated: expected 3, found 2"):
        wrong.check()


@pytest.mark.parametrize(("value", "said"), [(np.nan, {}), (np.inf, {}), (-np.inf, {"missing_samples": 1})])
def test_numbers_that_are_none(tmp_path, value, said):
    raw = np.zeros((10, 2), np.float64)
    raw[7, 1] = value
    own = read(put(tmp_path, raw, SAID | said))
    assert own.raw(0, 7).shape == (2, 7)
    with pytest.raises(EmgIoError, match=r"a\.npy, sample 7, channel 1: not a number: state missing_samples"):
        own.raw(5)


def test_without_a_sidecar_the_error_says_what_to_write(tmp_path):
    with pytest.raises(
        EmgIoError, match=r"a\.npy, a\.json: .*write the JSON file beside it: expected \{\"sfreq\": 2000, "
    ):
        read(put(tmp_path, np.zeros((3, 2)), None))


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ("{", "a.json, JSON"),
        ("[1]", "a.json, keys"),
        ({"sfreq": 100}, "keys: .*expected sfreq, unit and axis, such as"),
        (SAID | {"sfreq": 0}, "sfreq: .*expected Hz, > 0, found 0"),
        (SAID | {"sfreq": "100"}, "'sfreq': .*whole number or number"),
        (SAID | {"sfreq": True}, "'sfreq'"),
        (SAID | {"unit": "volts"}, "unit, axis: .*V|mV|uV|adc|unknown"),
        (SAID | {"axis": "time"}, "unit, axis: .*time-first|channels-first"),
        (SAID | {"rate": 3}, "'rate': .*one of sfreq, unit"),
        (SAID | {"repetition": 1.5}, "'repetition': .*whole number"),
        (SAID | {"scale": []}, "scale: .*one a channel"),
        (SAID | {"scale": ["a", "b"]}, "scale: "),
        (SAID | {"scale": [1, 2, 3]}, "scale: .*expected a finite number, or 2 of them"),
        (SAID | {"channels": [1, 2]}, "channels: "),
        (SAID | {"channels": ["a", "a"]}, "channels: .*different names"),
        (SAID | {"layout": {"kind": "star", "cells": [[0, 1]]}}, "layout: "),
        (SAID | {"layout": {"kind": "grid"}}, "layout: "),
        (SAID | {"layout": {"kind": "grid", "cells": [[0, 0]]}}, "layout, cells: .*bijection"),
        (SAID | {"layout": {"kind": "grid", "cells": [[0], [1, 2]]}}, "layout, cells: .*rectangle|rows differ"),
        (SAID | {"layout": {"kind": "grid", "cells": [[0, 1, 2]]}}, "layout: .*disagree: expected 2 channels, found 3"),
        (SAID | {"labels": "../b.npy"}, "labels: .*same folder"),
        (SAID | {"labels": "b.npy"}, "labels: labels are missing: expected b.npy"),
        (SAID | {"label_names": {"one": "fist"}}, "label_names: "),
        (SAID | {"missing_samples": -1}, "missing_samples: "),
    ],
)
def test_sidecars_that_are_wrong(tmp_path, said, match):
    with pytest.raises(EmgIoError, match=match) as caught:
        read(put(tmp_path, np.zeros((4, 2), np.int16), said))
    assert caught.value.file


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "magic, byte 0"),
        (b"\x93NUMPY\x01\x00", "magic, byte 0"),
        (b"\x93NUMPY\x09\x00" + bytes(30), "magic, byte 0"),
        (b"\x93NUMPY\x01\x00\xff\xff" + bytes(30), "header length, byte 8"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(30), "header length, byte 8"),
        (header(text="(     "), "header: .*a dictionary, found SyntaxError"),
        (header(text="[" * 5000), "header: "),
        (header(text="3     "), "header: .*descr, fortran_order, shape"),
        (header(text="{'descr': '<i2', 'shape': (3, 2)}"), "header: .*descr, fortran_order, shape"),
        (header("|O"), "pickled objects, which are never read"),
        (header("<c8"), "descr: .*integers or floats"),
        (header("|S3"), "descr: "),
        (header(text="{'descr': [('a', '<i2')], 'fortran_order': False, 'shape': (3,)}"), "descr: "),
        (header(shape=(3, 2, 1)) + bytes(12), "shape, fortran_order"),
        (header(shape=()), "shape, fortran_order"),
        (header(shape=(-3, -2)) + bytes(12), "shape, fortran_order"),
        (header(shape=(2**40, 2**40)), "shape: .*bytes"),
        (header(fortran=7) + bytes(12), "shape, fortran_order"),
        (header() + bytes(11), "shape: .*expected 12 bytes of <i2 .3, 2., found 11 bytes"),
        (header() + bytes(13), "shape: .*found 13 bytes"),
        (header(shape=(0, 2)), "shape: not a recording"),
        (header(shape=(3, 0)), "shape: not a recording"),
        (header("|u1", shape=(1, 200_000)) + bytes(200_000), "shape: not a recording"),
    ],
)
def test_arrays_that_are_wrong(tmp_path, data, match):
    with pytest.raises(EmgIoError, match=match) as caught:
        read(put(tmp_path, data))
    assert caught.value.file.endswith("a.npy")


@pytest.mark.parametrize("labels", [np.zeros(3, np.int8), np.zeros(4), np.zeros((4, 1), np.int8)])
def test_labels_that_do_not_fit(tmp_path, labels):
    (tmp_path / "b.npy").write_bytes(npy(labels))
    own = read(put(tmp_path, np.zeros((4, 2), np.int16), SAID | {"labels": "b.npy"}))
    with pytest.raises(EmgIoError, match=r"b\.npy, shape: labels do not fit the samples: expected 4 integers"):
        own.labels()


def test_a_file_that_shrinks_or_changes_is_noticed(tmp_path):
    own = read(put(tmp_path, np.arange(12, dtype=np.int16).reshape(6, 2)))
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data[:-3])
    with pytest.raises(EmgIoError, match="the file was cut while it was read"):
        own.raw()
    (tmp_path / "a.npy").write_bytes(data.replace(b"(6, 2)", b"(4, 3)"))
    with pytest.raises(EmgIoError, match="header changed"):
        own.check()


def test_large_sidecars_are_refused(tmp_path):
    with pytest.raises(EmgIoError, match=r"a\.json, size"):
        read(put(tmp_path, np.zeros((4, 2)), json.dumps(SAID | {"subject": "x" * 2**22})))


def attempt(folder):
    """The recording in a mutated folder, or the error; nothing else may come out."""
    try:
        own = read(folder)
        own.check()
        own.tracks  # noqa: B018  read for what it may raise
    except EmgIoError as error:
        return None, error
    return own, None


@pytest.mark.parametrize("which", ["a.npy", "a.json"])
def test_mutations_end_in_an_error_or_a_valid_recording(tmp_path, which):
    rng = np.random.default_rng(8)
    (tmp_path / "l.npy").write_bytes(npy(np.zeros(40, np.int8)))
    put(
        tmp_path,
        rng.normal(size=(40, 2)).astype(np.float32),
        SAID | {"labels": "l.npy", "scale": [0.5, 2.0], "task": "t"},
    )
    good, outcomes = (tmp_path / which).read_bytes(), {"error": 0, "valid": 0}
    for _ in range(N_MUTATIONS):
        data, at = bytearray(good), int(rng.integers(0, min(len(good), 140)))
        kind = int(rng.integers(0, 4))
        if kind == 0:
            data[at] = int(rng.integers(0, 256))
        elif kind == 1:
            data[at] = int(rng.choice(list(b"0123456789-<>|fiu'\"(),: ")))
        elif kind == 2:
            del data[at : at + int(rng.integers(1, 9))]
        else:
            data[int(rng.integers(0, len(good)))] ^= 1 << int(rng.integers(0, 8))
        (tmp_path / which).write_bytes(bytes(data))
        own, error = attempt(tmp_path)
        outcomes["error" if error else "valid"] += 1
        if error:
            assert error.place
        else:
            assert own.raw().shape == (own.n_chans, own.n_samples)
            assert np.isfinite(own.raw()).all()
    assert min(outcomes.values()) > 5
