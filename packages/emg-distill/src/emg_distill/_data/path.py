"""The signal path: from a whole recording to the numbers that a model sees, and its description for model folders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from emg_distill._errors import EmgDistillError

from ._siblings import siblings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    normalisation
        Scaling, or None.
    n_chans
        Channels that recordings are filled up to with 0, after scaling; None leaves them.
    grid
        How single samples are laid out as images: ``"layout"`` as (rows, cols) of the recordings' electrode layout,
        ``"row"`` as (1, channels); empty for windows (channels, time).
    """

    sfreq: float
    resample: Literal["hold", "polyphase", "rows"] | None = None
    drop: tuple[int, ...] = ()
    filters: Filters | None = None
    active: int = 0
    median: bool = False
    normalisation: Normalisation | None = None
    n_chans: int | None = None
    grid: Literal["", "layout", "row"] = ""

    def __post_init__(self) -> None:
        kind = None if self.normalisation is None else self.normalisation.kind
        if self.n_chans is not None and (kind == "zscore" or self.grid):
            raise EmgDistillError(
                f"n_chans={self.n_chans}: channels that are filled up have no statistics and no place"
            )

    def design(self) -> emg_dsp.Filter | None:
        """Return the filter cascade, or None."""
        return None if self.filters is None else self.filters.design(self.sfreq)

    def apply(
        self,
        signal: NDArray[np.float32],
        segments: list[tuple[int, int]],
        cascade: emg_dsp.Filter | None,
        grid: emg_dsp.Grid | None,
    ) -> NDArray[np.float32]:
        """Filter, scale and smooth the segments of a recording, each on its own; samples outside of them become 0.

        Parameters
        ----------
        signal
            Shape (channels, time), at `sfreq`, finite inside the segments.
        segments
            (start, stop) of stretches without a gap.
        cascade
            As `design` gives it, or that of a stored model.
        grid
            Where the channels lie, for `median`.

        Returns
        -------
        ndarray of shape (channels, time), float32
        """
        out = np.zeros(signal.shape, np.float32)
        for start, stop in segments:
            piece: NDArray[Any] = signal[:, start:stop]
            if cascade is not None:
                causal = self.filters is None or self.filters.causal
                piece = cascade(piece) if causal else cascade.zero_phase(piece)
            if self.normalisation is not None and self.normalisation.kind == "zscore-recording":
                piece = _standardised(piece, self.normalisation.ddof)
            if self.median:
                _, dsp = siblings()
                piece = dsp.SpatialMedian(grid)(piece)
            out[:, start:stop] = piece
        return out


def _standardised(piece: NDArray[np.float32], ddof: int) -> NDArray[np.float64]:
    """Scale each channel by its own mean and deviation; one that never changes is centred only."""
    wide = piece.astype(np.float64)
    std = wide.std(axis=1, keepdims=True, ddof=ddof) if wide.shape[1] > ddof else np.zeros((len(wide), 1))
    scaled: NDArray[np.float64] = (wide - wide.mean(axis=1, keepdims=True)) / np.where(std > 0, std, 1.0)
    return scaled


def grid_of(recording: emg_io.Recording) -> emg_dsp.Grid:
    """Return the grid of a recording's electrodes."""
    _, dsp = siblings()
    closed = "rows" if recording.layout.circular[0] else "cols" if recording.layout.circular[1] else None
    return dsp.Grid.custom(np.array(recording.layout.cells), closed=closed)  # type: ignore[no-any-return]


def describe(
    path: SignalPath,
    cut: Cut,
    montage: Mapping[str, Any],
    cascade: emg_dsp.Filter | None,
    statistics: dict[str, Any] | None,
    n_times: int,
) -> dict[str, Any]:
    """Return the signal path as JSON, in the form that model folders and ONNX files carry.

    Parameters
    ----------
    path, cut
        What was done.
    montage
        ``unit``, ``n_chans`` and, for images, ``cells`` of the recordings.
    cascade
        The filter that was run.
    statistics
        ``mean`` and ``std`` of the training windows, for ``"zscore"``.
    n_times
        Samples that a model sees.
    """
    record: dict[str, Any] = {
        "sfreq": path.sfreq,
        "unit": montage["unit"],
        "channels": [f"emg{index + 1}" for index in range(path.n_chans or montage["n_chans"])],
        "resample": None,
        "filter": None,
        "normalisation": None if path.normalisation is None else path.normalisation.describe(statistics),
        "window": {"length": n_times, "hop": cut.hop, "unit": "samples"},
    }
    if path.resample in {"hold", "polyphase"}:
        record["resample"] = {"method": path.resample, "sfreq": path.sfreq}
    if cascade is not None and path.filters is not None:
        record["filter"] = {"kind": "sos", "causal": path.filters.causal, "sos": cascade.sos.tolist()}
    if path.grid:
        record["grid"] = _places(cells_of(path, montage))
    notes = _notes(path)
    return record | ({"note": "; ".join(notes)} if notes else {})


def cells_of(path: SignalPath, montage: Mapping[str, Any]) -> tuple[tuple[int, ...], ...]:
    """Return the channel at each place of an image, (rows, cols); empty where windows are no images."""
    if path.grid == "row":
        return (tuple(range(montage["n_chans"])),)
    return tuple(map(tuple, montage["cells"])) if path.grid else ()


def _places(cells: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Return rows, columns and the [row, column] of every channel."""
    where = {channel: [row, col] for row, line in enumerate(cells) for col, channel in enumerate(line)}
    return {"rows": len(cells), "cols": len(cells[0]), "places": [where[channel] for channel in sorted(where)]}


def _notes(path: SignalPath) -> list[str]:
    """Say what the record has no key for."""
    notes = []
    if path.resample == "rows":
        notes.append(f"stored rows are taken for samples at {path.sfreq:g} Hz, whatever their stamps say")
    if path.drop:
        notes.append(f"rows with labels {list(path.drop)} are deleted before filtering")
    if path.filters is not None and path.filters.design_sfreq is not None:
        notes.append(f"filters are designed for {path.filters.design_sfreq:g} Hz")
    if path.active:
        notes.append(f"the most active stretch of each trial, by blocks of {path.active} samples, found off-line")
    if path.median:
        notes.append("3 x 3 spatial median of every instant, after the filter")
    return notes
