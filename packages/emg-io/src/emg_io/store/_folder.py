"""The folder of a store while it is written: one writer at a time, and no leftovers of those that were killed."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from emg_io._atomic import PART, unwritable
from emg_io._errors import EmgIoError

from ._manifest import NAME, PLAN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

LOCK = ".lock"
_OURS = re.compile(
    rf"shard-\d{{5,}}\.[a-z0-9_]+|{re.escape(PLAN)}|{re.escape(NAME)}|{re.escape(LOCK)}|\..+{re.escape(PART)}"
)
_SHARD = re.compile(rf"shard-\d{{5,}}\.[a-z0-9_]+|\..+{re.escape(PART)}")
_HELD: set[int] = set()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other writers out of a folder; a killed process lets go by dying."""
    handle = _lock(folder)
    _HELD.add(handle)
    try:
        yield
    finally:
        if handle in _HELD:  # else this is a forked child, and the lock its parent's
            (folder / LOCK).unlink(missing_ok=True)
            _HELD.discard(handle)
            os.close(handle)


def sweep(folder: Path, keep: Collection[str]) -> None:
    """Remove shard files that are not in ``keep``, and temporary files; nothing else is touched."""
    for path in sorted(folder.iterdir()):
        if _SHARD.fullmatch(path.name) and path.name not in keep:
            path.unlink()


def strangers(folder: Path) -> list[str]:
    """Return the names in a folder that no store writes."""
    return sorted(path.name for path in folder.iterdir() if not _OURS.fullmatch(path.name))


def _lock(folder: Path) -> int:
    """Return the handle of a locked file; the name may be gone by the time the lock is ours, so look again."""
    import fcntl

    path = folder / LOCK
    try:
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                ours = _same(handle, path)
            except BaseException:
                os.close(handle)
                raise
            if ours:
                return handle
            os.close(handle)
    except BlockingIOError:
        raise EmgIoError(
            "another process writes to this store: wait until it ends", file=str(folder), place=LOCK
        ) from None
    except OSError as error:
        raise unwritable(folder, error) from None


def _same(handle: int, path: Path) -> bool:
    """Tell whether a name still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))  # noqa: PTH116  os.stat takes what fstat returns
    except FileNotFoundError:
        return False


def _let_go() -> None:
    """Close locks in a forked child: else a worker that outlives its parent would hold them on."""
    for handle in _HELD:
        os.close(handle)
    _HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
