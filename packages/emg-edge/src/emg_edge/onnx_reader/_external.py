"""Weights beside the model: read by our own code, and only from a plain file in the model's own folder.

Exporters write ``NAME.onnx.data`` beside ``NAME.onnx``. The name inside the model is hostile until shown otherwise:
loaders have followed absolute paths, ``..``, links and hard links to files of other people.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from emg_edge._errors import EmgEdgeError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_BYTES = 2**29  # of all tensors together
_KEYS = {"location", "offset", "length", "checksum"}
_SIZES = {"FLOAT": 4, "DOUBLE": 8, "FLOAT16": 2, "BFLOAT16": 2, "INT64": 8, "INT32": 4, "INT16": 2, "INT8": 1}
_SIZES |= {"UINT16": 2, "UINT8": 1, "BOOL": 1}
_ADVICE = "save the model with its weights inside, or in one plain file beside it"


@dataclass
class Neighbours:
    """Files beside a model.

    Parameters
    ----------
    path
        Of the model.
    total
        Bytes read so far.
    """

    path: Path
    total: int = 0

    def fill(self, tensor: Any, kind: str) -> None:  # noqa: ANN401  a TensorProto
        """Put the bytes that a tensor keeps in another file into the tensor.

        Parameters
        ----------
        tensor
            With external data; its dimensions are known to be sane.
        kind
            Name of its type.

        Raises
        ------
        EmgEdgeError
            Unless the data are the right number of bytes of a regular file, not linked anywhere, in the model's folder.
        """
        where = f"{self.path}: tensor {tensor.name!r}"
        entries = _entries(tensor, where)
        need = prod(tensor.dims) * _SIZES[kind]
        length = _number(entries, "length", need, where)
        if length != need:
            raise EmgEdgeError(f"{where} keeps {length} bytes in another file, but its {kind} values take {need}")
        self.total += need
        if self.total > MAX_BYTES:
            raise EmgEdgeError(
                f"{where}: the model keeps more than {MAX_BYTES} bytes of weights in other files; refused"
            )
        data = self._read(entries["location"], _number(entries, "offset", 0, where), need, where)
        del tensor.external_data[:]
        tensor.data_location = 0
        tensor.raw_data = data

    def _read(self, location: str, offset: int, length: int, where: str) -> bytes:
        """Return bytes of a neighbour, checked on the open file so that nothing can be swapped in between."""
        path = self.path.parent / _plain(location, where)
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            if path.is_symlink():
                raise EmgEdgeError(
                    f"{where} keeps its data in {location!r}, a link; copy the file itself beside the model"
                )
            with open(path, "rb", opener=lambda name, _: os.open(name, flags)) as file:
                _check_file(os.fstat(file.fileno()), location, offset + length, where)
                file.seek(offset)
                data = file.read(length)
        except OSError as error:
            raise EmgEdgeError(
                f"{where} keeps its data in {location!r}, which cannot be read beside the model ({error.strerror}); "
                f"{_ADVICE}"
            ) from error
        if len(data) != length:
            raise EmgEdgeError(f"{where}: {location!r} became shorter while it was read; try again")
        return data


def _entries(tensor: Any, where: str) -> dict[str, str]:  # noqa: ANN401
    """Return where the data of a tensor are."""
    keys = [entry.key for entry in tensor.external_data]
    if len(set(keys)) != len(keys) or not set(keys) <= _KEYS or "location" not in keys or tensor.raw_data:
        raise EmgEdgeError(f"{where} describes its data in another file by {sorted(keys)}; {_ADVICE}")
    return {entry.key: entry.value for entry in tensor.external_data}


def _number(entries: Mapping[str, str], key: str, default: int, where: str) -> int:
    text = entries.get(key, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise EmgEdgeError(f"{where}: {key} {text[:40]!r} of its data in another file must be a whole number >= 0")
    return int(text)


def _plain(location: str, where: str) -> str:
    """Return a file name, or refuse what may lead out of the folder."""
    odd = not location.isprintable() or any(sign in location for sign in '/\\:*?"<>|')
    if odd or location in {"", ".", ".."} or len(location) > 255:
        raise EmgEdgeError(
            f"{where} keeps its data in another file, {location[:80]!r}; only a plain name in the model's own folder "
            f"is read: {_ADVICE}"
        )
    return location


def _check_file(status: os.stat_result, location: str, end: int, where: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise EmgEdgeError(f"{where} keeps its data in {location!r}, which is no regular file; {_ADVICE}")
    if status.st_nlink > 1:
        raise EmgEdgeError(
            f"{where} keeps its data in {location!r}, which has {status.st_nlink} hard links; copy the file itself "
            "beside the model"
        )
    if end > status.st_size:
        raise EmgEdgeError(f"{where} ends at byte {end} of {location!r}, which has {status.st_size}; export it again")
