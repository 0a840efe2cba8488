"""The HDF5 reader against h5py, and against every lie a structure can tell."""

import io
import struct
import subprocess
import sys

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from emg_io import EmgIoError
from emg_io.engines._hdf5 import Hdf5File
from emg_io.engines._hdf5_bytes import Cursor, jenkins
from emg_io.engines._hdf5_filters import fletcher32, unlzf

CODES = ["f2", "f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">f8", ">i4", ">u2", "S5", "bool"]
KINDS = {
    "default": {},
    "oldest": {"libver": "earliest"},
    "newest": {"libver": "latest"},
    "user block": {"userblock_size": 512},
    "in order": {"track_order": True, "libver": "latest"},
    "version 1.10": {"libver": "v110"},
}


def opened(data):
    return Hdf5File.scan(io.BytesIO(data), len(data), "x.h5")


def built(fill, **options):
    out = io.BytesIO()
    with h5py.File(out, "w", **options) as made:
        fill(made)
    return out.getvalue()


def plain(made):
    rng = np.random.default_rng(1)
    for code in CODES:
        made.create_dataset(f"plain {code}", data=(rng.normal(size=(13, 7)) * 50).astype(code))
    made.create_dataset("scalar", data=3.5)
    made.create_dataset("no rows", data=np.zeros((0, 3)))
    made.create_dataset("nothing", data=h5py.Empty("f4"))
    made.create_dataset("enum", data=np.array([0, 1, 2], "i1"), dtype=h5py.enum_dtype({"A": 0, "B": 1, "C": 2}, "i1"))
    made.create_dataset("odd", data=np.arange(17, dtype="u1"), chunks=(5,), shuffle=True, fletcher32=True)


def compounds(made):
    rows = np.zeros(700, [("time", "f8"), ("emg", "f4", (16,)), ("k", ">i2"), ("name", "S7")])
    rng = np.random.default_rng(2)
    rows["time"], rows["emg"], rows["k"], rows["name"] = np.arange(700), rng.normal(size=(700, 16)), 7, b"hello"
    made.create_dataset("g/whole", data=rows)
    made.create_dataset("g/gzip", data=rows, chunks=(64,), compression="gzip", shuffle=True, fletcher32=True)
    made.create_dataset("g/lzf", data=rows, chunks=(640,), compression="lzf", shuffle=True)


def chunked(made):
    values = np.random.default_rng(3).integers(0, 5, (20, 13, 7))
    filters = [{}, {"compression": "gzip"}, {"fletcher32": True}, {"shuffle": True, "compression": "lzf"}]
    limits = [None, (None, 13, 7), (20, None, 7), (None, None, 7), (80, 40, 9)]
    for a, kind in enumerate(filters):
        for b, most in enumerate(limits):
            made.create_dataset(f"{a}{b}", data=values, chunks=((7, 5, 3), (20, 13, 7))[b % 2], maxshape=most, **kind)
    for name, most in (("grows", (None,)), ("stays", (6000,))):
        made.create_dataset(name, data=np.arange(6000, dtype="i2"), chunks=(3,), maxshape=most)
        made.create_dataset(f"{name} gzip", data=np.arange(6000, dtype="i2"), chunks=(5,), maxshape=most, compression=1)


def rare(made):
    """Indexes that h5py writes only when asked: one chunk, chunks allocated at once; and bytes in the header."""
    values = np.arange(35, dtype="i2").reshape(7, 5)
    for name, options in (("one", {}), ("one gzip", {"compression": "gzip"}), ("one sum", {"fletcher32": True})):
        made.create_dataset(name, data=values, chunks=(7, 5), **options)
    early, compact = (h5py.h5p.create(h5py.h5p.DATASET_CREATE) for _ in range(2))
    early.set_chunk((3, 2))
    early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    compact.set_layout(h5py.h5d.COMPACT)
    for name, options, limits in ((b"early", early, (9, 8)), (b"compact", compact, None)):
        space = h5py.h5s.create_simple((7, 5), limits)
        h5py.Dataset(h5py.h5d.create(made.id, name, h5py.h5t.STD_I16BE, space, options))[...] = values


def crowded(made):
    for n in range(150):
        made.create_group(f"many/g{n}").attrs["n"] = n
        made["many"].attrs[f"a{n}"] = "v" * n


def described(made):
    made.attrs["text"], made.attrs["table"] = "häé", np.arange(6.0).reshape(2, 3)
    made.attrs["fixed"], made.attrs["fixed list"] = np.bytes_(b"abc"), np.array([b"a", b"bcd"])
    made.attrs["texts"], made.attrs["nothing"], made.attrs["scalar"] = ["x", "yy"], h5py.Empty("f8"), 3
    made.attrs["long"] = "z" * 100_000
    made.create_dataset("text", data="hello")
    made.create_dataset("texts", data=["a", "bé", ""])
    rows = made.create_dataset("rows", (3,), dtype=h5py.vlen_dtype("i4"))
    rows[0], rows[2] = [1, 2], [5]


def same(mine, theirs):
    """Compare everything below two nodes."""
    assert set(mine.attributes) == set(theirs.attrs)
    for name, value in theirs.attrs.items():
        found = mine.attribute(name)
        if isinstance(value, h5py.Empty):
            assert len(found) == 0
        elif isinstance(value, bytes):
            assert found == value.decode()
        else:
            assert np.array_equal(found, value)
    if isinstance(theirs, h5py.Group):
        assert set(mine.names) == set(theirs)
        for name in theirs:
            same(mine[name], theirs[name])
    else:
        same_data(mine, theirs)


def same_data(mine, theirs):
    if theirs.shape is None:
        assert mine.shape == (0,)
    elif mine.type.kind.startswith("vlen"):
        for found, value in zip(mine.sequences(), np.atleast_1d(theirs[()]), strict=True):
            assert np.array_equal(found, value.decode() if isinstance(value, bytes) else value)
    else:
        found, value = mine.read(), theirs[()]
        assert found.shape == np.shape(value)
        for name in found.dtype.names or ():
            assert np.array_equal(mine.read(name=name), value[name])
            assert np.array_equal(found[name], value[name])
        if not found.dtype.names:
            assert found.tobytes() == np.asarray(value).astype(found.dtype).tobytes()
            assert found.dtype.isnative
        for axis in range(found.ndim):
            middle, end = found.shape[axis] // 3, found.shape[axis] - found.shape[axis] // 4
            part = mine.read(middle, end, axis=axis)
            assert part.tobytes() == np.ascontiguousarray(np.take(found, range(middle, end), axis)).tobytes()


@pytest.mark.parametrize("fill", [plain, compounds, chunked, rare, crowded, described])
@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_read_as_h5py_reads_it(kind, fill):
    data = built(fill, **KINDS[kind])
    with h5py.File(io.BytesIO(data)) as theirs:
        same(opened(data).root, theirs)


@pytest.mark.parametrize(("n_chunks", "limits"), [(134_000, (None,)), (3000, (3000,))])
def test_indexes_of_so_many_chunks_that_they_come_in_pages(n_chunks, limits):
    values = np.random.default_rng(0).integers(0, 99, n_chunks).astype("i1")
    data = built(lambda made: made.create_dataset("x", data=values, chunks=(1,), maxshape=limits), libver="latest")
    assert np.array_equal(opened(data)["x"].read(), values)


@settings(max_examples=40)
@given(
    st.sampled_from(["f4", "f8", "i2", "u1", ">i4"]).flatmap(
        lambda code: hnp.arrays(code, hnp.array_shapes(max_side=9))
    ),
    st.booleans(),
    st.sampled_from([None, "gzip", "lzf"]),
    st.sampled_from(["earliest", "latest"]),
)
def test_any_array_in_any_layout(array, shuffle, compression, libver):
    lengths = tuple(max(1, length // 2) for length in array.shape)
    options = {"chunks": lengths, "shuffle": shuffle, "compression": compression} if shuffle or compression else {}
    data = built(lambda made: made.create_dataset("x", data=array, **options), libver=libver)
    assert opened(data)["x"].read().tobytes() == array.astype(array.dtype.newbyteorder("=")).tobytes()


def test_object_references_lead_to_objects():
    def fill(made):
        made["value"] = np.arange(4)
        made.create_dataset("cells", data=np.array([made["value"].ref, made.ref], h5py.ref_dtype))

    file = opened(built(fill))
    addresses = file["cells"].read().tolist()
    assert file.at(addresses[0], "cells[0]").read().tolist() == [0, 1, 2, 3]
    assert file.at(addresses[1], "cells[1]").is_group
    assert "value" in file
    assert "value/deeper" not in file


def test_reading_needs_no_c_library():
    """The library that damaged files crash is not even imported."""
    code = "import sys, emg_io.engines._hdf5, emg_io.formats.putemg; assert 'h5py' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_checksums_against_published_values():
    """Source: the test of lookup3 itself; Fletcher-32 of ``abcde`` in big-endian pairs, by hand."""
    assert jenkins(b"Four score and seven years ago") == 0x17770551
    assert jenkins(b"") == 0xDEADBEEF
    words = [0x6162, 0x6364, 0x6500]
    first = sum(words) % 65535
    assert fletcher32(b"abcde") == ((words[0] + sum(words[:2]) + sum(words)) % 65535) << 16 | first
    assert fletcher32(bytes(8)) == 0
    assert fletcher32(b"\xff" * 8) == 0xFFFFFFFF


# ---- refusals: what a file may not do


def with_soft_link(made):
    made["x"] = np.arange(3)
    made["link"] = h5py.SoftLink("/x")


def with_external_link(made):
    made["link"] = h5py.ExternalLink("other.h5", "/x")


def with_external_bytes(made):
    made.create_dataset("x", (3,), "f8", external=[("other.bin", 0, 24)])


def with_virtual(made):
    made.create_virtual_dataset("x", h5py.VirtualLayout((3,), "f8"))


def with_unknown_filter(made):
    made.create_dataset("x", data=np.arange(100), chunks=(10,), scaleoffset=0)


def with_hole(made):
    made.create_dataset("x", (3,), "f8")


def with_chunk_missing(made):
    made.create_dataset("x", (100,), "i4", chunks=(10,))[:10] = 1


def with_shared_type(made):
    made["kind"] = np.dtype("i4")
    made.create_dataset("x", (3,), made["kind"], data=[1, 2, 3])


def with_great_promise(made):
    made.create_dataset("x", (2**40,), "f8", chunks=(1024,), compression="gzip")


def with_great_chunk(made):
    made.create_dataset("x", (2**24,), "f8", chunks=(2**24,), compression="gzip")


def with_much_lzf(made):
    noise = np.random.default_rng(0).integers(0, 250, 2**23 + 2**21, np.uint8)
    made.create_dataset("x", data=noise, chunks=(2**20,), compression="lzf")


REFUSED = {
    "much LZF": (with_much_lzf, "at most 8388608 bytes of LZF.*h5repack -f GZIP=1"),
    "soft link": (with_soft_link, "hard links, found a soft link|soft link 'link', which is not followed"),
    "external link": (with_external_link, "hard links, found external link 'link'|hard links, found a soft link"),
    "external storage": (with_external_bytes, "/x: bytes lie in other files"),
    "virtual": (with_virtual, "found a virtual dataset"),
    "filter": (with_unknown_filter, r"h5repack, found scaleoffset \(6\)"),
    "hole": (with_hole, "never written"),
    "missing chunk": (with_chunk_missing, "10 chunks, each once, found 1"),
    "shared type": (with_shared_type, "a shared message of type 3"),
    "promise": (with_great_promise, "times the file, found 8796093022208 bytes"),
    "great chunk": (with_great_chunk, "chunks of at most 67108864 bytes"),
}


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("case", REFUSED)
def test_what_leaves_the_file_or_is_not_there_is_refused(case, libver):
    fill, message = REFUSED[case]
    data = built(fill, libver=libver)
    with pytest.raises(EmgIoError, match=message) as caught:
        opened(data)["x"].read()
    assert caught.value.file == "x.h5"
    assert caught.value.place


def simple(made):
    rows = np.zeros(64, [("time", "f8"), ("emg", "f4", (4,))])
    made.create_dataset(
        "x", data=rows, chunks=(16,), compression="gzip", shuffle=True, fletcher32=True, track_times=False
    )
    made.create_dataset("y", data=np.arange(40, dtype="<i4"), track_times=False)
    made["x"].attrs["note"] = "words"


SIMPLE = built(simple, libver="earliest")
Y_SPACE = SIMPLE.index(struct.pack("<QQ", 40, 40))
TREE = SIMPLE.index(b"TREE\1")


def patched(at, form, *values):
    data = bytearray(SIMPLE)
    struct.pack_into(form, data, at, *values)
    return bytes(data)


LIES = {
    "not HDF5": (b"x" * 3000, "x", "signature.*HDF5 at byte 0"),
    "empty": (b"", "x", "signature"),
    "version": (patched(8, "<B", 9), "x", "byte 8, superblock version.*0 to 3, found 9"),
    "offsets": (patched(13, "<B", 4), "x", "size of offsets 8, found 4"),
    "end of file": (patched(40, "<Q", 10**9), "x", "superblock.*file was cut"),
    "base": (patched(24, "<Q", 512), "x", "base address 0, found 512"),
    "root": (patched(64, "<Q", 10**12), "x", "object header.*an end beyond the file"),
    "wrong root": (patched(64, "<Q", 1), "x", "byte 1, object header"),
    "more rows": (patched(Y_SPACE, "<QQ", 41, 41), "y", r"/y|data layout.*164 bytes for shape \(41,\), found 160"),
    "many rows": (patched(Y_SPACE, "<QQ", 2**61, 2**61), "y", "bytes for shape"),
    "impossible": (patched(Y_SPACE, "<QQ", 2**63, 2**63), "y", "a possible shape"),
    "limit": (patched(Y_SPACE, "<QQ", 40, 39), "y", "a possible shape within its limits"),
    "tree kind": (patched(TREE + 4, "<B", 0), "x", "tree of type 1, found 0"),
    "tree level": (patched(TREE + 5, "<B", 200), "x", "a level below 8, found 200"),
    "tree count": (patched(TREE + 6, "<H", 60000), "x", "chunk tree.*an end beyond the file"),
    "fewer chunks": (patched(TREE + 6, "<H", 3), "x", "4 chunks, each once, found 3"),
    "chunk outside": (patched(TREE + 48, "<Q", 10**7), "x", "chunks inside a file"),
    "chunk twice": (SIMPLE[: TREE + 88] + SIMPLE[TREE + 48 : TREE + 56] + SIMPLE[TREE + 96 :], "x", "overlap"),
    "chunk size": (patched(TREE + 24, "<I", 0), "x", "chunks inside a file"),
    "chunk grown": (patched(TREE + 24, "<I", 900), "x", "stored chunks that can hold 384 bytes|overlap"),
    "chunk place": (patched(TREE + 32, "<Q", 7), "x", "places that are multiples"),
    "chunk cell": (patched(TREE + 32, "<Q", 16), "x", "4 chunks, each once"),
    "filter skipped": (patched(TREE + 28, "<I", 2), "x", "chunk.*384 bytes under its filters"),
    "tree round": (SIMPLE[: TREE + 5] + b"\1" + SIMPLE[TREE + 6 :], "x", "chunk tree"),
}  # fmt: skip


@pytest.mark.parametrize("case", LIES)
def test_lying_structures_name_the_byte(case):
    data, name, message = LIES[case]
    with pytest.raises(EmgIoError, match=message) as caught:
        opened(data)[name].read()
    assert caught.value.file == "x.h5"
    assert caught.value.place


def test_a_tree_that_bites_its_tail_is_refused():
    """The chunk tree says that its child is the tree itself, one level up."""
    data = bytearray(SIMPLE)
    data[TREE + 5] = 1
    struct.pack_into("<Q", data, TREE + 48, TREE)
    with pytest.raises(EmgIoError, match=r"a structure reached twice"):
        opened(bytes(data))["x"].read()


def test_damaged_samples_are_found_by_their_checksums():
    data = bytearray(SIMPLE)
    address = struct.unpack_from("<Q", data, TREE + 48)[0]
    for at, message in ((address + 3, "Fletcher-32"), (address + 9, "Fletcher-32")):
        broken = bytearray(data)
        broken[at] ^= 1
        with pytest.raises(EmgIoError, match=message) as caught:
            opened(bytes(broken))["x"].read()
        assert caught.value.place == f"byte {address}, chunk"
    newest = built(simple, libver="latest")
    for at in range(newest.index(b"OHDR") + 4, newest.index(b"OHDR") + 60, 7):
        broken = bytearray(newest)
        broken[at] ^= 4
        with pytest.raises(EmgIoError, match=r"checksum|header"):
            opened(bytes(broken))["x"].read()


def test_a_cut_file_never_passes():
    for kind in ("earliest", "latest"):
        data = built(simple, libver=kind)
        for cut in [*range(0, 600), *range(600, len(data), 97), len(data) - 1]:
            with pytest.raises(EmgIoError):
                opened(data[:cut])["x"].read()


def test_requests_are_checked():
    file = opened(SIMPLE)
    for call, message in [
        (lambda: file["z"], "/: object is missing: expected z, found x, y"),
        (lambda: file["x/z"], "/x: object is missing: expected z, found a dataset"),
        (lambda: file["x"].attribute("b"), "/x: attribute is missing: expected b, found note"),
        (lambda: file["x"].read(name="b"), "/x: field is missing: expected b, found time, emg"),
        (lambda: file["y"].read(name="b"), "/y: field is missing: expected b, found no compound"),
        (lambda: file["x"].read(0, 65), r"/x: range lies outside the dataset.*\(64,\), found 0 to 65"),
        (lambda: file["x"].read(axis=1), "/x: range lies outside the dataset"),
        (file["y"].sequences, "/y: not sequences of variable length"),
        (lambda: file.root.type, "/: not a dataset: expected one datatype, found 0"),
    ]:
        with pytest.raises(EmgIoError, match=message):
            call()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x20", "ends early"),
        (b"\xe0\x01", "ends early"),
        (b"\x20\x05", "before its start"),
        (b"\x1f" + b"a" * 32, "longer"),
    ],
)
def test_lzf_streams_are_bounded(data, message):
    with pytest.raises(ValueError, match=message):
        unlzf(data, 8)


def test_lzf_repeats_overlapping_pieces():
    assert unlzf(b"\x01ab" + b"\x80\x01", 64) == b"ab" + b"ababab"


def test_slices_touch_the_chunks_they_need_and_no_others():
    class Counting(io.BytesIO):
        taken = 0

        def read(self, size=-1):
            data = super().read(size)
            self.taken += len(data)
            return data

    noise = np.random.default_rng(0).normal(size=(40_000, 4))
    for options in ({}, {"chunks": (500, 4), "compression": "gzip"}):
        data = built(lambda made, options=options: made.create_dataset("x", data=noise, **options))
        stream = Counting(data)
        file = Hdf5File.scan(stream, len(data), "x.h5")
        assert np.array_equal(file["x"].read(20_100, 20_200), noise[20_100:20_200])
        assert stream.taken < 40_000 < len(data) / 10


def mutate(data, rng):
    """Change a file in one of six ways."""
    out, at = bytearray(data), int(rng.integers(0, len(data)))
    kind = int(rng.integers(0, 6))
    if kind == 0:
        out[at] ^= 1 << int(rng.integers(0, 8))
    elif kind == 1:
        out[at] = int(rng.choice([0, 1, 127, 128, 255]))
    elif kind == 2:
        del out[at:]
    elif kind == 3:
        out[at : at + 8] = struct.pack("<Q", int(rng.choice([0, 1, len(data), 2**32, 2**62])))
    elif kind == 4:
        start = int(rng.integers(0, len(data)))
        out[at : at + 32] = out[start : start + 32]
    else:
        out[at : at + 4] = struct.pack("<I", int(rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF])))
    return bytes(out)


def everything(data):
    """Read all there is."""
    nodes = [opened(data).root]
    for node in nodes:
        assert len(nodes) < 1000
        for name in node.attributes:
            node.attribute(name)
        nodes += [node[name] for name in node.names]
        if not node.is_group:
            _ = node.sequences() if node.type.kind.startswith("vlen") else node.read()


def without_checksum(cursor):
    cursor.raw(0)
    cursor.end -= 4
    if cursor.end < 0:
        raise cursor.bad("four bytes", "fewer")


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_mutated_files_raise_or_read(libver, checked, monkeypatch):
    """With checksums switched off, mutations reach the parsers of the newer structures too."""
    if not checked:
        monkeypatch.setattr(Cursor, "checksum", without_checksum)
    data = built(lambda made: (simple(made), crowded_small(made)), libver=libver)
    rng, errors = np.random.default_rng(21), []
    for _ in range(150):
        errors += raised(everything, mutate(data, rng))
    assert all(error.file == "x.h5" and error.place for error in errors)
    assert 20 < len(errors) < 150


def raised(call, *arguments):
    """Return the `EmgIoError` that a call raises, if it does; nothing else may come out."""
    try:
        call(*arguments)
    except EmgIoError as error:
        return [error]
    return []


def crowded_small(made):
    for n in range(12):
        made.create_group(f"many/g{n}")
        made["many"].attrs[f"a{n}"] = n
