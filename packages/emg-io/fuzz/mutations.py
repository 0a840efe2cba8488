"""Ways to damage a file: what disks, networks, editors and adversaries do to it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

WORDS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
LONG_WORDS = (*WORDS, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF, 1 << 40)
TEXTS = (
    b"\0", b"\r\n", b"\n", b"\t", b",", b";", b'"', b"nan", b"NULL", b"inf", b"-1", b"1e999", b"9" * 40, b"[" * 60,
    b"{", b"}", b"\xef\xbb\xbf", b"\xb5", b"\xff\xff\xff\xff",
    b"../", b"/etc/passwd", b"0x10", b"1_0", b"1,5", b"--1",
)  # fmt: skip


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file in one to three ways, most often near its front, where headers are."""
    out = bytearray(data)
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        if not out:
            return bytes(out)
        _damage(out, _place(len(out), rng), rng)
    return bytes(out)


def _place(size: int, rng: np.random.Generator) -> int:
    """Draw a place: anywhere, in the first kilobyte, or in the first hundred bytes."""
    return int(rng.integers(0, min(size, (size, 1024, 100)[int(rng.integers(0, 3))])))


def _damage(out: bytearray, at: int, rng: np.random.Generator) -> None:
    """Change a file in place."""
    kind = int(rng.integers(0, 11))
    if kind == 0:
        out[at] ^= 1 << int(rng.integers(0, 8))
    elif kind == 1:
        out[at] = int(rng.integers(0, 256))
    elif kind == 2:
        del out[at:]
    elif kind == 3:
        del out[at : at + int(rng.integers(1, 40))]
    elif kind == 4:
        out[at:at] = rng.bytes(int(rng.integers(1, 20)))
    elif kind == 5:
        length = int(rng.integers(1, 200))
        out[at:at] = out[max(0, at - length) : at]
    elif kind == 6:
        out[at] = int(rng.choice(list(b"0123456789.-+e,;:\t\r\n \"'[]{}")))
    elif kind == 7:
        order, code = rng.choice(["<", ">"]), rng.choice(["H", "I"])
        word = int(rng.choice(WORDS)) & (0xFFFF if code == "H" else 0xFFFFFFFF)
        out[at : at + struct.calcsize(code)] = struct.pack(f"{order}{code}", word)
    elif kind == 8:
        out[at : at + 8] = struct.pack("<Q", LONG_WORDS[int(rng.integers(0, len(LONG_WORDS)))])
    elif kind == 9:
        text = TEXTS[int(rng.integers(0, len(TEXTS)))]
        out[at : at + (len(text) if rng.random() < 0.5 else 0)] = text
    else:
        other = int(rng.integers(0, len(out)))
        length = int(rng.integers(1, 64))
        out[at : at + length] = out[other : other + length]
