"""`Operations`: what the places of electrodes say about their signals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .pictures import Pictures

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import ArrayLike

    from emg_dsp._arrays import Array, NanPolicy

    from .grid import Grid
    from .quality import ChannelLimits


@dataclass(frozen=True)
class Operations(Pictures):
    """Turning, repair, interpolation and checks of a `Grid`; the work is done elsewhere."""

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

        return Repair(self, bad, method)(x, nan=nan)  # type: ignore[arg-type]

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
        limits: ChannelLimits | None = None,
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
            50 or 60 Hz, at least 1; None leaves hum out.
        limits : ChannelLimits, optional
            Other limits than the above.

        Returns
        -------
        dict of int to tuple of str
            Reasons for each bad channel, ascending; dropped channels are not looked at.

        Source: robust deviation 5 and correlation 0.4 from Bigdely-Shamlo et al. (PREP), Front. Neuroinform. 9:16,
        2015, doi:10.3389/fninf.2015.00016, there for EEG; outliers by amplitude and mains in surface EMG after Marateb
        et al., Med. Biol. Eng. Comput. 50, 2012, doi:10.1007/s11517-011-0790-7. The other limits are ours.
        """
        from .quality import ChannelLimits, bad_channels

        return bad_channels(self, x, sfreq, mains, ChannelLimits() if limits is None else limits)

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
