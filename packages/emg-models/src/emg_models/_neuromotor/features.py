"""What the neuromotor networks do first with a frame of features: one linear that sees the ring in three turns."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._layers.inputs import require_input
from emg_models._layers.rotation import RotationMLP

from .feature_config import FeatureConfig, electrode_pairs

__all__ = ["TurnedFeatures"]


class TurnedFeatures(nn.Module):
    """Features (B, n_chans, T) of pairs of electrodes, in turns of the ring by -1, 0, +1, to frames (B, T, width).

    A turn rolls both axes of the matrices of electrodes, which for their pairs is another order. Linear and LeakyReLU
    are shared by the turns, the mean over them comes last: our reading, as in emg2qwerty.
    """

    def __init__(self, config: FeatureConfig, width: int) -> None:
        super().__init__()
        self.mlp = RotationMLP(config.n_chans, width, activation="leaky_relu")
        self.turns: Tensor
        self.register_buffer("turns", _turns(config, self.mlp.rolls), persistent=False)

    def forward(self, x: Float[Tensor, "batch features time"]) -> Float[Tensor, "batch time width"]:
        """Map features to frames.

        Raises
        ------
        EmgModelsError
            A shape or the dtype does not fit.
        """
        n_features = self.turns.shape[1]
        require_input(
            x,
            self,
            (None, n_features, None),
            f"features (batch, {n_features}, frames) are required; compute them with MultivariatePowerFrequency of "
            "the same electrodes and bands",
        )
        return self.mlp.pool(x.transpose(1, 2)[:, :, self.turns])


def _turns(config: FeatureConfig, rolls: tuple[int, ...]) -> Tensor:
    """Places in the input of what each turn sees, (rolls, features): pair (i, j) of a roll by r is (i - r, j - r)."""
    pairs = electrode_pairs(config.electrodes, config.neighbours)
    place = {frozenset(pair): index for index, pair in enumerate(pairs)}
    ring = config.electrodes
    turned = [[place[frozenset(((i - roll) % ring, (j - roll) % ring))] for i, j in pairs] for roll in rolls]
    bands = len(pairs) * torch.arange(config.bands)[:, None]
    return torch.stack([(bands + torch.tensor(order)).flatten() for order in turned])
