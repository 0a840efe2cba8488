"""Ways to damage a model: bytes as disks and networks do, and the structure as an adversary does."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import structures

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

WORDS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
LONG_WORDS = (*WORDS, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF, 1 << 40)
TEXTS = (b"\0", b"\n", b'"', b"*/", b"../", b"/etc/passwd", b"\xff\xfe", b"MatMul", b"Loop", b"\x12" * 40, b"9" * 40)


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage a model in one to three ways: its structure twice as often as its bytes."""
    out = data
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        out = _bytes(out, rng) if rng.random() < 1 / 3 else _structure(out, rng)
    return out


def _structure(data: bytes, rng: np.random.Generator) -> bytes:
    """Parse, damage, serialise; what no longer parses is damaged as bytes."""
    import onnx
    from google.protobuf.message import DecodeError, EncodeError

    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
        kinds: list[Callable[[Any, np.random.Generator], None]] = structures.KINDS
        kinds[int(rng.integers(0, len(kinds)))](model, rng)
        return bytes(model.SerializeToString())
    except (DecodeError, EncodeError, UnicodeError):
        return _bytes(data, rng)


def _bytes(data: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(data)
    if out:
        span = (len(out), 1024, 100)[int(rng.integers(0, 3))]
        _damage(out, int(rng.integers(0, min(len(out), span))), rng)
    return bytes(out)


def _damage(out: bytearray, at: int, rng: np.random.Generator) -> None:
    kind = int(rng.integers(0, 9))
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
        out[at : at + 4] = struct.pack("<I", int(rng.choice(WORDS)))
    elif kind == 7:
        out[at : at + 8] = struct.pack("<Q", LONG_WORDS[int(rng.integers(0, len(LONG_WORDS)))])
    else:
        text = TEXTS[int(rng.integers(0, len(TEXTS)))]
        out[at : at + (len(text) if rng.random() < 0.5 else 0)] = text
