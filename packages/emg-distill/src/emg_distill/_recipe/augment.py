"""How training examples are changed at random."""

from dataclasses import dataclass

from .rules import require


@dataclass(frozen=True)
class AugmentRecipe:
    """Random changes of training windows; zero turns each one off.

    Attributes
    ----------
    rotate
        Largest rotation of the electrode ring, in channels: each of ``-rotate .. rotate`` equally likely.
    rotate_p
        Probability that a window takes part in the rotation at all, in ``[0, 1]``.
    gain
        Half width of one factor per window, ``U(1 - gain, 1 + gain)``; in ``[0, 1]``.
    channel_gain
        The same, drawn per channel.
    noise
        Standard deviation of white noise, in standard deviations of the training part.
    flip
        Probability that a window changes its sign, in ``[0, 1]``.
    shift
        Largest circular shift in time, in samples, both directions.
    drop_channel
        Probability that a channel is zeroed, in ``[0, 1]``.
    """

    rotate: int = 0
    rotate_p: float = 1.0
    gain: float = 0.0
    channel_gain: float = 0.0
    noise: float = 0.0
    flip: float = 0.0
    shift: int = 0
    drop_channel: float = 0.0

    def __post_init__(self) -> None:
        for key, value in vars(self).items():
            require(value >= 0, f"augment.{key}", value, "must not be negative")
        for key in ("gain", "channel_gain", "rotate_p", "flip", "drop_channel"):
            require(getattr(self, key) <= 1, f"augment.{key}", getattr(self, key), "must lie in [0, 1]")
