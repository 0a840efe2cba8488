"""Pieces of tensors: the rows that this process holds of a DTensor, and whole tensors cut like one."""

from collections.abc import Mapping

import torch
from torch import nn
from torch.distributed.tensor import DTensor, Replicate, Shard

from emg_distill._errors import EmgDistillError


def is_cut(tensor: torch.Tensor) -> bool:
    """Tell whether processes hold different rows of a tensor."""
    return isinstance(tensor, DTensor) and any(isinstance(placement, Shard) for placement in tensor.placements)


def holders(tensor: torch.Tensor) -> int:
    """Return how many processes the rows of a tensor are cut among; 1 where each holds all of them."""
    return tensor.device_mesh.size() if isinstance(tensor, DTensor) and is_cut(tensor) else 1


def own_piece(tensor: torch.Tensor) -> torch.Tensor:
    """Return what this process holds of a tensor: its rows, or all of it; shares memory."""
    _rows(tensor)
    return (tensor.to_local() if isinstance(tensor, DTensor) else tensor).detach()


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """Return all rows of a tensor on every process; collective where it is cut, shares memory where it is not."""
    return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).detach()


def place_like(full: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return a copy of a whole tensor, cut and placed as `like` is; nothing is sent.

    Raises
    ------
    EmgDistillError
        When shapes differ.
    """
    if full.shape != like.shape:
        raise EmgDistillError(
            f"a tensor of shape {tuple(full.shape)} cannot take the place of one of shape {tuple(like.shape)}: "
            "load the checkpoint of the same model"
        )
    piece = full[_rows(like)].to(like.device, copy=True).contiguous()
    if not isinstance(like, DTensor):
        return piece
    return DTensor.from_local(
        piece, like.device_mesh, like.placements, run_check=False, shape=like.shape, stride=like.stride()
    )


def load_tensors(module: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Load whole tensors into a module that may be cut up.

    Raises
    ------
    EmgDistillError
        When names or shapes are not those of the module.
    """
    state = module.state_dict()
    missing, unknown = sorted(state.keys() - tensors.keys()), sorted(tensors.keys() - state.keys())
    if missing or unknown:
        raise EmgDistillError(
            f"tensors do not fit {type(module).__name__}: missing {missing[:3]}, unknown {unknown[:3]}; load the "
            "checkpoint of the same model"
        )
    with torch.no_grad():
        for name, mine in state.items():
            own_piece(mine).copy_(own_piece(place_like(tensors[name], mine)))


def _rows(tensor: torch.Tensor) -> slice | tuple[()]:
    """Return the rows of the first axis that this process holds: chunks of equal size, the last ones may be short."""
    if not isinstance(tensor, DTensor) or all(isinstance(placement, Replicate) for placement in tensor.placements):
        return ()
    if tensor.placements != (Shard(0),):
        raise EmgDistillError(
            f"a tensor is placed as {tensor.placements}: only rows cut over one axis of processes can be handled, "
            "as make_fabric(strategy='fsdp') does it"
        )
    rank, size = tensor.device_mesh.get_local_rank(), tensor.device_mesh.size()
    chunk = -(-tensor.shape[0] // size)
    return slice(min(rank * chunk, tensor.shape[0]), min((rank + 1) * chunk, tensor.shape[0]))
