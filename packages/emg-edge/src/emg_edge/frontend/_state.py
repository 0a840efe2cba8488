"""The Python integer reference of a front end: chunks of any size give the bits of the whole recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.program._tensor import DTYPES

from ._jit import run_cascade
from ._windows import scale_window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._frontend import FrontEnd


@dataclass(frozen=True, kw_only=True)
class Windows:
    """The windows that a chunk completed.

    Parameters
    ----------
    sample
        (n,) int64: index of the newest frame of each, counted from the first frame after a reset.
    x
        (n, elements): the network's inputs, as it reads them.
    trace
        What every stage of `FrontEnd.stages` wrote: nodes (channels, frames) int64, ``scaled`` (channels, frames),
        ``window`` (n, elements).
    """

    sample: NDArray[np.int64]
    x: NDArray[Any]
    trace: dict[str, NDArray[Any]]


class FrontEndState:
    """A front end at work on a live signal.

    Parameters
    ----------
    front
        The front end.
    """

    def __init__(self, front: FrontEnd) -> None:
        self.front = front
        self._sections = front.sections()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        front = self.front
        nodes, s = (front.n_sections + 1, front.n_chans), front.n_sections
        self._memory = (np.zeros(nodes, np.int64), np.zeros(nodes, np.int64), np.zeros((s, front.n_chans), np.int64))
        self._ring = np.zeros((front.n_chans, 0), front.element)
        self._pushed = 0
        self._used = 0

    def push(self, codes: NDArray[Any], *, trace: bool = False) -> Windows:
        """Take the next codes.

        Parameters
        ----------
        codes
            Integers (channels, n), any n >= 0; those beyond ``bits`` saturate.
        trace
            Whether to return what every stage wrote.

        Raises
        ------
        EmgEdgeError
            Shape or dtype do not fit; the memory is as before then.
        """
        front = self.front
        codes = check_codes(front, codes)
        n, first = codes.shape[1], -self._pushed % front.every
        limit = 1 << (front.bits - 1)
        v = np.clip(codes[:, first :: front.every].astype(np.int64), -limit, limit - 1) << front.shift_in
        v = np.ascontiguousarray(v - np.array(front.offset, np.int64)[:, None])
        nodes = np.empty((front.n_sections + 1 if trace else 1, *v.shape), np.int64)
        run_cascade(v, *self._sections, self._memory, nodes)
        elements = self._scaled(nodes[-1])
        sample, x = self._cut(elements)
        self._pushed += n
        shown = dict(zip(front.stages, nodes, strict=False)) if trace else {}
        if trace and front.kind == "affine":
            shown["scaled"] = elements
        return Windows(sample=sample, x=x, trace=shown | ({"window": x} if trace else {}))

    def _scaled(self, v: NDArray[np.int64]) -> NDArray[Any]:
        """Return what the ring holds."""
        front = self.front
        if front.kind != "affine":
            return v.astype(np.int32)
        mul, add = (np.array(values, np.int64)[:, None] for values in (front.mul, front.add))
        q = ((v * mul + add + (1 << (front.shift - 1))) >> front.shift) + front.zero
        _, low, high = DTYPES[front.out]
        clipped: NDArray[Any] = np.clip(q, low, high).astype(front.out)
        return clipped

    def _cut(self, elements: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Append used frames; return the windows that they complete and the pushed index of their newest frames."""
        front = self.front
        start = self._used - self._ring.shape[1]
        ring = np.concatenate([self._ring, elements], axis=1)
        k = max(-(-(self._used + 1 - front.n_times) // front.hop), 0)
        self._used += elements.shape[1]
        ends = np.arange(front.n_times + k * front.hop, self._used + 1, front.hop, dtype=np.int64)
        x = np.empty((len(ends), front.n_chans * front.n_times), front.out)
        at = np.array(front.place)[:, None] + front.step * np.arange(front.n_times)
        for row, end in zip(x, ends.tolist(), strict=True):
            window = ring[:, end - front.n_times - start : end - start]
            row[at] = window if front.kind == "affine" else scale_window(front, window.astype(np.int64))
        kept = min(front.n_times - 1, ring.shape[1])
        self._ring = ring[:, ring.shape[1] - kept :]
        return (ends - 1) * front.every, x


def check_codes(front: FrontEnd, codes: NDArray[Any]) -> NDArray[Any]:
    """Return integer codes (channels, n) in the front end's dtype.

    Raises
    ------
    EmgEdgeError
        Shape or dtype do not fit, or a code leaves the dtype.
    """
    codes = np.asarray(codes)
    if codes.ndim != 2 or codes.shape[0] != front.n_chans or codes.dtype.kind not in "iu":
        raise EmgEdgeError(
            f"codes are {codes.dtype} {codes.shape}; need integers ({front.n_chans} channels, frames) as the converter "
            f"gives them, here {front.dtype}"
        )
    _, low, high = DTYPES[front.dtype]
    if codes.size and not low <= int(codes.min()) <= int(codes.max()) <= high:
        raise EmgEdgeError(f"codes reach {codes.min()} to {codes.max()}, beyond {front.dtype}; give codes, not volts")
    return codes.astype(front.dtype, copy=False)
