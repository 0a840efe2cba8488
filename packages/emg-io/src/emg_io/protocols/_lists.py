"""The authors' split lists: sessions of users by part, in the YAML that they publish or the same as JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from emg_io._errors import EmgIoError
from emg_io.splits._split import PARTS

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 16 * 2**20
_PART = re.compile(r"\s{0,8}(train|val|test):\s*(?:\[\])?\s*$")
_ITEM = re.compile(r"(\s{1,16})(- )?(user|session):\s*['\"]?([^'\"#]{1,200}?)['\"]?\s*$")
_OTHER = re.compile(r"(#.*|---|(?:user|dataset|[a-z_]{1,40}):.*)?\s*$")


def read_lists(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Read which sessions belong to which part.

    Parameters
    ----------
    path
        ``.json``: ``{"train": [["user", "session"], ...], "val": ..., "test": ...}``; else YAML of the form that
        emg2qwerty publishes: below ``train:``, ``val:``, ``test:`` items ``- user: ...`` with ``session: ...``.

    Returns
    -------
    dict
        (user, session) pairs by part, each pair in one part.

    Raises
    ------
    EmgIoError
        Naming the line or entry that is not of this form, or a pair that lies in two parts.
    """
    data = read_bounded(path)
    lists = _from_json(data, str(path)) if path.suffix.casefold() == ".json" else _from_yaml(data, str(path))
    owner: dict[tuple[str, str], str] = {}
    for part, pairs in lists.items():
        for pair in pairs:
            if pair in owner:
                raise EmgIoError("session is listed twice", file=str(path), place=part, found="/".join(pair))
            owner[pair] = part
    return lists


def read_bounded(path: Path) -> bytes:
    """Read a list file of at most `MAX_BYTES`; endless ones, such as devices, end there."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise EmgIoError("cannot be read", file=str(path), found=error.strerror) from None
    if len(data) > MAX_BYTES:
        raise EmgIoError("split list is too large", file=str(path), place="size", expected=f"<= {MAX_BYTES} bytes")
    return data


def _from_json(data: bytes, file: str) -> dict[str, list[tuple[str, str]]]:
    """Read the JSON form."""
    try:
        body: Any = orjson.loads(data)
        return {part: [(str(user), str(session)) for user, session in body.get(part, [])] for part in PARTS}
    except (ValueError, TypeError, AttributeError) as error:
        raise EmgIoError(
            "not a split list", file=file, place="JSON", expected='{"train": [["user", "session"]]}', found=f"{error!r}"
        ) from None


def _from_yaml(data: bytes, file: str) -> dict[str, list[tuple[str, str]]]:
    """Read the YAML form: a part, then items of two lines."""
    lists: dict[str, list[tuple[str, str]]] = {part: [] for part in PARTS}
    part: str | None = None
    held: dict[str, str] = {}
    for index, line in enumerate(data.decode("utf-8", "replace").splitlines(), start=1):
        if header := _PART.fullmatch(line):
            part = header[1]
        elif part and (item := _ITEM.fullmatch(line)):
            held = {item[3]: item[4]} if item[2] else held | {item[3]: item[4]}
            if len(held) == 2:
                lists[part].append((held["user"], held["session"]))
                held = {}
        elif not _OTHER.fullmatch(line) or held:
            raise _bad_line(file, index, line)
        elif line.strip() and not line.lstrip().startswith("#") and line[0] != " ":
            part = None
    if held or not any(lists.values()):
        raise _bad_line(file, index if data else 1, "end of file")
    return lists


def _bad_line(file: str, number: int, line: str) -> EmgIoError:
    """Describe a line that is not of the published form."""
    return EmgIoError(
        "not a split list",
        file=file,
        place=f"line {number}",
        expected="train:, val:, test: and below them '- user: ...' with 'session: ...'",
        found=ascii(line[:80]),
    )
