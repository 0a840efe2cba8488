"""Tar archives unpacked with nothing trusted: plain files below the folder, sizes bounded, no links."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from emg_io._atomic import unwritable, write_bytes
from emg_io._errors import EmgIoError

MAX_MEMBERS = 1_000_000
BLOCK_BYTES = 2**20
_ERRORS = (tarfile.TarError, EOFError, zlib.error, OSError, ValueError)


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Unpack a tar archive, compressed or not, below a folder.

    Parameters
    ----------
    archive
        The archive; it stays.
    folder
        Where files go; files of the right size that are there already stay.

    Returns
    -------
    list of Path
        The files, in the archive's order.

    Raises
    ------
    EmgIoError
        For a damaged archive, a link or device, a name that leaves the folder, or a disk too small for a file.
    """
    found = []
    try:
        with tarfile.open(archive, "r|*") as stream:
            for number, member in enumerate(stream):
                if member.isdir():
                    continue
                target = folder / _safe(member, archive, number)
                if not target.is_file() or target.stat().st_size != member.size:
                    _write(stream, member, target, archive)
                found.append(target)
    except _ERRORS as error:
        if isinstance(error, EmgIoError):
            raise
        raise EmgIoError(
            "damaged archive", file=str(archive), place=f"after {len(found)} files", found=str(error)
        ) from None
    return found


def _safe(member: tarfile.TarInfo, archive: Path, number: int) -> PurePosixPath:
    """Return a member's name, refused unless it is a plain file below the folder."""
    path = PurePosixPath(member.name)
    inside = path.parts and not path.is_absolute() and ".." not in path.parts and "\\" not in member.name
    if not member.isreg() or not inside or ":" in member.name or number >= MAX_MEMBERS:
        raise EmgIoError(
            "unsafe archive member",
            file=str(archive),
            place=f"member {number}",
            expected="a plain file with a relative name",
            found=ascii(member.name[:120]),
        )
    return path


def _write(stream: tarfile.TarFile, member: tarfile.TarInfo, target: Path, archive: Path) -> None:
    """Write one member whole or not at all."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(target.parent, error) from None
    free = shutil.disk_usage(target.parent).free
    if member.size > free:
        raise EmgIoError(
            "disk is too small", file=str(archive), place=member.name, expected=f"{member.size} bytes", found=str(free)
        )
    source = stream.extractfile(member)
    if source is not None:
        write_bytes(target, iter(lambda: source.read(BLOCK_BYTES), b""))
