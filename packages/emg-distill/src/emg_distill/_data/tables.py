"""Arrays of many recordings in one safetensors file, mapped into memory when they are asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U64": "<u8",
    "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?",
}  # fmt: skip


class Tables:
    """Arrays of a safetensors file by name, read-only views of one map; it pickles as the file's path.

    Parameters
    ----------
    path
        A file that is whole, see `emg_distill._data.jobs.read_job`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Tables, (self.path,)

    def __getitem__(self, name: str) -> NDArray[Any]:
        data, places = self._opened
        place = places[name]
        begin, end = place["data_offsets"]
        array: NDArray[Any] = data[begin:end].view(_TYPES[place["dtype"]]).reshape(place["shape"])
        return array

    @cached_property
    def _opened(self) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Return the numbers behind the header, and what the header says of them."""
        data = np.asarray(np.memmap(self.path, np.uint8, "r"))
        behind = 8 + int.from_bytes(data[:8].tobytes(), "little")
        return data[behind:], json.loads(data[8:behind].tobytes())


@dataclass(frozen=True, eq=False)
class StoredPlan(Mapping[str, "NDArray[np.generic]"]):
    """What the target of one recording needs, in a file; see `Plan`.

    Attributes
    ----------
    tables
        The arrays of all recordings of a job.
    number
        Number of the recording in them.
    names
        Names of its arrays.
    """

    tables: Tables
    number: int
    names: tuple[str, ...]

    def __getitem__(self, name: str) -> NDArray[np.generic]:
        if name not in self.names:
            raise KeyError(name)
        return self.tables[f"{self.number}.plan.{name}"]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)
