"""What a TinyMyo network is made of: one frozen, validated dataclass (no torch here)."""

from dataclasses import dataclass
from typing import Literal, get_args

from emg_models._checks import require_choice, require_count, require_flag, require_positive
from emg_models._errors import EmgModelsError

from .blocks_config import BlocksConfig

__all__ = ["Rope", "TinyMyoConfig"]

Rope = Literal["corrected", "released", "none"]
MAX_TOKENS = 2**20
PUBLISHED_PATCH = 20
MAX_PATCH = 2**20
ROUNDING = 0.01


@dataclass(frozen=True, kw_only=True)
class TinyMyoConfig(BlocksConfig):
    """Shape and rates of a TinyMyo network; the defaults are the corrected 3.6M network of the pre-training task.

    ``TinyMyoConfig(rope="released", channel_embedding=False, attn_dropout=0.1)`` is the network as first published,
    whose rotary embedding has no effect (position is the head index, so the rotation cancels in q·k).

    Parameters
    ----------
    n_chans : int
        Channels C of a window, >= 1 and, with a channel embedding, <= `max_chans`.
    n_times : int
        Samples T of a window, >= 1. A last patch that is not full is filled with zeros on the right.
    n_outputs : int or None
        Classes, events or regressed values; None for the bare encoder and the pre-training model.
    sfreq : float
        Sampling rate in Hz, > 0. Part of the model's contract; the network itself does not use it.
    patch_size : int
        Samples per patch; one token is one patch of one channel. None (the default) resolves it: from `patch_seconds`
        where that is given, else to 20 as published. The field always holds the resolved number, and `patch_seconds`
        stays as given, so ``dataclasses.replace`` with another `sfreq` keeps a patch given in samples and refuses
        where one given in seconds would change; add ``patch_size=None`` to resolve it anew.
    patch_seconds : float or None
        Duration of a patch in seconds, > 0. It must lie within 1 % of a whole number of samples, to which it is
        rounded; `frame_rate` tells what came out.
    embed_dim : int
        Token width D, divisible by `n_heads`; the head width D / n_heads must be even where tokens are rotated.
    n_blocks, n_heads : int
        Transformer blocks and attention heads, >= 1.
    mlp_ratio : int
        Hidden width of a block's MLP in units of `embed_dim`.
    dropout : float
        Rate after the attention projection, after each MLP linear and inside the regression head, in [0, 1).
    attn_dropout : float
        Rate on the attention weights, in [0, 1). The published value is 0.1; the default here is 0 (our departure),
        because a non-zero rate makes a training step on a CPU about 1.5 times as long.
    drop_path : float
        Rate at which a residual branch is skipped per sample, the same in every block, in [0, 1).
    rope : {"corrected", "released", "none"}
        Rotary position: the patch index inside the channel, the published defect, or no rotation at all.
    channel_embedding : bool
        Add one learned vector per channel slot.
    max_chans : int
        Rows of the channel embedding.
    output_times : int or None
        Values over time that the regression task gives per window; None: one per sample, as in the corrected release
        (the first release: 500).

    Raises
    ------
    EmgModelsError
        A value is outside its range, or two values do not fit.

    References
    ----------
    arXiv 2512.15729 and its released code (pulp-bio/BioFoundation). `patch_seconds`, and windows that are no multiple
    of the patch, are ours.
    """

    n_chans: int = 16
    n_times: int = 1000
    n_outputs: int | None = None
    sfreq: float = 2000.0
    patch_size: int = None  # type: ignore[assignment]  # resolved below, never None afterwards
    patch_seconds: float | None = None
    rope: Rope = "corrected"
    channel_embedding: bool = True
    max_chans: int = 16
    output_times: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "patch_size", _patch_size(self.patch_size, self.patch_seconds, self.sfreq))
        for name in ("patch_size", "max_chans"):
            require_count(name, getattr(self, name))
        if self.output_times is not None:
            require_count("output_times", self.output_times)
        require_choice("rope", self.rope, get_args(Rope))
        require_flag("channel_embedding", self.channel_embedding)
        self._check_signal()

    def _check_signal(self) -> None:
        if self.n_tokens > MAX_TOKENS:
            raise EmgModelsError(
                f"n_chans={self.n_chans}, n_times={self.n_times} make {self.n_tokens} tokens, at most {MAX_TOKENS} are "
                "accepted; choose a shorter window"
            )
        if self.channel_embedding and self.n_chans > self.max_chans:
            raise EmgModelsError(
                f"n_chans={self.n_chans} exceeds max_chans={self.max_chans}, the rows of the channel embedding; "
                "raise max_chans or set channel_embedding=False"
            )

    def patches(self, n_times: int) -> int:
        """Patches per channel of a window of `n_times` samples, the last one possibly filled with zeros."""
        return -(-n_times // self.patch_size)

    @property
    def n_patches(self) -> int:
        """Patches P per channel."""
        return self.patches(self.n_times)

    @property
    def n_tokens(self) -> int:
        """Tokens N = n_chans * n_patches."""
        return self.n_chans * self.n_patches

    @property
    def rotated(self) -> bool:
        """Whether queries and keys are turned by their position."""
        return self.rope != "none"

    @property
    def frame_rate(self) -> float:
        """Patches per second, in Hz; 1 / `frame_rate` is the true duration of a patch in seconds."""
        return self.sfreq / self.patch_size


def _patch_size(size: int | None, seconds: float | None, sfreq: float) -> int:
    """Return the patch in samples, or raise where it is given twice and differs."""
    if seconds is None:
        return PUBLISHED_PATCH if size is None else size
    require_positive("patch_seconds", seconds, "seconds")
    resolved = _whole_samples(seconds, sfreq)
    if size is not None and size != resolved:
        raise EmgModelsError(
            f"patch_size={size} and patch_seconds={seconds} disagree: at sfreq={sfreq} Hz the latter is {resolved} "
            "samples; give one of the two, the other as None"
        )
    return resolved


def _whole_samples(seconds: float, sfreq: float) -> int:
    """Return the samples nearest to `seconds`, refusing a rate that misses it by more than 1 %."""
    exact = seconds * sfreq
    if exact > MAX_PATCH:
        raise EmgModelsError(
            f"patch_seconds={seconds} is {exact:g} samples at sfreq={sfreq} Hz, at most {MAX_PATCH} are accepted; "
            "choose a shorter patch"
        )
    size = round(exact)
    if abs(size - exact) > ROUNDING * exact:
        near = [n for n in (int(exact), int(exact) + 1) if n]
        choices = " or ".join(f"{n / sfreq!r} ({n} sample{'s' * (n > 1)})" for n in near)
        raise EmgModelsError(
            f"patch_seconds={seconds} is {exact:g} samples at sfreq={sfreq} Hz, more than 1 % from a whole number; "
            f"choose patch_seconds={choices}, or another rate"
        )
    return size
