"""Folders and zip archives behind one face: names, sizes, bounded reads, no path that leaves the container."""

from __future__ import annotations

import io
import os
import re
import time
import zipfile
import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from ._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_MEMBERS = 500_000
MAX_READ_BYTES = 512 * 2**20
MAX_MEMBER_BYTES = 2 * 2**30  # opened, not read: files of NinaPro DB7 have almost one GiB
MAX_TOTAL_BYTES = 16 * 2**30
MAX_RATIO = 200  # of members beyond this size; a small file of zeros is no bomb
FREE_RATIO_BYTES = 4 * 2**20
MAX_DEPTH = 12
_SETTLED_NS = 2_000_000_000
_LITTER = re.compile(r"(?:^|/)(?:__MACOSX/|\._[^/]*$)")  # what macOS puts beside every file
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    IndexError,
)


@dataclass(frozen=True)
class Member:
    """One file of a container: relative POSIX name, size in bytes, and a stamp that changes with the file."""

    name: str
    size: int
    stamp: int


class Container(ABC):
    """Read access to the files of a data set. Subclasses are frozen dataclasses: hashable and picklable."""

    path: Path

    @abstractmethod
    def members(self) -> list[Member]:
        """List the files in natural order; nothing is read but directories."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Read one file whole, at most `MAX_READ_BYTES`."""

    @abstractmethod
    def open(self, name: str) -> BinaryIO:
        """Open one file for reading with seeks; a folder reads from disk, an archive from memory."""

    @abstractmethod
    def label(self, name: str) -> str:
        """Return how error messages name a member."""


@dataclass(frozen=True)
class Folder(Container):
    """A folder on disk, at most `MAX_DEPTH` levels deep but for hidden folders; links that leave it are refused."""

    path: Path

    def members(self) -> list[Member]:
        """List the files below the folder in natural order."""
        found: list[Member] = []
        try:
            for file in _walk(self.path, self.path.resolve(), MAX_DEPTH):
                name = file.relative_to(self.path).as_posix()
                if not _LITTER.search(name):
                    found.append(_on_disk(file, name))
                    _bounded(str(self.path), "number of files", len(found), MAX_MEMBERS)
        except OSError as error:
            raise EmgIoError("folder cannot be listed", file=str(self.path), place="path", found=str(error)) from None
        return sorted(found, key=lambda member: natural(member.name))

    def read(self, name: str) -> bytes:
        """Read one file whole."""
        with self.open(name) as stream:
            size = os.fstat(stream.fileno()).st_size
            _bounded(self.label(name), "size", size, MAX_READ_BYTES)
            return stream.read(size)

    def open(self, name: str) -> BinaryIO:
        """Open one file, which must lie in the folder even where it is a link."""
        file = self.path / name
        try:
            if not file.resolve().is_relative_to(self.path.resolve()):
                raise EmgIoError("link leads out of the data set", file=self.label(name), place="path")
            return file.open("rb")
        except (OSError, RuntimeError) as error:  # pathlib's word for links in a circle is RuntimeError
            raise EmgIoError("cannot be read", file=self.label(name), found=str(error)) from None

    def label(self, name: str) -> str:
        """Return the file's path."""
        return str(self.path / name)


@dataclass(frozen=True)
class Archive(Container):
    """A zip archive, read in place; counts, sizes, ratios and names are bounded before a byte is inflated."""

    path: Path

    def members(self) -> list[Member]:
        """List the files of the archive in natural order, all of them checked."""
        infos = [info for info in self._open().infolist() if not info.filename.endswith("/")]
        self._check(infos)
        found = [Member(info.filename, info.file_size, info.CRC) for info in infos if not _LITTER.search(info.filename)]
        return sorted(found, key=lambda member: natural(member.name))

    def read(self, name: str) -> bytes:
        """Inflate one file whole; its length and checksum must agree with the directory."""
        return self._inflated(name, MAX_READ_BYTES)

    def open(self, name: str) -> BinaryIO:
        """Inflate one file, at most `MAX_MEMBER_BYTES`, into memory."""
        return io.BytesIO(self._inflated(name, MAX_MEMBER_BYTES))

    def label(self, name: str) -> str:
        """Return ``archive::member``."""
        return f"{self.path}::{name}"

    def _inflated(self, name: str, limit: int) -> bytes:
        """Inflate one file whole."""
        label, archive = self.label(name), self._open()
        try:
            info = archive.getinfo(name)
            self._check([info])
            _bounded(label, "size", info.file_size, limit)
            with archive.open(info) as stream:
                data = stream.read(info.file_size + 1)
        except KeyError:
            raise EmgIoError("no such file in the archive", file=label, place="directory") from None
        except EmgIoError:
            raise
        except _ZIP_ERRORS as error:
            raise EmgIoError("damaged archive member", file=label, place="content", found=str(error)) from None
        if len(data) != info.file_size:
            raise EmgIoError(
                "size disagrees with the directory",
                file=label,
                place="content",
                expected=str(info.file_size),
                found=str(len(data)),
            )
        return data

    def _open(self) -> zipfile.ZipFile:
        """Return the archive with its directory read; the same object as long as file and process are the same."""
        try:
            status = self.path.stat()
            if time.time_ns() - status.st_mtime_ns < _SETTLED_NS:  # a stamp so young may stand for two contents
                return zipfile.ZipFile(self.path)
            return _opened(self.path, status.st_ino, status.st_size, status.st_mtime_ns, os.getpid())
        except _ZIP_ERRORS as error:
            raise EmgIoError(
                "not a readable zip archive", file=str(self.path), place="directory", found=str(error)
            ) from None

    def _check(self, infos: list[zipfile.ZipInfo]) -> None:
        """Bound what the directory declares."""
        _bounded(str(self.path), "number of files", len(infos), MAX_MEMBERS)
        _bounded(str(self.path), "total size", sum(info.file_size for info in infos), MAX_TOTAL_BYTES)
        for info in infos:
            label = self.label(info.filename)
            _safe_name(info.filename, label)
            _bounded(label, "size", info.file_size, MAX_MEMBER_BYTES)
            if info.file_size > FREE_RATIO_BYTES:
                _bounded(label, "compression ratio", info.file_size // max(1, info.compress_size), MAX_RATIO)
            if info.flag_bits & 1:
                raise EmgIoError("encrypted member", file=label, place="directory", expected="a plain archive")


@lru_cache(maxsize=4)
def _opened(path: Path, *identity: int) -> zipfile.ZipFile:  # noqa: ARG001  what tells one archive from another
    """Open an archive; its directory is read once, not once a member: sets of 30,000 files come as one."""
    return zipfile.ZipFile(path)


def open_container(path: str | Path) -> Container:
    """Return the folder or archive at ``path``; anything else raises `EmgIoError`."""
    where = Path(path)
    if where.is_dir():
        return Folder(where)
    if where.is_file():
        return Archive(where)
    raise EmgIoError("no such folder or archive", file=str(where), place="path", expected="a folder or a .zip")


def natural(text: str) -> tuple[tuple[int, int | str], ...]:
    """Return a sort key under which ``S2`` stands before ``S10``."""
    parts = re.split(r"(\d{1,18})", text.casefold())
    return tuple((0, int(part)) if part.isdecimal() and part.isascii() else (1, part) for part in parts if part)


def _walk(folder: Path, root: Path, depth: int) -> Iterator[Path]:
    """Yield the files of a folder; a link to a folder inside is not entered, one that leads out is refused."""
    for entry in folder.iterdir():
        if not entry.is_dir():
            if entry.is_file() or (entry.is_symlink() and not entry.exists()):
                yield entry
        elif entry.is_symlink():
            if not entry.resolve().is_relative_to(root):
                raise EmgIoError(
                    "linked folder leads out of the data set: put the folder itself there",
                    file=str(entry),
                    place="path",
                )
        elif not entry.name.startswith("."):
            if depth <= 1:
                raise EmgIoError(
                    "folders are nested too deep: name the data set's own folder",
                    file=str(entry),
                    place="path",
                    expected=f"at most {MAX_DEPTH} levels",
                )
            yield from _walk(entry, root, depth - 1)


def _on_disk(file: Path, name: str) -> Member:
    """Describe a file; a link that leads nowhere stands for a file that cannot be read, not for none."""
    try:
        status = file.stat()
    except OSError:
        return Member(name, 0, 0)
    return Member(name, status.st_size, status.st_mtime_ns)


def _bounded(file: str, what: str, value: int, limit: int) -> None:
    """Refuse a declared quantity above its limit."""
    if value > limit:
        raise EmgIoError(f"{what} is beyond the limit", file=file, place=what, expected=f"<= {limit}", found=str(value))


def _safe_name(name: str, file: str) -> None:
    """Refuse empty and absolute names, parent steps, drive letters, backslashes and control characters."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or ":" in name or not name.isprintable():
        raise EmgIoError(
            "path leaves the data set", file=file, place="name", expected="a relative name", found=ascii(name)
        )
