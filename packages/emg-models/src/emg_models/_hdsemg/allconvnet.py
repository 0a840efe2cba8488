"""All-ConvNet, reconstructed from its published number of parameters."""

from jaxtyping import Float
from torch import Tensor, nn

from .config import AllConvNetConfig
from .units import GridModel, RingConv, Unit, reset_uniform

__all__ = ["AllConvNet"]

WIDTHS_AND_STRIDES = ((64, 1), (64, 1), (64, 2), (128, 1), (128, 1), (128, 2))
DROPOUT_AFTER = {3, 6}


class AllConvNet(GridModel):
    """All-ConvNet, a reconstruction: convolutions alone, from one frame of the grid to logits.

    Six 3 x 3 convolutions (64, 64, 64 by stride 2, 128, 128, 128 by stride 2) and one of 1 x 1, all with ReLU, one of
    1 x 1 to the classes, and the mean over the places that are left. The layer table of the papers is not available:
    this is the all-convolutional pattern of Springenberg 2015 at the widths that meet the published count of "about
    460 k" (461,064 for 8 gestures). It is not the paper's table.

    Parameters
    ----------
    config : AllConvNetConfig
        Network.

    References
    ----------
    Islam 2019 (arXiv 1906.03381), Islam 2020 (I2MTC), Islam 2023 (arXiv 2305.08014): the idea and the count. Our
    reconstruction.
    """

    Config = AllConvNetConfig

    def __init__(self, config: AllConvNetConfig) -> None:
        super().__init__(config)
        eps = config.bn_eps if config.batch_norm else None
        ins = 1
        layers: list[nn.Module] = [nn.Dropout(config.input_dropout)]
        for number, (outs, stride) in enumerate(WIDTHS_AND_STRIDES, start=1):
            layers.append(Unit(RingConv(ins, outs, stride=stride, circular=config.circular_rows), outs, eps))
            if number in DROPOUT_AFTER:
                layers.append(nn.Dropout(config.dropout))
            ins = outs
        layers.append(Unit(nn.Conv2d(ins, ins, 1), ins, eps))
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Conv2d(ins, self.config.n_outputs, 1)
        self.final_relu = nn.ReLU() if config.final_relu else nn.Identity()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw fresh weights from torch's global generator; see `GridConfig.init`."""
        reset_uniform(self, self.config.init)

    def forward(self, x: Float[Tensor, "batch rows cols"]) -> Float[Tensor, "batch outputs"]:
        """Map frames to logits.

        Parameters
        ----------
        x : Tensor, shape (B, rows, cols)
            One frame each, as recorded (the recipe feeds CapgMyo unchanged, ±1 = ±2.5 mV).

        Returns
        -------
        Tensor, shape (B, n_outputs)
            Logits.

        Raises
        ------
        EmgModelsError
            The shape or the dtype does not fit.
        """
        return self.final_relu(self.head(self.trunk(self.image(x)))).mean((2, 3))  # type: ignore[no-any-return]
