"""Tensors that know which grid they are on: how one pass through a network finds out who reads what."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from emg_distill._errors import EmgDistillError

if TYPE_CHECKING:
    from .grid import Grid

MOVES = frozenset(
    (
        "chunk",
        "contiguous",
        "detach",
        "expand",
        "flatten",
        "movedim",
        "pad",
        "permute",
        "reshape",
        "split",
        "squeeze",
        "t",
        "transpose",
        "unbind",
        "unflatten",
        "unsqueeze",
        "view",
        "__getitem__",
        "cat",
        "stack",
        "dropout",
        "dropout1d",
        "dropout2d",
        "feature_dropout",
        "clone",
    )
)
QUESTIONS = frozenset(
    (
        "__get__",
        "__len__",
        "dim",
        "dim_order",
        "is_contiguous",
        "is_floating_point",
        "numel",
        "size",
        "stride",
        "storage_offset",
    )
)


class OnGrid(Tensor):
    """A tensor of the tracing pass; whatever only moves its values keeps the grid, whatever computes is refused."""

    grid: "Grid"

    @classmethod
    def wrap(cls, x: Tensor, grid: "Grid") -> "OnGrid":
        """Return `x` as a value on `grid`."""
        marked = x.detach().as_subclass(cls)
        marked.grid = grid
        return marked

    def plain(self) -> Tensor:
        """Return the values as an ordinary tensor."""
        with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001  the documented way has only this name
            return self.as_subclass(Tensor)

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  whatever the function returns
        del types
        name = getattr(func, "__name__", str(func))
        with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001
            if name in QUESTIONS:
                return func(*args, **(kwargs or {}))
            grids = {id(grid): grid for grid in _grids(args)}
            if name not in MOVES or len(grids) != 1:
                raise EmgDistillError(
                    f"{name} has no integer form where it stands; build the network of Linear, Conv1d, Conv2d, "
                    "LayerNorm, ReLU, GELU, SiLU, Sigmoid and Tanh modules, or take TinyMyo or All-ConvNet (with "
                    "batch normalisation folded)"
                )
            (grid,) = grids.values()
            return _marked(func(*args, **(kwargs or {})), grid)


def _grids(values: Any) -> list["Grid"]:  # noqa: ANN401  arguments of a torch function
    if isinstance(values, OnGrid):
        return [values.grid]
    if isinstance(values, list | tuple):
        return [grid for value in values for grid in _grids(value)]
    return []


def _marked(result: Any, grid: "Grid") -> Any:  # noqa: ANN401  a tensor, or several
    if isinstance(result, Tensor):
        return OnGrid.wrap(result, grid)
    return type(result)(_marked(part, grid) for part in cast("list[Any]", result))
