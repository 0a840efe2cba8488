"""What a network of the emg2pose family is made of: one frozen, validated dataclass (no torch here)."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from emg_models._checks import require_choice, require_count, require_positive
from emg_models._config import ModelConfig
from emg_models._errors import EmgModelsError

__all__ = ["Emg2PoseConfig"]

Decoder = Literal["lstm", "mlp"]
Mode = Literal["tracking", "regression"]

MAX_STEPS = 2**14


@dataclass(frozen=True, kw_only=True)
class Emg2PoseConfig(ModelConfig):
    """Sizes of an encoder with a roll-out over poses; the defaults are vemg2pose in regression, 5,980,328 parameters.

    Parameters
    ----------
    n_chans, n_times, n_outputs, sfreq
        As for every model: electrodes, samples (>= `receptive_field`), joint angles, rate in Hz.
    decoder : {"lstm", "mlp"}
        "lstm" (vemg2pose) gives velocities, which are summed; "mlp" (emg2pose) gives positions.
    mode : {"tracking", "regression"}
        "tracking" starts from the true first pose, which is given; "regression" from zeros, and an LSTM then gives
        positions for `position_time` before it gives velocities.
    width : int
        Features of every convolution; divisible by `block_channels`.
    kernels, strides : tuple of int
        Samples or frames of the plain convolutions, ``1 <= stride <= kernel``.
    block_kernels : tuple of int
        Kernels of the time-depth-separable blocks, one per stage; the stages begin with the last plain convolutions.
    stage_blocks : int
        Blocks per stage.
    block_channels : int
        Channels of a block's convolution.
    n_features : int
        Features per frame that the decoder sees, beside the previous pose.
    hidden, n_layers : int
        Width and number of the decoder's hidden layers.
    rollout_rate : float
        Steps of the decoder per second, in Hz; sfreq / rollout_rate must be a whole number that divides the product of
        `strides`.
    position_time : float
        Seconds > 0, see `mode`; rounded down to whole steps (our choice: 12 steps of 20 ms for 0.25 s).
    output_scale : float
        Factor on what the decoder gives, > 0; the result is in radians, or radians per step.

    Raises
    ------
    EmgModelsError
        A value is outside its range, or two values do not fit.

    References
    ----------
    emg2pose (arXiv 2412.02725), released code; kernels, strides and widths are its own, and their counts are met.
    """

    n_chans: int = 16
    n_times: int = 11790
    n_outputs: int | None = 20
    sfreq: float = 2000.0
    decoder: Decoder = "lstm"
    mode: Mode = "regression"
    width: int = 256
    kernels: tuple[int, ...] = (11, 5, 17, 9)
    strides: tuple[int, ...] = (5, 2, 4, 2)
    block_kernels: tuple[int, ...] = (9, 5)
    stage_blocks: int = 2
    block_channels: int = 16
    n_features: int = 64
    hidden: int = 512
    n_layers: int = 2
    rollout_rate: float = 50.0
    position_time: float = 0.25
    output_scale: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice("decoder", self.decoder, get_args(Decoder))
        require_choice("mode", self.mode, get_args(Mode))
        for name in ("width", "stage_blocks", "block_channels", "n_features", "hidden", "n_layers"):
            require_count(name, getattr(self, name))
        require_positive("rollout_rate", self.rollout_rate, "Hz")
        require_positive("position_time", self.position_time, "seconds")
        require_positive("output_scale", self.output_scale, "radians")
        self._check_convolutions()
        self._check_times()

    def _check_convolutions(self) -> None:
        for name in ("kernels", "strides", "block_kernels"):
            for value in getattr(self, name):
                require_count(f"{name} entry", value)
        fitting = len(self.block_kernels) <= len(self.kernels) == len(self.strides) >= 1
        if not fitting or any(stride > kernel for kernel, stride in zip(self.kernels, self.strides, strict=True)):
            raise EmgModelsError(
                f"kernels={self.kernels}, strides={self.strides}, block_kernels={self.block_kernels}: one stride per "
                "kernel, not longer than it, and no more block kernels than kernels are required"
            )
        if self.width % self.block_channels:
            raise EmgModelsError(
                f"width={self.width} is not divisible by block_channels={self.block_channels}; choose another width"
            )

    def _check_times(self) -> None:
        steps = self.sfreq / self.rollout_rate
        if not steps.is_integer() or self.hop % int(steps):
            raise EmgModelsError(
                f"sfreq={self.sfreq} Hz / rollout_rate={self.rollout_rate} Hz gives steps of {steps:g} samples; a "
                f"whole number that divides the encoder's hop of {self.hop} samples is required"
            )
        if self.n_times < self.receptive_field:
            raise EmgModelsError(
                f"n_times={self.n_times} is below the encoder's receptive field of {self.receptive_field} samples "
                "(nothing is padded); choose a longer window"
            )
        if self.n_times > MAX_STEPS * int(steps):
            raise EmgModelsError(
                f"n_times={self.n_times} samples are more than {MAX_STEPS} steps of {steps:g} samples, one after the "
                "other; choose a shorter window, longer recordings go through forward all the same"
            )

    @property
    def hop(self) -> int:
        """Samples between frames of the encoder: 80 (25 Hz) as published."""
        return math.prod(self.strides)

    @property
    def step(self) -> int:
        """Samples between steps of the decoder: 40 as published."""
        return int(self.sfreq / self.rollout_rate)

    @property
    def position_steps(self) -> int:
        """Steps in which an LSTM gives positions before it gives velocities: none in tracking, 0 with an MLP."""
        if self.mode == "tracking" or self.decoder == "mlp":
            return 0
        return math.floor(self.position_time * self.rollout_rate + 1e-9)

    @property
    def receptive_field(self) -> int:
        """Samples that one frame of the encoder sees: 1,791 as published."""
        samples, hop = 1, 1
        plain = len(self.kernels) - len(self.block_kernels)
        for place, (kernel, stride) in enumerate(zip(self.kernels, self.strides, strict=True)):
            samples += (kernel - 1) * hop
            hop *= stride
            if place >= plain:
                samples += self.stage_blocks * (self.block_kernels[place - plain] - 1) * hop
        return samples

    @property
    def left_context(self) -> int:
        """Samples before the first one whose pose is given: 1,790 as published."""
        return self.receptive_field - 1
