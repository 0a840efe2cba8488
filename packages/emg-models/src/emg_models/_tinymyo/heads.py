"""TinyMyo with a linear on top: masked reconstruction, classification of a window, events over time."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from emg_models._model import EmgModel

from .blocks import xavier_
from .config import TinyMyoConfig
from .encoder import TinyMyoEncoder
from .task import TinyMyoTask

__all__ = ["TinyMyoClassifier", "TinyMyoEventDetector", "TinyMyoPretrainer"]


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

    def forward(
        self,
        x: Float[Tensor, "batch chans time"],
        patch_mask: Bool[Tensor, "batch tokens"] | None = None,
        channel_mask: Bool[Tensor, "batch chans"] | None = None,
    ) -> Float[Tensor, "batch chans time"]:
        """Rebuild windows (B, C, T) whose patches `patch_mask` (B, N) are hidden; padded channels come out as 0.

        Of a last patch that the window cuts short, the part inside the window is returned.

        Raises
        ------
        EmgModelsError
            A shape or a dtype does not fit.
        """
        patches = self.decoder(self.encoder(x, patch_mask, channel_mask))
        rebuilt: Tensor = patches.unflatten(1, (x.shape[1], -1)).flatten(2)[..., : x.shape[2]]
        return rebuilt if channel_mask is None else rebuilt.masked_fill(~channel_mask[..., None], 0.0)


class TinyMyoClassifier(TinyMyoTask):
    """Encoder, mean over time of each channel's tokens, channels side by side, one linear.

    The first release also offered a mean over channels; the corrected one removed it, and it is not offered here.

    Parameters
    ----------
    config : TinyMyoConfig
        Network; ``n_outputs`` classes.
    """

    task = "classification"

    def __init__(self, config: TinyMyoConfig) -> None:
        super().__init__(config)
        self.head = nn.Linear(config.n_chans * config.embed_dim, self.config.n_outputs)
        xavier_(self.head)

    def forward(
        self, x: Float[Tensor, "batch chans time"], channel_mask: Bool[Tensor, "batch chans"] | None = None
    ) -> Float[Tensor, "batch classes"]:
        """Map windows (B, C, T) to logits (B, n_outputs); `channel_mask` (B, C) is True for real channels.

        Raises
        ------
        EmgModelsError
            A shape or a dtype does not fit.
        """
        return self.head(self._tokens(x, channel_mask).mean(2).flatten(1))  # type: ignore[no-any-return]


class TinyMyoEventDetector(TinyMyoTask):
    """Encoder, channels side by side patch by patch, one linear: a logit per event and patch, for discrete gestures.

    Frame p speaks for samples p·patch_size to (p + 1)·patch_size - 1, so frames come at ``config.frame_rate`` Hz; it
    sees the whole window. The definition is ours: the published work detects events with another front end on causal
    blocks.

    Parameters
    ----------
    config : TinyMyoConfig
        Network; ``n_outputs`` kinds of event.
    """

    task = "events"

    def __init__(self, config: TinyMyoConfig) -> None:
        super().__init__(config)
        self.head = nn.Linear(config.n_chans * config.embed_dim, self.config.n_outputs)
        xavier_(self.head)

    def frames(self, n_times: int) -> int:
        """Return the patches that `n_times` samples begin."""
        return int(self.config.patches(n_times))

    def forward(
        self, x: Float[Tensor, "batch chans time"], channel_mask: Bool[Tensor, "batch chans"] | None = None
    ) -> Float[Tensor, "batch patches events"]:
        """Map windows (B, C, T) to logits (B, P, n_outputs); `channel_mask` (B, C) is True for real channels.

        Raises
        ------
        EmgModelsError
            A shape or a dtype does not fit.
        """
        return self.head(self._tokens(x, channel_mask).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]
