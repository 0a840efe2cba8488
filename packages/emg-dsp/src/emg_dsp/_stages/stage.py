"""`Stage`: one causal step of a chain, a value; `Run`: the same step with the memory of one live signal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

from emg_dsp._errors import EmgDspError

from .buffer import Buffer, checked_state
from .plain import build, describe, kind_of, told
from .whole import run_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import ArrayLike, DTypeLike

    from emg_dsp._arrays import Array, NanPolicy

    from .chain import Chain
    from .stream import Stream

__all__ = ["Buffer", "Run", "Stage", "checked_state"]


class Stage(ABC):
    """One causal step that a signal passes through: immutable, described by plain data.

    Called on a whole signal it gives what its `stream` gives chunk by chunk, bit for bit. Steps are joined with ``|``.

    Examples
    --------
    >>> import numpy as np
    >>> import emg_dsp
    >>> chain = emg_dsp.highpass(20, sfreq=1000) | emg_dsp.notch(50, sfreq=1000)
    >>> chain(np.zeros((8, 400), dtype=np.float32)).shape
    (8, 400)
    >>> emg_dsp.Stage.from_dict(chain.to_dict()) == chain
    True
    """

    kind: ClassVar[str]
    """Name of the stage in plain data. A class that defines it is registered under it."""
    frames: bool = False
    """Whether the output grows along its first axis (windows, frames) instead of its last (samples). Ends a chain."""
    _kinds: ClassVar[dict[str, type[Stage]]] = {}

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401
        """Register the stage under its kind, so that plain data finds it again."""
        super().__init_subclass__(**options)
        kind = cls.__dict__.get("kind")
        if kind is None:
            return
        taken = Stage._kinds.get(kind)
        if taken is not None and (taken.__module__, taken.__qualname__) != (cls.__module__, cls.__qualname__):
            message = f"kind {kind!r} of {cls.__qualname__} is taken by {taken.__qualname__}; choose another"
            raise TypeError(message)
        Stage._kinds[kind] = cls

    sfreq: float | None
    """Sampling rate of the input in Hz; None where any rate will do."""

    @property
    def sfreq_out(self) -> float | None:
        """Sampling rate of the output in Hz; None where it is that of the input."""
        return None

    def __call__(self, x: ArrayLike, *, nan: NanPolicy = "raise") -> Array:
        """Process a whole signal, starting from rest.

        Parameters
        ----------
        x : array (..., channels, time)
            Integers or floats; never altered. Signals along leading axes are independent.
        nan : {"raise", "propagate"}
            A NaN or infinite sample raises and is named, or spreads.

        Returns
        -------
        array (..., channels', time'), or (..., n, channels', ...) for a stage of frames
            A new array: float64 for float64, float32 for everything else.
        """
        return run_whole(self, x, nan)

    @abstractmethod
    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:
        """Return the memory of a new live signal of ``n_chans`` channels, at rest; ``dtype`` is float32 or float64."""

    def to_dict(self) -> dict[str, Any]:
        """Describe the stage in JSON's terms: its ``"kind"`` and its parameters."""
        return describe(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Build the stage that `to_dict` described, whatever its kind; unknown kinds and wrong keys raise."""
        kind = kind_of(fields)
        found = Stage._kinds.get(kind)
        if found is None:
            raise EmgDspError(f"unknown stage kind {kind!r}; required is one of {', '.join(sorted(Stage._kinds))}.")
        if not issubclass(found, cls):
            raise EmgDspError(f"a stage of kind {kind!r} is a {found.__name__}; required is a {cls.__name__}.")
        own = found.from_dict.__func__ is not Stage.from_dict.__func__  # type: ignore[attr-defined]
        with told(kind):
            return found.from_dict(fields) if own else build(found, fields)

    def stream(self, n_chans: int, *, nan: NanPolicy = "raise", dtype: DTypeLike | None = None) -> Stream:
        """Return a `Stream` of ``n_chans`` channels that starts from rest; see there for ``nan`` and ``dtype``."""
        from .stream import Stream

        return Stream(self, n_chans, nan=nan, dtype=dtype)

    def __or__(self, other: Stage) -> Chain:
        """Join: first this stage, then ``other``."""
        from .chain import Chain

        if not isinstance(other, Stage):
            return NotImplemented
        return Chain((self, other))


class Run(ABC):
    """The memory of one running stage.

    `step` is handed what the stream has checked: (channels, n) in the type given to `Stage.start`, native byte order,
    any strides, maybe read-only, finite unless the stream propagates NaN.
    """

    @property
    @abstractmethod
    def n_chans_out(self) -> int:
        """Channels of what `step` returns."""

    @abstractmethod
    def step(self, chunk: Array) -> Array:
        """Take the next samples (channels, n), ``n >= 0``, without altering them; return what is now final.

        The result (channels', m), or (m, ...) for a stage of frames, may be a view of a `Buffer` of this run: it holds
        until the next step. Nothing of the size of a chunk is allocated once the largest chunk has been seen. Where the
        type given to `Stage.start` is float64 the result is float64 (or complex128), else float32 (or complex64);
        booleans and integers are as they are.
        """

    @abstractmethod
    def dump(self) -> dict[str, Array]:
        """Copy the memory out as named arrays; a stage without memory has none."""

    @abstractmethod
    def load(self, state: Mapping[str, Array]) -> None:
        """Take the memory from what `dump` gave.

        Wrong names, shapes and types raise and change nothing (`checked_state`). So does any index out of range: a
        state may come from a damaged file, and kernels do not check bounds.
        """
