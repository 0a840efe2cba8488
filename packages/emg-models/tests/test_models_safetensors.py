"""Our safetensors reader and writer: the same as the reference library's where that is right, stricter elsewhere."""

import json
import pickle

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_models import EmgModelsError
from emg_models import _safetensors as ours

KINDS = list(ours._NAMES)


def written(state):
    return b"".join(ours.safetensors_pieces(state))


def packed(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


@pytest.fixture
def read(tmp_path):
    def reader(data):
        path = tmp_path / "w.safetensors"
        path.write_bytes(data)
        return ours.read_safetensors(path)

    return reader


@pytest.fixture
def tensors():
    shapes = [(), (3,), (0,), (2, 0, 3), (2, 3), (1, 2, 1, 5)]
    values = torch.arange(-5, 5)
    return {
        f"{index}.ünï": torch.resize_as_(values.clone(), torch.empty(shape)).to(kind) if shape else values[3].to(kind)
        for index, (shape, kind) in enumerate((shape, kind) for shape in shapes for kind in KINDS)
        if torch.empty(shape).numel() <= 10
    }


def same(a, b):
    return a.keys() == b.keys() and all(a[key].dtype == b[key].dtype and torch.equal(a[key], b[key]) for key in a)


def test_the_library_reads_what_we_write_and_we_what_it_writes(tensors, read):
    assert same(safetensors.torch.load(written(tensors)), tensors)
    assert same(read(written(tensors)), tensors)
    assert same(read(safetensors.torch.save(tensors, metadata={"a": "b"})), tensors)


def test_tensors_are_aligned_and_bytes_do_not_depend_on_order(tensors):
    data = written(tensors)
    assert data == written(dict(reversed(tensors.items())))
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert length % 8 == 0
    assert all(value["data_offsets"][0] % tensors[key].itemsize == 0 for key, value in header.items() if key in tensors)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.dictionaries(st.text(min_size=1, max_size=200).filter(lambda key: key != "__metadata__"), st.integers(0, 3)))
def test_any_names_survive(sizes):
    state = {key: torch.full((size,), 1.5) for key, size in sizes.items()}
    assert same(safetensors.torch.load(written(state)), state)


def test_headers_whose_length_begins_like_a_pickle_are_read(read):
    """A header of 640, 896, 1152 or 1408 bytes begins with the two bytes of a pickle of protocol 2 to 5."""
    for length in (640, 896, 1152, 1408):
        header = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'.ljust(length)
        assert int(read(packed(header, b"\x07"))["a"]) == 7


def test_every_pickle_is_called_one(read, tmp_path):
    values = [{"a": [1.0] * 20}, [1, 2], ("x", 1), 3.5, 7, "text", None, {1}, range(3)]
    for data in [pickle.dumps(value, protocol) for value in values for protocol in range(6)]:
        with pytest.raises(EmgModelsError, match=r"a pickle or a zip archive, which can run code|announce a header"):
            read(data)
    big = [pickle.dumps({"state": list(range(100))}, protocol) for protocol in range(6)]
    for kind in (True, False):
        torch.save({"a": torch.ones(3)}, tmp_path / "t.pt", _use_new_zipfile_serialization=kind)
        big.append((tmp_path / "t.pt").read_bytes())
    for data in big:
        with pytest.raises(EmgModelsError, match="a pickle or a zip archive, which can run code; save as safetensors"):
            read(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "bytes 0-7 announce a header of 0 bytes, the file has 0"),
        (b"\x02\0\0", "the file has 3"),
        ((0).to_bytes(8, "little") + b"{}", "a header of 0 bytes"),
        ((2**40).to_bytes(8, "little") + b"{}", "a header of 1099511627776 bytes"),
        ((17 * 2**20).to_bytes(8, "little") + b" " * (17 * 2**20), "at most 16777216 are accepted"),
        (packed(b"[1]"), r"header at byte 8: a JSON object is required, found b'\['"),
        (packed(b" {}"), "header at byte 8: a JSON object is required"),
        (packed(b"{"), "header at byte 8: a JSON object is required"),
        (packed(b"{" + b'"a":{' * 50_000), "header at byte 8: a JSON object is required"),
        (packed({"__metadata__": {"a": 1}}), "__metadata__=.*an object of strings"),
        (packed({"__metadata__": []}), "__metadata__="),
    ],
)
def test_damaged_headers(data, message, read):
    with pytest.raises(EmgModelsError, match=rf"w.safetensors.*{message}"):
        read(data)


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "F8_E4M3"},
        {"dtype": 3},
        {"shape": [3]},
        {"shape": "2"},
        {"shape": [-2]},
        {"shape": [2.0]},
        {"shape": [True, 2]},
        {"shape": [0, 2**62], "data_offsets": [0, 0]},
        {"shape": [2, *[1] * 8]},
        {"data_offsets": [8, 0]},
        {"data_offsets": [0, 8, 8]},
        {"data_offsets": [-8, 0]},
        {"data_offsets": [False, 8]},
        {"more": 1},
    ],
)
def test_a_tensor_that_is_declared_wrongly(change, read):
    with pytest.raises(EmgModelsError, match=r"tensor 'a' is declared as .*dtype .one of F64, .*offsets that fit them"):
        read(packed({"a": ENTRY | change}, bytes(8)))
    with pytest.raises(EmgModelsError, match="tensor 'a' is declared as"):
        read(packed({"a": [1]}, bytes(8)))


@pytest.mark.parametrize(
    ("offsets", "size", "message"),
    [
        ([[0, 8], [4, 12]], 12, "tensor 'b' starts at byte 4, the one before ends at 8; tensors must neither overlap"),
        ([[0, 8], [0, 8]], 8, "tensor 'b' starts at byte 0"),
        ([[0, 8], [12, 20]], 20, "tensor 'b' starts at byte 12, the one before ends at 8"),
        ([[4, 12], [12, 20]], 20, "tensor 'a' starts at byte 4, the one before ends at 0"),
        ([[0, 8], [8, 16]], 12, "its tensors take 16 bytes and 12 follow the header; the file is truncated or was"),
        ([[0, 8], [8, 16]], 20, "its tensors take 16 bytes and 20 follow"),
    ],
)
def test_tensors_that_overlap_leave_holes_or_do_not_fill_the_file(offsets, size, message, read):
    header = {key: ENTRY | {"data_offsets": place} for key, place in zip("ab", offsets, strict=True)}
    with pytest.raises(EmgModelsError, match=message):
        read(packed(header, bytes(size)))


def test_duplicate_keys(read):
    entry = json.dumps(ENTRY)
    with pytest.raises(EmgModelsError, match=r"header at byte 8: .*duplicate key 'a'"):
        read(packed(f'{{"a":{entry},"a":{entry}}}'.encode(), bytes(8)))
    with pytest.raises(EmgModelsError, match="duplicate key 'shape'"):
        read(packed(b'{"a":{"dtype":"F32","shape":[2],"shape":[1,2],"data_offsets":[0,8]}}', bytes(8)))


def test_flags_that_are_no_flags(read):
    header = {"a": {"dtype": "BOOL", "shape": [2], "data_offsets": [0, 2]}}
    assert read(packed(header, b"\1\0"))["a"].tolist() == [True, False]
    with pytest.raises(EmgModelsError, match="tensor 'a' of flags holds bytes other than 0 and 1"):
        read(packed(header, b"\1\2"))


def test_a_file_that_shrinks_while_it_is_read(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(written({"a": torch.ones(100_000), "b": torch.ones(100_000)}))
    with ours.open_safetensors(path) as weights:
        with path.open("r+b") as file:
            file.truncate(500_000)
        with pytest.raises(EmgModelsError, match="ends inside tensor 'b'; restore the file"):
            weights.load()


def test_absent(tmp_path):
    with pytest.raises(EmgModelsError, match="absent: no such file; a safetensors file is required"):
        ours.read_safetensors(tmp_path / "absent")
