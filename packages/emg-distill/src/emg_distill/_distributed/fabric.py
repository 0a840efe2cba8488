"""One Fabric for a laptop, a GPU or many machines: what torchrun says is taken, nothing is guessed."""

import os
from typing import Literal

from lightning_fabric import Fabric
from lightning_fabric.strategies.strategy import Strategy

from emg_distill._errors import EmgDistillError
from emg_distill._recipe.schema import Recipe

from .sharding import ShardedStrategy

StrategyName = Literal["auto", "ddp", "fsdp"]


def make_fabric(
    recipe: Recipe,
    accelerator: str = "auto",
    *,
    strategy: StrategyName = "auto",
    devices: int | Literal["auto"] = "auto",
    num_nodes: int | Literal["auto"] = "auto",
) -> Fabric:
    """Return a launched Fabric for the processes that torchrun started, or for one device where it did not.

    Parameters
    ----------
    recipe
        Its precision is used.
    accelerator
        ``"auto"`` (the GPU where there is one), ``"cpu"`` or ``"cuda"``.
    strategy
        ``"auto"``: one process works alone, several share the batch by DDP. ``"ddp"``: every process holds the whole
        model. ``"fsdp"``: weights, gradients and optimiser states are cut among the processes (FSDP2).
    devices, num_nodes
        Processes a machine, and machines. ``"auto"`` takes torchrun's numbers; others must equal them.

    Returns
    -------
    lightning_fabric.Fabric
        Ready to be given to `pretrain`, `finetune` and `distill`.

    Raises
    ------
    EmgDistillError
        When the strategy is unknown, or the numbers are not those of torchrun.
    """
    local, nodes = _started()
    wanted = (local if devices == "auto" else devices, nodes if num_nodes == "auto" else num_nodes)
    if wanted != (local, nodes):
        raise EmgDistillError(
            f"devices={wanted[0]}, num_nodes={wanted[1]}: {local} process(es) on each of {nodes} machine(s) run; start "
            f"with torchrun --nproc-per-node {wanted[0]} --nnodes {wanted[1]}, or leave both at 'auto'"
        )
    fabric = Fabric(
        accelerator=accelerator,
        devices=local,
        num_nodes=nodes,
        strategy=_strategy(strategy, local * nodes),
        precision=recipe.train.precision,
    )
    fabric.launch()
    return fabric


def _started() -> tuple[int, int]:
    """Return the processes of this machine and the machines, as torchrun tells them."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return 1, 1
    local = int(os.environ["LOCAL_WORLD_SIZE"])
    return local, int(os.environ["WORLD_SIZE"]) // local


def _strategy(name: str, world_size: int) -> str | Strategy:
    if name == "fsdp":
        return ShardedStrategy(world_size)
    if name == "ddp" or (name == "auto" and world_size > 1):
        return "ddp"
    if name == "auto":
        return "auto"
    raise EmgDistillError(f"strategy={name!r}: choose one of 'auto', 'ddp', 'fsdp'")
