"""TinyMyo: a masked-reconstruction Transformer for surface EMG, corrected (default) or as first released."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from emg_models._errors import EmgModelsError
from emg_models._layers.inputs import require_input
from emg_models._layers.rotary import rotary_tables
from emg_models._model import EmgModel

from .blocks import make_block, narrow_branches_, xavier_
from .config import TinyMyoConfig
from .patches import PatchEmbedding

__all__ = ["TinyMyoEncoder"]


class TinyMyoEncoder(EmgModel):
    """Tokens of an sEMG window, one per channel and patch, index = channel·P + patch.

    Weights fit any number of patches and, up to ``config.max_chans``, any number of channels; parameter names are those
    of the published checkpoints. A patch that the window's end cuts short is filled with zeros on the right.

    Parameters
    ----------
    config : TinyMyoConfig
        Network; ``n_outputs`` must be None.

    References
    ----------
    arXiv 2512.15729; block, initialisation and names as in its released code.
    """

    Config = TinyMyoConfig
    task = "tokens"
    output = "tokens"
    masks_channels = True

    def __init__(self, config: TinyMyoConfig) -> None:
        super().__init__(config)
        width = config.embed_dim
        self.mask_token = nn.Parameter(torch.empty(1, 1, width))
        self.register_parameter("channel_embed", None)
        if config.channel_embedding:
            self.channel_embed = nn.Parameter(torch.empty(1, config.max_chans, 1, width))
        self.patch_embedding = PatchEmbedding(config)
        self.blocks = nn.ModuleList(make_block(config) for _ in range(config.n_blocks))
        self.norm = nn.LayerNorm(width)
        cos, sin = self._tables(config.n_chans, config.n_patches)
        self.rotary_cos: Tensor
        self.rotary_sin: Tensor
        self.register_buffer("rotary_cos", cos, persistent=False)
        self.register_buffer("rotary_sin", sin, persistent=False)
        self.reset_parameters()

    @property
    def output_shape(self) -> tuple[int, ...]:
        """(N, D)."""
        return (self.config.n_tokens, self.config.embed_dim)

    def frames(self, n_times: int) -> int:
        """Return the tokens of `n_times` samples of ``n_chans`` channels."""
        return int(self.config.n_chans * self.config.patches(n_times))

    def reset_parameters(self) -> None:
        """Draw fresh weights from torch's global generator, as published.

        Xavier-uniform linears with zero bias, tokens from a narrow normal, and in block l the two linears that feed the
        residual stream divided by √(2l).
        """
        self.apply(xavier_)
        proj = self.patch_embedding.patch_embed.proj
        proj.reset_parameters()
        nn.init.xavier_uniform_(proj.weight.view(proj.out_channels, -1))
        for token in (self.mask_token, self.channel_embed):
            if token is not None:
                nn.init.trunc_normal_(token, std=0.02, a=-0.02, b=0.02)
        narrow_branches_(self.blocks)

    def forward(
        self,
        x: Float[Tensor, "batch chans time"],
        patch_mask: Bool[Tensor, "batch tokens"] | None = None,
        channel_mask: Bool[Tensor, "batch chans"] | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        """Encode windows.

        Parameters
        ----------
        x : Tensor, shape (B, C, T)
            Windows; C <= ``max_chans`` where there is a channel embedding, T >= 1.
        patch_mask : Tensor of bool, shape (B, N), optional
            True where the token is hidden behind the mask token (pre-training).
        channel_mask : Tensor of bool, shape (B, C), optional
            True for real channels. Padded channels are neither attended nor masked, whatever they hold, and their
            tokens come out as zeros.

        Returns
        -------
        Tensor, shape (B, N, D)
            One token per channel and patch, channel-major.

        Raises
        ------
        EmgModelsError
            A shape or a dtype does not fit, or a window has no real channel.
        """
        n_chans, n_patches = self._check(x, patch_mask, channel_mask)
        padded = keys = None
        if channel_mask is not None:
            x = x.masked_fill(~channel_mask[..., None], 0.0)
            keys = channel_mask.repeat_interleave(n_patches, dim=1)
            padded = ~keys[..., None]
        tokens: Tensor = self._embed(x, patch_mask)
        rotary = self._rotary(n_chans, n_patches)
        for block in self.blocks:
            tokens = block(tokens, rotary, None if keys is None else keys[:, None, None])
        tokens = self.norm(tokens)
        return tokens if padded is None else tokens.masked_fill(padded, 0.0)

    def _embed(
        self, x: Float[Tensor, "batch chans time"], patch_mask: Bool[Tensor, "batch tokens"] | None
    ) -> Float[Tensor, "batch tokens width"]:
        """Patches, masked where asked, plus the channel's vector: (B, C, T) to (B, N, D)."""
        tokens: Tensor = self.patch_embedding(x)
        if patch_mask is not None:
            hidden = patch_mask.reshape(tokens.shape[:3])[..., None]
            tokens = torch.where(hidden, self.mask_token.to(tokens.dtype), tokens)
        if self.channel_embed is not None:
            tokens = tokens + self.channel_embed[:, : x.shape[1]]
        return tokens.flatten(1, 2)

    def _tables(self, n_chans: int, n_patches: int) -> tuple[Tensor, Tensor]:
        """Angles of the patch index inside the channel, so that tokens of all channels at one time share them.

        In the released form the position is the head index, which cancels in q·k.
        """
        config = self.config
        if config.rope == "corrected":
            return rotary_tables(torch.arange(n_patches).repeat(n_chans), config.head_dim)
        return rotary_tables(torch.arange(config.n_heads)[:, None], config.head_dim)

    def _rotary(self, n_chans: int, n_patches: int) -> tuple[Tensor, Tensor] | None:
        """Tables for this input: those of the configured shape are kept, others are made on the spot."""
        if self.config.rope == "none":
            return None
        if (n_chans, n_patches) == (self.config.n_chans, self.config.n_patches):
            return self.rotary_cos, self.rotary_sin
        cos, sin = self._tables(n_chans, n_patches)
        return cos.to(self.rotary_cos), sin.to(self.rotary_sin)

    def _check(self, x: Tensor, patch_mask: Tensor | None, channel_mask: Tensor | None) -> tuple[int, int]:
        """Return (channels, patches) of a fitting input, raise for any other."""
        config = self.config
        require_input(
            x,
            self,
            (None, None, None),
            "windows (batch, channels, time) are required; add a batch axis with x[None] or convert with x.float()",
        )
        batch, n_chans, n_times = x.shape
        if config.channel_embedding and n_chans > config.max_chans:
            raise EmgModelsError(
                f"input has {n_chans} channels, the channel embedding has {config.max_chans} rows; "
                "build the model with a larger max_chans"
            )
        n_patches = config.patches(n_times)
        if not n_chans * n_patches:
            raise EmgModelsError(
                f"input of {n_chans} channels and {n_times} samples per window: at least one of each is required"
            )
        _check_mask("patch_mask", patch_mask, (batch, n_chans * n_patches))
        _check_mask("channel_mask", channel_mask, (batch, n_chans))
        if channel_mask is not None and not torch.compiler.is_compiling() and not bool(channel_mask.any(1).all()):
            raise EmgModelsError("channel_mask has a window without any real channel; drop that window")
        return n_chans, n_patches


def _check_mask(name: str, mask: Tensor | None, shape: tuple[int, int]) -> None:
    if mask is not None and (mask.dtype != torch.bool or tuple(mask.shape) != shape):
        raise EmgModelsError(f"{name} of shape {tuple(mask.shape)} and {mask.dtype}: a bool tensor {shape} is required")
