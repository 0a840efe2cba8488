"""Files written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Iterable


def write_bytes(path: Path, data: bytes | Iterable[bytes | memoryview]) -> None:
    """Write a file through a temporary name in the same folder, fsync and rename; the old file stays on failure."""
    chunks = [data] if isinstance(data, bytes) else data
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            for chunk in chunks:
                stream.write(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def free_folder(path: Path) -> Path:
    """Return the path of a folder to make: it must not exist or be empty."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise EmgIoError("output exists: name a new folder or empty this one", file=str(path), expected="nothing there")
    return path
