"""What TinyMyo for the neuromotor task is made of (no torch here)."""

from dataclasses import dataclass

from emg_models._checks import require_count
from emg_models._errors import EmgModelsError

from .blocks_config import BlocksConfig

__all__ = ["TinyMyoNeuromotorConfig"]


@dataclass(frozen=True, kw_only=True)
class TinyMyoNeuromotorConfig(BlocksConfig):
    """Gesture events from a wristband by causal blocks; the defaults are the published network.

    Parameters
    ----------
    n_chans : int
        Electrodes of the band.
    n_times : int
        Samples of a training window, >= `kernel_size`; 8 s as published.
    n_outputs : int
        Gesture events, each a pulse in time.
    sfreq : float
        Sampling rate in Hz; one output per `stride` samples, so 200 Hz as published.
    kernel_size, stride : int
        Samples that make a frame, and from one frame to the next.
    context : int or None
        Frames that a frame attends to in each block, itself included, >= 1; None, as published, for all since the
        start, which cannot stream. With a context, an output sees ``receptive_field`` samples.

    Raises
    ------
    EmgModelsError
        A value is outside its range, or two values do not fit.

    References
    ----------
    arXiv 2512.15729 (released code). `context` is ours.
    """

    n_chans: int = 16
    n_times: int = 16000
    n_outputs: int | None = 9
    sfreq: float = 2000.0
    kernel_size: int = 21
    stride: int = 10
    context: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count("kernel_size", self.kernel_size)
        require_count("stride", self.stride)
        if self.context is not None:
            require_count("context", self.context)
        if self.n_times < self.kernel_size:
            raise EmgModelsError(
                f"n_times={self.n_times} holds no frame of kernel_size={self.kernel_size}; give longer windows"
            )

    @property
    def receptive_field(self) -> int | None:
        """Samples that one output sees, the newest included; None where it sees back to the start."""
        if self.context is None:
            return None
        return self.n_blocks * (self.context - 1) * self.stride + self.kernel_size
