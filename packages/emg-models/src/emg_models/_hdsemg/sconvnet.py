"""A shallow convolutional baseline after the idea of S-ConvNet."""

from jaxtyping import Float
from torch import Tensor, nn

from .config import SConvNetConfig
from .units import GridModel, RingConv, Unit, reset_uniform

__all__ = ["SConvNet"]


class SConvNet(GridModel):
    """Shallow baseline of our own design, after the idea of S-ConvNet: two convolutions, two linears.

    3 x 3 convolution to 64, another to 64, linear to 256, linear to the classes, ReLU between, dropout before the last:
    2,137,032 parameters for 16 x 8 electrodes and 8 gestures. The layer table of the published S-ConvNet is not
    available; none of its numbers may be attached to this network.

    Parameters
    ----------
    config : SConvNetConfig
        Network.

    References
    ----------
    The idea, a shallow network trained from nothing: Islam 2019 (arXiv 1906.03381). Our design.
    """

    Config = SConvNetConfig

    def __init__(self, config: SConvNetConfig) -> None:
        super().__init__(config)
        width, hidden = config.width, config.hidden
        self.trunk = nn.Sequential(
            Unit(RingConv(1, width), width, None),
            Unit(RingConv(width, width), width, None),
            nn.Flatten(),
            Unit(nn.Linear(width * config.n_chans, hidden), hidden, None),
            nn.Dropout(config.dropout),
        )
        self.head = nn.Linear(hidden, self.config.n_outputs)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw fresh weights from torch's global generator; see `GridConfig.init`."""
        reset_uniform(self, self.config.init)

    def forward(self, x: Float[Tensor, "batch rows cols"]) -> Float[Tensor, "batch outputs"]:
        """Map frames (B, rows, cols) to logits (B, n_outputs).

        Raises
        ------
        EmgModelsError
            The shape or the dtype does not fit.
        """
        return self.head(self.trunk(self.image(x)))  # type: ignore[no-any-return]
