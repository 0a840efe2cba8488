"""TinyMyo with a task on top: masked reconstruction and classification."""

from dataclasses import replace
from typing import TYPE_CHECKING

from torch import Tensor, nn

from emg_models._errors import EmgModelsError
from emg_models._model import EmgModel
from emg_models._state import load_strict

from .config import TinyMyoConfig
from .encoder import TinyMyoEncoder, xavier_

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TinyMyoClassifier", "TinyMyoPretrainer"]


class TinyMyoPretrainer(EmgModel):
    """Encoder and a linear decoder that rebuilds each patch from its token (mask token inside the encoder).

    Parameters
    ----------
    config : TinyMyoConfig
        Network; ``n_outputs`` must be None.
    """

    Config = TinyMyoConfig
    task = "reconstruction"
    output = "reconstruction"
    masks_channels = True

    def __init__(self, config: TinyMyoConfig) -> None:
        super().__init__(config)
        self.encoder = TinyMyoEncoder(config)
        self.decoder = nn.Linear(config.embed_dim, config.patch_size)
        xavier_(self.decoder)

    def forward(self, x: Tensor, patch_mask: Tensor | None = None, channel_mask: Tensor | None = None) -> Tensor:
        """Rebuild windows (B, C, T) whose patches `patch_mask` (B, N) are hidden; padded channels come out as 0.

        Raises
        ------
        EmgModelsError
            A shape or a dtype does not fit.
        """
        patches = self.decoder(self.encoder(x, patch_mask, channel_mask))
        rebuilt: Tensor = patches.reshape(x.shape)
        return rebuilt if channel_mask is None else rebuilt.masked_fill(~channel_mask[..., None], 0.0)


class TinyMyoClassifier(EmgModel):
    """Encoder, mean over time of each channel's tokens, channels side by side, one linear.

    Parameters
    ----------
    config : TinyMyoConfig
        Network; ``n_outputs`` must be given. Input must have exactly ``n_chans`` channels, of which a channel mask
        may declare some padded; any number of patches is allowed. The mask token, which only pre-training uses, takes
        no gradient here.
    """

    Config = TinyMyoConfig
    task = "classification"
    masks_channels = True

    def __init__(self, config: TinyMyoConfig) -> None:
        super().__init__(config)
        self.encoder = TinyMyoEncoder(replace(config, n_outputs=None))
        self.encoder.mask_token.requires_grad = False
        self.head = nn.Linear(config.n_chans * config.embed_dim, self.config.n_outputs)
        xavier_(self.head)

    def forward(self, x: Tensor, channel_mask: Tensor | None = None) -> Tensor:
        """Map windows (B, C, T) to logits (B, n_outputs); `channel_mask` (B, C) is True for real channels.

        Raises
        ------
        EmgModelsError
            A shape or a dtype does not fit.
        """
        if x.ndim == 3 and x.shape[1] != self.config.n_chans:
            raise EmgModelsError(
                f"input has {x.shape[1]} channels, the head was built for {self.config.n_chans}; pad with zeros and "
                "give channel_mask, or build the model with n_chans as recorded"
            )
        tokens = self.encoder(x, channel_mask=channel_mask)
        return self.head(tokens.unflatten(1, (self.config.n_chans, -1)).mean(2).flatten(1))  # type: ignore[no-any-return]

    def load_encoder(self, source: "TinyMyoPretrainer | TinyMyoEncoder | Mapping[str, Tensor]") -> None:
        """Take over encoder weights, all or none.

        Parameters
        ----------
        source : TinyMyoPretrainer, TinyMyoEncoder or mapping of str to Tensor
            A model, or a state dict of an encoder.

        Raises
        ------
        EmgModelsError
            A key is missing, unexpected or of another shape; nothing was loaded then.
        """
        if isinstance(source, TinyMyoPretrainer):
            source = source.encoder
        state = source.state_dict() if isinstance(source, nn.Module) else source
        load_strict(self.encoder, state, "encoder state dict")
