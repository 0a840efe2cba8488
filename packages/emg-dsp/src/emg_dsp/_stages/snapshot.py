"""The file of a stream: an uncompressed npz without pickle, one JSON document about it and its arrays."""

from __future__ import annotations

import io
import json
import os
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from emg_dsp._errors import EmgDspError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emg_dsp._arrays import Array

FORMAT = "emg-dsp stream 1"
"""Kind and version of the file, in its first field."""
FIELDS = {"format", "stage", "n_chans", "nan", "opened_for", "dtype", "n_seen"}
_PREFIX = "array."
_DAMAGE = (
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
)
"""What zipfile, json, NumPy and constructors raise on bytes that nobody wrote on purpose."""


def write(path: str | os.PathLike[str], about: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write the file under a temporary name in the same folder, then put it in place."""
    text = json.dumps({"format": FORMAT, **about}, allow_nan=False)
    members = {"about": np.frombuffer(text.encode(), dtype=np.uint8)}
    members.update({_PREFIX + name: array for name, array in arrays.items()})
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as file:
            np.savez(file, **members)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


class Snapshot:
    """A file of `write`, opened: every byte in it is taken as hostile."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = {name.removesuffix(".npy"): name for name in archive.namelist()}
        self.about = self._read_about()

    def arrays(self) -> dict[str, Array]:
        """Return every array of the memory."""
        names = sorted(name for name in self._names if name.startswith(_PREFIX))
        return {name.removeprefix(_PREFIX): self._array(name) for name in names}

    def _read_about(self) -> dict[str, Any]:
        if "about" not in self._names:
            raise EmgDspError("it has no part 'about'")
        about = json.loads(self._array("about").tobytes().decode())
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            raise EmgDspError(f"its format is not {FORMAT!r}")
        if set(about) != FIELDS:
            raise EmgDspError(f"it has the fields {sorted(about)}; required are {sorted(FIELDS)}")
        return about

    def _array(self, name: str) -> Array:
        """Read one array; stored without compression, so that no part is larger than the file."""
        info = self._archive.getinfo(self._names[name])
        if info.compress_type != zipfile.ZIP_STORED:
            raise EmgDspError(f"its part {name!r} is compressed; required is stored")
        array: Array = np.lib.format.read_array(io.BytesIO(self._archive.read(info)), allow_pickle=False)
        return array


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Snapshot]:
    """Open a file of `write`; whatever goes wrong inside is an `EmgDspError` that names the file."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield Snapshot(archive)
    except _DAMAGE as error:
        reason = str(error).rstrip(".") or type(error).__name__
        raise EmgDspError(f"{os.fspath(path)}: not the file of a stream, or damaged: {reason}.") from None
