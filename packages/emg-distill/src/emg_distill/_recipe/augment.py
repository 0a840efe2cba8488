"""How training examples are changed at random."""

import math
from dataclasses import dataclass
from typing import Literal

from .rules import require

_SHARES = ("p", "rotate_p", "gain", "channel_gain", "flip", "mains_p", "motion_p", "drop_channel")
_MASKED = ("time_mask", "frame_mask")
_COUNTS = ("rings", "time_warp_knots", "magnitude_warp_knots", "mains_harmonics", "motion_bursts", "frame_mask_span")
_LENGTHS = ("mains_freq", "motion_length", "time_mask_span")
_WINDOWS_ONLY = (
    "rotate",
    "electrode_shift",
    "misalign",
    "shift",
    "time_warp",
    "channel_gain",
    "magnitude_warp",
    "mains",
    "motion",
    "noise_share",
    "drop_channel",
    "time_mask",
    "frame_mask",
    "spec_time_masks",
    "spec_freq_masks",
)


@dataclass(frozen=True)
class AugmentRecipe:
    """Random changes of training windows; zero turns each one off, and what is off draws nothing.

    The fields stand in the order in which the changes are made. Amplitudes are given in standard deviations of the
    training part, which are the unit of normalised windows. All numbers of an example depend on (seed, epoch, example)
    alone.

    Attributes
    ----------
    p
        Probability that an example is changed at all, in ``[0, 1]``; 2/3 is the published mix of DB5, which trains on
        each window and two changed copies.
    rings
        Equal rings of neighbouring channels, ``>= 1``, each turned by its own amount: 2 for two wrists or two armbands.
    rotate
        Largest rotation of a ring, in channels: each of ``-rotate .. rotate`` equally likely.
    rotate_p
        Probability that an example takes part in the rotation at all, in ``[0, 1]``.
    electrode_shift
        Largest slip along a ring, in distances between electrodes, ``>= 0``; uniform in both directions. Values between
        electrodes are interpolated linearly.
    grid_shift
        Largest shift of images along rows and along columns, in electrodes: each of ``-grid_shift .. grid_shift``
        equally likely, both axes by themselves. It says that examples are images (batch, rows, cols).
    grid_fill
        What enters at the border of a shifted image: ``"zeros"``, the ``"edge"`` value, or the other side (``"wrap"``).
    misalign
        Largest misalignment between two rings (`rings` must be 2), in s, ``>= 0``; uniform in samples, both directions.
        The window loses the samples that only one ring has: `x_lengths` shrinks and the end is 0.
    shift
        Largest circular shift in time, in samples, both directions.
    time_warp
        Largest relative change of speed, in ``[0, 1)``: the time axis is stretched and squeezed smoothly, ends fixed.
    time_warp_knots
        Places where the speed may change, ``>= 1``.
    gain
        Half width of one factor per window, ``U(1 - gain, 1 + gain)``; in ``[0, 1]``.
    channel_gain
        The same, drawn per channel.
    flip
        Probability that a window changes its sign, in ``[0, 1]``.
    magnitude_warp
        Half width of a factor per channel that changes smoothly over time, ``U(1 - m, 1 + m)`` at its knots; in
        ``[0, 1]``.
    magnitude_warp_knots
        Knots of that factor between the ends, ``>= 1``.
    mains
        Largest peak of the mains' fundamental, in standard deviations of the training part, ``>= 0``; drawn per channel
        from ``U(0, mains)``.
    mains_p
        Probability that a window has any, in ``[0, 1]``.
    mains_freq
        Mains frequency in Hz, below half the rate: 50 or 60.
    mains_harmonics
        Fundamental and its multiples up to this one, ``>= 1``; those from half the rate up are left out.
    motion
        Largest peak of a motion artefact, in standard deviations of the training part, ``>= 0``; drawn per channel from
        ``U(-motion, motion)``.
    motion_p
        Probability of each burst, in ``[0, 1]``.
    motion_bursts
        Bursts that a window may have, ``>= 1``.
    motion_length
        Longest burst in s, ``> 0``; drawn from the upper half of it. Its power lies below some ``3 / length`` Hz.
    noise
        Standard deviation of white noise, in standard deviations of the training part, ``>= 0``.
    noise_share
        Standard deviation of white noise as a share of that of the channel in this window, ``>= 0``; 0.01 on DB5.
    drop_channel
        Probability that a channel is zeroed, in ``[0, 1]``.
    time_mask
        Share of the samples that spans of zeros would cover if none overlapped, in ``[0, 1]``; all channels alike.
    time_mask_span
        Length of each span in s, ``> 0``.
    frame_mask
        The same for frames inside a model that takes a mask of frames (scaled Transformers with `mask_vector`); 0.3 is
        published for emg2qwerty.
    frame_mask_span
        Length of each span in frames, ``>= 1``.
    spec_time_masks, spec_freq_masks
        Most masks over frames and over bins of a model's spectrogram, ``>= 0``; counts are uniform from 0, drawn per
        channel. 3 and 2 are published for emg2qwerty's baseline.
    spec_time_width, spec_freq_width
        Largest width of such a mask, in frames and in bins, ``>= 0``; widths are uniform from 0.
    """

    p: float = 1.0
    rings: int = 1
    rotate: int = 0
    rotate_p: float = 1.0
    electrode_shift: float = 0.0
    grid_shift: int = 0
    grid_fill: Literal["zeros", "edge", "wrap"] = "zeros"
    misalign: float = 0.0
    shift: int = 0
    time_warp: float = 0.0
    time_warp_knots: int = 4
    gain: float = 0.0
    channel_gain: float = 0.0
    flip: float = 0.0
    magnitude_warp: float = 0.0
    magnitude_warp_knots: int = 4
    mains: float = 0.0
    mains_p: float = 1.0
    mains_freq: float = 50.0
    mains_harmonics: int = 3
    motion: float = 0.0
    motion_p: float = 0.5
    motion_bursts: int = 1
    motion_length: float = 0.5
    noise: float = 0.0
    noise_share: float = 0.0
    drop_channel: float = 0.0
    time_mask: float = 0.0
    time_mask_span: float = 0.15
    frame_mask: float = 0.0
    frame_mask_span: int = 15
    spec_time_masks: int = 0
    spec_time_width: int = 25
    spec_freq_masks: int = 0
    spec_freq_width: int = 4

    def __post_init__(self) -> None:
        for key, value in vars(self).items():
            if key != "grid_fill":
                require(math.isfinite(value) and value >= 0, f"augment.{key}", value, "must be finite and not negative")
        for key in (*_SHARES, "magnitude_warp", *_MASKED):
            self._require(key, getattr(self, key) <= 1, "must lie in [0, 1]")
        for key in _COUNTS:
            self._require(key, getattr(self, key) >= 1, "must be at least 1")
        for key in _LENGTHS:
            self._require(key, getattr(self, key) > 0, "must be > 0")
        self._require("time_warp", self.time_warp < 1, "must lie in [0, 1): time never stands still")
        self._require("misalign", not self.misalign or self.rings == 2, "is between two rings: set augment.rings = 2")
        self._require("grid_fill", self.grid_fill in {"zeros", "edge", "wrap"}, "choose zeros, edge or wrap")
        for key in _WINDOWS_ONLY if self.grid_shift else ():
            rule = "changes channels or time, which images of augment.grid_shift do not have; set one of the two to 0"
            self._require(key, not getattr(self, key), rule)

    def _require(self, key: str, valid: bool, rule: str) -> None:
        require(valid, f"augment.{key}", getattr(self, key), rule)
