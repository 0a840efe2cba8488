"""What a NeuroPose network is made of: one frozen, validated dataclass (no torch here)."""

import math
from dataclasses import dataclass

from emg_models._checks import require_count, require_rate
from emg_models._config import ModelConfig
from emg_models._errors import EmgModelsError

__all__ = ["NeuroPoseConfig"]


@dataclass(frozen=True, kw_only=True)
class NeuroPoseConfig(ModelConfig):
    """Sizes of a NeuroPose network; the defaults are those of emg2pose's comparison, 6,354,903 parameters.

    Parameters
    ----------
    n_chans : int
        Electrodes, a multiple of the product of `chan_pools`.
    n_times : int
        Samples, >= `hop`. The last ``n_times % hop`` samples get no angles (the first convolutions see some of them):
        of the published 4,000 samples 3,840 do.
    n_outputs, sfreq
        As for every model: joint angles, rate in Hz (not used by the network).
    widths : tuple of int
        Channels after each convolution of the encoder; the decoder goes back through them to one.
    time_factors : tuple of int
        Samples pooled after each convolution of the encoder, and repeats before each of the decoder, in this order.
    chan_pools, chan_repeats : tuple of int
        The same over electrodes.
    n_blocks, block_convs : int
        Residual blocks in between, and convolutions in each.
    dropout : float
        Rate after each convolution, in [0, 1).

    Raises
    ------
    EmgModelsError
        A value is outside its range, or two values do not fit.

    References
    ----------
    NeuroPose (Liu et al., WWW 2021) as compared by emg2pose (arXiv 2412.02725), released code.
    """

    n_chans: int = 16
    n_times: int = 4000
    n_outputs: int | None = 20
    sfreq: float = 2000.0
    widths: tuple[int, ...] = (32, 128, 256)
    time_factors: tuple[int, ...] = (10, 8, 4)
    chan_pools: tuple[int, ...] = (2, 2, 4)
    chan_repeats: tuple[int, ...] = (4, 4, 2)
    n_blocks: int = 5
    block_convs: int = 3
    dropout: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_factors()
        require_count("n_blocks", self.n_blocks)
        require_count("block_convs", self.block_convs)
        require_rate("dropout", self.dropout)
        if self.n_chans % math.prod(self.chan_pools):
            raise EmgModelsError(
                f"n_chans={self.n_chans} is not a multiple of {math.prod(self.chan_pools)}, the product of "
                f"chan_pools={self.chan_pools}; pooling would drop electrodes, choose other pools"
            )
        if self.n_times < self.hop:
            raise EmgModelsError(
                f"n_times={self.n_times} is below {self.hop} samples, the product of time_factors={self.time_factors}; "
                "choose a longer window"
            )

    def _check_factors(self) -> None:
        names = ("widths", "time_factors", "chan_pools", "chan_repeats")
        for name in names:
            for value in getattr(self, name):
                require_count(f"{name} entry", value)
        if len({len(getattr(self, name)) for name in names}) != 1 or not self.widths:
            lengths = ", ".join(f"{name} {len(getattr(self, name))}" for name in names)
            raise EmgModelsError(f"{lengths}: equally many entries, at least one, are required")

    @property
    def hop(self) -> int:
        """Samples that pooling makes one frame: 320 as published."""
        return math.prod(self.time_factors)

    @property
    def columns(self) -> int:
        """Columns of electrodes after the decoder: 32 as published."""
        return self.n_chans // math.prod(self.chan_pools) * math.prod(self.chan_repeats)
