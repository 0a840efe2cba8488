"""From samples to tokens: patches of any duration, windows of any length, and kernels carried to another rate."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._errors import EmgModelsError

from .config import TinyMyoConfig

__all__ = ["PATCH_KERNEL", "PatchEmbedding", "resample_kernel"]

PATCH_KERNEL = "patch_embedding.patch_embed.proj.weight"


class PatchConvolution(nn.Module):
    """One convolution over time, shared by all channels: (B, C, T) to (B, C, P, D)."""

    def __init__(self, config: TinyMyoConfig) -> None:
        super().__init__()
        patch = (1, config.patch_size)
        self.proj = nn.Conv2d(1, config.embed_dim, kernel_size=patch, stride=patch)

    def forward(self, x: Float[Tensor, "batch chans time"]) -> Float[Tensor, "batch chans patches width"]:
        """Cut each channel into patches and map each to D features."""
        return self.proj(x.unsqueeze(1)).permute(0, 2, 3, 1)  # type: ignore[no-any-return]


class PatchEmbedding(nn.Module):
    """Fills the last patch with zeros and holds the patch convolution under its published name."""

    def __init__(self, config: TinyMyoConfig) -> None:
        super().__init__()
        self.patch_size = config.patch_size
        self.patch_embed = PatchConvolution(config)

    def forward(self, x: Float[Tensor, "batch chans time"]) -> Float[Tensor, "batch chans patches width"]:
        """Map (B, C, T) to (B, C, P, D), P the patches that T samples begin."""
        missing = -x.shape[-1] % self.patch_size
        return self.patch_embed(F.pad(x, (0, missing)) if missing else x)  # type: ignore[no-any-return]


def resample_kernel(kernel: Float[Tensor, "*filters taps"], taps: int) -> Float[Tensor, "*filters resized"]:
    """Carry the kernels of a patch embedding to a patch of the same duration at another rate.

    Let U be the matrix that interpolates a patch linearly (half-sample alignment) from the shorter to the longer of
    the two patches. A longer kernel is U(UᵀU)⁻¹w, the smallest v with Uᵀv = w; a shorter one is Uᵀw. Either way a
    patch at the lower rate and the same patch interpolated to the higher one give the same token, a constant patch
    (DC) before all, and carrying a kernel up and down again gives it back. Detail of a longer kernel that no signal at
    the lower rate can hold is lost on the way down.

    Parameters
    ----------
    kernel : Tensor, shape (..., taps)
        Kernels, one tap per sample of a patch.
    taps : int
        Samples of a patch at the new rate, >= 1.

    Returns
    -------
    Tensor, shape (..., taps)
        In the dtype of `kernel`.

    References
    ----------
    Upwards the pseudo-inverse resize of FlexiViT, arXiv 2212.08013, equation 4; downwards its exact inverse (ours).
    """
    old = kernel.shape[-1]
    if taps < 1 or old < 1:
        raise EmgModelsError(f"a kernel of {old} taps cannot become one of {taps}; at least 1 is required")
    shorter, longer = sorted((old, taps))
    rows = torch.eye(shorter, dtype=torch.float64, device=kernel.device)
    up = F.interpolate(rows[None], size=longer, mode="linear", align_corners=False)[0].T
    change = torch.linalg.pinv(up) if taps > old else up
    return (kernel.double() @ change).to(kernel.dtype)
