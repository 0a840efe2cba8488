"""Nothing that a model file says reaches the C source unless it passes here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emg_edge._errors import EmgEdgeError

if TYPE_CHECKING:
    from emg_edge.program._tensor import Tensor

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,31}")
_KEYWORDS = (
    "auto|break|case|char|const|continue|default|do|double|else|enum|extern|float|for|goto|if|inline|int|long|register"
    "|restrict|return|short|signed|sizeof|static|struct|switch|typedef|union|unsigned|void|volatile|while"
)
_FILES = (
    "main|vectors|emg|alloca|assert|complex|ctype|endian|errno|features|fenv|inttypes|iso646|limits|locale|math|setjmp"
    "|signal|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|strings|tgmath|threads|time|uchar"
    "|wchar|wctype"
)
_RESERVED = re.compile(f"{_KEYWORDS}|{_FILES}|(emg|test)_.*")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.+ -]")


def check_name(name: str) -> str:
    """Return a program's name if it may start C symbols and file names.

    Raises
    ------
    EmgEdgeError
        When it is not ``[a-z][a-z0-9_]*`` of at most 32 characters, is a C keyword or header, or starts with ``emg_``
        or ``test_``.
    """
    if not _IDENTIFIER.fullmatch(name) or _RESERVED.fullmatch(name):
        raise EmgEdgeError(
            f"name {name[:40]!r} cannot start C symbols; use at most 32 of a-z, 0-9 and _, starting with a "
            "letter, no C keyword or header and not emg_ or test_ in front"
        )
    return name


def comment(text: str) -> str:
    """Return text that is safe inside a C comment or string: whitelisted characters, at most 60."""
    return _UNSAFE.sub("_", text)[:60]


def ctype(tensor: Tensor) -> str:
    """Return the C type of a tensor's elements."""
    return f"{tensor.dtype}_t"
