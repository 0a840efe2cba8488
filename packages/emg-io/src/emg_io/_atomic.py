"""Files and folders written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PART = ".part"


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Lend a stream whose bytes become the file ``path`` when the block ends well; else the old file stays.

    A temporary name in the same folder, fsync and rename; only a killed process leaves the temporary file behind.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PART, dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from None


def write_bytes(path: Path, data: bytes | Iterable[bytes | memoryview]) -> None:
    """Write a file through a temporary name in the same folder, fsync and rename; the old file stays on failure."""
    with replacing(path) as stream:
        for chunk in [data] if isinstance(data, bytes) else data:
            stream.write(chunk)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Lend a scratch folder that becomes ``path`` when the block ends well, and vanishes when it does not.

    ``path`` must not exist or be an empty folder; the folders above it are made.
    """
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise EmgIoError(
                "output exists: name a new folder or empty this one", file=str(path), expected="nothing there"
            )
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise unwritable(path, error) from None
    with scratch as name:
        made = Path(name) / "made"
        made.mkdir()
        yield made
        try:
            made.replace(target)
            _sync_folder(target.parent)
        except OSError as error:
            raise unwritable(path, error) from None


def _sync_folder(folder: Path) -> None:
    """Make a rename in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def unwritable(path: Path, error: OSError) -> EmgIoError:
    """Say what could not be written and why."""
    reason = error.strerror or str(error)
    return EmgIoError(
        "cannot be written: name another place", file=str(path), expected="a writable folder", found=reason
    )
