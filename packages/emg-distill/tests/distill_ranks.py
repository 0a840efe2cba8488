"""What each of several processes does in test_distill_distributed.py; run by path, with its arguments as globals."""

import json
import os
import time
import warnings
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.distributed.tensor import Shard, distribute_tensor, init_device_mesh

from emg_distill import EmgDistillError, distill, finetune
from emg_distill._distributed.fabric import make_fabric
from emg_distill._distributed.sharding import Setup, setup
from emg_distill._distributed.shards import is_cut, load_tensors, place_like, whole
from emg_distill._loop.checkpoint import Snapshot, load_newest, save_checkpoint
from emg_distill._loop.optimizer import load_optimizer_tensors, optimizer_tensors
from emg_distill._models import build_model
from emg_distill._tasks.teacher_cache import TeacherCache

HASH = "r" * 64


def shared() -> Any:
    """Load the fixtures' module."""
    loader = SourceFileLoader("ranks_conftest", str(Path(__file__).with_name("conftest.py")))
    module = module_from_spec(spec_from_loader("ranks_conftest", loader))
    loader.exec_module(module)
    return module


class Odd(nn.Module):
    """Sizes that no number of processes divides, a parameter of one row, batch statistics."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.blocks = nn.ModuleList([nn.Linear(7, 7), nn.Linear(7, 7)])
        self.norm = nn.BatchNorm1d(7)
        self.head = nn.Linear(7, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = x + block(x).tanh()
        return self.head(self.norm(x))


def adamw(module: nn.Module) -> torch.optim.AdamW:
    return torch.optim.AdamW(module.parameters(), lr=0.05, fused=True)


def steps(fabric: Any, work: Setup, first: int, count: int) -> None:
    for step in range(first, first + count):
        torch.manual_seed(100 * step + fabric.global_rank)
        work.module.train()
        loss = work.module(torch.randn(6, 7)).square().mean()
        fabric.backward(loss)
        work.optimizer.step()
        work.optimizer.zero_grad()


def tables(work: Setup, module: nn.Module) -> dict[str, dict[str, torch.Tensor]]:
    return {"model": module.state_dict(), "optimizer": optimizer_tensors(module, work.raw_optimizer)}


def flat(tensors: dict[str, dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Whole tensors of all tables, to be compared."""
    named = {f"{table}:{name}": tensor for table, part in tensors.items() for name, tensor in part.items()}
    return {name: whole(tensor).cpu().clone() for name, tensor in named.items()}


def save(folder: Path, world: int) -> dict[str, Any]:
    """Train, save a sharded checkpoint, and keep the whole tensors beside it."""
    fabric, module = make_fabric(recipe(), "cpu", strategy="fsdp"), Odd()
    work = setup(fabric, module, adamw)
    steps(fabric, work, 0, 3)
    path = save_checkpoint(folder / "ckpt", Snapshot(3, HASH, {}, tables(work, module), 0.5), 2, fabric=fabric)
    kept = flat(tables(work, module))
    rank = fabric.global_rank
    save_file(kept, folder / f"whole-{rank}.safetensors")
    message = ""
    try:
        save_checkpoint(folder / "alone" / str(rank), Snapshot(3, HASH, {}, tables(work, module)), 2)
    except EmgDistillError as error:
        message = str(error)
    cut = sorted(name for name, value in module.state_dict().items() if is_cut(value))
    work.make_whole()
    plain = all(type(value) is torch.Tensor for value in module.state_dict().values())
    same = all(torch.equal(value, kept[f"model:{name}"]) for name, value in module.state_dict().items())
    torch.manual_seed(0)
    again = module.eval()(torch.randn(4, 7)).flatten().tolist()
    return {
        "path": str(path),
        "cut": cut,
        "message": message,
        "columns": columns(world),
        "plain": plain and same,
        "output": again,
    }


def load(folder: Path, world: int) -> dict[str, Any]:
    """Load what another number of processes saved, compare bit by bit, train on and save again."""
    strategy = "auto" if world == 1 else "fsdp"
    fabric, module = make_fabric(recipe(), "cpu", strategy=strategy), Odd()
    work = setup(fabric, module, adamw)
    snapshot, problems = load_newest(folder / "ckpt", HASH)
    assert snapshot is not None
    load_tensors(module, snapshot.tensors["model"])
    load_optimizer_tensors(module, work.raw_optimizer, snapshot.tensors["optimizer"])
    mine, theirs = flat(tables(work, module)), load_file(folder / "whole-0.safetensors")
    equal = mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)
    steps(fabric, work, 3, 1)
    save_checkpoint(folder / f"ckpt-{world}", Snapshot(4, HASH, {}, tables(work, module)), 2, fabric=fabric)
    return {"equal": equal, "problems": problems}


def columns(world: int) -> str:
    """Return what is said of a tensor that is cut by columns."""
    across = distribute_tensor(torch.zeros(2, 4), init_device_mesh("cpu", (world,)), [Shard(1)])
    try:
        place_like(torch.zeros(2, 4), across)
    except EmgDistillError as error:
        return str(error)
    return ""


def train(folder: Path, world: int, *, runs: dict[str, tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """Fine-tune by the public function, once per run: name of its folder, strategy, tables of its recipe."""
    toy, results = shared(), {}
    for out, (strategy, tables) in runs.items():
        plan = toy.make_recipe(**tables)
        result = finetune(plan, toy.forge(), folder / out, fabric=make_fabric(plan, "cpu", strategy=strategy))
        results[out] = {"history": result.history, "resumed": result.fit.resumed_from}
    return results


def teach(folder: Path, world: int, *, tables: dict[str, Any]) -> dict[str, Any]:
    """Distil from answers on disk, and count how often this process writes them."""
    toy, writes, write = shared(), [], TeacherCache._write

    def slowly(cache: TeacherCache, n: int, answers: Any) -> None:
        writes.append(n)
        time.sleep(0.3)
        write(cache, n, answers)

    TeacherCache._write = slowly
    plan, data = toy.make_recipe("distill", **tables), toy.forge()
    result = distill(plan, data, folder / "run", teacher=build_model(plan, data), fabric=make_fabric(plan, "cpu"))
    return {"writes": len(writes), "history": result.history}


def recipe() -> Any:
    return shared().make_recipe()


def main(scenario: str, folder: str, world: int, env: dict[str, str], options: dict[str, Any]) -> None:
    os.environ.update(env)
    torch.set_num_threads(1)
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    result = globals()[scenario](Path(folder), world, **options)
    (Path(folder) / f"{scenario}-{env['RANK']}.json").write_text(json.dumps(result))
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


if "arguments" in globals():
    main(*globals()["arguments"])
