"""What TinyMyo's tasks share: the encoder, its weights from elsewhere, its tokens with channels side by side."""

from collections.abc import Mapping
from dataclasses import replace

from jaxtyping import Bool, Float
from torch import Tensor

from emg_models._errors import EmgModelsError
from emg_models._model import EmgModel
from emg_models._state import load_strict

from .config import TinyMyoConfig
from .encoder import TinyMyoEncoder
from .patches import PATCH_KERNEL, resample_kernel

__all__ = ["TinyMyoTask"]


class TinyMyoTask(EmgModel):
    """An encoder for a head that knows its channels by their place.

    Parameters
    ----------
    config : TinyMyoConfig
        Network; ``n_outputs`` must be given. Input must have exactly ``n_chans`` channels, of which a channel mask
        may declare some padded; any number of samples is allowed. The mask token, which only pre-training uses, takes
        no gradient here.
    """

    Config = TinyMyoConfig
    masks_channels = True

    def __init__(self, config: TinyMyoConfig) -> None:
        super().__init__(config)
        self.encoder = TinyMyoEncoder(replace(config, n_outputs=None))
        self.encoder.mask_token.requires_grad = False

    def load_encoder(self, source: "EmgModel | Mapping[str, Tensor]", *, resample_patches: bool = False) -> None:
        """Take over encoder weights, all or none.

        Parameters
        ----------
        source : EmgModel or mapping of str to Tensor
            An encoder, a model that has one, or a state dict of an encoder.
        resample_patches : bool
            Carry the patch kernels of a source with another ``patch_size`` over to this one, see `resample_kernel`:
            for patches of equal duration at another sampling rate.

        Raises
        ------
        EmgModelsError
            A key is missing, unexpected or of another shape; nothing was loaded then.
        """
        state = source if isinstance(source, Mapping) else getattr(source, "encoder", source).state_dict()
        kernel = state.get(PATCH_KERNEL)
        if resample_patches and kernel is not None and kernel.ndim == 4 and kernel.is_floating_point():
            state = {**state, PATCH_KERNEL: resample_kernel(kernel, self.config.patch_size)}
        load_strict(self.encoder, state, "encoder state dict")

    def _tokens(
        self, x: Float[Tensor, "batch chans time"], channel_mask: Bool[Tensor, "batch chans"] | None
    ) -> Float[Tensor, "batch chans patches width"]:
        """Tokens (B, C, P, D), those of padded channels 0."""
        n_chans = self.config.n_chans
        if getattr(x, "ndim", 0) == 3 and x.shape[1] != n_chans:
            raise EmgModelsError(
                f"input has {x.shape[1]} channels, the head was built for {n_chans}; pad with zeros and "
                "give channel_mask, or build the model with n_chans as recorded"
            )
        return self.encoder(x, channel_mask=channel_mask).unflatten(1, (n_chans, -1))  # type: ignore[no-any-return]
