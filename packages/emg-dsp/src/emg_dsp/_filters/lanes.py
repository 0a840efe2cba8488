"""Moves rows of samples into lanes that advance together, and back. Imported at first use: it imports numba.

A recurrence waits for itself: one channel alone leaves the arithmetic units idle. So ``LANES`` channels advance
together through a small tile (time, lanes) of float64, and each vector instruction serves several of them. Memory has
time last, so a tile is a transpose of what is read. A plain loop over it jumps about; instead the tile is transposed by
*perfect shuffles*: riffling the two halves of a flat (lanes, time) array turns the highest bit of a position into the
lowest, and after as many riffles as ``LANES`` has bits the lanes come last. Each riffle reads and writes in order.
"""

from typing import Any

import numpy as np
from numba import config, njit

LANES = 32
TILE = 64
PAIRS = 2
"""``2 ** (2 * PAIRS + 1) == LANES``: riffles to and fro, and one more. Kernels get it as an argument: where the
compiler knows how often the copying loops run, it writes them out and ruins them."""
_SIZE = LANES * TILE
_HALF = _SIZE // 2

if config.DISABLE_JIT:  # type: ignore[attr-defined]

    def registers() -> Any:  # noqa: ANN401
        """Return memory for one number a lane."""
        return np.empty(LANES)

else:
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    @intrinsic
    def registers(context: Any) -> Any:  # noqa: ANN401, ARG001  the names numba expects
        """Return an array of one float64 a lane on the stack, which the compiler then keeps in vector registers."""
        array = types.Array(types.float64, 1, "C")
        lanes = types.UniTuple(types.float64, LANES)  # type: ignore[no-untyped-call]

        def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401, ARG001
            number = target.get_value_type(types.float64)
            memory = cgutils.alloca_once(builder, target.get_value_type(lanes))  # type: ignore[no-untyped-call]
            memory.align = 64
            result = target.make_array(array)(target, builder)
            item = target.get_constant(types.intp, 8)
            target.populate_array(
                result,
                data=builder.bitcast(memory, number.as_pointer()),
                shape=[target.get_constant(types.intp, LANES)],
                strides=[item],
                itemsize=item,
                meminfo=None,
            )
            return result._getvalue()  # noqa: SLF001  as numba's own array constructors do

        return array(), build


@njit(nogil=True, error_model="numpy")
def _riffle(source: Any, target: Any) -> None:  # noqa: ANN401
    for i in range(_HALF):
        target[2 * i] = source[i]
        target[2 * i + 1] = source[i + _HALF]


@njit(nogil=True, error_model="numpy")
def _unriffle(source: Any, target: Any) -> None:  # noqa: ANN401
    for i in range(_HALF):
        target[i] = source[2 * i]
        target[i + _HALF] = source[2 * i + 1]


@njit(nogil=True, error_model="numpy")
def _copy(source: Any, target: Any, count: int) -> None:  # noqa: ANN401
    for t in range(count):
        target[t] = source[t]


@njit(nogil=True, error_model="numpy")
def fill(tile: Any, one: Any, two: Any, x: Any, r0: int, t0: int, lanes: int, count: int, pairs: int) -> None:  # noqa: ANN401
    """Transpose ``count`` samples from ``t0`` of ``lanes`` rows from ``r0`` of ``x`` into ``tile``, time by lanes.

    A full tile of float32 is riffled, by way of ``one`` and ``two``. What is left at the end of a signal goes one by
    one, and so does float64, whose riffles would take as long to compile as all the rest.
    """
    if count == TILE and x.itemsize == 4:
        span = TILE * pairs // PAIRS
        for k in range(lanes):
            _copy(x[r0 + k, t0 : t0 + span], one[k * TILE : k * TILE + span], span)
        for _ in range(pairs):
            _riffle(one, two)
            _riffle(two, one)
        _riffle(one, tile)
    else:
        for k in range(lanes):
            for t in range(count):
                tile[t * LANES + k] = x[r0 + k, t0 + t]


@njit(nogil=True, error_model="numpy")
def drain(tile: Any, one: Any, two: Any, out: Any, r0: int, t0: int, lanes: int, count: int, pairs: int) -> None:  # noqa: ANN401
    """Transpose ``count`` rows of ``tile`` back into ``out``: `fill` the other way round; ``tile`` is used up."""
    if count == TILE and out.itemsize == 4:
        _unriffle(tile, one)
        for _ in range(pairs):
            _unriffle(one, two)
            _unriffle(two, one)
        span = TILE * pairs // PAIRS
        for k in range(lanes):
            _copy(one[k * TILE : k * TILE + span], out[r0 + k, t0 : t0 + span], span)
    else:
        for k in range(lanes):
            for t in range(count):
                out[r0 + k, t0 + t] = tile[t * LANES + k]


@njit(nogil=True, error_model="numpy")
def advance(tile: Any, count: int, sos: Any, z: Any) -> None:  # noqa: ANN401
    """Filter ``count`` rows of ``tile`` in place, forward in time.

    Direct form II transposed, in float64 and in a fixed order (no fast-math, no fused multiply-add), so that a sample's
    value depends on neither the chunking nor on the neighbouring lanes. ``z`` (sections, 2, lanes) is advanced.
    """
    z0, z1 = registers(), registers()
    for s in range(sos.shape[0]):
        b0, b1, b2, a1, a2 = sos[s, 0], sos[s, 1], sos[s, 2], sos[s, 4], sos[s, 5]
        for k in range(LANES):
            z0[k] = z[s, 0, k]
            z1[k] = z[s, 1, k]
        for t in range(count):
            for k in range(LANES):
                v = tile[t * LANES + k]
                y = b0 * v + z0[k]
                z0[k] = (b1 * v + z1[k]) - a1 * y
                z1[k] = b2 * v - a2 * y
                tile[t * LANES + k] = y
        for k in range(LANES):
            z[s, 0, k] = z0[k]
            z[s, 1, k] = z1[k]


@njit(nogil=True, error_model="numpy")
def retreat(tile: Any, count: int, sos: Any, z: Any) -> None:  # noqa: ANN401
    """Filter ``count`` rows of ``tile`` in place, backward in time; else as `advance`."""
    z0, z1 = registers(), registers()
    for s in range(sos.shape[0]):
        b0, b1, b2, a1, a2 = sos[s, 0], sos[s, 1], sos[s, 2], sos[s, 4], sos[s, 5]
        for k in range(LANES):
            z0[k] = z[s, 0, k]
            z1[k] = z[s, 1, k]
        for t in range(count - 1, -1, -1):
            row = tile[t * LANES : (t + 1) * LANES]
            for k in range(LANES):
                v = row[k]
                y = b0 * v + z0[k]
                z0[k] = (b1 * v + z1[k]) - a1 * y
                z1[k] = b2 * v - a2 * y
                row[k] = y
        for k in range(LANES):
            z[s, 0, k] = z0[k]
            z[s, 1, k] = z1[k]


@njit(nogil=True, error_model="numpy")
def advance_alone(line: Any, count: int, sos: Any, z: Any) -> None:  # noqa: ANN401
    """Filter one row in place with ``z`` (2, sections): the same arithmetic as `advance`, for few rows."""
    for t in range(count):
        v = line[t]
        for s in range(sos.shape[0]):
            y = sos[s, 0] * v + z[0, s]
            z[0, s] = (sos[s, 1] * v + z[1, s]) - sos[s, 4] * y
            z[1, s] = sos[s, 2] * v - sos[s, 5] * y
            v = y
        line[t] = v
