"""What the neuromotor networks on spectral features are made of (no torch here)."""

from dataclasses import dataclass

from emg_models._checks import require_count
from emg_models._config import ModelConfig
from emg_models._errors import EmgModelsError

__all__ = ["FeatureConfig", "NeuromotorHandwritingConfig", "NeuromotorWristConfig", "electrode_pairs"]


def electrode_pairs(electrodes: int, neighbours: int | None) -> list[tuple[int, int]]:
    """Return the pairs of a ring of electrodes whose common power is a feature.

    Parameters
    ----------
    electrodes : int
        Electrodes C of the ring.
    neighbours : int or None
        Farthest neighbour: electrode e with e, e + 1, … e + `neighbours` modulo C, nearest first; None for every pair
        once, the upper triangle row by row.

    Returns
    -------
    list of tuple of int
        C·(neighbours + 1) or C·(C + 1) / 2 pairs, each once.

    Raises
    ------
    EmgModelsError
        The ring is too small for so many neighbours to be different.
    """
    require_count("electrodes", electrodes, most=2**10)
    if neighbours is None:
        return [(i, j) for i in range(electrodes) for j in range(i, electrodes)]
    require_count("neighbours", neighbours, 0)
    if 2 * neighbours >= electrodes:
        raise EmgModelsError(
            f"neighbours={neighbours}: a ring of {electrodes} electrodes has {(electrodes - 1) // 2} to either side; "
            "give at most that, or None for all pairs"
        )
    return [(e, (e + d) % electrodes) for d in range(neighbours + 1) for e in range(electrodes)]


@dataclass(frozen=True, kw_only=True)
class FeatureConfig(ModelConfig):
    """Spectral features of a wristband, from `MultivariatePowerFrequency`, as the input of a network.

    Parameters
    ----------
    n_chans : int
        Features of a frame, ``bands`` × pairs of electrodes; 0, the default, stands for it.
    n_times : int
        Frames of a window.
    n_outputs : int or None
        Outputs per frame.
    sfreq : float
        Feature frames per second in Hz.
    electrodes, bands : int
        Ring of electrodes and frequency bands of the features.
    neighbours : int or None
        Pairs of electrodes among the features; see `electrode_pairs`.

    Raises
    ------
    EmgModelsError
        A value is outside its range, or ``n_chans`` is another number of features.
    """

    n_chans: int = 0
    n_times: int = 1
    sfreq: float = 50.0
    electrodes: int = 16
    bands: int = 6
    neighbours: int | None = None

    def __post_init__(self) -> None:
        require_count("bands", self.bands, most=2**10)
        n_features = self.bands * len(electrode_pairs(self.electrodes, self.neighbours))
        if self.n_chans == 0 and not isinstance(self.n_chans, bool):
            object.__setattr__(self, "n_chans", n_features)
        super().__post_init__()
        if self.n_chans != n_features:
            raise EmgModelsError(
                f"n_chans={self.n_chans}: {self.bands} bands of {n_features // self.bands} pairs of electrodes are "
                f"{n_features} features; leave n_chans out, or change electrodes, bands or neighbours"
            )


@dataclass(frozen=True, kw_only=True)
class NeuromotorHandwritingConfig(FeatureConfig):
    """Sizes of the handwriting network; the defaults are the published 1,021,284 parameters (`FeatureConfig` too).

    Parameters
    ----------
    n_times : int
        Feature frames of a window; 16 s as published.
    n_outputs : int
        Symbols and, last, the blank of CTC.
    width, hidden, n_heads : int
        Frame width D, width inside feed-forward and gate (the latter 2·D), and attention heads.
    contexts : tuple of int
        Frames that attention sees, itself included, one number per block; 16 in blocks 1 to 10, 8 in 11 to 15 as
        published.
    strides : tuple of int
        Step of each block's convolution; 2 in blocks 5 and 10 as published.
    kernel_size : int
        Frames under a block's convolution.

    References
    ----------
    Kaifosh, Reardon et al. 2025, doi 10.1038/s41586-025-09255-w (released code; parameter count measured).
    """

    n_times: int = 795
    n_outputs: int | None = 100
    width: int = 64
    hidden: int = 128
    n_heads: int = 4
    contexts: tuple[int, ...] = (16,) * 10 + (8,) * 5
    strides: tuple[int, ...] = (1, 1, 1, 1, 2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1)
    kernel_size: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("width", "hidden", "n_heads", "kernel_size"):
            require_count(name, getattr(self, name), most=2**16)
        if self.width % self.n_heads:
            raise EmgModelsError(f"width={self.width} is not divisible by n_heads={self.n_heads}; choose other heads")
        if len(self.contexts) != len(self.strides) or not self.contexts:
            raise EmgModelsError(
                f"{len(self.contexts)} contexts and {len(self.strides)} strides: one of each per block is required"
            )
        for number, (context, stride) in enumerate(zip(self.contexts, self.strides, strict=True), start=1):
            require_count(f"context of block {number}", context, most=2**16)
            require_count(f"stride of block {number}", stride, most=2**10)
        if self.frames(self.n_times) == 0:
            raise EmgModelsError(f"n_times={self.n_times}: one output needs {self.least_frames} feature frames")

    @property
    def least_frames(self) -> int:
        """Feature frames that one output needs."""
        return 2 * self._back(0)

    @property
    def receptive_field(self) -> int:
        """Feature frames that one output can see, through convolutions and attention."""
        return 2 * self._back(1)

    def frames(self, n_times: int) -> int:
        """Return the outputs that `n_times` feature frames give, 0 where they are too few."""
        frames = n_times // 2
        for stride in self.strides:
            frames = max(0, (frames - self.kernel_size) // stride + 1)
        return frames

    def _back(self, attending: int) -> int:
        """Return the stacked frames behind one output, with or without what attention sees."""
        seen = 1
        for context, stride in zip(reversed(self.contexts), reversed(self.strides), strict=True):
            seen = (seen - 1) * stride + self.kernel_size + attending * (context - 1)
        return seen


@dataclass(frozen=True, kw_only=True)
class NeuromotorWristConfig(FeatureConfig):
    """Sizes of the wrist network; the defaults are the published 4,400,129 parameters (`FeatureConfig` too).

    Parameters
    ----------
    n_times : int
        Feature frames of a window; 4 s as published.
    n_outputs : int
        Angles; their change per frame of 20 ms comes out, flexion and extension alone as published.
    width, n_layers : int
        Features of the recurrent state, and recurrent layers.

    References
    ----------
    Kaifosh, Reardon et al. 2025, doi 10.1038/s41586-025-09255-w (released code; parameter count measured).
    """

    n_times: int = 194
    n_outputs: int | None = 1
    neighbours: int | None = 3
    width: int = 512
    n_layers: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count("width", self.width, most=2**16)
        require_count("n_layers", self.n_layers, most=2**10)
