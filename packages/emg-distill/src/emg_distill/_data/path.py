"""The signal path: from a whole recording to the numbers that a model sees, and its description for model folders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ._siblings import siblings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    import emg_dsp
    import emg_io

    from .windows import Cut


@dataclass(frozen=True)
class Filters:
    """Band-pass and notches, one cascade, run over whole pieces before any window is cut.

    Attributes
    ----------
    low, high
        Edges in Hz of a Butterworth band-pass of `order`; one of them None makes a low-pass or a high-pass.
    order
        Design order (a band-pass has twice as many poles).
    notches
        Frequencies in Hz that are notched out.
    q
        Quality of the notches.
    causal
        True: one pass forward. False: zero phase, forward and backward.
    design_sfreq
        Rate in Hz that the design assumes where a published one assumes a wrong rate; None for the model's.
    """

    low: float | None
    high: float | None
    order: int = 4
    notches: tuple[float, ...] = ()
    q: float = 30.0
    causal: bool = True
    design_sfreq: float | None = None

    def design(self, sfreq: float) -> emg_dsp.Filter:
        """Return the cascade for signals of `sfreq` Hz."""
        _, dsp = siblings()
        rate = self.design_sfreq or sfreq
        if self.low is None or self.high is None:
            edge = dsp.lowpass(self.high, sfreq=rate, order=self.order) if self.low is None else None
            cascade = edge or dsp.highpass(self.low, sfreq=rate, order=self.order)
        else:
            cascade = dsp.bandpass(self.low, self.high, sfreq=rate, order=self.order)
        for freq in self.notches:
            cascade = cascade + dsp.notch(freq, rate, self.q)
        return cascade if rate == sfreq else dsp.Filter(cascade.sos, sfreq)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Normalisation:
    """How amplitudes are scaled.

    Attributes
    ----------
    kind
        ``"zscore"``: per channel by mean and deviation of the training windows. ``"zscore-recording"``: per channel
        over each piece of a recording. ``"minmax"``: per channel and window to -1 ... 1. ``"scale"``: by a factor.
    ddof
        Of ``"zscore-recording"``.
    eps
        Of ``"minmax"``, beside the range in the denominator.
    factor
        Of ``"scale"``.
    """

    kind: Literal["zscore", "zscore-recording", "minmax", "scale"]
    ddof: int = 0
    eps: float = 1e-8
    factor: float = 1.0

    def describe(self, statistics: dict[str, Any] | None) -> dict[str, Any]:
        """Return the record; `statistics` are those of the training windows, for ``"zscore"``."""
        if self.kind == "zscore":
            return {"kind": "zscore", **(statistics or {})}
        options: dict[str, dict[str, Any]] = {
            "zscore-recording": {"ddof": self.ddof},
            "minmax": {"low": -1.0, "high": 1.0, "eps": self.eps, "over": "channel"},
            "scale": {"factor": self.factor},
        }
        return {"kind": self.kind, **options[self.kind]}


@dataclass(frozen=True)
class SignalPath:
    """From stored values to windows, in the order of the attributes.

    Attributes
    ----------
    sfreq
        Rate of the model's input in Hz.
    resample
        ``"hold"`` or ``"polyphase"`` onto a uniform clock of `sfreq`; ``"rows"`` takes stored rows for samples at
        `sfreq` whatever their stamps say (as released code did); None where recordings have that rate, within 0.1 %.
    drop
        Stored labels whose rows are deleted before filtering, splices and all (as released code did).
    filters
        Filters, or None.
    active
        Samples of a block in which the most active stretch of each trial is looked for, off-line; 0 keeps all.
    median
        Whether each instant's grid is smoothed by a 3 x 3 median.
    every
        Takes every n-th sample after filtering, without an anti-alias filter; 1 takes all.
    normalisation
        Scaling, or None.
    n_chans
        Channels that recordings are filled up to with 0, after scaling; None leaves them.
    grid
        Whether single samples are laid out as images (rows, cols) by the recordings' electrode layout.
    """

    sfreq: float
    resample: Literal["hold", "polyphase", "rows"] | None = None
    drop: tuple[int, ...] = ()
    filters: Filters | None = None
    active: int = 0
    median: bool = False
    every: int = 1
    normalisation: Normalisation | None = None
    n_chans: int | None = None
    grid: bool = False
