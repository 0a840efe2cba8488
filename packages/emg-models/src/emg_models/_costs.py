"""What one example costs in any model: parameters, multiply-accumulates, activations, from one function."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ._model import EmgModel
from ._modes import evaluating

__all__ = ["Costs", "count_costs", "count_parameters"]


Operator = Callable[..., Any]


@dataclass(frozen=True)
class Costs:
    """Costs of one example.

    Attributes
    ----------
    parameters : int
        Learned values.
    macs : int
        Multiply-accumulates of convolutions (padding included), linears, recurrent layers and products of activations
        (scores and weighted sums of attention, the full square). Element-wise work (normalisation, softmax, GELU,
        rotation) is not counted, as is usual, nor are fixed signal transforms: a product with a buffer, such as the
        short-time Fourier transform.
    activations : int
        Values that these layers and products write; of a recurrent layer its hidden state at every frame.
    """

    parameters: int
    macs: int
    activations: int


def count_costs(model: EmgModel) -> Costs:
    """Count the costs of one example of ``model.config.input_shape`` by running it once, in evaluation mode.

    Parameters
    ----------
    model : EmgModel
        On any device; on ``meta`` nothing is computed. It is left as it was.
    """
    device = next(model.parameters()).device
    tally = _Tally()
    counting = _Products(tally, model.buffers()), _Recurrences(tally)
    with evaluating(model), torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counting[0], counting[1]:
        model(torch.zeros(1, *model.config.input_shape, device=device), **model.extra_inputs(1, device))
    return Costs(count_parameters(model), tally.macs, tally.activations)


def count_parameters(model: nn.Module) -> int:
    """Return the number of learned values."""
    return sum(parameter.numel() for parameter in model.parameters())


class _Tally:
    """Running sums, which pause where a layer is counted as a whole."""

    def __init__(self) -> None:
        self.macs = 0
        self.activations = 0
        self.paused = False

    def add(self, macs: int, activations: int) -> None:
        self.macs += macs
        self.activations += activations


def _convolution(given: Sequence[Any], y: Tensor) -> int:
    x, weight, transposed = given[0], given[1], given[6]
    return int((x if transposed else y).numel() * prod(weight.shape[1:]))


def _matrix_product(first: int) -> Callable[[Sequence[Any], Tensor], int]:
    return lambda given, y: int(y.numel() * given[first].shape[-1])


# Operator: position of the first factor (the second follows it), multiply-accumulates.
_aten = torch.ops.aten
_PRODUCTS: dict[Any, tuple[int, Callable[[Sequence[Any], Tensor], int]]] = {
    _aten.convolution: (0, _convolution),
    _aten.mm: (0, _matrix_product(0)),
    _aten.bmm: (0, _matrix_product(0)),
    _aten.mv: (0, _matrix_product(0)),
    _aten.dot: (0, _matrix_product(0)),
    _aten.addmm: (1, _matrix_product(1)),
    _aten.baddbmm: (1, _matrix_product(1)),
    _aten.addmv: (1, _matrix_product(1)),
    getattr(torch.ops.mkldnn, "_linear_pointwise", None): (0, _matrix_product(0)),  # oneDNN's linear, where built in
}


class _Products(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what every network comes down to; knows which tensors are fixed, being made of buffers alone."""

    def __init__(self, tally: _Tally, buffers: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tally = tally
        self.fixed = {_memory(buffer): buffer for buffer in buffers}

    def __torch_dispatch__(
        self, func: Operator, types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:  # noqa: ANN401  as torch declares it
        result = func(*args, **(kwargs or {}))
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if given and all(_memory(tensor) in self.fixed for tensor in given):
            # kept alive, so that no other tensor can come to lie at the same address
            self.fixed |= {_memory(leaf): leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)}
        elif not self.tally.paused and (packet := getattr(func, "overloadpacket", func)) in _PRODUCTS:
            first, macs = _PRODUCTS[packet]
            if not any(_memory(factor) in self.fixed for factor in args[first : first + 2]):
                self.tally.add(macs(args, result), result.numel())
        return result


class _Recurrences(TorchFunctionMode):
    """Counts an LSTM as a whole: on some devices it is one operator, on others a loop over time."""

    def __init__(self, tally: _Tally) -> None:
        super().__init__()
        self.tally = tally

    def __torch_function__(
        self, func: Operator, types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:  # noqa: ANN401  as torch declares it
        if getattr(func, "__name__", "") != "lstm":
            return func(*args, **(kwargs or {}))
        x, state, weights = args[:3]
        frames = x.shape[0] * x.shape[1]
        matrices = [weight for weight in weights if weight.ndim == 2]
        hidden = sum(matrix.shape[1] for matrix in matrices[1::2])
        self.tally.add(frames * sum(matrix.numel() for matrix in matrices), frames * hidden)
        if x.is_meta:  # a loop over time, for nothing
            return x.new_empty(*x.shape[:2], state[0].shape[2] * (2 if args[7] else 1)), *state
        self.tally.paused = True
        try:
            return func(*args, **(kwargs or {}))
        finally:
            self.tally.paused = False


def _memory(tensor: Tensor) -> int:
    """Where a tensor and its views lie."""
    return int(tensor.untyped_storage()._cdata)  # noqa: SLF001  no public name tells storages without memory apart
