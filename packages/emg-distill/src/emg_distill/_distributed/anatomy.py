"""What a model is made of, as far as training goes; found on torch's meta device, where nothing is computed."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

import emg_models
from emg_distill._errors import EmgDistillError
from emg_models import EmgModel

from .sharding import transformer_blocks

_WINDOWS = 2  # one is too few for batch statistics


@dataclass(frozen=True)
class Anatomy:
    """A model in numbers, per window.

    Attributes
    ----------
    parameters, block_parameters
        Learned values of the model, and of one Transformer block.
    blocks, tokens, width, hidden, heads
        Transformer blocks, what they see, their width, the width inside their MLP, their heads; 0 where a model has no
        such blocks.
    rotary
        Whether queries and keys are rotated, which leaves copies of both.
    outer_bytes
        Bytes that autograd keeps outside the blocks, float32, without dropout masks.
    outer_masks
        Values that dropout masks outside the blocks.
    macs, block_macs
        Multiply-accumulates of a forward pass, of the model and of one block.
    operators
        Operators of a forward pass, as torch is called, views left out.
    values
        Values of the input.
    """

    parameters: int
    block_parameters: int
    blocks: int
    tokens: int
    width: int
    hidden: int
    heads: int
    rotary: bool
    outer_bytes: int
    outer_masks: int
    macs: int
    block_macs: int
    operators: int
    values: int


def dissect(model: str | EmgModel, settings: Mapping[str, Any] | None = None) -> Anatomy:
    """Take a model apart.

    Parameters
    ----------
    model
        A name of emg-models, or a model, which stays as it is.
    settings
        Fields of the configuration of a model given by name, such as ``n_times``; hashable.

    Raises
    ------
    EmgDistillError
        When name or settings are not those of a model.
    """
    if isinstance(model, str):
        return _dissect_named(model, tuple(sorted((settings or {}).items())))
    return _dissect(copy.deepcopy(model).to("meta"))


@cache
def _dissect_named(name: str, settings: tuple[tuple[str, Any], ...]) -> Anatomy:
    try:
        with torch.device("meta"):
            model = emg_models.create_model(name, **dict(settings))
    except emg_models.EmgModelsError as error:
        raise EmgDistillError(f"model {name!r}: {error}") from None
    return _dissect(model)


def _dissect(model: EmgModel) -> Anatomy:
    """Take a model apart that is nobody else's."""
    model.train()
    costs = emg_models.count_costs(model)
    operators = _operators(model)
    blocks = [block for block in transformer_blocks(model) if hasattr(block, "attn") and hasattr(block, "mlp")]
    tokens, rotary = _first_block(model, blocks)
    _empty(model, blocks)
    masks = _silence(model)
    outer = _saved_bytes(model)
    width, hidden, heads = _sizes(blocks[0]) if blocks else (0, 0, 0)
    return Anatomy(
        parameters=costs.parameters,
        block_parameters=sum(parameter.numel() for block in blocks[:1] for parameter in block.parameters()),
        blocks=len(blocks),
        tokens=tokens,
        width=width,
        hidden=hidden,
        heads=heads,
        rotary=rotary,
        outer_bytes=outer // _WINDOWS,
        outer_masks=sum(masks) // _WINDOWS,
        macs=costs.macs,
        block_macs=tokens * (4 * width**2 + 2 * width * hidden) + 2 * tokens**2 * width,
        operators=operators,
        values=prod(model.config.input_shape),
    )


def _sizes(block: Any) -> tuple[int, int, int]:  # noqa: ANN401  a block of emg-models
    return block.attn.width, block.mlp.fc1.out_features, block.attn.heads[0]


def _run(model: EmgModel) -> None:
    device = torch.device("meta")
    model(torch.zeros(_WINDOWS, *model.config.input_shape, device=device), **model.extra_inputs(_WINDOWS, device))


def _first_block(model: EmgModel, blocks: Sequence[nn.Module]) -> tuple[int, bool]:
    """Return the tokens that the first block sees of a window, and whether it is given rotations."""
    if not blocks:
        return 0, False
    seen: list[tuple[int, bool]] = []
    handle = blocks[0].register_forward_pre_hook(
        lambda _, given: seen.append((given[0].shape[1], given[1] is not None))
    )
    with torch.no_grad():
        _run(model)
    handle.remove()
    return seen[0]


def _empty(model: nn.Module, blocks: Sequence[nn.Module]) -> None:
    """Take the blocks out; a list without members is run through without a trace."""
    for part in list(model.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, nn.ModuleList) and any(member is blocks[0] for member in child if blocks):
                setattr(part, name, nn.ModuleList())


def _silence(model: nn.Module) -> list[int]:
    """Switch dropout off, and count from now on what it would mask."""
    masks: list[int] = []
    for part in model.modules():
        if isinstance(part, nn.Dropout) and part.p:
            part.p = 0.0
            part.register_forward_hook(lambda _part, _inputs, output: masks.append(output.numel()))
    return masks


def _saved_bytes(model: EmgModel) -> int:
    """Return the bytes of all tensors that autograd keeps of a window, besides parameters and buffers."""
    known = {_memory(tensor) for tensor in (*model.parameters(), *model.buffers())}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if _memory(tensor) not in known:
            kept[_memory(tensor)] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        _run(model)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def _memory(tensor: torch.Tensor) -> int:
    address: int = tensor.untyped_storage()._cdata  # noqa: SLF001  no public name tells storages without memory apart
    return address


class _Counter(TorchFunctionMode):
    """Counts calls of torch that make a new tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:  # noqa: ANN401  as torch declares it
        result = func(*args, **(kwargs or {}))
        made = {_memory(leaf) for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)}
        given = {_memory(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)}
        self.count += bool(made - given)
        return result


def _operators(model: EmgModel) -> int:
    counter = _Counter()
    with torch.no_grad(), counter:
        _run(model)
    return counter.count
