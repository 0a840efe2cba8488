"""`Stage`: one causal step of a chain, a value; `Run`: the same step with the memory of one live signal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emg_dsp._errors import EmgDspError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, DTypeLike

    from emg_dsp._arrays import Array, NanPolicy

    from .chain import Chain
    from .stream import Stream


class Stage(ABC):
    """One causal step that a signal passes through: immutable, described by plain data.

    Called on a whole signal it gives what its `stream` gives chunk by chunk, bit for bit. Steps are joined with ``|``.
    """

    kind: ClassVar[str]
    """Name of the stage in plain data."""
    frames: ClassVar[bool] = False
    """Whether the output grows along its first axis (windows, frames) instead of its last (samples). Ends a chain."""
    _kinds: ClassVar[dict[str, type[Stage]]] = {}

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401
        """Register the stage under its kind, so that plain data finds it again."""
        super().__init_subclass__(**options)
        Stage._kinds[cls.kind] = cls

    sfreq: float | None
    """Sampling rate of the input in Hz; None where any rate will do."""

    @property
    def sfreq_out(self) -> float | None:
        """Sampling rate of the output in Hz; None where it is that of the input."""
        return None

    @abstractmethod
    def __call__(self, x: ArrayLike, *, nan: NanPolicy = "raise") -> Array:
        """Process a whole signal ``(..., channels, time)``, starting from rest."""

    @abstractmethod
    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:
        """Return the memory of a new live signal of ``n_chans`` channels, at rest; ``dtype`` is float32 or float64."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Describe the stage in JSON's terms, under ``"kind"``."""

    def stream(self, n_chans: int, *, nan: NanPolicy = "raise", dtype: DTypeLike = np.float32) -> Stream:
        """Return a `Stream` of ``n_chans`` channels that starts from rest."""
        from .stream import Stream

        return Stream(self, n_chans, nan=nan, dtype=dtype)

    def __or__(self, other: Stage) -> Chain:
        """Join: first this stage, then ``other``."""
        from .chain import Chain

        if not isinstance(other, Stage):
            return NotImplemented
        return Chain((self, other))


class Run(ABC):
    """The memory of one running stage. `step` is handed finite or propagated samples in the stream's type."""

    @property
    @abstractmethod
    def n_chans_out(self) -> int:
        """Channels of what `step` returns."""

    @abstractmethod
    def step(self, chunk: Array) -> Array:
        """Take the next samples (channels, n), ``n >= 0``; return what is now final.

        The result (channels', m), or (m, ...) for a stage of frames, may be a view of a buffer of this run: it holds
        until the next step. Nothing of the size of a chunk is allocated once the largest chunk has been seen.
        """

    @abstractmethod
    def dump(self) -> dict[str, Array]:
        """Copy the memory out as named arrays."""

    @abstractmethod
    def load(self, state: Mapping[str, Array]) -> None:
        """Take the memory from what `dump` gave; wrong names, shapes or types raise and change nothing."""


class Buffer:
    """Memory that is reused from step to step and grows to the largest shape asked of it."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._memory = np.empty(0, dtype=dtype)

    def take(self, *shape: int) -> Array:
        """Return a C-contiguous array of this shape; its contents are left over from earlier."""
        size = 1
        for length in shape:
            size *= length
        if size > self._memory.size:
            self._memory = np.empty(size, dtype=self._memory.dtype)
        return self._memory[:size].reshape(shape)


def checked_state(state: Mapping[str, Array], like: Mapping[str, Array], owner: str) -> dict[str, Array]:
    """Return copies of the named arrays, after checking names, shapes and types against those of a running stage."""
    if set(state) != set(like):
        raise EmgDspError(f"state of {owner} has the arrays {sorted(state)}; required are {sorted(like)}.")
    copies = {}
    for name, pattern in like.items():
        value = np.asarray(state[name])
        if value.shape != pattern.shape or value.dtype != pattern.dtype:
            raise EmgDspError(
                f"state of {owner}: {name} has shape {value.shape} and type {value.dtype}; "
                f"required are {pattern.shape} and {pattern.dtype}. Restore into the same chain and channel count."
            )
        copies[name] = value.copy()
    return copies
