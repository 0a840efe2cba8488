"""Sample codes of WFDB signal files to integers and back: ten ways of writing them, one function each way.

Source: WFDB Applications Guide, signal(5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Packing(NamedTuple):
    """How a format writes samples.

    Attributes
    ----------
    samples, width
        Samples in a group that can be decoded alone, and its bytes.
    bits
        Of a sample.
    dtype
        Smallest native integer that holds a sample.
    missing
        Code of a sample that is not there.
    """

    samples: int
    width: int
    bits: int
    dtype: str
    missing: int


PACKINGS = {
    16: Packing(1, 2, 16, "i2", -(2**15)),
    24: Packing(1, 3, 24, "i4", -(2**23)),
    32: Packing(1, 4, 32, "i4", -(2**31)),
    61: Packing(1, 2, 16, "i2", -(2**15)),
    80: Packing(1, 1, 8, "i1", -(2**7)),
    160: Packing(1, 2, 16, "i2", -(2**15)),
    212: Packing(2, 3, 12, "i2", -(2**11)),
    310: Packing(3, 4, 10, "i2", -(2**9)),
    311: Packing(3, 4, 10, "i2", -(2**9)),
}
OTHER_FORMATS = {0: "null signal", 8: "first differences", 508: "FLAC", 516: "FLAC", 524: "FLAC"}
_REST = {212: (0, 2), 310: (0, 2, 4), 311: (0, 2, 3)}


def n_bytes(kind: int, n_samples: int) -> int:
    """Return the least bytes that hold so many samples; the last group may be cut short."""
    packing = PACKINGS[kind]
    whole, rest = divmod(n_samples, packing.samples)
    return whole * packing.width + _REST.get(kind, (0,))[rest]


def n_samples(kind: int, size: int) -> int:
    """Return the samples that so many bytes hold."""
    packing = PACKINGS[kind]
    whole, rest = divmod(size, packing.width)
    return whole * packing.samples + sum(rest >= need for need in _REST.get(kind, (0,))[1:])


def byte_range(kind: int, start: int, stop: int) -> tuple[int, int, int]:
    """Return the bytes to read for samples ``start`` to ``stop``, and the decoded samples that come before them."""
    packing = PACKINGS[kind]
    group = start // packing.samples
    return group * packing.width, n_bytes(kind, stop), start - group * packing.samples


def decode(data: bytes, kind: int) -> NDArray[np.signedinteger]:
    """Decode bytes that begin with a group; a last group cut short gives zeros for what it lacks.

    Returns
    -------
    ndarray
        (samples,) integers of the format's dtype; for formats 16 and 32 a view of ``data``.
    """
    packing = PACKINGS[kind]
    if kind in {16, 32}:
        return np.frombuffer(data, f"<{packing.dtype}").astype(packing.dtype, copy=False)
    if kind == 61:
        return np.frombuffer(data, ">i2").astype(np.int16)
    if kind in {80, 160}:
        return _offset_binary(np.frombuffer(data, "u1" if kind == 80 else "<u2"), packing)
    groups = np.frombuffer(data + b"\0" * (-len(data) % packing.width), np.uint8).reshape(-1, packing.width)
    if kind == 24:
        return _wide(groups)
    if kind == 212:
        return _packed_212(groups)
    return _packed_310(groups) if kind == 310 else _packed_311(groups)


def _offset_binary(codes: NDArray[np.unsignedinteger], packing: Packing) -> NDArray[np.signedinteger]:
    """Decode (samples,) unsigned integers of which half the range stands for 0."""
    flipped: NDArray[np.unsignedinteger] = codes ^ codes.dtype.type(1 << (packing.bits - 1))
    return flipped.astype(codes.dtype.newbyteorder("="), copy=False).view(packing.dtype)


def _wide(groups: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Decode (samples, 3) bytes: 24 bits, little-endian, two's complement."""
    words = np.zeros((len(groups), 4), np.uint8)
    words[:, 1:] = groups
    return (words.reshape(-1).view("<i4") >> 8).astype(np.int32, copy=False)


def _packed_212(groups: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Decode (pairs, 3) bytes: low byte of the first, both high nibbles, low byte of the second."""
    low = groups[:, 0::2].astype(np.int16)
    middle = groups[:, 1].astype(np.int16)
    out = np.empty((len(groups), 2), np.int16)
    out[:, 0] = low[:, 0] << 4 | middle << 12
    out[:, 1] = low[:, 1] << 4 | (middle >> 4) << 12
    return out.reshape(-1) >> 4


def _packed_310(groups: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Decode (triples, 4) bytes: two samples in bits 1..10 of two words, the third in their five highest bits."""
    words = groups.reshape(-1).view("<u2").reshape(-1, 2).astype(np.int32)
    third = (words[:, 0] >> 11) | (words[:, 1] >> 11) << 5
    codes = np.stack([words[:, 0] >> 1, words[:, 1] >> 1, third], axis=1)
    return _signed(codes.reshape(-1))


def _packed_311(groups: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Decode (triples, 4) bytes: three times ten bits from the lowest up."""
    words = groups.reshape(-1).view("<u4")
    codes = np.stack([words & 1023, words >> 10 & 1023, words >> 20 & 1023], axis=1)
    return _signed(codes.reshape(-1).astype(np.int32))


def _signed(codes: NDArray[np.int32]) -> NDArray[np.int16]:
    """Read the lowest ten bits as two's complement."""
    return (((codes & 1023) ^ 512) - 512).astype(np.int16)


def encode(samples: NDArray[np.integer], kind: int) -> bytes:
    """Write (samples,) integers within the format's range: the inverse of `decode`, cut after the last sample."""
    packing = PACKINGS[kind]
    whole = np.zeros(-(-len(samples) // packing.samples) * packing.samples, np.int64)
    whole[: len(samples)] = samples
    if kind in {80, 160}:
        whole += 1 << (packing.bits - 1)
    if packing.samples == 1:
        words = whole.astype(">i8" if kind == 61 else "<i8").view(np.uint8).reshape(-1, 8)
        return (words[:, 8 - packing.width :] if kind == 61 else words[:, : packing.width]).tobytes()
    codes = (whole & ((1 << packing.bits) - 1)).reshape(-1, packing.samples)
    if kind == 212:
        a, b = codes.T
        groups = a & 255 | (a >> 8) << 8 | (b >> 8) << 12 | (b & 255) << 16
    elif kind == 310:
        a, b, c = codes.T
        groups = a << 1 | (c & 31) << 11 | b << 17 | (c >> 5) << 27
    else:
        groups = codes[:, 0] | codes[:, 1] << 10 | codes[:, 2] << 20
    packed = groups.astype("<i8").view(np.uint8).reshape(-1, 8)[:, : packing.width].tobytes()
    return packed[: n_bytes(kind, len(samples))]
