"""FSDP2: a model whose blocks are cut among processes, and the same model whole again."""

import copy
import warnings
from collections.abc import Callable
from typing import cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.model_parallel import ModelParallelStrategy
from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.optim import Optimizer

from emg_models import EmgModel

from .shards import load_tensors, whole


class ShardedStrategy(ModelParallelStrategy):
    """Lightning's strategy around FSDP2, over all processes, one shard each.

    Precision is Fabric's: with ``"bf16-mixed"`` weights are gathered and gradients summed in float32, and products are
    taken in bfloat16, as with DDP. Validation therefore sees float32 weights.

    Parameters
    ----------
    world_size
        Number of processes.
    """

    def __init__(self, world_size: int) -> None:
        super().__init__(_cut, data_parallel_size=world_size, tensor_parallel_size=1)


class Setup:
    """A module and its optimiser, at work on a Fabric; made by `setup`.

    Attributes
    ----------
    module
        What the loss has to call: its forward starts gathering weights and summing gradients.
    optimizer
        Fabric's optimiser, whose ``step`` is called.
    raw_optimizer
        The one that `build` made; it holds groups and states.
    """

    def __init__(self, fabric: Fabric, module: nn.Module, build: Callable[[nn.Module], Optimizer]) -> None:
        self._original = module
        self._plain = copy.deepcopy(module) if is_sharding(fabric) else None
        self.module = cast("nn.Module", fabric.setup_module(module))
        self.raw_optimizer = build(module)
        self.optimizer = cast("Optimizer", fabric.setup_optimizers(self.raw_optimizer))
        if fabric.world_size > 1:
            self.raw_optimizer.register_step_post_hook(lambda *_: _share_statistics(module))

    def make_whole(self) -> None:
        """Turn a sharded module back, in place, into what it was, with today's weights, on the CPU; collective.

        Nothing happens where the module is not sharded. The optimiser is of no use afterwards.
        """
        if self._plain is not None:
            load_tensors(self._plain, {name: whole(value).cpu() for name, value in self._original.state_dict().items()})
            _become(self._original, self._plain)
            self._plain = None


def setup(fabric: Fabric, module: nn.Module, build: Callable[[nn.Module], Optimizer]) -> Setup:
    """Put a module and its optimiser on a Fabric.

    Parameters
    ----------
    fabric
        Launched.
    module
        Moved to the device, or cut up, in place: its names stay, its parameters may become DTensors.
    build
        Makes the optimiser from the module; called after cutting, so that states are cut as well.
    """
    return Setup(fabric, module, build)


def is_sharding(fabric: Fabric) -> bool:
    """Tell whether a Fabric cuts models up."""
    return isinstance(fabric.strategy, ModelParallelStrategy)


def transformer_blocks(module: nn.Module) -> list[nn.Module]:
    """Return the Transformer blocks of a model of emg-models: the members of every list named ``blocks``."""
    lists = (part for name, part in module.named_modules() if name.rpartition(".")[2] == "blocks")
    return [block for part in lists if isinstance(part, nn.ModuleList) for block in part]


def _cut(module: nn.Module, mesh: DeviceMesh) -> nn.Module:
    """Cut block by block, then every model inside, which validation calls by itself, then the rest."""
    processes = mesh["data_parallel"]
    models = [part for part in module.modules() if isinstance(part, EmgModel) and part is not module]
    for part in (*transformer_blocks(module), *reversed(models), module):
        fully_shard(part, mesh=processes)
    fully_shard.state(module)._lazy_init()  # type: ignore[attr-defined]  # noqa: SLF001  it has no public name
    for part in module.modules():  # so that validation may come before the first step: no buffer is an inference tensor
        if isinstance(part, FSDPModule):
            part.unshard()
            part.reshard()
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view", UserWarning)  # nothing writes to it
    return module


def _share_statistics(module: nn.Module) -> None:
    """Take over the first process's batch statistics, so that all processes validate, and decide, alike."""
    kept = module.state_dict()
    for name, buffer in module.named_buffers():
        if name in kept and buffer.dtype != torch.bool:  # what is not kept is no statistic
            torch.distributed.broadcast(buffer, 0)


def _become(module: nn.Module, other: nn.Module) -> None:
    """Make every part of `module` what its counterpart in `other` is; who holds a part goes on holding it."""
    parts = dict(zip(other.modules(), module.modules(), strict=True))
    for new, old in parts.items():
        children = {name: child and parts[child] for name, child in new._modules.items()}  # noqa: SLF001  parts are swapped
        old.__class__ = new.__class__
        old.__dict__ = {**new.__dict__, "_modules": children}
