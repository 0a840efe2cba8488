"""What downloads ask of the disk: room, and the digest of a file."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from pathlib import Path

MARGIN_BYTES = 64 * 2**20


def refuse_small_disk(folder: Path, need: int) -> None:
    """Refuse to begin what cannot end: ``need`` bytes and a margin must be free."""
    free = shutil.disk_usage(folder).free
    if need > 0 and need + MARGIN_BYTES > free:
        raise EmgIoError(
            "disk is too small",
            file=str(folder),
            place="free space",
            expected=f"{need + MARGIN_BYTES} bytes",
            found=f"{free} bytes",
        )


def file_digest(path: Path, kind: str) -> str:
    """Return the digest of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, kind).hexdigest()
