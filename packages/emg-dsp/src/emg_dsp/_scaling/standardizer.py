"""`Standardizer`: per-channel mean and standard deviation, learned from training data alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emg_dsp._arrays import Array, Floats, NanPolicy, as_rows, as_signal, check_policy, raise_not_finite, widen
from emg_dsp._errors import EmgDspError
from emg_dsp._stages import Buffer, Run, Stage, checked_state

_BLOCK = 1 << 16


@dataclass(frozen=True, eq=False)
class Standardizer(Stage):
    """Takes each channel to mean 0 and standard deviation 1, by statistics of the training part.

    The statistics are frozen, so that it is a stage too: in a chain or a stream every sample is scaled as it comes.

    Parameters
    ----------
    mean : array (channels,), float64
        In the unit of the signal.
    std : array (channels,), float64
        In the unit of the signal, > 0.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import Standardizer
    >>> train = np.random.default_rng(0).normal(3, 2, (10, 4, 200))
    >>> scaled = Standardizer.fit(train).transform(train)
    >>> bool(np.allclose(scaled.mean(axis=(0, 2)), 0)), bool(np.allclose(scaled.std(axis=(0, 2)), 1))
    (True, True)
    """

    kind = "zscore"
    sfreq = None

    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            try:
                values = np.array(getattr(self, name), dtype=np.float64)
            except (TypeError, ValueError, OverflowError):
                raise EmgDspError(f"{name} is not a row of numbers; required is one for each channel.") from None
            if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
                raise EmgDspError(f"{name} has shape {values.shape}; required is one finite number for each channel.")
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        if self.mean.shape != self.std.shape or not (self.std > 0).all():
            raise EmgDspError(
                f"mean has {len(self.mean)} channels, std {len(self.std)}; required are as many, every std above 0."
            )

    @classmethod
    def fit(cls, x: ArrayLike | Sequence[ArrayLike]) -> "Standardizer":
        """Learn mean and standard deviation of each channel over all windows and all time.

        Parameters
        ----------
        x : array (..., channels, time), or a list of such arrays
            The training part, never validation or test data. Arrays of a list may differ in all but ``channels``.

        Returns
        -------
        Standardizer
            The standard deviation is that of the population (``ddof=0``), computed in float64 in two passes. A channel
            that never changes gets 1, so that it is centred but not blown up.

        Raises
        ------
        EmgDspError
            If there is no sample, the numbers of channels differ, or a sample is not finite.
        """
        parts = [as_signal(part) for part in (x if isinstance(x, list | tuple) else [np.asarray(x)])]
        counts = {part.shape[-2] for part in parts}
        if len(counts) != 1:
            raise EmgDspError(
                f"training arrays have {sorted(counts)} channels; required is one number of channels in all of them."
            )
        n_chans = counts.pop()
        samples = sum(part.size // n_chans for part in parts) if n_chans else 0
        if samples == 0:
            raise EmgDspError(
                f"training data have {n_chans} channels and {samples} samples; required is at least one of each."
            )
        mean = _total(parts, np.zeros(n_chans), 1) / samples
        variance = _total(parts, mean, 2) / samples
        std = np.sqrt(variance)
        flat = std <= 1e-12 * np.abs(mean)
        return cls(mean, np.where(flat, 1.0, std))

    def __call__(self, x: ArrayLike, *, nan: NanPolicy = "raise") -> Floats:
        """Scale a whole signal; samples that are not finite raise and are named, or stay. Else as `transform`."""
        check_policy(nan)
        given = as_signal(x)
        if nan == "raise" and given.dtype.kind == "f" and not np.isfinite(given).all():
            raise_not_finite(given)
        return self.transform(given)

    def transform(self, x: ArrayLike) -> Floats:
        """Return ``(x - mean) / std``, a new array (..., channels, time) without unit; float64 stays, else float32."""
        given = as_signal(x)
        self._check_channels(given.shape[-2], f"x has shape {given.shape}, {given.shape[-2]} channels")
        wide, result = widen(given)
        rows = as_rows(wide)
        out = np.empty(rows.shape, dtype=wide.dtype)
        _scale(rows, *self._statistics(wide.dtype), out)
        return out.reshape(given.shape).astype(result, copy=False)

    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:
        """Return a run of ``n_chans`` channels; there is nothing to remember."""
        self._check_channels(n_chans, f"the signal has {n_chans} channels")
        return _ScalingRun(*self._statistics(dtype), dtype)

    def _check_channels(self, n_chans: int, given: str) -> None:
        """Raise unless there are as many channels as in training."""
        if n_chans != len(self.mean):
            raise EmgDspError(f"{given}; required are {len(self.mean)}, as in the training data.")

    def _statistics(self, dtype: np.dtype[Any]) -> tuple[Array, Array]:
        """Return mean and standard deviation in the type computed in."""
        return self.mean.astype(dtype), self.std.astype(dtype)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Standardizer):
            return NotImplemented
        return np.array_equal(self.mean, other.mean) and np.array_equal(self.std, other.std)

    def __hash__(self) -> int:
        return hash((tuple(self.mean.tolist()), tuple(self.std.tolist())))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle by value, so that the copy is as immutable."""
        return type(self), (self.mean, self.std)

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"kind": "zscore", "mean", "std"}``, which JSON holds without loss."""
        return {"kind": "zscore", "mean": self.mean.tolist(), "std": self.std.tolist()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Standardizer":
        """Build what `to_dict` described; missing and unknown keys raise."""
        if set(fields) != {"kind", "mean", "std"} or fields["kind"] != "zscore":
            raise EmgDspError(
                f"not a standardizer: keys {sorted(fields)}, kind {fields.get('kind')!r}; "
                "required are kind 'zscore', mean and std."
            )
        return cls(fields["mean"], fields["std"])


class _ScalingRun(Run):
    def __init__(self, mean: Array, std: Array, dtype: np.dtype[Any]) -> None:
        self._mean, self._std = mean, std
        self._out = Buffer(dtype)

    @property
    def n_chans_out(self) -> int:
        return len(self._mean)

    def step(self, chunk: Array) -> Array:
        out = self._out.take(*chunk.shape)
        _scale(chunk, self._mean, self._std, out)
        return out

    def dump(self) -> dict[str, Array]:
        return {}

    def load(self, state: Mapping[str, Array]) -> None:
        checked_state(state, {}, "a standardizer")


def _scale(x: Array, mean: Array, std: Array, out: Array) -> None:
    """Write ``(x - mean) / std`` into ``out``, in the type of all four."""
    from .affine import centre_and_divide

    centre_and_divide(x, mean, std, out)


def _total(parts: list[Array], centre: NDArray[np.float64], power: int) -> NDArray[np.float64]:
    """Sum ``(x - centre) ** power`` of each channel in float64, some samples at a time."""
    total = np.zeros(len(centre))
    for part in parts:
        for start in range(0, part.shape[-1], _BLOCK):
            with np.errstate(over="ignore", invalid="ignore"):
                block = part[..., start : start + _BLOCK].astype(np.float64, order="C") - centre[:, None]
                total += (block**power).sum(axis=-1).reshape(-1, len(centre)).sum(axis=0)
        if not np.isfinite(total).all():
            raise_not_finite(part, way_out="")
    return total
