"""`Stream`: a stage that is fed chunk by chunk and gives the same numbers as the whole signal at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_dsp._arrays import Array, NanPolicy, as_signal, check_policy, raise_not_finite
from emg_dsp._checks import whole
from emg_dsp._errors import EmgDspError

from .buffer import Buffer, enough_memory, keys_of
from .stage import Stage
from .types import Types
from .whole import narrow

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import ArrayLike, DTypeLike


class Stream:
    """A causal stage with memory: chunks of any size in, whatever is final out.

    The concatenated output equals ``stage(whole_signal)`` bit for bit, however the signal was cut. A stream belongs to
    one thread at a time.

    Parameters
    ----------
    stage : Stage
        The filter, chain or other stage to run.
    n_chans : int
        Channels of every chunk, >= 1.
    nan : {"raise", "propagate"}
        A NaN or infinite sample raises and leaves the stream as it was before the chunk, or spreads. Overflow inside
        the stream is not looked for; it shows as infinite or NaN output.
    dtype : dtype, optional
        Type of the samples to come: float64 gives float64; everything else gives float32, integers of 32 and 64 bits
        through float64. By default the first chunk decides. Chunks of a type that would lose bits then raise (float64
        and wide integers where the stream computes in float32); narrower ones are converted.

    Examples
    --------
    >>> import numpy as np
    >>> import emg_dsp
    >>> stream = emg_dsp.highpass(20, sfreq=1000).stream(n_chans=2)
    >>> [stream.push(np.ones((2, n), dtype=np.float32)).shape for n in (1, 0, 63)]
    [(2, 1), (2, 0), (2, 63)]
    """

    def __init__(self, stage: Stage, n_chans: int, *, nan: NanPolicy = "raise", dtype: DTypeLike | None = None) -> None:
        check_policy(nan)
        if not isinstance(stage, Stage):
            raise EmgDspError(f"stage={stage!r}; required is a Stage, e.g. a Filter or a Chain.")
        self._stage = stage
        self._n_chans = whole(n_chans, "n_chans", 1)
        self._nan: NanPolicy = nan
        self._opened_for = None if dtype is None else Types.of(dtype)
        self._mask = Buffer(bool)
        self.reset()

    def reset(self) -> None:
        """Return to rest, as if nothing had been pushed."""
        self._types = self._opened_for
        self._n_seen = 0
        self._start(self._types or Types.of(np.float32))

    def _start(self, types: Types) -> None:
        """Take a new memory, for samples of the given types."""
        with enough_memory(f"a stream of {self._n_chans} channels through {self._stage!r}"):
            self._run = self._stage.start(self._n_chans, types.compute)
        self._wide, self._narrow = Buffer(types.compute), Buffer(types.result)

    @property
    def stage(self) -> Stage:
        """What runs."""
        return self._stage

    @property
    def n_chans(self) -> int:
        """Channels of every chunk."""
        return self._n_chans

    @property
    def n_chans_out(self) -> int:
        """Channels of what `push` returns."""
        return self._run.n_chans_out

    @property
    def n_seen(self) -> int:
        """Samples pushed since the start or the last reset."""
        return self._n_seen

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """Type of the samples that the stream was opened for or was first given; None before that."""
        return None if self._types is None else self._types.samples

    def push(self, chunk: ArrayLike, *, copy: bool = True) -> Array:
        """Process the next samples.

        Parameters
        ----------
        chunk : array (channels, n)
            ``n >= 0``; integers or floats, any strides and byte order. Never altered.
        copy : bool
            False returns a read-only view of the stream's own memory, which holds until the next push: nothing of the
            size of a chunk is then allocated, once the largest chunk has been seen.

        Returns
        -------
        array (channels', m), or (m, ...) for a stage of frames
            What is now final, ``m >= 0``.

        Raises
        ------
        EmgDspError
            If the chunk has another number of channels, samples that are not finite (unless they propagate), or a type
            that the stream would have to round. The stream is then as it was before.
        """
        samples = self._checked(chunk)
        out = self._run.step(samples)
        self._n_seen += samples.shape[1]
        if copy:
            narrowed = narrow(out, self._narrow.dtype)
            return out.copy() if narrowed is out else narrowed
        return self._view(out)

    def _checked(self, chunk: ArrayLike) -> Array:
        """Check a chunk and return it in the type computed in; raises before anything has changed."""
        samples = as_signal(chunk, "chunk")
        if samples.ndim != 2 or samples.shape[0] != self._n_chans:
            raise EmgDspError(
                f"chunk has shape {samples.shape}; required is ({self._n_chans}, n): channels, then time."
            )
        if self._nan == "raise" and samples.dtype.kind == "f":
            finite = np.isfinite(samples, out=self._mask.take(*samples.shape))
            if not finite.all():
                raise_not_finite(samples, self._n_seen)
        self._accept(samples.dtype)
        if samples.dtype == self._wide.dtype and samples.flags.aligned:
            return samples
        wide = self._wide.take(*samples.shape)
        np.copyto(wide, samples)
        return wide

    def _accept(self, dtype: np.dtype[Any]) -> None:
        """Fix the types by the first chunk; refuse later chunks that they cannot hold."""
        if self._types is None:
            types = Types.of(dtype)
            self._start(types)
            self._types = types
        elif dtype != self._types.samples:
            self._types.check_holds(dtype)

    def _view(self, out: Array) -> Array:
        """Return a read-only view of ``out``, in the type of the result."""
        if out.dtype == np.float64 and self._narrow.dtype == np.float32:
            view = self._narrow.take(*out.shape)
            np.copyto(view, out, casting="same_kind")
        else:
            view = narrow(out, self._narrow.dtype).view()
        view.flags.writeable = False
        return view

    @property
    def state(self) -> dict[str, Any]:
        """A copy of the memory: ``{"n_seen", "dtype", "arrays"}``; assign it to a stream of the same stage."""
        dtype = None if self._types is None else self._types.samples.name
        return {"n_seen": self._n_seen, "dtype": dtype, "arrays": self._run.dump()}

    @state.setter
    def state(self, value: Mapping[str, Any]) -> None:
        keys = keys_of(value)
        if keys != ["arrays", "dtype", "n_seen"]:
            raise EmgDspError(f"state has the keys {keys}; required are ['arrays', 'dtype', 'n_seen'].")
        if not isinstance(value["arrays"], Mapping):
            raise EmgDspError(f"arrays={value['arrays']!r}; required is a mapping of names to arrays.")
        n_seen = whole(value["n_seen"], "n_seen", 0)
        types = None if value["dtype"] is None else Types.of(value["dtype"])
        if self._opened_for not in (None, types):
            raise EmgDspError(
                f"state is of a stream of {value['dtype']}; this one was opened for {self._opened_for.samples}."
            )
        twin = Stream(self._stage, self._n_chans, nan=self._nan)
        twin._start(types or Types.of(np.float32))
        twin._run.load(value["arrays"])
        self._run, self._wide, self._narrow = twin._run, twin._wide, twin._narrow
        self._types, self._n_seen = types, n_seen

    def fork(self) -> Stream:
        """Return an independent stream that continues from here."""
        opened_for = None if self._opened_for is None else self._opened_for.samples
        twin = Stream(self._stage, self._n_chans, nan=self._nan, dtype=opened_for)
        twin.state = self.state
        return twin

    def save(self, path: str | PathLike[str]) -> None:
        """Write stage and memory to a file (NumPy's npz, no pickle), whole or not at all; the name is kept as given."""
        from .snapshot import write

        write(path, self._about(), self._run.dump())

    @classmethod
    def restore(cls, path: str | PathLike[str]) -> Stream:
        """Return the stream that `save` wrote: it continues where that one stood.

        Raises
        ------
        EmgDspError
            If the file is damaged, or not one of `save`.
        OSError
            If the file cannot be read.
        """
        from .snapshot import opened

        with opened(path) as file:
            about = file.about
            stream = cls(Stage.from_dict(about["stage"]), about["n_chans"], nan=about["nan"], dtype=about["opened_for"])
            arrays = file.arrays()
            stream.state = {"n_seen": about["n_seen"], "dtype": about["dtype"], "arrays": arrays}
        return stream

    def _about(self) -> dict[str, Any]:
        """Return all but the arrays, in JSON's terms."""
        return {
            "stage": self._stage.to_dict(),
            "n_chans": self._n_chans,
            "nan": self._nan,
            "opened_for": None if self._opened_for is None else self._opened_for.samples.name,
            "dtype": None if self._types is None else self._types.samples.name,
            "n_seen": self._n_seen,
        }

    def __repr__(self) -> str:
        return f"Stream({self._stage!r}, n_chans={self._n_chans}, n_seen={self._n_seen})"
