"""HTTP with resume: a file arrives whole and as declared, or not at all."""

from __future__ import annotations

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

from ._disk import file_digest, refuse_small_disk

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
    have, tag, request = _resumed(remote, part)
    if total is not None and have >= total:
        _refuse_longer(remote, have, total)
        return total
    try:
        answer = _open(request, patience)
    except urllib.error.HTTPError as error:
        with closing(error):
            return _refused(remote, part, error, total)
    with closing(answer):
        _refuse_other_content(remote, answer)
        start, declared = _range(answer, have)
        new = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        if start and tag and new and new != tag and not remote.digest:
            part.unlink()
            raise ConnectionError("the file changed meanwhile: begun anew")
        if total is not None and declared is not None and declared != total:
            raise EmgIoError(
                "size differs from what is published",
                file=remote.url,
                place="Content-Length",
                expected=str(total),
                found=str(declared),
            )
        total = total if declared is None else declared
        refuse_small_disk(part.parent, (total or 0) - start)
        end = _receive(answer, remote, part, (start, total, new), progress)
        return _undeclared(remote, answer, end) if total is None else total


def _receive(
    answer: Any,  # noqa: ANN401  urllib's response
    remote: Remote,
    part: Path,
    where: tuple[int, int | None, str],
    progress: Progress,
) -> int:
    """Write an answer's bytes from where they begin; the tag is noted when no byte of another version is left."""
    start, total, tag = where
    with part.open("r+b" if part.exists() else "wb") as stream:
        stream.truncate(start)
        stream.seek(start)
        _tag(part).write_text(tag, "utf-8")
        while block := _block(answer):
            stream.write(block)
            _refuse_longer(remote, stream.tell(), total)
            progress(remote.name, stream.tell(), total)
        stream.flush()
        os.fsync(stream.fileno())
        return stream.tell()


def _block(answer: Any) -> bytes:  # noqa: ANN401  urllib's response
    """Read some bytes; whatever the network does wrong is a lost connection, unlike what the disk does."""
    try:
        block: bytes = answer.read(BLOCK_BYTES)
    except OSError as error:
        raise ConnectionError(str(error)) from None
    return block


def _refuse_other_content(remote: Remote, answer: Any) -> None:  # noqa: ANN401  urllib's response
    """Refuse bytes that are not the file's: compressed for the way, or a page that only a digest would give away."""
    coding = answer.headers.get("Content-Encoding", "identity").casefold()
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().casefold()
    page = kind == "text/html" and not remote.digest and not remote.name.endswith((".html", ".htm"))
    if coding != "identity" or page:
        raise EmgIoError(
            "the server sent something else than the file",
            file=remote.url,
            place="Content-Type" if page else "Content-Encoding",
            expected="the file itself",
            found=kind if page else coding,
        )


def _resumed(remote: Remote, part: Path) -> tuple[int, str, urllib.request.Request]:
    """Make the request for what is missing; without a digest or a strong tag nothing proves that old and new fit."""
    tag = _tag(part).read_text("utf-8") if _tag(part).exists() else ""
    strong = tag if not tag.startswith("W/") else ""
    have = _size(part) if strong or remote.digest else 0
    request = urllib.request.Request(remote.url, headers={"User-Agent": AGENT, "Accept-Encoding": "identity"})  # noqa: S310  the scheme is checked
    if have:
        request.add_header("Range", f"bytes={have}-")
    if have and strong:
        request.add_header("If-Range", strong)
    return have, strong, request


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
        whole = error.headers.get("Content-Range", "").removeprefix("bytes */")
        if whole.isdecimal() and int(whole) == _size(part) and total in {None, int(whole)}:
            return int(whole)  # all of it had come before the last call was stopped
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


def _size(path: Path) -> int:
    """Return the size of a file, 0 where there is none."""
    return path.stat().st_size if path.exists() else 0
