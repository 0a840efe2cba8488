"""HDF5 files read with nothing trusted: no byte of them is ever handed to the C library.

Own reader because the field's library does not survive damaged files: of 20,000 mutations of small valid files, read
whole through h5py 3.16 (HDF5 2.0), 12 ended in a segmentation fault and 45 hung for more than 10 s. A check beforehand
would have to parse every structure anyway, and would leave the library to disagree with it. A child process would have
to read every sample twice. What is parsed here is everything a check would parse, and the samples are what is left; it
costs no more time than the library does (``tests/bench_io_hdf5.py``), and h5py is needed by forging only.

Read is what HDF5 1.6 and later write: groups, attributes, datasets that are contiguous, compact or chunked (all chunk
indexes), with gzip, shuffle, fletcher32 and lzf. Refused: soft and external links, virtual datasets, external
storage, other filters, shared messages, holes (chunks never written), chunks that overlap, anything outside the file.
One read returns at most 512 MiB, or 8 times the file where that is more.
Source: The HDF Group, "HDF5 File Format Specification", version 3.0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO

from emg_io._errors import EmgIoError

from ._hdf5_filters import parse_filters
from ._hdf5_groups import attributes, links
from ._hdf5_header import EXTERNAL, FILTERS, LAYOUT, SPACE, TYPE, Message, messages, open_root
from ._hdf5_heaps import GlobalHeap
from ._hdf5_layout import parse_layout
from ._hdf5_read import read_range
from ._hdf5_types import Space, parse_space, parse_type
from ._hdf5_values import sequences, value_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ._hdf5_bytes import Bytes
    from ._hdf5_groups import Attribute
    from ._hdf5_layout import Layout
    from ._hdf5_read import Array
    from ._hdf5_types import Type
    from ._hdf5_values import Value

MAX_READ_BYTES, MAX_RATIO = 512 * 2**20, 8


@dataclass(eq=False)
class Hdf5File:
    """An open HDF5 file; objects are parsed when they are asked for. It lives as long as its stream."""

    source: Bytes
    heap: GlobalHeap
    root_address: int
    held: dict[int, Node] = field(default_factory=dict)

    @classmethod
    def scan(cls, stream: BinaryIO, size: int, file: str) -> Hdf5File:
        """Open a seekable stream of ``size`` bytes; ``file`` is how messages name it."""
        source, root = open_root(stream, size, file)
        return cls(source, GlobalHeap(source), root)

    @property
    def root(self) -> Node:
        """The group that holds everything."""
        return self.at(self.root_address, "/")

    def __getitem__(self, path: str) -> Node:
        """Return the object at a path such as ``"emg2qwerty/timeseries"``; raise `EmgIoError` if there is none."""
        node = self.root
        for name in path.strip("/").split("/"):
            node = node[name] if name else node
        return node

    def __contains__(self, path: str) -> bool:
        """Tell whether there is an object at a path."""
        node = self.root
        for name in path.strip("/").split("/"):
            if not node.is_group or name not in node.names:
                return False
            node = node[name]
        return True

    def at(self, address: int, path: str) -> Node:
        """Return the object at an address, as references hold it; ``path`` is how messages name it."""
        if address not in self.held:
            self.held[address] = Node(self, path, messages(self.source, address))
        return self.held[address]


@dataclass(eq=False)
class Node:
    """A group or a dataset.

    Attributes
    ----------
    file
        The file it lies in.
    path
        How it was reached.
    found
        The messages of its header.
    """

    file: Hdf5File = field(repr=False)
    path: str
    found: list[Message] = field(repr=False)

    @property
    def is_group(self) -> bool:
        """Whether this is a group."""
        return not any(message.code == SPACE for message in self.found)

    @cached_property
    def members(self) -> dict[str, int]:
        """Addresses of a group's members by name."""
        return links(self.file.source, self.found)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of a group's members, in the order of the file; none for a dataset."""
        return tuple(self.members) if self.is_group else ()

    def __getitem__(self, name: str) -> Node:
        """Return a member of a group."""
        if not self.is_group or name not in self.members:
            known = ", ".join(self.names[:20]) if self.is_group else "a dataset, which has none"
            raise self.bad("object is missing", name, known or "an empty group")
        return self.file.at(self.members[name], f"{self.path.rstrip('/')}/{name}")

    @cached_property
    def attributes(self) -> dict[str, Attribute]:
        """Attributes by name, as stored; `attribute` returns their values."""
        return attributes(self.file.source, self.found)

    def attribute(self, name: str) -> Value:
        """Return an attribute: text (`bytes` if not UTF-8), an array, or a list where elements vary in length."""
        if name not in self.attributes:
            raise self.bad("attribute is missing", name, ", ".join(list(self.attributes)[:20]) or "no attributes")
        return value_of(self.file.heap, self.attributes[name], f"{self.path} attribute {name}")

    @cached_property
    def type(self) -> Type:
        """What a dataset's elements are."""
        return parse_type(self._message(TYPE, "datatype").cursor(self.file.source))

    @cached_property
    def space(self) -> Space:
        """Shape of a dataset and its limits."""
        return parse_space(self._message(SPACE, "dataspace").cursor(self.file.source))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a dataset; (0,) where it holds nothing."""
        return (0,) if self.space.shape is None else self.space.shape

    @cached_property
    def layout(self) -> Layout:
        """Where a dataset's bytes lie, all of it checked against the file."""
        source = self.file.source
        if any(message.code == EXTERNAL for message in self.found):
            raise self.bad("bytes lie in other files", "bytes in this file", "external storage")
        pipelines = [message for message in self.found if message.code == FILTERS]
        filters = parse_filters(pipelines[0].cursor(source)) if pipelines else ()
        message = self._message(LAYOUT, "layout").cursor(source)
        space = self.space if self.space.shape is not None else Space((0,), (0,))
        return parse_layout(message, self.shape, space.limits, self.type.dtype.itemsize, filters)

    def read(self, start: int = 0, stop: int | None = None, *, axis: int = 0, name: str | None = None) -> Array:
        """Read a range of a dataset: numbers and text of fixed length, native byte order.

        Parameters
        ----------
        start, stop
            First element along ``axis`` and the one behind the last; None reads to the end.
        axis
            Axis to count along; the others are read whole. Only chunks that are needed are touched.
        name
            Member of a compound; None reads whole elements.

        Returns
        -------
        ndarray
            New; object references come as addresses for `Hdf5File.at`.
        """
        kind = self._member(name)
        if not (kind.plain or kind.kind == "reference"):
            raise self.bad("element is not numeric", "numbers or text of fixed length", kind.kind)
        values = self._stored(start, stop, axis, name)
        return values.astype(values.dtype.newbyteorder("="), copy=False)

    def sequences(self) -> list[str] | list[NDArray[np.generic]]:
        """Read a dataset of texts or arrays of variable length, flat."""
        if self.type.kind not in {"vlen", "vlen text"}:
            raise self.bad("not sequences of variable length", "sequences", self.type.kind)
        return sequences(self.file.heap, self.type, self._stored(0, None, 0, None), self.path)

    def bad(self, problem: str, expected: str, found: str, name: str = "") -> EmgIoError:
        """Make the error for this object."""
        place = f"{self.path} attribute {name}" if name else self.path
        return EmgIoError(problem, file=self.file.source.file, place=place, expected=expected, found=found)

    def _member(self, name: str | None) -> Type:
        """Return the type of a compound's member, or of a whole element."""
        if name is None:
            return self.type
        fields = dict(self.type.fields)
        if name not in fields:
            raise self.bad("field is missing", name, ", ".join(list(fields)[:20]) or "no compound")
        return fields[name]

    def _stored(self, start: int, stop: int | None, axis: int, name: str | None) -> Array:
        """Read elements in the byte order they are stored in."""
        shape = self.shape or (1,)
        end = shape[axis] if stop is None and axis < len(shape) else stop or 0
        if not (0 <= axis < len(shape) and 0 <= start <= end <= shape[axis]):
            raise self.bad("range lies outside the dataset", f"a range of {shape}", f"{start} to {end} on axis {axis}")
        wanted = self._member(name).dtype.itemsize * math.prod(shape) // max(1, shape[axis]) * (end - start)
        layout, limit = self.layout, max(MAX_READ_BYTES, MAX_RATIO * self.file.source.size)
        if wanted > limit:
            raise self.bad("range is too large to read at once", f"at most {limit} bytes", str(wanted))
        stored = self.type.dtype
        values = read_range(self.file.source, layout, shape, stored, (start, end), axis, name)
        return values if self.shape else values[0]

    def _message(self, code: int, what: str) -> Message:
        """Return the one message of a kind."""
        fitting = [message for message in self.found if message.code == code]
        if len(fitting) != 1:
            raise self.bad("not a dataset", f"one {what}", str(len(fitting)))
        return fitting[0]
