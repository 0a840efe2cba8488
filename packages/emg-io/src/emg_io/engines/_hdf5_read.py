"""Samples of an HDF5 dataset: a range along one axis, one field of a compound, no chunk read that is not needed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ._hdf5_filters import undo
from ._hdf5_layout import Chunked, Compact, Contiguous

if TYPE_CHECKING:
    from ._hdf5_bytes import Bytes
    from ._hdf5_layout import Layout

MAX_TOUCHED_BYTES = 4 * 2**30
_BLOCK_BYTES = 4 * 2**20
_MAX_SEEKS = 4096

Array = np.ndarray[tuple[int, ...], np.dtype[np.generic]]


def read_range(
    source: Bytes,
    layout: Layout,
    shape: tuple[int, ...],
    stored: np.dtype[np.generic],
    span: tuple[int, int],
    axis: int,
    field: str | None,
) -> Array:
    """Read elements ``span`` along ``axis``; all of the other axes; byte order as stored.

    Parameters
    ----------
    source, layout, shape, stored
        File, and the dataset's place, shape and bytes of an element.
    span
        First element and the one behind the last, within the shape.
    axis
        Axis that ``span`` counts along.
    field
        Member of a compound, or None for whole elements.
    """
    if field is None and stored.fields is not None:
        opaque = np.dtype((np.void, stored.itemsize))  # whole compounds are copied as bytes, not member by member
        return read_range(source, layout, shape, opaque, span, axis, None).view(stored)
    wanted = stored if field is None or stored.fields is None else stored.fields[field][0]
    lengths = (*shape[:axis], span[1] - span[0], *shape[axis + 1 :])
    out = np.empty((*lengths, *wanted.shape), wanted.base)
    if not out.size:
        return out
    if isinstance(layout, Compact):
        _take(out, np.frombuffer(layout.data, stored).reshape(shape), span, axis, field)
    elif isinstance(layout, Contiguous):
        _contiguous(source, layout.address, out, shape, stored, span, axis, field)
    else:
        _chunks(source, layout, out, stored, span, axis, field)
    return out


def _field(elements: Array, field: str | None) -> Array:
    """Return a member of compound elements, or the elements."""
    return elements if field is None else elements[field]  # type: ignore[call-overload]


def _take(out: Array, elements: Array, span: tuple[int, int], axis: int, field: str | None) -> None:
    """Copy a range of elements, or one field of them."""
    part = elements[(slice(None),) * axis + (slice(*span),)]
    out[...] = _field(part, field)


def _contiguous(
    source: Bytes,
    address: int,
    out: Array,
    shape: tuple[int, ...],
    stored: np.dtype[np.generic],
    span: tuple[int, int],
    axis: int,
    field: str | None,
) -> None:
    """Read a range of a dataset that lies in one piece: one run of bytes for each place on the axes before."""
    n_runs, per_step = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    first, last = span if n_runs <= _MAX_SEEKS else (0, shape[axis])
    row = per_step * stored.itemsize
    step = max(1, _BLOCK_BYTES // max(1, row))
    flat = out.reshape(n_runs, span[1] - span[0], per_step, *out.shape[len(shape) :])
    for run in range(n_runs):
        for start in range(first, last, step):
            stop = min(start + step, last)
            data = source.data(address + (run * shape[axis] + start) * row, (stop - start) * row, "samples")
            elements = np.frombuffer(data, stored).reshape(stop - start, per_step)
            low, high = max(start, span[0]), min(stop, span[1])
            if low < high:
                part = elements[low - start : high - start]
                flat[run, low - span[0] : high - span[0]] = _field(part, field)


def _chunks(
    source: Bytes,
    layout: Chunked,
    out: Array,
    stored: np.dtype[np.generic],
    span: tuple[int, int],
    axis: int,
    field: str | None,
) -> None:
    """Read the chunks that a range touches."""
    length = layout.chunk[axis]
    along = layout.cells[:, axis]
    size = math.prod(layout.chunk) * stored.itemsize
    rank = len(layout.chunk)
    touched = np.flatnonzero((along >= span[0] // length) & (along <= (span[1] - 1) // length)).tolist()
    if len(touched) * size > MAX_TOUCHED_BYTES:
        expected, found = f"chunks of at most {MAX_TOUCHED_BYTES} bytes in one read", f"{len(touched) * size} bytes"
        raise source.bad(int(layout.addresses[touched[0]]), "chunks", expected, found)
    for index in touched:
        address, n_stored = int(layout.addresses[index]), int(layout.sizes[index])
        data = source.data(address, n_stored, "chunk")
        try:
            plain = undo(data, layout.filters, int(layout.masks[index]), size)
        except ValueError as error:
            raise source.bad(address, "chunk", f"{size} bytes under its filters", str(error)) from None
        elements = np.frombuffer(plain, stored).reshape(layout.chunk)
        origin = (layout.cells[index] * np.array(layout.chunk)).tolist()
        origin[axis] -= span[0]
        inner = tuple(
            slice(max(0, -at), min(part, limit - at))
            for at, part, limit in zip(origin, layout.chunk, out.shape[:rank], strict=True)
        )
        outer = tuple(slice(at + cut.start, at + cut.stop) for at, cut in zip(origin, inner, strict=True))
        part = elements[inner]
        out[outer] = _field(part, field)
