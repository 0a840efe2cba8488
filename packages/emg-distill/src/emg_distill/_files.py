"""Files and folders that are written whole or not at all."""

import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

_TEMPORARY = ".tmp-"


def write_file(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, flush it to disk and give it its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{_TEMPORARY}{uuid.uuid4().hex}")
    try:
        _write_synced(temporary, content)
        Path(temporary).replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def write_json(path: Path, content: Any) -> None:  # noqa: ANN401  any JSON value
    """Write JSON for people to read, whole or not at all."""
    write_file(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def staging_folder(path: Path) -> Path:
    """Return the temporary name under which several processes write the folder `path`, the same for all of them."""
    return path.with_name(f"{_TEMPORARY}{path.name}")


def publish_folder(temporary: Path, path: Path) -> None:
    """Give a complete folder its name; one of the same name is replaced, and kept where that fails."""
    old = path.with_name(f"{_TEMPORARY}{uuid.uuid4().hex}")
    _sync_folder(temporary)
    if path.exists():
        Path(path).replace(old)
    try:
        Path(temporary).replace(path)
    except OSError:
        if old.exists():
            Path(old).replace(path)
        raise
    shutil.rmtree(old, ignore_errors=True)
    _sync_folder(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Remove what an interrupted writer left in a folder."""
    for entry in folder.glob(f"{_TEMPORARY}*"):
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
