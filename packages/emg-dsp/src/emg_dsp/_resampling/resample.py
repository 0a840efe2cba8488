"""`resample` for whole signals without delay; `Resampler` for live ones, with a delay that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from emg_dsp._arrays import Array, Floats, NanPolicy, as_rows, as_signal, check_policy, raise_not_finite, widen
from emg_dsp._checks import one_of
from emg_dsp._stages import Buffer, Run, Stage, checked_state
from emg_dsp._threads import over_rows

from .design import Branches, branches, checked, ratio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

Edge: TypeAlias = Literal["zero", "hold"]
"""What lies beyond the ends of a signal: nothing, or its end sample."""

_ZERO = 0
_EDGES = {"zero": _ZERO, "hold": 1}


def resample(
    x: ArrayLike,
    sfreq: float,
    to: float,
    *,
    edge: Edge = "zero",
    attenuation_db: float = 80.0,
    transition: float = 0.2,
    nan: NanPolicy = "raise",
    threads: int = 1,
) -> Floats:
    """Bring a whole signal to another rate, low-pass filtered against aliases and without delay.

    Parameters
    ----------
    x : array (..., channels, time)
        Signal in any unit; never altered.
    sfreq, to : float
        Rate of ``x`` and rate wanted in Hz, > 0; their ratio must be one of whole numbers up to 4096 within 1e-9.
    edge : {"zero", "hold"}
        What lies beyond the ends of ``x``: 0, as in `scipy.signal.resample_poly`, or the end sample.
    attenuation_db : float
        Loss in dB from half of the lower rate on, 50 to 200: aliases are at least so much weaker.
    transition : float
        Width of the fall, as a part of half of the lower rate, 0.001 to 1: frequencies below ``1 - transition`` of it
        pass. Halving it doubles the work.
    nan : {"raise", "propagate"}
        A NaN or infinite sample raises and is named, or spoils what lies within the filter's reach.
    threads : int
        Threads at most, >= 1; the result has the same bits for any number.

    Returns
    -------
    array (..., channels, ceil(time * to / sfreq))
        Sample 0 lies at the time of sample 0 of ``x``. float64 for float64, float32 for everything else; computed in
        float64. With ``to == sfreq`` a copy.

    Raises
    ------
    EmgDspError
        If a rate is not positive, their ratio is not one of whole numbers, or a design number is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import resample
    >>> resample(np.zeros((8, 2048), dtype=np.float32), sfreq=2048, to=2000).shape
    (8, 2000)
    """
    one_of(edge, "edge", tuple(_EDGES))
    source, target, loss, width = checked(sfreq, to, attenuation_db, transition)
    design = branches(*ratio(source, target), loss, width)
    return _whole(x, design, design.half, _EDGES[edge], nan, threads)


@dataclass(frozen=True)
class Resampler(Stage):
    """A live signal at another rate: as `resample`, but causal, `delay` seconds late, from silence before it.

    Result ``m + n_delay`` equals result ``m`` of `resample` with ``edge="zero"``, bit for bit, as long as the filter
    does not reach beyond the end.

    Parameters
    ----------
    sfreq, to, attenuation_db, transition : float
        As for `resample`.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import Resampler
    >>> stream = Resampler(2000, 1000).stream(n_chans=8)
    >>> [stream.push(np.zeros((8, n), dtype=np.float32)).shape for n in (1, 1, 10)]
    [(8, 1), (8, 0), (8, 5)]
    """

    kind = "resample"

    sfreq: float
    to: float
    attenuation_db: float = 80.0
    transition: float = 0.2

    def __post_init__(self) -> None:
        names = ("sfreq", "to", "attenuation_db", "transition")
        values = checked(self.sfreq, self.to, self.attenuation_db, self.transition)
        for name, value in zip(names, values, strict=True):
            object.__setattr__(self, name, value)
        ratio(self.sfreq, self.to)

    @property
    def design(self) -> Branches:
        """Ratio and low-pass."""
        return branches(*ratio(self.sfreq, self.to), self.attenuation_db, self.transition)

    @property
    def sfreq_out(self) -> float:
        """Rate of the result in Hz."""
        return self.to

    @property
    def n_delay(self) -> int:
        """Results by which a live signal is late."""
        return self.design.half // self.design.down

    @property
    def delay(self) -> float:
        """Seconds by which a live signal is late."""
        return self.n_delay / self.to

    def __call__(self, x: ArrayLike, *, nan: NanPolicy = "raise", threads: int = 1) -> Floats:
        """Resample a whole signal as a stream would: ``ceil(time * to / sfreq)`` results, else as `resample`."""
        return _whole(x, self.design, 0, _ZERO, nan, threads)

    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:
        """Return the memory of ``n_chans`` channels after silence."""
        return _ResamplerRun(self.design, n_chans, dtype)


class _ResamplerRun(Run):
    """The latest samples that the filter still reaches, and where the next result lies after them."""

    def __init__(self, design: Branches, n_chans: int, dtype: np.dtype[Any]) -> None:
        self._design = design
        self._recent = np.zeros((n_chans, design.taps.shape[1] - 1), dtype=dtype)
        self._next = np.zeros(1, dtype=np.int64)
        self._line, self._out = Buffer(dtype), Buffer(dtype)

    @property
    def n_chans_out(self) -> int:
        return len(self._recent)

    def step(self, chunk: Array) -> Array:
        from .polyphase import polyphase

        (rows, samples), reach = chunk.shape, self._recent.shape[1]
        up, down, place = self._design.up, self._design.down, int(self._next[0])
        line = self._line.take(rows, reach + samples)
        line[:, :reach] = self._recent
        line[:, reach:] = chunk
        out = self._out.take(rows, max(0, -((place - samples * up) // down)))
        polyphase(line, self._design.taps, place + reach * up, down, _ZERO, out)
        self._next[0] = place + out.shape[1] * down - samples * up
        self._recent[:] = line[:, samples:]
        return out

    def dump(self) -> dict[str, Array]:
        return {"recent": self._recent.copy(), "next": self._next.copy()}

    def load(self, state: Mapping[str, Array]) -> None:
        mine = {"recent": self._recent, "next": self._next}
        new = checked_state(state, mine, "a resampler", {"next": self._design.down - 1})
        self._recent, self._next = new["recent"], new["next"]


def _whole(x: ArrayLike, design: Branches, first: int, beyond: int, nan: NanPolicy, threads: int) -> Floats:
    """Resample ``x`` (..., channels, time), result 0 at ``first`` of the raised rate."""
    from .polyphase import polyphase

    check_policy(nan)
    given = as_signal(x)
    if nan == "raise" and not np.isfinite(given).all():
        raise_not_finite(given)
    wide, result = widen(given)
    rows = np.ascontiguousarray(as_rows(wide))
    n = -(-rows.shape[1] * design.up // design.down)
    out = np.empty((len(rows), n), dtype=rows.dtype)
    polyphase.compile()
    over_rows(
        len(rows),
        threads,
        lambda a, b: polyphase(rows[a:b], design.taps, first, design.down, beyond, out[a:b]),
        multiple=1,
    )
    return out.reshape(*given.shape[:-1], n).astype(result, copy=False)
