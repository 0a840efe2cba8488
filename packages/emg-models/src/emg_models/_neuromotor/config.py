"""What the neuromotor baselines are made of, one configuration per network (no torch here)."""

from dataclasses import dataclass

from emg_models._checks import require_count
from emg_models._config import ModelConfig
from emg_models._errors import EmgModelsError

__all__ = ["NeuromotorGesturesConfig"]


@dataclass(frozen=True, kw_only=True)
class NeuromotorGesturesConfig(ModelConfig):
    """Sizes of the discrete-gesture network; the defaults are the published 6,482,953 parameters.

    Parameters
    ----------
    n_chans : int
        Electrodes of the band.
    n_times : int
        Samples of a training window, >= `kernel_size`; 8 s as published.
    n_outputs : int
        Gesture events, each a pulse in time: index press, index release, middle press, middle release, thumb click,
        down, in, out, up.
    sfreq : float
        Sampling rate in Hz; one output per `stride` samples, so 200 Hz as published.
    width : int
        Features of a frame and of the recurrent state.
    n_layers : int
        Recurrent layers.
    kernel_size, stride : int
        Samples that make a frame, and from one frame to the next.

    Raises
    ------
    EmgModelsError
        A value is outside its range, or a window holds no frame.

    References
    ----------
    Kaifosh, Reardon et al. 2025, doi 10.1038/s41586-025-09255-w (released code; parameter count measured).
    """

    n_chans: int = 16
    n_times: int = 16000
    n_outputs: int | None = 9
    sfreq: float = 2000.0
    width: int = 512
    n_layers: int = 3
    kernel_size: int = 21
    stride: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("width", "n_layers", "kernel_size", "stride"):
            require_count(name, getattr(self, name))
        if self.n_times < self.kernel_size:
            raise EmgModelsError(
                f"n_times={self.n_times} holds no frame of kernel_size={self.kernel_size}; give longer windows"
            )
