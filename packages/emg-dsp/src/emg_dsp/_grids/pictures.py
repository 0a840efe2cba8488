"""`Pictures`: what one does with electrodes that have places. The methods check and hand over; the work is elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .electrodes import Electrodes

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import ArrayLike

    from emg_dsp._arrays import Array, Floats, NanPolicy

    from .grid import Grid
    from .quality import Thresholds

MISSING = float("nan")
"""What stands where there is no electrode, unless something else is asked for."""


@dataclass(frozen=True)
class Pictures(Electrodes):
    """Operations of a `Grid`; signals are (..., channels, time) with the channels of the grid's file."""

    def image(
        self,
        x: ArrayLike,
        *,
        frames: bool = False,
        fill: float = MISSING,
        nan: NanPolicy = "raise",
        threads: int = 1,
    ) -> Floats:
        """Put each channel in its place.

        Parameters
        ----------
        x : array (..., channels, time)
            Signal in any unit, with all channels of the file, dropped ones included.
        frames : bool
            False keeps time last; True gives one picture after another, as networks that look at single instants do.
        fill : float
            What stands where there is no electrode; NaN by default, so that nobody takes it for a measurement. Give 0
            for a network, or repair the place first.
        nan : {"raise", "propagate"}
            A NaN or infinite sample in a channel with a place raises and is named, or stays as it is.
        threads : int
            Threads, >= 1; the result does not depend on them.

        Returns
        -------
        array (..., rows, cols, time), or (..., time, rows, cols) where ``frames``
            A new array in the unit of ``x``; several grids add an axis before rows. float64 for float64, float32 for
            everything else.

        Raises
        ------
        EmgDspError
            If ``x`` has another number of channels than the file.
        """
        from .images import to_frames, to_images

        run = to_frames if frames else to_images
        return run(self, x, fill, nan, threads)

    def vector(self, images: ArrayLike, *, frames: bool = False, fill: float = MISSING) -> Floats:
        """Take each channel from its place: the inverse of `image`.

        Parameters
        ----------
        images : array (..., rows, cols, time), or (..., time, rows, cols) where ``frames``
            As `image` gives them, any values.
        frames : bool
            Whether time stands before the grid.
        fill : float
            What dropped channels get.

        Returns
        -------
        array (..., channels, time)
            A new array with all channels of the file; what stood where there is no electrode is left out.
        """
        from .images import to_vector

        return to_vector(self, images, frames, fill)

    def grey(
        self,
        x: ArrayLike,
        full_scale: float = 1.0,
        *,
        outside: Literal["raise", "clip"] = "raise",
        fill: float = 0.5,
        nan: NanPolicy = "raise",
        threads: int = 1,
    ) -> Floats:
        """Make instantaneous images with levels in [0, 1]: ``(x / full_scale + 1) / 2``, a frame for each sample.

        One scale for all frames: -full_scale is black, 0 is 0.5, +full_scale is white. Scaling every frame by its own
        minimum and maximum, as some do, throws the amplitude away and is not offered. All-ConvNet as published with
        CapgMyo takes the values in +-1 unchanged: `image` with ``frames=True``.

        Parameters
        ----------
        x : array (..., channels, time)
            Signal; CapgMyo stores +-1 for +-2.5 mV (unverified), so that ``full_scale`` is 1 there.
        full_scale : float
            Largest amplitude of the amplifier, > 0, in the unit of ``x``.
        outside : {"raise", "clip"}
            A sample beyond full scale raises and is named, or gets the nearest level.
        fill : float
            Level where there is no electrode; 0.5 is that of 0.
        nan, threads
            As for `image`.

        Returns
        -------
        array (..., time, rows, cols)
            Levels in [0, 1], a new array.

        Source: Geng et al., Scientific Reports 6:36571, 2016, doi:10.1038/srep36571.
        """
        from .images import to_grey

        return to_grey(self, x, full_scale, outside, fill, nan, threads)

    def spread(self, values: ArrayLike, *, fill: float = MISSING) -> Floats:
        """Make maps (..., rows, cols) of one value for each channel (..., channels), any unit."""
        from .images import spread

        return spread(self, values, fill)

    def activation(
        self,
        windows: ArrayLike,
        feature: Literal["RMS", "MAV"] = "RMS",
        *,
        fill: float = MISSING,
        nan: NanPolicy = "raise",
    ) -> Floats:
        """Make activation maps: RMS or MAV of each channel in its place.

        Parameters
        ----------
        windows : array (..., channels, time)
            As `windows` gives them, or a whole signal; overlapping views are read in place.
        feature : {"RMS", "MAV"}
            Measure of amplitude.
        fill : float
            What stands where there is no electrode.
        nan : {"raise", "propagate"}
            As for `features`; dropped channels are not looked at.

        Returns
        -------
        array (..., rows, cols)
            >= 0, in the unit of the signal.
        """
        from .activity import activation

        return activation(self, windows, feature, fill, nan)

    def roll(self, x: ArrayLike, steps: int) -> Array:
        """Turn the signal round the limb: what was at place p of the closed axis comes to place p + ``steps``.

        Parameters
        ----------
        x : array (..., channels, time)
            Signal of any real type.
        steps : int
            Places, of any sign. CapgMyo: two rows are one module.

        Returns
        -------
        array (..., channels, time)
            A new array; dropped channels stay where they are. ``image(roll(x, k))`` is ``image(x)`` rolled by ``k``.

        Raises
        ------
        EmgDspError
            If no axis closes, or a row round the limb has electrodes in some places only.
        """
        from .ring import roll

        return roll(self, x, steps)

    def repair(
        self, x: ArrayLike, bad: Collection[int], method: Literal["idw", "tps"] = "idw", *, nan: NanPolicy = "raise"
    ) -> Array:
        """Replace bad channels by what the others say: ``Repair(grid, bad, method)(x)``; see `Repair`."""
        from .repair import Repair

        return Repair(self, tuple(bad), method)(x, nan=nan)  # type: ignore[arg-type]

    def interpolate(
        self,
        x: ArrayLike,
        other: Grid,
        method: Literal["bilinear", "tps"] = "bilinear",
        *,
        outside: Literal["raise", "nearest"] = "raise",
        nan: NanPolicy = "raise",
    ) -> Array:
        """Compute what another grid would have recorded: ``Interpolation(...)(x)``; see `Interpolation`."""
        from .interpolate import Interpolation

        return Interpolation(self, other, method, outside)(x, nan=nan)  # type: ignore[arg-type]

    def bad_channels(
        self,
        x: ArrayLike,
        sfreq: float,
        *,
        mains: float | None = 50.0,
        limits: Thresholds | None = None,
    ) -> dict[int, tuple[str, ...]]:
        """Find bad channels, each with its reasons; nothing is repaired.

        ==============  ================================================================================  ============
        reason          criterion                                                                         in `limits`
        ==============  ================================================================================  ============
        not finite      a sample is NaN or infinite                                                       none
        flat            standard deviation at most this part of the grid's median                         flat 0.01
        saturated       this part of the samples at the extreme values, in runs of three or more          saturated .01
        noisy           standard deviation over the median of its neighbours: robust z-score above this,  noisy 5,
                        and ratio above that                                                              louder 3
        hum             this part of the power at the mains and its harmonics, 1 Hz wide                  hum 0.5
        uncorrelated    largest correlation with a neighbour, median over seconds, below this, while most  correlation
                        of the grid is above it                                                           0.4
        ==============  ================================================================================  ============

        Neighbours are the eight electrodes around. Deviations are taken second by second without the mean; the rest
        after the last whole second is left out (a shorter signal is one block). A ratio to neighbours, not to the
        grid, leaves a channel over an active muscle alone. At rest all channels are uncorrelated: then none is named.

        Parameters
        ----------
        x : array (channels, time)
            Some seconds of signal before any notch, any unit.
        sfreq : float
            Sampling rate in Hz, > 0.
        mains : float or None
            50 or 60 Hz; None leaves hum out.
        limits : Thresholds, optional
            Other limits than the above.

        Returns
        -------
        dict of int to tuple of str
            Reasons for each bad channel, ascending; dropped channels are not looked at.

        Source: robust deviation 5 and correlation 0.4 from Bigdely-Shamlo et al. (PREP), Front. Neuroinform. 9:16,
        2015, doi:10.3389/fninf.2015.00016, there for EEG; outliers by amplitude and mains in surface EMG after Marateb
        et al., Med. Biol. Eng. Comput. 50, 2012, doi:10.1007/s11517-011-0790-7. The other limits are ours.
        """
        from .quality import Thresholds, bad_channels

        return bad_channels(self, x, sfreq, mains, limits or Thresholds())

    def active_segment(self, x: ArrayLike, block: int = 150) -> tuple[int, int]:
        """Find the active part of one trial, as Geng et al. cut CSL-HDEMG. It needs the whole trial: off-line only.

        RMS of each channel in blocks, a 3 x 3 spatial median, the mean over channels: a block is active where that
        exceeds the mean over all blocks. Single inactive blocks between active ones are filled; the longest run counts,
        the first of equal ones. Samples after the last whole block are not looked at.

        Parameters
        ----------
        x : array (channels, time)
            One trial, filtered.
        block : int
            Samples of a block, >= 1; 150 at 2048 Hz in the source.

        Returns
        -------
        tuple of int
            First sample, and the one after the last: cut with ``x[:, start:stop]``.

        Raises
        ------
        EmgDspError
            If the trial is shorter than two blocks, or all blocks are alike.

        Source: Geng et al., Scientific Reports 6:36571, 2016, doi:10.1038/srep36571, and its released code.
        """
        from .activity import active_segment

        return active_segment(self, x, block)
