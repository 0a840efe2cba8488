"""Data frames in HDF5 as pandas writes them, in both of its layouts, without pandas: by h5py, the same bytes each time.

Lists that pandas pickles are spelled here by hand; nothing is pickled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Block = tuple[tuple[str, ...], "NDArray[np.generic]"]


def add_fixed(made: Any, key: str, index: NDArray[np.generic], blocks: Sequence[Block]) -> None:  # noqa: ANN401  h5py
    """Add a frame in the layout ``fixed``: blocks are names and values (rows, columns); text becomes objects."""
    _root(made)
    group = made.create_group(key)
    _attributes(group, CLASS="GROUP", TITLE=None, VERSION="1.0", pandas_type="frame", encoding="UTF-8", errors="strict")
    _numbers(group, ndim=2, nblocks=len(blocks))
    _attributes(group, axis0_variety="regular", axis1_variety="regular")
    _array(group, "axis0", np.array([name.encode() for names, _ in blocks for name in names]), kind="string")
    _array(group, "axis1", index, kind="float" if index.dtype.kind == "f" else "integer")
    for number, (names, values) in enumerate(blocks):
        _attributes(group, **{f"block{number}_items_variety": "regular"})
        _array(group, f"block{number}_items", np.array([name.encode() for name in names]), kind="string")
        if values.dtype.kind == "S":
            _objects(group, f"block{number}_values", values)
        else:
            _array(group, f"block{number}_values", values)


def add_appendable(
    made: Any,  # noqa: ANN401  h5py
    key: str,
    index: NDArray[np.generic],
    blocks: Sequence[Block],
    *,
    options: Mapping[str, Any] | None = None,
) -> None:
    """Add a frame in the layout ``table``; ``options`` go to the dataset (chunks, compression)."""
    _root(made)
    group = made.create_group(key)
    names = [f"values_block_{number}" for number in range(len(blocks))]
    _attributes(group, CLASS="GROUP", TITLE=None, VERSION="1.0", pandas_type="frame_table", encoding="UTF-8")
    columns = [name for block, _ in blocks for name in block]
    _attributes(group, table_type="appendable_frame", errors="strict", nan_rep="N.", data_columns="(lp0\n.")
    _attributes(group, index_cols="(lp0\n(I0\nVindex\np1\ntp2\na.", values_cols=spelled(names), info="(dp0\n.")
    _attributes(group, non_index_axes=f"(lp0\n(I1\n{spelled(columns, 1)[:-1]}tp{len(columns) + 2}\na.")
    _numbers(group, levels=1)
    members = [(name, values.dtype, values.shape[1:]) for name, (_, values) in zip(names, blocks, strict=True)]
    rows = np.zeros(len(index), [("index", index.dtype), *members])
    rows["index"] = index
    for name, (_, values) in zip(names, blocks, strict=True):
        rows[name] = values
    table = group.create_dataset("table", data=rows, track_times=False, maxshape=(None,), **(options or {}))
    _attributes(table, CLASS="TABLE", VERSION="2.7", TITLE=None, index_kind="float")
    for number, name in enumerate(rows.dtype.names or ()):
        _attributes(table, **{f"FIELD_{number}_NAME": name})
    for name, (block, values) in zip(names, blocks, strict=True):
        _attributes(table, **{f"{name}_kind": spelled(block), f"{name}_dtype": _dtype(values), f"{name}_meta": "N."})
    table.attrs["NROWS"] = np.int64(len(index))


def spelled(items: Sequence[str], first: int = 0) -> str:
    """Return a list of texts as pickle spells it in protocol 0."""
    words = "".join(f"V{item}\np{first + 1 + number}\na" for number, item in enumerate(items))
    return f"(lp{first}\n{words}."


def _dtype(values: NDArray[np.generic]) -> str:
    """Return a dtype as pandas notes it: the size of text in bits."""
    return f"bytes{8 * values.dtype.itemsize}" if values.dtype.kind == "S" else values.dtype.name


def _root(made: Any) -> None:  # noqa: ANN401  h5py
    """Mark a file as PyTables does."""
    _attributes(made, CLASS="GROUP", TITLE=None, VERSION="1.0", PYTABLES_FORMAT_VERSION="2.1")


def _attributes(node: Any, **texts: str | None) -> None:  # noqa: ANN401  h5py
    """Set attributes to text of fixed length: UTF-8, or ASCII where pickle spells a value; empty text to nothing."""
    import h5py

    for name, value in texts.items():
        if not value:
            node.attrs[name] = h5py.Empty(h5py.string_dtype("utf-8", 1))
        elif value.endswith("."):
            node.attrs[name] = np.bytes_(value.encode())
        else:
            data = value.encode()
            node.attrs.create(name, data, dtype=h5py.string_dtype("utf-8", len(data)))


def _numbers(node: Any, **numbers: int) -> None:  # noqa: ANN401  h5py
    """Set attributes to integers."""
    for name, value in numbers.items():
        node.attrs[name] = np.int64(value)


def _array(group: Any, name: str, values: NDArray[np.generic], kind: str = "") -> None:  # noqa: ANN401  h5py
    """Add an array as PyTables does."""
    node = group.create_dataset(name, data=values, track_times=False)
    _attributes(node, CLASS="ARRAY", VERSION="2.4", TITLE=None, FLAVOR="numpy")
    node.attrs["transposed"] = np.uint8(1)
    if kind:
        _attributes(node, kind=kind, name="N.")


def _objects(group: Any, name: str, values: NDArray[np.generic]) -> None:  # noqa: ANN401  h5py
    """Add texts (rows, columns) as an array of objects: one sequence of bytes that spells a pickled array."""
    import h5py

    options = {"chunks": (1,), "maxshape": (None,), "track_times": False}
    node = group.create_dataset(name, (1,), dtype=h5py.vlen_dtype(np.uint8), **options)
    node[0] = np.frombuffer(spelled_array(values), np.uint8)
    _attributes(node, CLASS="VLARRAY", VERSION="1.4", TITLE=None, PSEUDOATOM="object")
    node.attrs["transposed"] = np.uint8(1)


def spelled_array(values: NDArray[np.generic]) -> bytes:
    """Return texts (rows, columns) as pickle spells an array of objects in protocol 2, row by row."""
    flat = [item.decode() for item in values.reshape(-1).tolist()]
    texts = b"".join(b"X" + len(item.encode()).to_bytes(4, "little") + item.encode() for item in flat)
    shape = b"".join(b"J" + int(length).to_bytes(4, "little") for length in values.shape)
    made = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    dtype = b"cnumpy\ndtype\nX\x02\x00\x00\x00O8K\x00K\x01\x87R"
    dtype += b"(K\x03X\x01\x00\x00\x00|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb"
    return made + b"(K\x01" + shape + b"\x86" + dtype + b"\x88](" + texts + b"etb."
