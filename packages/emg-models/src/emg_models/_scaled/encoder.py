"""The encoder of the scaled Transformers: samples to frames of features."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from emg_models._errors import EmgModelsError
from emg_models._layers.dropout import Dropout
from emg_models._layers.inputs import require_input
from emg_models._model import EmgModel

from .blocks import make_block
from .config import ScaledTransformerConfig
from .featurizer import make_featurizer
from .position import PositionalConvolution
from .stream import ScaledTransformerStream, make_stream

__all__ = ["ScaledTransformerEncoder", "normal_"]


class ScaledTransformerEncoder(EmgModel):
    """Features of frames, for feature distillation and under every head.

    Its LayerNorm stands after the last block where norms are inside the branches (``norm``), and after the positional
    sum where they follow the sums (``position_norm``); so weights of one placement do not load into the other.

    Parameters
    ----------
    config : ScaledTransformerConfig
        Network; ``n_outputs`` must be None.

    References
    ----------
    arXiv 2507.22094; layers as in independent re-implementations, initialisation ours.
    """

    Config = ScaledTransformerConfig
    task = "tokens"
    output = "tokens"
    streams = True

    def __init__(self, config: ScaledTransformerConfig) -> None:
        super().__init__(config)
        width = config.embed_dim
        pre = config.norm_placement == "pre"
        self.featurizer = make_featurizer(config)
        self.projection_norm = nn.LayerNorm(config.n_features)
        self.projection = nn.Linear(config.n_features, width)
        self.feature_dropout = Dropout(config.feature_dropout)
        self.register_parameter("mask_vector", None)
        if config.mask_vector:
            self.mask_vector = nn.Parameter(torch.empty(width))
        self.position = PositionalConvolution(config)
        self.position_norm = nn.Identity() if pre else nn.LayerNorm(width)
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.ModuleList(make_block(config) for _ in range(config.n_blocks))
        self.norm = nn.LayerNorm(width) if pre else nn.Identity()
        self.reset_parameters()

    @property
    def output_shape(self) -> tuple[int, ...]:
        """(T, d)."""
        return (self.frames(self.config.n_times), self.config.embed_dim)

    def frames(self, n_times: int) -> int:
        """Return the frames of `n_times` samples; see the configuration."""
        return self.config.frames(n_times)  # type: ignore[no-any-return]

    def reset_parameters(self) -> None:
        """Draw fresh weights from torch's global generator.

        No source gives an initialisation; ours is that of stock wav2vec2: linears normal of deviation 0.02 with zero
        bias, convolutions He-normal, positional convolution by `PositionalConvolution`, mask vector uniform in [0, 1).
        """
        self.apply(normal_)
        self.position.reset_parameters()
        if self.mask_vector is not None:
            nn.init.uniform_(self.mask_vector)

    def forward(
        self,
        x: Float[Tensor, "batch chans time"],
        frame_mask: Bool[Tensor, "batch frames"] | None = None,
    ) -> Float[Tensor, "batch frames width"]:
        """Encode windows.

        Parameters
        ----------
        x : Tensor, shape (B, C, n)
            Windows of n >= ``config.receptive_field`` samples.
        frame_mask : Tensor of bool, shape (B, T), optional
            True where the frame is replaced by the mask vector (training).

        Returns
        -------
        Tensor, shape (B, T, d)
            T = ``frames(n)``.

        Raises
        ------
        EmgModelsError
            A shape or a dtype does not fit, or a mask is given to a model without mask vector.
        """
        self._check(x, frame_mask)
        z = self.feature_dropout(self.embed(x))
        if frame_mask is not None:
            z = torch.where(frame_mask[..., None], self.mask_vector.to(z.dtype), z)
        z = self.dropout(self.position_norm(self.position(z)))
        for block in self.blocks:
            z = block(z, None, None)
        return self.norm(z)  # type: ignore[no-any-return]

    def embed(self, x: Float[Tensor, "batch chans time"]) -> Float[Tensor, "batch frames width"]:
        """Cut samples into frames and map each to the width of the blocks, position not yet added."""
        features = self.featurizer(x * self.config.input_scale)
        return self.projection(self.projection_norm(features))  # type: ignore[no-any-return]

    def stream(self, batch: int = 1) -> ScaledTransformerStream:
        """Return a live form; see `EmgModel.stream`. The model is put into evaluation mode."""
        return make_stream(self, self, nn.Identity(), batch)

    def _check(self, x: Tensor, frame_mask: Tensor | None) -> None:
        n_chans = self.config.n_chans
        require_input(
            x,
            self,
            (None, n_chans, None),
            f"windows (batch, {n_chans}, time) are required; add a batch axis with x[None], convert with x.float() or "
            "build with n_chans as recorded",
        )
        shape = (x.shape[0], self.frames(x.shape[2]))
        if frame_mask is None:
            return
        if self.mask_vector is None:
            raise EmgModelsError("frame_mask given to a model without mask vector; build it with mask_vector=True")
        if frame_mask.dtype != torch.bool or tuple(frame_mask.shape) != shape:
            raise EmgModelsError(
                f"frame_mask of shape {tuple(frame_mask.shape)} and {frame_mask.dtype}: a bool tensor {shape} is "
                "required, one value per frame"
            )


def normal_(module: nn.Module) -> None:
    """Draw a linear normal of deviation 0.02 with zero bias, a convolution without bias He-normal."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv1d) and module.bias is None:
        nn.init.kaiming_normal_(module.weight)
