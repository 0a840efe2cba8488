"""Files are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ._errors import EmgEdgeError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file through a temporary one in the same folder: readers see the old content or the new, never a part.

    Raises
    ------
    EmgEdgeError
        Naming the file when the place does not allow it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content)
    except OSError as error:
        raise _refused(path, error) from error


def remove(path: Path) -> None:
    """Remove a file if it is there.

    Raises
    ------
    EmgEdgeError
        Naming the file when the place does not allow it.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _refused(path, error) from error


def _replace(path: Path, content: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _refused(path: Path, error: OSError) -> EmgEdgeError:
    return EmgEdgeError(
        f"{path}: cannot be written ({error.strerror}); give a path in a folder that can be written, with free space"
    )
