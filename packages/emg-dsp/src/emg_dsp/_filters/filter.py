"""`Filter`: second-order sections, designed once, applied causally, zero-phase or chunk by chunk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emg_dsp._arrays import Array, Floats, NanPolicy, as_signal
from emg_dsp._checks import positive, whole
from emg_dsp._errors import EmgDspError
from emg_dsp._stages import Buffer, Run, Stage
from emg_dsp._stages.stage import checked_state

from .cascade import PadType, bench, run_causal, run_zero_phase
from .few import FEW, few_causal
from .response import checked_freqs, group_delay, response
from .sections import checked_sections

_MOST_SAMPLES = 1 << 26


@dataclass(frozen=True, repr=False)
class Filter(Stage):
    """A stable digital filter as a cascade of second-order sections, for one sampling rate.

    Build one with `bandpass`, `bandstop`, `highpass`, `lowpass`, `notch`, `comb` or `dc_block`, and cascade with
    ``+``: the sections of the result run in one pass over the signal. Filters are values: immutable, hashable, equal
    where sections and rate are equal.

    Parameters
    ----------
    sections : array-like (n_sections, 6)
        Rows ``b0 b1 b2 1 a1 a2`` as in scipy, ``n_sections >= 1``; kept as nested tuples of float.
    sfreq : float
        Sampling rate the sections were designed for, in Hz, > 0.
    label : str
        What the filter is, in words; carried along, never interpreted or compared.

    Raises
    ------
    EmgDspError
        If the sections have the wrong shape, are not finite, are not normalised to ``a0 = 1`` or are unstable.

    Examples
    --------
    >>> import numpy as np
    >>> import emg_dsp
    >>> clean = emg_dsp.bandpass(20, 450, sfreq=2000) + emg_dsp.notch(50, sfreq=2000)
    >>> clean(np.zeros((8, 400), dtype=np.float32)).shape
    (8, 400)
    """

    kind = "sos"

    sections: tuple[tuple[float, ...], ...]
    sfreq: float
    label: str = field(default="custom", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sfreq", positive(self.sfreq, "sfreq"))
        sos = checked_sections(self.sections)
        object.__setattr__(self, "sections", tuple(tuple(row) for row in sos.tolist()))

    @property
    def sos(self) -> NDArray[np.float64]:
        """Sections (n_sections, 6), float64, as `scipy.signal` takes them: a new array at each access."""
        return self._sos.copy()

    @cached_property
    def _sos(self) -> NDArray[np.float64]:
        return np.array(self.sections, dtype=np.float64)

    def __call__(self, x: ArrayLike, *, nan: NanPolicy = "raise", threads: int = 1) -> Floats:
        """Filter causally, starting from rest.

        Parameters
        ----------
        x : array (..., channels, time)
            Signal in any unit; float32, float64, float16 or integers, any strides and byte order. Never altered.
        nan : {"raise", "propagate"}
            A NaN or infinite sample raises and is named, or spoils the rest of its own channel.
        threads : int
            Threads at most, >= 1; the result has the same bits for any number.

        Returns
        -------
        array (..., channels, time)
            A new C-contiguous array in the unit of ``x``: float64 for float64, float32 for everything else. Computed
            in float64; equal to `scipy.signal.sosfilt` along the last axis.
        """
        given = as_signal(x)
        rest = np.zeros((len(self.sections), int(np.prod(given.shape[:-1])), 2))
        return run_causal(self._sos, given, rest, nan, threads)

    def zero_phase(
        self,
        x: ArrayLike,
        padtype: PadType | None = "odd",
        padlen: SupportsIndex | None = None,
        *,
        nan: NanPolicy = "raise",
        threads: int = 1,
    ) -> Floats:
        """Filter forward and backward: no phase shift, the gain squared, and samples that depend on the future.

        Edges are treated as `scipy.signal.sosfiltfilt` does: the signal is extended, and each direction starts in the
        steady state of its first sample.

        Parameters
        ----------
        x : array (..., channels, time)
            As for a causal call; ``time`` must exceed the extension.
        padtype : {"odd", "even", "constant"} or None
            How the signal goes on beyond its ends: turned about the end point, mirrored, held; or not at all.
        padlen : int, optional
            Samples of extension at each end, ``0 <= padlen < time``; by default three for each order of the cascade,
            roughly: ``3 * (2 * n_sections + 1)``, fewer where sections are of first order.
        nan : {"raise", "propagate"}
            A NaN or infinite sample raises and is named, or spoils its whole channel.
        threads : int
            Threads at most, >= 1; the result has the same bits for any number.

        Returns
        -------
        array (..., channels, time)
            A new C-contiguous array; types as for a causal call. Both directions are computed in float64.

        References
        ----------
        Gustafsson, IEEE Trans. Signal Process. 44(4), 1996, doi:10.1109/78.492552, on what edges do.
        """
        return run_zero_phase(self._sos, x, nan, padtype, padlen, threads)

    def response(self, freqs: ArrayLike) -> NDArray[np.complex128]:
        """Gain and phase of the causal filter; `zero_phase` has the gain ``abs(response) ** 2`` and no phase.

        Parameters
        ----------
        freqs : array-like of float
            Frequencies in Hz, ``0 <= freqs <= sfreq / 2``, any shape.

        Returns
        -------
        array of complex128
            In the shape of ``freqs``.
        """
        return response(self._sos, checked_freqs(freqs, self.sfreq), self.sfreq)

    def group_delay(self, freqs: ArrayLike) -> NDArray[np.float64]:
        """Time by which the causal filter holds back the envelope of a sine, in seconds, at each of ``freqs`` in Hz."""
        return group_delay(self._sos, checked_freqs(freqs, self.sfreq), self.sfreq) / self.sfreq

    def impulse(self, n: SupportsIndex) -> NDArray[np.float64]:
        """Return the first ``n`` samples (>= 1) of the causal filter's answer to a single 1, float64 (n,)."""
        one = np.zeros((1, whole(n, "n", 1, " samples", _MOST_SAMPLES)))
        one[0, 0] = 1
        return np.asarray(self(one)[0], dtype=np.float64)

    def start(self, n_chans: int, dtype: np.dtype[Any]) -> Run:
        """Return the memory of ``n_chans`` channels at rest."""
        return _FilterRun(self._sos, n_chans, dtype)

    def __add__(self, other: "Filter") -> "Filter":
        """Cascade: first this filter, then ``other``."""
        if not isinstance(other, Filter):
            return NotImplemented
        if self.sfreq != other.sfreq:
            raise EmgDspError(
                f"cannot cascade filters for sfreq={self.sfreq:g} Hz and sfreq={other.sfreq:g} Hz; "
                "design both for the rate of the signal."
            )
        return Filter(self.sections + other.sections, self.sfreq, f"{self.label} + {other.label}")

    def __repr__(self) -> str:
        return f"Filter({self.label}; {len(self.sections)} sections at {self.sfreq:g} Hz)"

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"kind": "sos", "sfreq", "label", "sos"}``, which JSON holds without loss."""
        return {"kind": "sos", "sfreq": self.sfreq, "label": self.label, "sos": [list(row) for row in self.sections]}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Filter":
        """Build the filter that `to_dict` described; missing and unknown keys raise."""
        known = {"kind", "sfreq", "label", "sos"}
        if set(fields) != known or fields["kind"] != "sos":
            raise EmgDspError(
                f"not a filter: keys {sorted(fields)}, kind {fields.get('kind')!r}; "
                f"required are the keys {sorted(known)} with kind 'sos'."
            )
        return cls(fields["sos"], fields["sfreq"], str(fields["label"]))


class _FilterRun(Run):
    """Two numbers for each section and channel, laid out as ``zi`` of `scipy.signal.sosfilt`."""

    def __init__(self, sos: NDArray[np.float64], n_chans: int, dtype: np.dtype[Any]) -> None:
        self._sos = sos
        self._state = np.zeros((len(sos), n_chans, 2))
        self._in, self._wide, self._out = Buffer(dtype), Buffer(np.dtype(np.float64)), Buffer(dtype)
        self._bench = bench(sos, dtype)

    @property
    def n_chans_out(self) -> int:
        return self._state.shape[1]

    def step(self, chunk: Array) -> Array:
        from .biquad import causal

        if not chunk.flags.c_contiguous:
            rows = self._in.take(*chunk.shape)
            rows[:] = chunk
            chunk = rows
        out = self._out.take(*chunk.shape)
        if len(chunk) <= FEW:
            few_causal(self._sos, chunk, self._state, out, self._wide)
        else:
            causal(chunk, self._sos, self._state, out, *self._bench)
        return out

    def dump(self) -> dict[str, Array]:
        return {"sections": self._state.copy()}

    def load(self, state: Mapping[str, Array]) -> None:
        self._state = checked_state(state, {"sections": self._state}, "a filter")["sections"]
