"""The folder that `compile_model` writes and everything else reads: JSON, plain arrays, C, and a manifest of hashes."""

from __future__ import annotations

import hashlib
import io
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arrays import load_npz
from ._errors import EmgEdgeError
from ._files import alone, put, remove, staged
from ._serialise import from_dict, to_dict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .program._program import Program

MANIFEST = "manifest.json"
MAX_DOCUMENT_BYTES = 2**28


def to_json(value: Any) -> bytes:  # noqa: ANN401  whatever JSON can hold
    """Return sorted, indented JSON; numbers that are not finite become null."""
    return (json.dumps(_finite(value), sort_keys=True, indent=1, allow_nan=False) + "\n").encode()


def write_artifact(folder: Path, program: Program, documents: Mapping[str, Any], project: Mapping[str, bytes]) -> None:
    """Write the folder; the manifest comes last, so an interrupted write is never taken for a whole one.

    Nothing of an earlier artefact is touched before everything is on the disk; of two processes, one waits.

    Parameters
    ----------
    folder
        Created when absent. Files of an earlier artefact that are no longer part of it are removed, others (and those
        that were changed since) are left.
    program
        Written as ``program.json`` and ``program.npz``.
    documents
        JSON-able content by file name.
    project
        The C project, written below ``c/``.
    """
    description, arrays = to_dict(program)
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)  # type: ignore[arg-type]  # keyword arrays
    files = {
        "program.json": to_json(description),
        "program.npz": packed.getvalue(),
        **{name: to_json(document) for name, document in documents.items()},
        **{f"c/{name}": content for name, content in project.items()},
    }
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    files[MANIFEST] = to_json({"format": 1, "files": digests})
    with staged({folder / name: content for name, content in files.items()}) as ready, alone(folder):
        stale = [
            name for name, digest in _listed(folder).items() if name not in files and _digest(folder / name) == digest
        ]
        for name in (MANIFEST, *stale):
            remove(folder / name)
        put(ready)


def read_program(folder: Path) -> Program:
    """Return the verified program of an artefact.

    Raises
    ------
    EmgEdgeError
        Naming the file that is missing, changed or not readable.
    """
    check_artifact(folder)
    description = read_document(folder, "program.json")
    return from_dict(description, load_npz(folder / "program.npz"))


def read_document(folder: Path, name: str) -> Any:  # noqa: ANN401  whatever JSON can hold
    """Return one JSON document of an artefact."""
    path = folder / name
    try:
        if path.stat().st_size > MAX_DOCUMENT_BYTES:
            raise EmgEdgeError(
                f"{path}: above {MAX_DOCUMENT_BYTES} bytes, which no compiled model has; compile it again"
            )
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise EmgEdgeError(f"{folder / name}: cannot be read as JSON ({error}); compile the model again") from error


def check_artifact(folder: Path) -> None:
    """Check every file against the manifest.

    Raises
    ------
    EmgEdgeError
        Naming the first file that is missing or changed.
    """
    if not (folder / MANIFEST).is_file():
        raise EmgEdgeError(
            f"{folder} holds no {MANIFEST}: it is not a compiled model, or its writing was interrupted; compile again"
        )
    listed = read_document(folder, MANIFEST)
    files = listed.get("files") if isinstance(listed, dict) else None
    if not isinstance(files, dict) or not {"program.json", "program.npz"} <= set(files):
        raise EmgEdgeError(f"{folder / MANIFEST} does not list a program; compile the model again")
    for name, digest in files.items():
        path = folder / name
        if not _inside(name) or _digest(path) != digest:
            raise EmgEdgeError(f"{path} is missing or changed since it was compiled; compile the model again")


def _digest(path: Path) -> str | None:
    """Return the sha256 of a file, or None where it is none or cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
    except (OSError, ValueError):  # a name with NUL
        return None


def _listed(folder: Path) -> dict[str, Any]:
    """Return the files of an earlier artefact with their hashes, if there is one."""
    try:
        files = json.loads((folder / MANIFEST).read_bytes())["files"]
        return {name: digest for name, digest in files.items() if _inside(name)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _inside(name: str) -> bool:
    """Whether a name stays inside the folder."""
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts


def _finite(value: Any) -> Any:  # noqa: ANN401  whatever JSON can hold
    """Return plain JSON-able data."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
