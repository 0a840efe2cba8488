"""Files that commands write: never over what they read, never over a part of a compiled model."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from emg_edge._errors import EmgEdgeError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray


def check_output(path: Path, folder: Path, *read: Path | None) -> None:
    """Raise where writing ``path`` would destroy a file of the compiled model or one that the command reads.

    Raises
    ------
    EmgEdgeError
        Naming the file.
    """
    from emg_edge._artifact import MANIFEST, read_document

    there = path.resolve()
    if any(there == given.resolve() for given in read if given is not None):
        raise EmgEdgeError(f"{path} is read by this command and would be overwritten; give another output")
    parts = {folder / name for name in (MANIFEST, *read_document(folder, MANIFEST)["files"])}
    if there in {part.resolve() for part in parts}:
        raise EmgEdgeError(f"{path} belongs to the compiled model and would be overwritten; give another output")


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name, whole or not at all."""
    import numpy as np

    from emg_edge._files import write_whole

    packed = io.BytesIO()
    np.savez(packed, **arrays)  # type: ignore[arg-type]  # keyword arrays
    write_whole(path, packed.getvalue())
