"""Files that are written whole or not at all, and JSON that is read strictly."""

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ._errors import EmgModelsError

__all__ = ["inside", "make_folder", "parse_json", "read_small", "sha256", "to_json", "write_files"]

MAX_JSON = 16 * 2**20


def make_folder(folder: Path) -> Path:
    """Make a folder and what leads to it, unless it is there.

    Raises
    ------
    EmgModelsError
        It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EmgModelsError(f"{folder}: cannot make this folder ({error}); give another path") from error
    return folder


def write_files(folder: Path, files: Mapping[str, bytes | Sequence[memoryview]]) -> None:
    """Put `files` (name to content, whole or in pieces) into `folder`: staged under temporary names, synced, renamed.

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


def _stage(folder: Path, name: str, data: bytes | Sequence[memoryview]) -> Path:
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=".part")
    path = Path(temporary)
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in [data] if isinstance(data, bytes) else data:
                file.write(piece)
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


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file that really lies in the folder.

    Raises
    ------
    EmgModelsError
        There is no such file, or it is a link that leads elsewhere.
    """
    path = folder / name
    if not path.is_file():
        raise EmgModelsError(f"{path}: no such file; a folder written by save_pretrained is required{_hint(folder)}")
    if path.resolve().parent != folder.resolve():
        raise EmgModelsError(f"{path}: leads outside the folder, to {path.resolve()}; copy the file into the folder")
    return path


def _hint(folder: Path) -> str:
    pickles = sorted(p.name for p in folder.glob("*") if p.suffix in {".pt", ".pth", ".bin", ".ckpt", ".pkl"})
    return f" (pickles such as {pickles[0]} are never opened)" if pickles else ""


def sha256(data: bytes | Sequence[memoryview]) -> str:
    """Return the SHA-256 of a file's content, whole or in pieces, in hexadecimal."""
    digest = hashlib.sha256()
    for piece in [data] if isinstance(data, bytes) else data:
        digest.update(piece)
    return digest.hexdigest()


def read_small(path: Path) -> bytes:
    """Return the bytes of a JSON file, of which nobody knows yet whether it is one.

    Raises
    ------
    EmgModelsError
        It is larger than 16 MiB.
    """
    with path.open("rb") as file:
        data = file.read(MAX_JSON + 1)
    if len(data) > MAX_JSON:
        raise EmgModelsError(f"{path}: larger than {MAX_JSON} bytes; a JSON file of a model folder is required")
    return data


def to_json(value: object, what: str) -> bytes:
    """Encode as indented UTF-8 JSON.

    Raises
    ------
    EmgModelsError
        The value holds something JSON has no form for (NaN and infinity included).
    """
    try:
        return (json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise EmgModelsError(
            f"{what} cannot be written as JSON ({error}); give plain dicts, lists, strings and finite numbers"
        ) from None


def parse_json(data: bytes, place: str) -> dict[str, Any]:
    """Decode a JSON object; duplicate keys, NaN, infinity and numbers beyond 64 bits are refused.

    Raises
    ------
    EmgModelsError
        Names `place` and what was found.
    """
    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_short,
        )
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


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]}, which no float64 can hold")
    return value


def _short(text: str) -> int:
    if len(text) > 20 or abs(int(text)) >= 2**64:
        raise ValueError(f"{text[:40]}, an integer beyond 64 bits")
    return int(text)
