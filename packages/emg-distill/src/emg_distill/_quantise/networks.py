"""The parts of emg-models' networks that compute outside layers: sums, means, attention."""

from typing import Any, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emg_distill._errors import EmgDistillError
from emg_distill._recipe.quantise import QuantiseRecipe
from emg_models import AllConvNet, TinyMyoClassifier, TinyMyoEncoder
from emg_models._hdsemg.units import RingConv, Unit
from emg_models._layers.attend import attend
from emg_models._layers.rotary import rotate
from emg_models._layers.transformer import MLP, Attention, Block, Rotary

from . import kernels
from .grid import Grid
from .layers import Activation, Layer, Reader
from .phase import Phase

BASE = 10000.0  # of the rotary embedding's angles
CLOSE = 1e-4


class Point(Reader):
    """A place where values meet; it has no weights of its own."""

    out: Grid

    @classmethod
    def of(cls, phase: Phase, recipe: QuantiseRecipe) -> Self:
        """Return a new one."""
        made = cls()
        made.join(phase, recipe)
        return made

    def join(self, phase: Phase, recipe: QuantiseRecipe) -> None:
        """See `Reader.join`."""
        super().join(phase, recipe)
        self.out = Grid(phase, recipe)


class Sum(Point):
    """Two values of one shape added, rounded once."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Add."""
        a, a_grid = self.read(a, "wide", "a")
        b, b_grid = self.read(b, "wide", "b")
        scales = a_grid.step, b_grid.step
        return self.out.write(a + b, lambda: kernels.add(a_grid.centred(a), b_grid.centred(b), scales, self.out.step))


class SumWithConstant(Point):
    """A value plus a parameter that broadcasts."""

    def forward(self, x: Tensor, constant: Tensor) -> Tensor:
        """Add."""
        x, grid = self.read(x, "wide")
        return self.out.write(
            x + constant, lambda: kernels.add_constant(grid.centred(x), constant, grid.step, self.out.step)
        )


class Mean(Point):
    """The mean over some axes, which go."""

    def forward(self, x: Tensor, dims: tuple[int, ...]) -> Tensor:
        """Average."""
        x, grid = self.read(x, "wide")
        return self.out.write(x.mean(dims), lambda: kernels.mean(grid.centred(x), dims, grid.step, self.out.step))


class QuantisedBlock(Reader, Block):
    """A block whose residual sums are rounded once; branches are never dropped, so that values stay on their grids."""

    def join(self, phase: Phase, recipe: QuantiseRecipe) -> None:
        """See `Reader.join`."""
        super().join(phase, recipe)
        self.sum1, self.sum2 = Sum.of(phase, recipe), Sum.of(phase, recipe)

    def branches(self, x: Tensor, rotary: Rotary | None, keys: Tensor | None) -> Tensor:
        """Attend, then the MLP, each added to what came in."""
        x = self.sum1(x, self.attn(self.norm1(x), rotary, keys))
        return self.sum2(x, self.mlp(self.norm2(x)))  # type: ignore[no-any-return]


class Identity(Reader):
    """Dropout that is switched off: what it would scale would leave its grid."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  torch's name
        """Return the input."""
        return input


class QuantisedMLP(Reader, MLP):
    """Linear with a GELU table behind it, Linear."""

    def join(self, phase: Phase, recipe: QuantiseRecipe) -> None:
        """See `Reader.join`."""
        super().join(phase, recipe)
        self.activation = Activation.of(F.gelu, phase, recipe)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., D) to (..., D)."""
        return self.fc2(self.activation(self.fc1(x)))  # type: ignore[no-any-return]


class QuantisedUnit(Reader, Unit):
    """A layer with a ReLU table behind it."""

    def join(self, phase: Phase, recipe: QuantiseRecipe) -> None:
        """See `Reader.join`."""
        norm: nn.Module | None = self.norm
        if norm is not None:
            raise EmgDistillError(
                "batch normalisation has no integer form of its own; fold it first with emg_models.fold_batchnorm"
            )
        super().join(phase, recipe)
        self.activation = Activation.of(F.relu, phase, recipe)

    def forward(self, x: Tensor) -> Tensor:
        """Map and clip at 0."""
        return self.activation(self.layer(x))  # type: ignore[no-any-return]


class QuantisedRingConv(Layer, RingConv):
    """A convolution whose rows may close to a ring."""

    channel_axis = -3

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  torch's name
        """Convolve (B, C, rows, cols)."""
        if self.circular:
            input = torch.cat([input[:, :, -1:], input, input[:, :, :1]], dim=2)  # noqa: A001
        return self.compute(input, self._conv_forward)


class QuantisedAttention(Reader, Attention):
    """Attention with a scale per head for q, k and v, a table softmax and Q15 rotation."""

    context: Grid

    def join(self, phase: Phase, recipe: QuantiseRecipe) -> None:
        """See `Reader.join`; the linear layer of q, k and v has joined before."""
        super().join(phase, recipe)
        self.context = Grid(phase, recipe)
        qkv = cast("Layer", self.qkv)
        qkv.out = Grid(phase, recipe, groups=3 * self.heads[0], symmetric=True, narrow_only=True)
        qkv.out.to(qkv.weight.device)

    def forward(self, x: Tensor, rotary: Rotary | None, keys: Tensor | None) -> Tensor:
        """Attend from every token to every token."""
        if keys is not None:
            raise EmgDistillError("padded channels have no integer form; give whole windows, without channel_mask")
        fused, grid = self.read(self.qkv(x), "narrow")
        q, k, v = self._parts(fused)
        if rotary is not None:
            q, k = rotate(q, *rotary), rotate(k, *rotary)
        if self.phase.stage == "observe":
            grid.observe(torch.cat([part.transpose(1, 2).flatten(2) for part in (q, k, v)], -1))
        real = attend(q, k, v).transpose(1, 2).flatten(2)
        return self.proj(self.context.write(real, lambda: self._integers(fused, grid, rotary)))  # type: ignore[no-any-return]

    def _parts(self, fused: Tensor) -> tuple[Tensor, ...]:
        split = fused.reshape(*fused.shape[:-1], 3, *self.heads)
        return tuple(part.transpose(1, 2) for part in split.unbind(-3))

    def _integers(self, fused: Tensor, grid: Grid, rotary: Rotary | None) -> Tensor:
        q, k, v = self._parts(grid.centred(fused))
        tables = None if rotary is None else exact_tables(*rotary)
        if tables is not None:
            q, k = kernels.turn(q, *tables), kernels.turn(k, *tables)
        y = kernels.attention(q, k, v, grid.step.view(3, -1), self.context.step)
        return y.transpose(1, 2).flatten(2)


def exact_tables(cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return cos and sin ``(N, d/2)`` of a rotary embedding as float32 roundings of the exact ones, or None.

    Only differences of angles between tokens reach the scores: where all tokens turn alike, nothing turns.
    """
    if cos.ndim != 2:
        return None
    c, s = cos[:, ::2].double(), sin[:, 1::2].double()
    if bool((c - c[:1]).abs().max() < CLOSE) and bool((s - s[:1]).abs().max() < CLOSE):
        return None
    same = ((c[1:] - c[:1]).abs() + (s[1:] - s[:1]).abs()).amax(1) < CLOSE / 10
    period = int(same.nonzero()[0]) + 1 if bool(same.any()) else len(c)
    half = c.shape[1]
    rate = BASE ** (-torch.arange(half, dtype=torch.float64, device=c.device) / half)
    angle = (torch.arange(len(c), device=c.device) % period)[:, None] * rate
    exact = angle.cos(), angle.sin()
    if max(float((exact[0] - c).abs().max()), float((exact[1] - s).abs().max())) > CLOSE:
        raise EmgDistillError(f"the rotation is not by position and {BASE:g}**(-2i/d); integers know that one alone")
    return exact[0].float(), exact[1].float()


class QuantisedEncoder(Reader, TinyMyoEncoder):
    """TinyMyo's encoder; the channel embedding is added in integers."""

    def join(self, phase: Phase, recipe: QuantiseRecipe) -> None:
        """See `Reader.join`."""
        super().join(phase, recipe)
        embeds: bool = self.config.channel_embedding
        self.embed_sum = SumWithConstant.of(phase, recipe) if embeds else None

    def _embed(self, x: Tensor, patch_mask: Tensor | None) -> Tensor:
        if patch_mask is not None:
            raise EmgDistillError("masked patches have no integer form; quantise a fine-tuned model")
        tokens: Tensor = self.patch_embedding(x)
        if self.embed_sum is not None:
            tokens = self.embed_sum(tokens, self.channel_embed[:, : x.shape[1]])
        return tokens.flatten(1, 2)


class QuantisedClassifier(Reader, TinyMyoClassifier):
    """TinyMyo's classifier; the mean over time is taken in integers."""

    def join(self, phase: Phase, recipe: QuantiseRecipe) -> None:
        """See `Reader.join`."""
        super().join(phase, recipe)
        self.average = Mean.of(phase, recipe)

    def forward(self, x: Tensor, channel_mask: Tensor | None = None) -> Tensor:
        """Map windows (B, C, T) to logits (B, n_outputs)."""
        return self.head(self.average(self._tokens(x, channel_mask), (2,)).flatten(1))  # type: ignore[no-any-return]


class QuantisedAllConvNet(Reader, AllConvNet):
    """All-ConvNet; the mean over places is taken in integers."""

    def join(self, phase: Phase, recipe: QuantiseRecipe) -> None:
        """See `Reader.join`."""
        super().join(phase, recipe)
        self.average = Mean.of(phase, recipe)

    def forward(self, x: Tensor) -> Tensor:
        """Map frames (B, rows, cols) to logits (B, n_outputs)."""
        places = self.final_relu(self.head(self.trunk(self.image(x))))
        return self.average(places, (2, 3))  # type: ignore[no-any-return]


NETWORKS: dict[type[nn.Module], Any] = {
    AllConvNet: QuantisedAllConvNet,
    Attention: QuantisedAttention,
    Block: QuantisedBlock,
    MLP: QuantisedMLP,
    RingConv: QuantisedRingConv,
    TinyMyoClassifier: QuantisedClassifier,
    TinyMyoEncoder: QuantisedEncoder,
    Unit: QuantisedUnit,
}
