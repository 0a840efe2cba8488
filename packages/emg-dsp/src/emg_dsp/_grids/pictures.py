"""`Pictures`: channels put in their places, and taken from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .electrodes import Electrodes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from emg_dsp._arrays import Floats, NanPolicy

MISSING = float("nan")
"""What stands where there is no electrode, unless something else is asked for."""


@dataclass(frozen=True)
class Pictures(Electrodes):
    """The pictures of a `Grid`; signals are (..., channels, time) with the channels of the grid's file."""

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
            False keeps time last; True gives one picture after another, as networks for single instants take them.
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
            A sample beyond full scale (more than 1e-6 of it) raises and is named, or gets the nearest level.
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
