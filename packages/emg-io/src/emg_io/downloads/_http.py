"""HTTP with resume: a file arrives whole and as declared, or not at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ._catalogue import Remote

    Progress = Callable[[str, int, int | None], None]

BLOCK_BYTES = 2**20
MAX_REDIRECTS = 5
AGENT = "emg-io"
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
_DROPPED = (http.client.HTTPException, ConnectionError, TimeoutError, urllib.error.URLError)


@dataclass(frozen=True)
class Patience:
    """How long to go on: tries without a new byte, first pause in s (doubled each time), timeout in s."""

    tries: int = 5
    pause_s: float = 1.0
    timeout_s: float = 60.0


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a few redirects, never from https to http and never to another scheme."""

    max_redirections = MAX_REDIRECTS

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:  # noqa: ANN401  urllib's signature
        """Check the new address."""
        old, new = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if new not in {"http", "https"} or (old == "https" and new == "http"):
            raise EmgIoError(
                "redirect to an unsafe address", file=req.full_url, place="Location", expected=old, found=newurl[:200]
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(remote: Remote, target: Path, patience: Patience, progress: Progress) -> str:
    """Download one file, going on where an earlier try stopped.

    Parameters
    ----------
    remote
        What to download.
    target
        Where it goes; bytes gather beside it in ``NAME.part`` until they are all there and proven.
    patience
        When to give up.
    progress
        Called with the name, bytes so far, and the bytes in all if known.

    Returns
    -------
    str
        Sha256 of the file, hexadecimal.

    Raises
    ------
    EmgIoError
        If the server says no, stays silent, sends less or more than it declares, or another content than published.
    """
    part = target.with_name(f"{target.name}.part")
    left, pause, total = patience.tries, patience.pause_s, remote.size
    while True:
        before = _size(part)
        try:
            total = _append(remote, part, total, patience, progress)
        except _DROPPED as error:
            reason = str(error)
        else:
            if _size(part) == total:
                break
            reason = f"{_size(part)} of {total} bytes"
        left = patience.tries if _size(part) > before else left - 1
        pause = patience.pause_s if _size(part) > before else pause * 2
        if left < 1:
            raise EmgIoError(
                "download broke off: run it again, it goes on where it stopped",
                file=remote.url,
                place=f"byte {_size(part)}",
                expected=f"{total} bytes" if total else "the whole file",
                found=reason,
            )
        time.sleep(pause)
    return _accept(remote, part, target)


def _append(remote: Remote, part: Path, total: int | None, patience: Patience, progress: Progress) -> int | None:
    """Ask for what is missing and append it; return the length of the whole file as the server declares it."""
    have, request = _resumed(remote, part)
    if total is not None and have >= total:
        _refuse_longer(remote, have, total)
        return total
    try:
        answer = _open(request, patience)
    except urllib.error.HTTPError as error:
        with closing(error):
            return _refused(remote, part, error, total)
    with closing(answer):
        start, declared = _range(answer, have)
        if total is not None and declared is not None and declared != total:
            raise EmgIoError(
                "size differs from what is published",
                file=remote.url,
                place="Content-Length",
                expected=str(total),
                found=str(declared),
            )
        total = total if declared is None else declared
        _tag(part).write_text(answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "", "utf-8")
        with part.open("r+b" if part.exists() else "wb") as stream:
            stream.truncate(start)
            stream.seek(start)
            while block := answer.read(BLOCK_BYTES):
                stream.write(block)
                _refuse_longer(remote, stream.tell(), total)
                progress(remote.name, stream.tell(), total)
            stream.flush()
            os.fsync(stream.fileno())
            return _undeclared(remote, answer, stream.tell()) if total is None else total


def _resumed(remote: Remote, part: Path) -> tuple[int, urllib.request.Request]:
    """Make the request for what is missing; without a digest or a tag nothing proves that old and new bytes fit."""
    tag = _tag(part).read_text("utf-8") if _tag(part).exists() else ""
    have = _size(part) if tag or remote.digest else 0
    request = urllib.request.Request(remote.url, headers={"User-Agent": AGENT, "Accept-Encoding": "identity"})  # noqa: S310  the scheme is checked
    if have:
        request.add_header("Range", f"bytes={have}-")
    if have and tag and not tag.startswith("W/"):
        request.add_header("If-Range", tag)
    return have, request


def _tag(part: Path) -> Path:
    """Return where the server's name for this version of the file is kept."""
    return part.with_name(f"{part.name}.tag")


def _undeclared(remote: Remote, answer: Any, have: int) -> int:  # noqa: ANN401  urllib's response
    """Accept an answer of undeclared length where its end or its content can be proven."""
    if not remote.digest and answer.headers.get("Transfer-Encoding", "").casefold() != "chunked":
        raise EmgIoError(
            "the server declares no length, so a broken file could not be told from a whole one", file=remote.url
        )
    return have


def _open(request: urllib.request.Request, patience: Patience) -> Any:  # noqa: ANN401  urllib's response
    """Open an address, http or https only."""
    if urlsplit(request.full_url).scheme not in {"http", "https"}:
        raise EmgIoError("not a web address", file=request.full_url, place="scheme", expected="http or https")
    opener = urllib.request.build_opener(_Redirects)
    return opener.open(request, timeout=patience.timeout_s)


def _refused(remote: Remote, part: Path, error: urllib.error.HTTPError, total: int | None) -> int | None:
    """Deal with an error status: a range past the end starts anew, a busy server is asked again, others end it."""
    if error.code == 416:
        part.unlink(missing_ok=True)  # what was kept is longer than the file: begin anew
        return total
    if error.code in _TRANSIENT:
        raise ConnectionError(f"status {error.code}")
    raise EmgIoError(
        "the server refuses",
        file=remote.url,
        place="status",
        expected="200 or 206",
        found=f"{error.code} {error.reason}",
    )


def _range(answer: Any, have: int) -> tuple[int, int | None]:  # noqa: ANN401  urllib's response
    """Return where the answer's bytes begin in the file, and the length of the whole file if it is declared."""
    length = answer.headers.get("Content-Length", "")
    if answer.status != 206:
        return 0, int(length) if length.isdecimal() else None
    unit, _, rest = answer.headers.get("Content-Range", "").partition(" ")
    span, _, whole = rest.partition("/")
    if unit != "bytes" or span.partition("-")[0] != str(have) or not whole.isdecimal():
        raise EmgIoError(
            "the server sent another range",
            file=answer.url,
            place="Content-Range",
            expected=f"bytes {have}-",
            found=str(answer.headers.get("Content-Range")),
        )
    return have, int(whole)


def _refuse_longer(remote: Remote, have: int, total: int | None) -> None:
    """Refuse more bytes than were declared."""
    if total is not None and have > total:
        raise EmgIoError(
            "more bytes than declared: remove the .part file", file=remote.url, place="size", expected=str(total)
        )


def _accept(remote: Remote, part: Path, target: Path) -> str:
    """Prove the bytes and give them their name; bytes that are not what was published are removed."""
    sha256 = file_digest(part, "sha256")
    kind, _, want = remote.digest.partition(":")
    if want:
        found = sha256 if kind == "sha256" else file_digest(part, kind)
        if found != want:
            part.unlink()
            _tag(part).unlink(missing_ok=True)
            raise EmgIoError(
                "not the published file: removed, run it again", file=remote.url, place=kind, expected=want, found=found
            )
    part.replace(target)
    _tag(part).unlink(missing_ok=True)
    return sha256


def file_digest(path: Path, kind: str) -> str:
    """Return the digest of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, kind).hexdigest()


def _size(path: Path) -> int:
    """Return the size of a file, 0 where there is none."""
    return path.stat().st_size if path.exists() else 0
