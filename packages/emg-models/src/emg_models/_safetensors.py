"""Safetensors without a second copy in memory; header and places are checked before a tensor is made."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from ._errors import EmgModelsError
from ._files import parse_json

__all__ = ["TensorEntry", "WeightsFile", "open_safetensors", "read_safetensors", "safetensors_pieces"]

MAX_HEADER = 16 * 2**20
_PICKLES = (b"PK\x03\x04", b"PK\x05\x06", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_TEXT_PICKLES = b"(c]}ldISVFLNU"  # how a pickle of protocol 0 or 1 can begin
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


@dataclass(frozen=True)
class TensorEntry:
    """What a header says of one tensor: kind, shape and its bytes, counted from the end of the header."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class WeightsFile:
    """An open safetensors file whose header holds together; no tensor is read yet.

    Attributes
    ----------
    entries : mapping of str to TensorEntry
        In the order of their bytes, without holes or overlaps, up to the end of the file.
    """

    path: Path
    entries: Mapping[str, TensorEntry]
    header: bytes
    file: BinaryIO

    def load(self) -> tuple[dict[str, Tensor], str]:
        """Return all tensors, and the SHA-256 of the very bytes they came from; to be called once.

        Raises
        ------
        EmgModelsError
            The file shrank meanwhile, or a flag is neither 0 nor 1.
        """
        digest = hashlib.sha256(self.header)
        state = {key: self._read(key, entry, digest) for key, entry in self.entries.items()}
        return state, digest.hexdigest()

    def _read(self, key: str, entry: TensorEntry, digest: Any) -> Tensor:  # noqa: ANN401  hashlib's objects have no public type
        flags = entry.dtype is torch.bool
        tensor = torch.empty(entry.shape, dtype=torch.uint8 if flags else entry.dtype)
        place = _bytes_of(tensor)
        if place.nbytes and self.file.readinto(place) != place.nbytes:  # type: ignore[attr-defined]
            raise EmgModelsError(f"{self.path}: ends inside tensor {key!r}; restore the file")
        digest.update(place)
        if not flags:
            return tensor
        if place.nbytes and int(tensor.max()) > 1:
            raise EmgModelsError(f"{self.path}: tensor {key!r} of flags holds bytes other than 0 and 1")
        return tensor.bool()


@contextmanager
def open_safetensors(path: Path) -> Iterator[WeightsFile]:
    """Open a safetensors file and check all but the values.

    Raises
    ------
    EmgModelsError
        The file is absent, a pickle, truncated, has an oversized header, duplicate keys, a kind of number that is not
        known here, or tensors that overlap or leave holes.
    """
    if not path.is_file():
        raise EmgModelsError(f"{path}: no such file; a safetensors file is required")
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        header = _header_bytes(file, size, path)
        entries = _entries(parse_json(header[8:], f"{path}, header at byte 8"), size - len(header), path)
        yield WeightsFile(path, entries, header, file)


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file; raises as `open_safetensors` and `WeightsFile.load`."""
    with open_safetensors(path) as weights:
        return weights.load()[0]


def safetensors_pieces(state: Mapping[str, Tensor]) -> list[memoryview]:
    """Return the bytes of a safetensors file of `state` piece by piece; the pieces are the tensors' own memory.

    Parameters
    ----------
    state : mapping of str to Tensor
        On the CPU and contiguous. Wide numbers go first, so that each tensor starts at a multiple of its width.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    pieces, start = [], 0
    for key in sorted(state, key=lambda key: (-state[key].itemsize, key)):
        tensor = state[key]
        stop = start + tensor.nbytes
        header[key] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, stop]}
        pieces.append(_bytes_of(tensor))
        start = stop
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return [memoryview(len(text).to_bytes(8, "little") + text), *pieces]


def _bytes_of(tensor: Tensor) -> memoryview:
    """Return the memory of a contiguous tensor on the CPU."""
    if not tensor.numel():
        return memoryview(b"")
    return tensor.reshape(-1).view(torch.uint8).numpy().data


def _header_bytes(file: BinaryIO, size: int, path: Path) -> bytes:
    """Return the length of the header and the header, as they stand in the file."""
    start = file.read(9)
    length = int.from_bytes(start[:8], "little")
    announced = 0 < length <= min(MAX_HEADER, size - 8)
    if announced and start[8:] == b"{":
        return start + file.read(length - 1)
    if start.startswith(_PICKLES) or (not announced and start[:1] in [bytes([code]) for code in _TEXT_PICKLES]):
        raise EmgModelsError(f"{path}: this is a pickle or a zip archive, which can run code; save as safetensors")
    if announced:
        raise EmgModelsError(f"{path}, header at byte 8: a JSON object is required, found {start[8:]!r}")
    raise EmgModelsError(
        f"{path}: bytes 0-7 announce a header of {length} bytes, the file has {size}, at most {MAX_HEADER} are "
        "accepted; the file is truncated or no safetensors file"
    )


def _entries(header: dict[str, Any], size: int, path: Path) -> dict[str, TensorEntry]:
    """Check the header against the `size` bytes that follow it."""
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise EmgModelsError(f"{path}: __metadata__={metadata!r}: an object of strings is required")
    entries = {key: _entry(key, value, path) for key, value in header.items()}
    ordered = dict(sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop)))
    end = 0
    for key, entry in ordered.items():
        if entry.start != end:
            raise EmgModelsError(
                f"{path}: no valid safetensors file, tensor {key!r} starts at byte {entry.start}, the one before ends "
                f"at {end}; tensors must neither overlap nor leave holes"
            )
        end = entry.stop
    if end != size:
        raise EmgModelsError(
            f"{path}: no valid safetensors file, its tensors take {end} bytes and {size} follow the header; "
            "the file is truncated or was added to"
        )
    return ordered


def _entry(key: str, value: object, path: Path) -> TensorEntry:
    match value:
        case {"dtype": str(name), "shape": [*shape], "data_offsets": [int(start), int(stop)], **rest} if (
            not rest and name in _DTYPES and _plain(shape) and _plain([start, stop])
        ):
            dtype = _DTYPES[name]
            if math.prod(shape) * dtype.itemsize == stop - start:
                return TensorEntry(dtype, tuple(shape), start, stop)
    raise EmgModelsError(
        f"{path}: no valid safetensors file, tensor {key!r} is declared as {str(value)[:200]}; required are dtype (one "
        f"of {', '.join(_DTYPES)}), a shape, and data_offsets that fit them"
    )


def _plain(sizes: list[object]) -> bool:
    """Whether all are counts that a tensor can have, and not too many."""
    return (
        len(sizes) <= 8
        and all(isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**40 for size in sizes)
        and math.prod(max(size, 1) for size in sizes if isinstance(size, int)) < 2**60
    )
