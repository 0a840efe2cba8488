"""The MAT reader against scipy, and against every lie a tag can tell."""

import io
import struct
import zlib

import numpy as np
import pytest
import scipy.io
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from emg_io import EmgIoError
from emg_io.engines._mat5 import MatFile
from emg_io.engines._mat5_write import mat_bytes

DTYPES = ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]


def scan(data, size=None):
    return MatFile.scan(io.BytesIO(data), len(data) if size is None else size, "x.mat")


def saved(compress, **variables):
    out = io.BytesIO()
    scipy.io.savemat(out, variables, do_compression=compress)
    return out.getvalue()


@given(
    st.sampled_from(DTYPES).flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))),
    st.booleans(),
)
def test_writer_and_reader_agree_with_scipy(array, compress):
    mine = mat_bytes({"x": array, "y": np.arange(3, dtype=np.uint8)}, compress=compress)
    theirs = scipy.io.loadmat(io.BytesIO(mine))
    found = scan(mine).read("x")
    assert found.dtype == theirs["x"].dtype == array.dtype
    assert found.tobytes() == theirs["x"].tobytes() == array.tobytes()
    assert scan(mine).read("y").ravel().tolist() == [0, 1, 2]
    found = scan(saved(compress, x=array)).read("x")
    assert found.tobytes() == array.tobytes()


def test_lists_and_shapes_without_reading_numbers():
    mat = scan(saved(True, emg=np.zeros((70, 3)), text="abc", cells=np.array([1, "a"], object), z=np.ones((2, 2)) * 1j))
    assert mat.shape("emg") == (70, 3)
    assert {name: v.kind for name, v in mat.variables.items()} == {
        "emg": "f8", "text": "char", "cells": "cell", "z": "complex",
    }  # fmt: skip
    for name in ("text", "cells", "z"):
        with pytest.raises(EmgIoError, match=f"{name}: variable is not numeric"):
            mat.read(name)
    with pytest.raises(EmgIoError, match=r"nothing: variable is missing.*found emg, text"):
        mat.read("nothing")


def test_big_endian_file():
    """A file written on a big-endian machine: header MI, every field swapped."""
    values = np.arange(6, dtype=">f8")
    body = (
        struct.pack(">IIII", 6, 8, 6, 0) + struct.pack(">IIii", 5, 8, 2, 3) + struct.pack(">II", 1, 5) + b"speed\0\0\0"
    )
    body += struct.pack(">II", 9, 48) + values.tobytes()
    data = (
        b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(">H", 0x0100) + b"MI" + struct.pack(">II", 14, len(body)) + body
    )
    assert np.array_equal(scan(data).read("speed"), scipy.io.loadmat(io.BytesIO(data))["speed"])


PLAIN = mat_bytes({"emg": np.arange(40.0).reshape(10, 4)}, compress=False)


def patched(offset, form, *values):
    data = bytearray(PLAIN)
    struct.pack_into(form, data, offset, *values)
    return bytes(data)


LIES = {
    "short file": (PLAIN[:100], "file header.*128 bytes, found 100"),
    "version": (patched(124, "<H", 0x0200), "file header.*MAT v5"),
    "byte order": (patched(126, "<2s", b"XX"), "file header.*MAT v5"),
    "hdf5": (b"MATLAB 7.3 MAT-file".ljust(124) + struct.pack("<H2s", 0x0200, b"IM"), "found MAT v7.3"),
    "cut tag": (PLAIN + b"\x0e\0\0", "byte 504, element tag.*8 bytes, found 3"),
    "element type": (patched(128, "<I", 9), "byte 128, element type.*found 9"),
    "element size": (patched(132, "<I", 10**9), "byte 132, element size.*at most 368"),
    "array flags": (patched(136, "<I", 5), "array flags.*type 6"),
    "array class": (patched(144, "<I", 99), "array class.*found 99"),
    "axes": (patched(156, "<I", 4), "dimensions.*2 to 8 axes"),
    "negative length": (patched(160, "<ii", -10, -4), r"dimensions.*no negative.*\(-10, -4\)"),
    "lying shape": (patched(160, "<ii", 11, 4), r"numbers of emg.*352 bytes for shape \(11, 4\)"),
    "product overflow": (patched(160, "<ii", 2**31 - 1, 2**31 - 1), "numbers of emg"),
    "name type": (patched(168, "<HH", 9, 3), "name.*type 1"),
    "name text": (patched(172, "<3s", b"a/b"), "name.*identifier"),
    "packed size": (patched(168, "<HH", 1, 5), "name.*at most 4 bytes"),
    "number type": (patched(176, "<I", 99), "numbers of emg.*found 99"),
    "number size": (patched(180, "<I", 8), "numbers of emg.*320 bytes"),
    "trailing bytes": (PLAIN[:132] + struct.pack("<I", 376) + PLAIN[136:] + bytes(8), "numbers of emg.*element of"),
    "twice": (PLAIN + PLAIN[128:], "variable list.*each once, found 'emg'"),
}  # fmt: skip


@pytest.mark.parametrize("case", LIES)
def test_lying_tags_name_the_byte(case):
    data, message = LIES[case]
    with pytest.raises(EmgIoError, match=message) as caught:
        scan(data).read("emg")
    assert caught.value.file == "x.mat"
    assert caught.value.place.startswith("byte")


def compressed(element):
    body = zlib.compress(element, 9)
    return PLAIN[:128] + struct.pack("<II", 15, len(body)) + body


def test_bomb_is_refused_before_it_inflates():
    size = 2**31 // 8
    head = struct.pack("<IIIIII", 14, 48 + 8 * size, 6, 8, 6, 0)
    head += struct.pack("<IIii", 5, 8, size, 1) + struct.pack("<HH", 1, 3) + b"emg\0" + struct.pack("<II", 9, 8 * size)
    with pytest.raises(EmgIoError, match=r"declared size of emg.*at most"):
        scan(compressed(head + bytes(4000)))


def test_compressed_stream_must_be_whole_and_exact():
    element = PLAIN[128:]
    data = compressed(element)
    assert scan(data).read("emg").shape == (10, 4)
    for wrong, message in [
        (compressed(element[:-8]), "368 bytes"),
        (compressed(element + bytes(8)), "368 bytes|376 bytes"),
        (data[:132] + struct.pack("<I", len(data) - 136 - 3) + data[136:-3], "no end of stream|numbers of"),
        (data[:-1] + bytes([data[-1] ^ 1]), "incorrect data check|no end of stream"),
        (data[:136] + b"\xff" + data[137:], "zlib stream"),
    ]:
        with pytest.raises(EmgIoError, match=message):
            scan(wrong).read("emg")


def test_opening_reads_little(tmp_path):
    """Listing the variables of a file touches its tags, not its numbers."""

    class Counting(io.BytesIO):
        taken = 0

        def read(self, size=-1):
            data = super().read(size)
            self.taken += len(data)
            return data

    noise = np.random.default_rng(0).normal(size=(50_000, 4))
    data = mat_bytes({"emg": noise, "restimulus": np.zeros(50_000, np.uint8)})
    stream = Counting(data)
    mat = MatFile.scan(stream, len(data), "x.mat")
    assert mat.shape("emg") == (50_000, 4)
    assert stream.taken < 4096 < len(data) / 100
