"""GengNet: convolutions, a matrix per electrode, three wide linears."""

from jaxtyping import Float
from torch import Tensor, nn

from .config import GengNetConfig
from .norm import SourceBatchNorm
from .units import GridModel, LocallyConnected, RingConv, Unit, reset_uniform

__all__ = ["GengNet"]

WIDTH = 64
HIDDEN = (512, 512, 128)


class GengNet(GridModel):
    """GengNet, from one frame of the grid to logits.

    Batch norm of the frame; 3 x 3 convolution to 64, twice; a 64 x 64 matrix per electrode, twice; linears to 512, 512,
    128 and the classes. Batch norm and ReLU follow every layer but the last, dropout the second matrix and both wide
    linears. 5,611,850 parameters for 16 x 8 electrodes and 8 gestures as the released code builds it, 5,629,514 with
    ``bias=True``, which is the quoted form.

    Parameters
    ----------
    config : GengNetConfig
        Network.

    References
    ----------
    Geng 2016 (Sci Rep 6:36571), Du 2017 (Sensors 17:458); layer list as in the released code.
    """

    Config = GengNetConfig

    def __init__(self, config: GengNetConfig) -> None:
        super().__init__(config)
        places, bias = config.n_chans, config.bias
        eps = config.bn_eps if config.batch_norm else None
        self.input_norm = SourceBatchNorm(1, eps=config.bn_eps) if config.input_norm else None
        self.convolutions = nn.Sequential(
            Unit(RingConv(1, WIDTH, bias=bias), WIDTH, eps), Unit(RingConv(WIDTH, WIDTH, bias=bias), WIDTH, eps)
        )
        self.local = nn.Sequential(
            *(Unit(LocallyConnected(places, WIDTH, WIDTH, bias=bias), WIDTH, eps) for _ in range(2)),
            nn.Dropout(config.dropout),
        )
        linears = [
            Unit(nn.Linear(ins, outs, bias=bias), outs, eps)
            for ins, outs in zip((WIDTH * places, *HIDDEN), HIDDEN, strict=False)
        ]
        drop = nn.Dropout(config.dropout)
        self.wide = nn.Sequential(linears[0], drop, linears[1], drop, linears[2])
        self.head = nn.Linear(HIDDEN[-1], self.config.n_outputs)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw fresh weights from torch's global generator; see `GridConfig.init`."""
        reset_uniform(self, self.config.init)

    def forward(self, x: Float[Tensor, "batch rows cols"]) -> Float[Tensor, "batch outputs"]:
        """Map frames to logits.

        Parameters
        ----------
        x : Tensor, shape (B, rows, cols)
            One frame each, within ±1 as the data sets store them.

        Returns
        -------
        Tensor, shape (B, n_outputs)
            Logits; the softmax of the released code is left to the loss.

        Raises
        ------
        EmgModelsError
            The shape or the dtype does not fit, or a training batch holds too few frames.
        """
        image = self.image(x)
        if self.input_norm is not None:
            image = self.input_norm(image)
        features = self.local(self.convolutions(image).flatten(2)).flatten(1)
        return self.head(self.wide(features))  # type: ignore[no-any-return]
