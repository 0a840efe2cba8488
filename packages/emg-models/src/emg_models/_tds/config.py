"""What a TDS-ConvNet is made of: one frozen, validated dataclass (no torch here)."""

from dataclasses import dataclass

from emg_models._checks import require_count, require_positive
from emg_models._config import ModelConfig
from emg_models._errors import EmgModelsError

__all__ = ["TDSConfig"]


@dataclass(frozen=True, kw_only=True)
class TDSConfig(ModelConfig):
    """Sizes of a TDS-ConvNet; the defaults are the network of emg2qwerty, 5,293,315 parameters.

    Parameters
    ----------
    n_chans : int
        Electrodes of all bands, band after band; a multiple of `n_bands`.
    n_times : int
        Samples T of a window, >= `receptive_field`.
    n_outputs : int
        Symbols, the blank included, which is the last.
    sfreq : float
        Sampling rate in Hz, > 0. Part of the model's contract; the network itself does not use it.
    n_bands : int
        Wrist bands, each a ring of n_chans / n_bands electrodes with its own first layer.
    window, hop : int
        Samples of a spectrogram frame and between frames; ``2 <= window``, ``1 <= hop <= window``.
    floor : float
        Added to the power before its logarithm, > 0, in the input's unit squared: scale the input so that its power is
        well above.
    rolls : tuple of int
        Electrodes by which the first layer rolls each ring.
    mlp_width : int
        Features of the first layer per band; n_bands · mlp_width is divisible by `block_channels`.
    n_blocks : int
        Time-depth-separable blocks.
    block_channels, kernel : int
        Channels and frames of a block's convolution.

    Raises
    ------
    EmgModelsError
        A value is outside its range, or two values do not fit.

    References
    ----------
    emg2qwerty (arXiv 2410.20081), released code.
    """

    n_chans: int = 32
    n_times: int = 8000
    n_outputs: int | None = 99
    sfreq: float = 2000.0
    n_bands: int = 2
    window: int = 64
    hop: int = 16
    floor: float = 1e-6
    rolls: tuple[int, ...] = (-1, 0, 1)
    mlp_width: int = 384
    n_blocks: int = 4
    block_channels: int = 24
    kernel: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("n_bands", "hop", "mlp_width", "n_blocks", "block_channels", "kernel"):
            require_count(name, getattr(self, name))
        require_count("window", self.window, 2)
        require_positive("floor", self.floor, "input units squared")
        if self.hop > self.window:
            raise EmgModelsError(
                f"hop={self.hop} exceeds window={self.window}: samples would be skipped; lower the hop"
            )
        if self.n_chans % self.n_bands:
            raise EmgModelsError(
                f"n_chans={self.n_chans} is not a multiple of n_bands={self.n_bands}; every band has as many electrodes"
            )
        if self.width % self.block_channels:
            raise EmgModelsError(
                f"n_bands={self.n_bands} x mlp_width={self.mlp_width} is not divisible by "
                f"block_channels={self.block_channels}; choose another mlp_width"
            )
        if self.n_times < self.receptive_field:
            raise EmgModelsError(
                f"n_times={self.n_times} is below the receptive field of {self.receptive_field} samples (nothing is "
                "padded); choose a longer window, fewer blocks or a shorter kernel"
            )

    @property
    def width(self) -> int:
        """Features of a frame."""
        return self.n_bands * self.mlp_width

    @property
    def receptive_field(self) -> int:
        """Samples that one output frame sees: 2,048 (1.024 s) as published."""
        return self.window + self.n_blocks * (self.kernel - 1) * self.hop
