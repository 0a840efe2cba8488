"""Files are written whole or not at all, several of them together or none."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ._errors import EmgEdgeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def write_whole(path: Path, content: bytes) -> None:
    """Write a file through a temporary one in the same folder: readers see the old content or the new, never a part.

    Raises
    ------
    EmgEdgeError
        Naming the file when the place does not allow it.
    """
    write_all({path: content})


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write files so that none is touched before the content of all of them is on the disk.

    Raises
    ------
    EmgEdgeError
        Naming the file when the place does not allow it; folders and files are as before.
    """
    with staged(files) as ready:
        put(ready)


@contextmanager
def staged(files: Mapping[Path, bytes]) -> Iterator[dict[Path, Path]]:
    """Write contents to temporary files beside their places, for `put`; whatever is not put is removed again.

    Raises
    ------
    EmgEdgeError
        Naming the file when the place does not allow it.
    """
    ready: dict[Path, Path] = {}
    made: list[Path] = []
    try:
        for path, content in files.items():
            try:
                _make(path.parent, made)
                if path.exists() and not path.is_file():  # a folder, a device
                    raise FileExistsError(0, "what is there is no file")
                _write(path, content, ready)
            except OSError as error:
                raise _refused(path, error) from error
        yield ready
    finally:
        for temporary in ready.values():
            temporary.unlink(missing_ok=True)
        for folder in reversed(made):
            with suppress(OSError):  # it holds something by now
                folder.rmdir()


def put(ready: Mapping[Path, Path]) -> None:
    """Move staged files to their places."""
    for path, temporary in ready.items():
        try:
            temporary.replace(path)
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


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process writes this folder, where the system has such locks, and keep others waiting."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make(folder: Path, made: list[Path]) -> None:
    """Create a folder and those above it, noting which are new."""
    missing = [folder, *folder.parents]
    missing = missing[: next((i for i, path in enumerate(missing) if path.exists()), len(missing))]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        made.append(path)
    if not folder.is_dir():
        raise NotADirectoryError(0, "Not a directory")


def _write(path: Path, content: bytes, ready: dict[Path, Path]) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    ready[path] = Path(temporary)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).chmod(0o644)


def _refused(path: Path, error: OSError) -> EmgEdgeError:
    return EmgEdgeError(
        f"{path}: cannot be written ({error.strerror}); give a path in a folder that can be written, with free space"
    )
