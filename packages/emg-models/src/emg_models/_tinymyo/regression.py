"""TinyMyo for kinematics: convolutions over patches, then linear interpolation to the instants that are wanted."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from .config import TinyMyoConfig
from .task import TinyMyoTask

__all__ = ["TinyMyoRegressor"]

HIDDEN = 256


class TinyMyoRegressor(TinyMyoTask):
    """Encoder, channels side by side patch by patch, three convolutions, linear interpolation over time.

    The head is 1x1 to 256, SiLU, dropout, depthwise over three patches, SiLU, 1x1 to ``n_outputs``; its parameters have
    the published names ``regressor.{0,3,5}``. The values of a patch belong to its middle; between two middles they are
    interpolated, outside the outer ones held (``align_corners=False``).

    Parameters
    ----------
    config : TinyMyoConfig
        Network; ``n_outputs`` values per instant, ``output_times`` instants per window, spread evenly over its
        samples: one per sample (None, the corrected release) or a fixed number (first release: 500). The first
        release's mean over channels, which raised, is not offered.

    References
    ----------
    arXiv 2512.15729 and its released code.
    """

    task = "regression"
    output = "values"

    def __init__(self, config: TinyMyoConfig) -> None:
        super().__init__(config)
        self.regressor = nn.Sequential(
            nn.Conv1d(config.n_chans * config.embed_dim, HIDDEN, 1),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            nn.Conv1d(HIDDEN, HIDDEN, 3, padding=1, groups=HIDDEN),
            nn.SiLU(),
            nn.Conv1d(HIDDEN, self.config.n_outputs, 1),
        )
        for layer in self.regressor:
            if isinstance(layer, nn.Conv1d):
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.before: Tensor
        self.after: Tensor
        self.share: Tensor
        for name, table in zip(("before", "after", "share"), self._tables(config.n_times), strict=True):
            self.register_buffer(name, table, persistent=False)

    def frames(self, n_times: int) -> int:
        """Return the instants that are given for `n_times` samples."""
        return int(self.config.output_times or n_times)

    def forward(
        self, x: Float[Tensor, "batch chans time"], channel_mask: Bool[Tensor, "batch chans"] | None = None
    ) -> Float[Tensor, "batch instants outputs"]:
        """Map windows (B, C, T) to values (B, T_out, n_outputs); `channel_mask` (B, C) is True for real channels.

        Raises
        ------
        EmgModelsError
            A shape or a dtype does not fit.
        """
        columns = self._tokens(x, channel_mask).transpose(2, 3).flatten(1, 2)
        values = self.regressor(columns).transpose(1, 2)
        before, after, share = self._instants(x.shape[-1])
        start = values.index_select(1, before)
        return start + (values.index_select(1, after) - start) * share  # type: ignore[no-any-return]

    def _tables(
        self, n_times: int
    ) -> tuple[Int[Tensor, " instants"], Int[Tensor, " instants"], Float[Tensor, "instants 1"]]:
        """Patches before and after each instant, and how far (0 to 1) it lies from the one to the other."""
        n_patches, instants = self.config.patches(n_times), self.frames(n_times)
        step = n_times / (instants * self.config.patch_size)
        place = ((torch.arange(instants, dtype=torch.float64) + 0.5) * step - 0.5).clamp(0, n_patches - 1)
        before = place.long()
        return before, (before + 1).clamp(max=n_patches - 1), (place - before).float()[:, None]

    def _instants(self, n_times: int) -> tuple[Tensor, Tensor, Tensor]:
        """Tables for this input: those of the configured length are kept, others are made on the spot."""
        if n_times == self.config.n_times:
            return self.before, self.after, self.share
        before, after, share = self._tables(n_times)
        return before.to(self.before), after.to(self.after), share.to(self.share)
