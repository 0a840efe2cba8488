"""The verb ``get``: a data set comes whole and proven, or the call fails and the next one goes on."""

from __future__ import annotations

import os
import re
from contextlib import nullcontext
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from emg_io._atomic import unwritable, write_bytes
from emg_io._dataset import find_format
from emg_io._errors import EmgIoError
from emg_io.store._folder import locked

from ._catalogue import Publication, Remote, find
from ._disk import file_digest, refuse_small_disk
from ._http import Patience, download
from ._tar import unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._http import Progress

RECORD = "emg-io-download.json"
OFFLINE = "EMG_IO_OFFLINE"
MAX_FILES = 500_000
_SUM = re.compile(r"([0-9a-f]{64}) [ *]?(\S.*)")


def _silent(name: str, done: int, total: int | None) -> None:
    """Show nothing."""


def get(
    name: str,
    to: str | Path,
    *,
    accept_licence: bool = False,
    offline: bool | None = None,
    patience: Patience | None = None,
    progress: Progress = _silent,
) -> list[Path]:
    """Download a data set.

    Parameters
    ----------
    name
        One of the names in the catalogue (``emg-io get --help`` lists them).
    to
        Folder, made if it is not there. What is there already and proven is not fetched again.
    accept_licence
        Say that the data's licence, which the error shows otherwise, is accepted.
    offline
        Use no network: prove what is there, raise if anything is missing. None asks the environment variable
        ``EMG_IO_OFFLINE``.
    patience
        When to give up; the default asks five times.
    progress
        Called with file name, bytes so far, bytes in all or None.

    Returns
    -------
    list of Path
        All files of the data set; archives that must be unpacked to be read are, beside themselves.

    Raises
    ------
    EmgIoError
        If the licence is not accepted, the disk is too small, the publisher's pages must be used, another process is
        downloading to the folder or another set of the same file names lies there, or a file cannot be had whole.
        What has arrived stays, also after Ctrl-C, and the next call goes on from there.
    """
    return fetch(find(name), Path(to), accept_licence, _is_offline(offline), patience or Patience(), progress)


def fetch(
    entry: Publication, folder: Path, accept_licence: bool, offline: bool, patience: Patience, progress: Progress
) -> list[Path]:
    """Download one publication; see `get`."""
    info = find_format(entry.format).info
    if not accept_licence:
        raise EmgIoError(
            "licence is not accepted: read it, then pass accept_licence=True (--accept-licence)",
            file=entry.homepage,
            place="licence",
            found=f"{info.licence}; cite {info.citation}",
        )
    if not (entry.files or entry.sums):
        raise EmgIoError("the publisher's pages lead to the files: follow them", file=entry.homepage)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with nullcontext() if offline else locked(folder):
            files = entry.files or _listed(entry, folder, offline, patience, progress)
            paths = _complete(entry, files, folder, offline, patience, progress)
            return paths if not entry.unpack else [file for path in paths for file in unpack(path, folder)]
    except OSError as error:
        raise unwritable(Path(os.fsdecode(error.filename or folder)), error) from None


def _complete(
    entry: Publication, files: Sequence[Remote], folder: Path, offline: bool, patience: Patience, progress: Progress
) -> list[Path]:
    """Prove the files of a publication and download those that are missing, noting each."""
    record = _read_record(folder)
    _refuse_other_publication(files, folder, record)
    missing = [remote for remote in files if not _proven(remote, folder, record)]
    if missing and offline:
        raise EmgIoError(
            "offline, and files are missing or damaged",
            file=str(folder),
            place=missing[0].name,
            expected=f"{len(files)} files",
            found=f"{len(missing)} to download",
        )
    have = sum(part.stat().st_size for remote in missing if (part := folder / f"{remote.name}.part").exists())
    refuse_small_disk(folder, sum(remote.size or 0 for remote in missing) - have)
    for remote in missing:
        target = folder / remote.name
        target.parent.mkdir(parents=True, exist_ok=True)
        sha256 = download(remote, target, patience, progress)
        record[remote.name] = {"url": remote.url, "size": target.stat().st_size, "sha256": sha256}
        _write_record(folder, entry, record)
    return [folder / remote.name for remote in files]


def _refuse_other_publication(files: Sequence[Remote], folder: Path, record: dict[str, Any]) -> None:
    """Refuse a folder in which a name of these files belongs to another set: several call their archives ``s1.zip``."""
    for remote in files:
        known = record.get(remote.name, {}).get("url", remote.url)
        if known != remote.url and (folder / remote.name).exists():
            raise EmgIoError(
                "the folder holds another download of this name: name another folder",
                file=str(folder / remote.name),
                expected=remote.url,
                found=known,
            )


def _listed(
    entry: Publication, folder: Path, offline: bool, patience: Patience, progress: Progress
) -> tuple[Remote, ...]:
    """Read the publisher's list of digests; it is fetched first, and kept."""
    path = folder / "SHA256SUMS.txt"
    if not offline:
        download(Remote(entry.sums, path.name), path, patience, progress)
    elif not path.is_file():
        raise EmgIoError("offline, and the list of files is missing", file=str(path))
    base, files = entry.sums.rsplit("/", 1)[0], []
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), start=1):
        match = _SUM.fullmatch(line.strip())
        if match is None or not _relative(match[2]) or number > MAX_FILES:
            raise EmgIoError(
                "not a list of digests", file=str(path), place=f"line {number}", expected="sha256  relative/path",
                found=ascii(line[:120]),
            )  # fmt: skip
        if match[2] != path.name:
            files.append(Remote(f"{base}/{quote(match[2])}", match[2], digest=f"sha256:{match[1]}"))
    if not files:
        raise EmgIoError("list of digests is empty", file=str(path))
    return tuple(files)


def _relative(name: str) -> bool:
    """Tell whether a name stays below its folder."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name and ":" not in name


def _proven(remote: Remote, folder: Path, record: dict[str, Any]) -> bool:
    """Tell whether a file is here and is what was published or, where no digest is, what was downloaded."""
    path, noted = folder / remote.name, record.get(remote.name, {})
    if not path.is_file() or (remote.size is not None and path.stat().st_size != remote.size):
        return False
    kind, _, want = (remote.digest or f"sha256:{noted.get('sha256', 'never')}").partition(":")
    return file_digest(path, kind) == want


def _read_record(folder: Path) -> dict[str, Any]:
    """Read what earlier calls downloaded; a damaged record counts as none."""
    try:
        body = orjson.loads((folder / RECORD).read_bytes())
        return {name: dict(noted) for name, noted in body["files"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _write_record(folder: Path, entry: Publication, record: dict[str, Any]) -> None:
    """Note what was downloaded."""
    body = {"name": entry.name, "homepage": entry.homepage, "files": record}
    write_bytes(folder / RECORD, orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))


def _is_offline(offline: bool | None) -> bool:
    """Ask the environment where the caller does not say."""
    return os.environ.get(OFFLINE, "0") not in {"", "0"} if offline is None else offline
