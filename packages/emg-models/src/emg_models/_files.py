"""Files that are written whole or not at all, and JSON that is read strictly."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._errors import EmgModelsError

__all__ = ["parse_json", "to_json", "write_files"]


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put `files` (name to content) into `folder`: all are staged under temporary names and synced, then renamed.

    An error while staging leaves the folder as it was. The renames follow in the given order, so the file that vouches
    for the others goes last.

    Raises
    ------
    EmgModelsError
        The folder does not exist or cannot be written.
    """
    staged: dict[str, Path] = {}
    try:
        for name, data in files.items():
            staged[name] = _stage(folder, name, data)
        for name, temporary in staged.items():
            temporary.replace(folder / name)
    except OSError as error:
        raise EmgModelsError(f"{folder}: cannot write {', '.join(files)} ({error}); give a writable folder") from error
    finally:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)
    _sync_folder(folder)


def _stage(folder: Path, name: str, data: bytes) -> Path:
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=".part")
    path = Path(temporary)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        path.chmod(0o644)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _sync_folder(folder: Path) -> None:
    """Make the renames themselves durable, where the system can (not on Windows)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def to_json(value: object, what: str) -> bytes:
    """Encode as indented UTF-8 JSON.

    Raises
    ------
    EmgModelsError
        The value holds something JSON has no form for (NaN and infinity included).
    """
    try:
        return (json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode()
    except (TypeError, ValueError) as error:
        raise EmgModelsError(
            f"{what} cannot be written as JSON ({error}); give plain dicts, lists, strings and finite numbers"
        ) from None


def parse_json(data: bytes, place: str) -> dict[str, Any]:
    """Decode a JSON object; duplicate keys, NaN and infinity are refused.

    Raises
    ------
    EmgModelsError
        Names `place` and what was found.
    """
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise EmgModelsError(f"{place}: a JSON object is required, found {error}; restore the file") from None
    if not isinstance(value, dict):
        raise EmgModelsError(f"{place}: a JSON object is required, found {type(value).__name__}; restore the file")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"duplicate key {key!r}")
        result[key] = value
    return result


def _no_constant(name: str) -> None:
    raise ValueError(f"{name}, which is no JSON number")
