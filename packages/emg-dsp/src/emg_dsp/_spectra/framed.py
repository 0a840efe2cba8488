"""`FramedStage`: what all stages share whose output is one array for each frame of the signal."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_dsp._arrays import as_signal, check_policy, raise_not_finite, widen
from emg_dsp._stages import Buffer, Overlap, Run, Stage
from emg_dsp._threads import over_rows

from .frames import count_frames, flattened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from emg_dsp._arrays import Array, Floats, NanPolicy


class FramedStage(Stage):
    """A stage that turns every frame of ``span`` samples, one every ``hop`` samples, into one array.

    The first frame begins with the first sample; samples after the last whole frame wait for more. ``fill`` alone
    computes, for whole signals and for streams, and a frame's bits depend on its own samples only.
    """

    frames = True
    hop: int

    @property
    @abstractmethod
    def span(self) -> int:
        """Samples that one output depends on."""

    @abstractmethod
    def shape(self, n_chans: int) -> tuple[int, ...]:
        """Return the shape of one output."""

    @abstractmethod
    def fill(self, flat: Floats, rows: NDArray[np.int64], out: Array) -> None:
        """Compute ``out`` (n, ...) from channels that begin at ``rows`` in ``flat``; out ``i`` is ``i * hop`` later."""

    @property
    def sfreq_out(self) -> float | None:
        """Frames per second."""
        return None if self.sfreq is None else self.sfreq / self.hop

    def __call__(self, x: ArrayLike, *, nan: NanPolicy = "raise", threads: int = 1) -> Array:
        """Process a whole signal.

        Parameters
        ----------
        x : array (..., channels, time)
            Integers or floats; never altered.
        nan : {"raise", "propagate"}
            A NaN or infinite sample raises and is named, or spoils the frames that contain it.
        threads : int
            Threads that share the frames, >= 1. Changes no value.

        Returns
        -------
        array (..., n_frames, channels or bands, ...)
            A new array; float64 for float64, float32 for everything else. A signal shorter than one frame has none.
        """
        given = checked_signal(x, nan)
        wide, result = widen(given)
        lead, (n_chans, samples) = given.shape[:-2], given.shape[-2:]
        flat = flattened(wide)
        n = count_frames(samples, self.span, self.hop)
        out = np.empty((int(np.prod(lead)), n, *self.shape(n_chans)), dtype=wide.dtype)
        for signal, target in enumerate(out):
            begin = (signal * n_chans + np.arange(n_chans, dtype=np.int64)) * samples
            _fill_shared(self, flat, begin, target, threads)
        return out.reshape(*lead, *out.shape[1:]).astype(result, copy=False)

    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:
        """Return the memory of ``n_chans`` channels, empty."""
        return _FramedRun(self, n_chans, dtype)


def checked_signal(x: ArrayLike, nan: NanPolicy) -> Array:
    """Return ``x`` as a signal (..., channels, time), its samples finite unless they may spread."""
    check_policy(nan)
    given = as_signal(x)
    if nan == "raise" and given.dtype.kind == "f":
        for part in given:
            if not np.isfinite(part).all():
                raise_not_finite(given)
    return given


def _fill_shared(stage: FramedStage, flat: Floats, rows: NDArray[np.int64], out: Array, threads: int) -> None:
    def job(first: int, stop: int) -> None:
        stage.fill(flat, rows + first * stage.hop, out[first:stop])

    over_rows(len(out), threads, job)


class _FramedRun(Run):
    def __init__(self, stage: FramedStage, n_chans: int, dtype: np.dtype[Any]) -> None:
        self._stage = stage
        self._past, self._out = Overlap(n_chans, stage.span, stage.hop, dtype), Buffer(dtype)

    @property
    def n_chans_out(self) -> int:
        return self._stage.shape(self._past.n_chans)[0]

    def step(self, chunk: Array) -> Array:
        joined = self._past.join(chunk)
        n_chans, have = joined.shape
        out = self._out.take(count_frames(have, self._stage.span, self._stage.hop), *self._stage.shape(n_chans))
        if len(out):
            self._stage.fill(joined.reshape(-1), np.arange(n_chans, dtype=np.int64) * have, out)
        self._past.keep(joined, len(out))
        return out

    def dump(self) -> dict[str, Array]:
        return self._past.dump()

    def load(self, state: Mapping[str, Array]) -> None:
        self._past.load(state, f"a stage of kind {self._stage.kind!r}")
