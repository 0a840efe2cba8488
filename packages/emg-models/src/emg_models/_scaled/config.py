"""What a scaled Transformer is made of: one frozen, validated dataclass (no torch here)."""

from dataclasses import dataclass, replace
from math import prod
from typing import Literal, Self, get_args

from emg_models._checks import require_choice, require_count, require_flag, require_positive, require_rate
from emg_models._config import ModelConfig
from emg_models._errors import EmgModelsError

__all__ = ["ScaledTransformerConfig"]

Featurizer = Literal["convolution", "spectrogram"]
FeatureNorm = Literal["instance", "running"]
Position = Literal["causal", "centred"]
NormPlacement = Literal["pre", "post"]


@dataclass(frozen=True, kw_only=True)
class ScaledTransformerConfig(ModelConfig):
    """Shape and rates of a scaled Transformer; the defaults are Tiny (2,217,571 parameters) on windows of 4 s.

    No code or weights of its authors are known to us: every value is second hand, from independent ports that quote the
    original configuration, and therefore a field. "Ours" marks what no source gives. `norm_placement` is that of a
    port; whether `position` of the original looked ahead is not known, the default here does not.

    Parameters
    ----------
    n_chans : int
        Electrodes; 16 left and 16 right, mixed from the first layer.
    n_times : int
        Samples of a window, >= `receptive_field`. Longer and shorter windows are accepted by the model.
    n_outputs : int or None
        Symbols (CTC: the blank is the last), or classes; None for the bare encoder.
    sfreq : float
        Sampling rate in Hz.
    n_blocks, embed_dim, n_heads, mlp_ratio : int
        Blocks N, frame width d (divisible by `n_heads` and `position_groups`), heads, hidden width in units of d.
    input_scale : float
        Factor on the input, so that the first convolution gives values of order 1: the norm behind it adds 1e-5 to the
        variance, below which recordings in volts vanish. With spectrograms, powers below 1e-6 vanish likewise.
    featurizer : {"convolution", "spectrogram"}
        What makes frames of samples. How the spectrogram enters is ours: normalised per electrode over bins and time,
        electrodes and bins side by side.
    conv_widths, conv_kernels, conv_strides : tuple of int
        The convolutions, one value each; strides (11, 3, 3) give the other frame rate on record, 20.2 Hz.
    stft_window, stft_hop : int
        Samples of a spectrogram frame, and between frames.
    feature_norm : {"instance", "running"}
        Statistics of the window at hand, as published, or running ones, which streaming needs (ours).
    position : {"causal", "centred"}
        Whether the positional convolution looks back only or, as in stock wav2vec2, as far ahead.
    position_kernel, position_groups : int
        Frames and groups of the positional convolution.
    weight_norm : bool
        One gain per tap of the positional convolution, as in stock wav2vec2: `position_kernel` more parameters.
    mask_vector : bool
        The learned vector that replaces masked frames in training, d more parameters. Published counts leave it out.
    norm_placement : {"pre", "post"}
        LayerNorm inside the residual branches, or after the sums as in stock wav2vec2.
    causal : bool
        Whether a frame attends to itself and the past only.
    context : int or None
        Frames that a frame attends to, itself included; None for all. Needs `causal`.
    feature_dropout, dropout, head_dropout : float
        Rates after the projection; after the positional sum, attention and each MLP linear; before the head.
    attn_dropout, drop_path : float
        Rates on attention weights (> 0 rules out the fused kernels of a CPU) and of skipping a branch per sample.

    Raises
    ------
    EmgModelsError
        A value is outside its range, or two values do not fit.

    References
    ----------
    arXiv 2507.22094 (sizes, claims); independent re-implementations (all else).
    """

    n_chans: int = 32
    n_times: int = 8000
    n_outputs: int | None = 99
    sfreq: float = 2000.0
    n_blocks: int = 10
    embed_dim: int = 128
    n_heads: int = 16
    mlp_ratio: int = 4
    input_scale: float = 1.0
    featurizer: Featurizer = "convolution"
    conv_widths: tuple[int, ...] = (128, 64, 64)
    conv_kernels: tuple[int, ...] = (11, 3, 3)
    conv_strides: tuple[int, ...] = (5, 2, 2)
    stft_window: int = 64
    stft_hop: int = 16
    feature_norm: FeatureNorm = "instance"
    position: Position = "causal"
    position_kernel: int = 128
    position_groups: int = 16
    weight_norm: bool = False
    mask_vector: bool = False
    norm_placement: NormPlacement = "pre"
    causal: bool = True
    context: int | None = None
    feature_dropout: float = 0.2
    dropout: float = 0.2
    head_dropout: float = 0.2
    attn_dropout: float = 0.0
    drop_path: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("n_blocks", "embed_dim", "n_heads", "mlp_ratio", "stft_hop", "position_kernel", "position_groups"):
            require_count(name, getattr(self, name))
        require_count("stft_window", self.stft_window, least=2)
        for name in ("feature_dropout", "dropout", "head_dropout", "attn_dropout", "drop_path"):
            require_rate(name, getattr(self, name))
        for name in ("weight_norm", "mask_vector", "causal"):
            require_flag(name, getattr(self, name))
        require_positive("input_scale", self.input_scale, "1 / unit of the input")
        require_choice("featurizer", self.featurizer, get_args(Featurizer))
        require_choice("feature_norm", self.feature_norm, get_args(FeatureNorm))
        require_choice("position", self.position, get_args(Position))
        require_choice("norm_placement", self.norm_placement, get_args(NormPlacement))
        self._check_convolutions()
        self._check_attention()
        self.frames(self.n_times)

    def _check_convolutions(self) -> None:
        given = {name: getattr(self, name) for name in ("conv_widths", "conv_kernels", "conv_strides")}
        for name, values in given.items():
            if not isinstance(values, tuple) or not values or len(values) != len(self.conv_widths):
                raise EmgModelsError(
                    f"{name}={values!r}: a tuple of one integer per convolution is required, as many as "
                    f"conv_widths={self.conv_widths!r} has, at least one"
                )
            for value in values:
                require_count(name, value)

    def _check_attention(self) -> None:
        for name in ("n_heads", "position_groups"):
            if self.embed_dim % getattr(self, name):
                raise EmgModelsError(
                    f"embed_dim={self.embed_dim} is not divisible by {name}={getattr(self, name)}; choose a multiple"
                )
        if self.context is None:
            return
        require_count("context", self.context)
        if not self.causal:
            raise EmgModelsError(
                f"context={self.context} with causal=False: the context counts frames back in time; give causal=True "
                "or context=None"
            )

    @property
    def hop(self) -> int:
        """Samples between frames: 20, or 16 with the spectrogram."""
        return self.stft_hop if self.featurizer == "spectrogram" else prod(self.conv_strides)

    @property
    def receptive_field(self) -> int:
        """Samples that the featurizer turns into one frame: 41, or 64 with the spectrogram; see also `history`."""
        if self.featurizer == "spectrogram":
            return self.stft_window
        steps = [prod(self.conv_strides[:i]) for i in range(len(self.conv_strides))]
        return 1 + sum((kernel - 1) * step for kernel, step in zip(self.conv_kernels, steps, strict=True))

    @property
    def frame_rate(self) -> float:
        """Frames per second in Hz: 100, or 125 with the spectrogram."""
        return self.sfreq / self.hop

    @property
    def n_features(self) -> int:
        """Features of a frame before the projection: 64, or electrodes times bins."""
        if self.featurizer == "spectrogram":
            return self.n_chans * (self.stft_window // 2 + 1)
        return self.conv_widths[-1]

    @property
    def history(self) -> int | None:
        """Samples that one output frame can see, the newest included; None where that is the whole window."""
        if self.context is None or self.stream_obstacles:
            return None
        frames = self.position_kernel - 1 + self.n_blocks * (self.context - 1)
        unheard = int(self.featurizer == "spectrogram")  # a periodic Hann window begins with 0
        return frames * self.hop + self.receptive_field - unheard

    @property
    def stream_obstacles(self) -> dict[str, str]:
        """The fields that keep a model from streaming, with the reason; empty where it streams."""
        reasons = {
            "causal": (not self.causal, "attention sees the future"),
            "context": (self.context is None, "attention reaches back to the start"),
            "position": (self.position == "centred", "the positional convolution looks ahead"),
            "feature_norm": (self.feature_norm == "instance", "its statistics need the whole window"),
        }
        return {name: f"{name}={getattr(self, name)!r} ({why})" for name, (stops, why) in reasons.items() if stops}

    def frames(self, n_times: int) -> int:
        """Return the frames of `n_times` samples: one floor per convolution, or that of the spectrogram.

        Raises
        ------
        EmgModelsError
            They are fewer than one frame needs.
        """
        if n_times < self.receptive_field:
            raise EmgModelsError(
                f"n_times={n_times} samples are less than one frame; at least {self.receptive_field} are required"
            )
        if self.featurizer == "spectrogram":
            return (n_times - self.stft_window) // self.stft_hop + 1
        for kernel, stride in zip(self.conv_kernels, self.conv_strides, strict=True):
            n_times = (n_times - kernel) // stride + 1
        return n_times

    def for_streaming(self, context: int = 500) -> Self:
        """Return this configuration with what streaming needs, and attention over `context` frames (5 s at 100 Hz).

        Weights trained otherwise do not fit: train with the result.
        """
        return replace(self, causal=True, context=context, position="causal", feature_norm="running")
