"""Loops over samples, compiled by numba at their first call: importing this module imports no numba."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ONE = 30
"""Fraction bits of recursive coefficients, and of the accumulator behind them."""


def _cascade(x: Any, b: Any, a: Any, shift: Any, keep: Any, newest: Any, older: Any, rest: Any, nodes: Any) -> None:  # noqa: ANN401  untyped kernel
    sections, n_chans = rest.shape
    trace = nodes.shape[0] > 1
    mask = (1 << ONE) - 1
    for c in range(n_chans):
        for t in range(x.shape[1]):
            v = x[c, t]
            for s in range(sections):
                if trace:
                    nodes[s, c, t] = v
                acc = (b[s, 0] * v + b[s, 1] * newest[s, c] + b[s, 2] * older[s, c]) >> shift[s]
                acc += a[s, 0] * newest[s + 1, c] + a[s, 1] * older[s + 1, c] + rest[s, c]
                older[s, c] = newest[s, c]
                newest[s, c] = v
                rest[s, c] = keep[s] * (acc & mask)
                v = acc >> ONE
            older[sections, c] = newest[sections, c]
            newest[sections, c] = v
            nodes[nodes.shape[0] - 1, c, t] = v


def _response(b: Any, a: Any, out: Any) -> None:  # noqa: ANN401  untyped kernel
    sections = b.shape[0]
    for s in range(sections):
        x1 = x2 = y1 = y2 = 0.0
        for t in range(out.shape[0]):
            x = out[t]
            y = b[s, 0] * x + b[s, 1] * x1 + b[s, 2] * x2 - a[s, 0] * y1 - a[s, 1] * y2
            x2, x1, y2, y1 = x1, x, y1, y
            out[t] = y


_ROWS = "i8[:,::1]"
_BODIES: dict[str, tuple[Callable[..., None], str]] = {
    "cascade": (_cascade, f"void({', '.join([_ROWS] * 3)}, i8[::1], i8[::1], {', '.join([_ROWS] * 3)}, i8[:,:,::1])"),
    "response": (_response, "void(f8[:,::1], f8[:,::1], f8[::1])"),
}


@cache
def compiled(name: str) -> Callable[..., None]:
    """Return a kernel, from numba's cache on disk where that can be written."""
    from numba import njit

    body, signature = _BODIES[name]
    try:
        return njit([signature], cache=True, nogil=True)(body)
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        return njit([signature], nogil=True)(body)


def run_cascade(
    x: NDArray[Any],
    b: NDArray[Any],
    a: NDArray[Any],
    shift: NDArray[Any],
    keep: NDArray[Any],
    state: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    nodes: NDArray[Any],
) -> None:
    """Advance a cascade by the samples ``x`` (channels, n): the definition of the front end's filter, to the bit.

    Per sample, channel and section, ``v`` going in and ``y`` coming out, in 64 bits::

        acc  = (b0 v + b1 v[-1] + b2 v[-2]) >> shift
        acc += a1 y[-1] + a2 y[-2] + rest          # a1, a2: the negatives of the filter's, in units of 2**-30
        y    = acc >> 30                           # floor
        rest = keep (acc & (2**30 - 1))            # what the floor dropped enters the next sample, or its negative

    Parameters
    ----------
    x, b, a, shift, keep
        int64: samples (channels, n), coefficients (sections, 3) and (sections, 2), shifts and 1, 0 or -1 (sections,).
    state
        ``newest`` and ``older`` (sections + 1, channels): the last two values of every node; ``rest`` (sections,
        channels). Advanced in place.
    nodes
        Written: (1, channels, n) the last node, or (sections + 1, channels, n) all of them.
    """
    compiled("cascade")(x, b, a, shift, keep, *state, nodes)


def run_response(b: NDArray[Any], a: NDArray[Any], out: NDArray[Any]) -> None:
    """Filter ``out`` (n,) in place by float sections ``b`` (sections, 3) and ``a`` (sections, 2: a1, a2)."""
    compiled("response")(b, a, out)
