"""Several processes: the same curve as one, sharded checkpoints at another number of processes, clear refusals."""

import json
import multiprocessing
import runpy
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from emg_distill import EmgDistillError, finetune
from emg_distill._loop.checkpoint import load_checkpoint, load_newest

SCRIPT = Path(__file__).with_name("distill_ranks.py")
STILL = {"model": {"dropout": 0.0, "drop_path": 0.0}, "augment": {"noise": 0.1}}
PATIENCE = 60.0

Ranks = Callable[..., list[dict[str, Any]]]


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@pytest.fixture(scope="module")
def ranks() -> Ranks:
    """Run a scenario of distill_ranks.py in several processes, forked from a server that has torch loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "lightning_fabric", "emg_distill._training", "torch.distributed.fsdp"])

    def run(scenario: str, folder: Path, world: int, **options: Any) -> list[dict[str, Any]]:
        shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "OMP_NUM_THREADS": "1"}
        shared |= {"WORLD_SIZE": str(world), "LOCAL_WORLD_SIZE": str(world), "GROUP_RANK": "0"}
        shared |= {"TORCHELASTIC_RUN_ID": "test"}
        processes = []
        for rank in range(world):
            env = shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            arguments = (scenario, str(folder), world, env, options)
            globals_ = {"init_globals": {"arguments": arguments}, "run_name": "ranks"}
            processes.append(context.Process(target=runpy.run_path, args=(str(SCRIPT),), kwargs=globals_))
        for process in processes:
            process.start()
        for process in processes:
            process.join(PATIENCE)
        for process in processes:
            if process.is_alive():
                process.kill()
        assert [process.exitcode for process in processes] == [0] * world
        return [json.loads((folder / f"{scenario}-{rank}.json").read_text()) for rank in range(world)]

    return run


@pytest.fixture(scope="module")
def one(toy, recipe, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, float]]:
    """The curve of one process."""
    return finetune(recipe(**STILL), toy, tmp_path_factory.mktemp("one")).history


def worst(mine: list[dict[str, float]], theirs: list[dict[str, float]]) -> float:
    """Largest relative difference of losses along two curves."""
    names = ("train_loss", "loss")
    assert len(mine) == len(theirs)
    return max(abs(a[name] / b[name] - 1) for a, b in zip(mine, theirs, strict=True) for name in names)


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_processes_follow_the_curve_of_one(
    strategy: str, accumulate: int, one, ranks: Ranks, tmp_path: Path
) -> None:
    """Equal global batch, no dropout: every loss along the curve agrees to 1e-5 relative."""
    tables = {**STILL, "train": {"accumulate": accumulate}}
    results = ranks("train", tmp_path, 2, strategy=strategy, tables=tables, out="run")
    assert results[0] == results[1]
    assert worst(results[0]["history"], one) < 1e-5


def test_an_interrupted_sharded_run_goes_on_in_another_number_of_processes(
    one, ranks: Ranks, toy, recipe, tmp_path: Path
) -> None:
    """Two processes (FSDP2) up to an epoch, then one, then four: the curve stays that of one process."""
    tables = {**STILL, "train": {"checkpoint_every": 4, "keep_checkpoints": 9}}
    first = ranks("train", tmp_path, 2, strategy="fsdp", tables=tables, out="run")
    assert worst(first[0]["history"], one) < 1e-5
    for world, step in ((4, 10), (1, 8)):
        for path in (tmp_path / "run" / "checkpoints").glob("step-*"):
            if int(path.name.removeprefix("step-")) > step:
                for file in path.iterdir():
                    file.unlink()
                path.rmdir()
        if world == 1:
            history = finetune(recipe(**tables), toy, tmp_path / "run").history
        else:
            [*_, last] = ranks("train", tmp_path, world, strategy="fsdp", tables=tables, out="run")
            assert last["resumed"] == 8
            history = last["history"]
        assert worst(history, one) < 1e-5


@pytest.fixture(scope="module")
def saved(ranks: Ranks, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """A checkpoint written by two processes, whole tensors beside it, and what the processes saw."""
    folder = tmp_path_factory.mktemp("saved")
    return folder, ranks("save", folder, 2)


def test_each_process_writes_its_own_rows(saved: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, results = saved
    assert {path.name for path in Path(results[0]["path"]).iterdir()} == {
        "state.json",
        *(f"{table}-0000{rank}-of-00002.safetensors" for table in ("model", "optimizer") for rank in (0, 1)),
    }
    weights = ["head.bias", "head.weight", "norm.bias", "norm.weight"]
    blocks = [f"blocks.{i}.{name}" for i in (0, 1) for name in ("bias", "weight")]
    assert results[0]["cut"] == blocks + weights
    assert not list((folder / "ckpt").glob(".tmp-*"))


def test_a_sharded_module_becomes_whole_again(saved: tuple[Path, list[dict[str, Any]]]) -> None:
    _, results = saved
    assert results[0]["plain"]
    assert results[0]["output"] == results[1]["output"]


def test_cut_tensors_are_not_saved_by_one_process_alone(saved: tuple[Path, list[dict[str, Any]]]) -> None:
    for result in saved[1]:
        assert "is cut among 2 processes, 1 write: pass the Fabric of all of them" in result["message"]


@pytest.mark.parametrize("world", [1, 2, 3])
def test_what_two_processes_saved_loads_bit_for_bit_in_any_number(
    world: int, saved: tuple[Path, list[dict[str, Any]]], ranks: Ranks
) -> None:
    for result in ranks("load", saved[0], world):
        assert result == {"equal": True, "problems": []}
    path = saved[0] / f"ckpt-{world}" / "step-000000004"
    suffixes = [""] if world == 1 else [f"-0000{rank}-of-0000{world}" for rank in range(world)]
    assert {file.name for file in path.glob("model*")} == {f"model{suffix}.safetensors" for suffix in suffixes}
    assert load_checkpoint(path).tensors["model"]["head.weight"].shape == (1, 7)


def test_rows_that_got_lost_are_named(saved: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> None:
    import shutil

    shutil.copytree(saved[0] / "ckpt", tmp_path / "ckpt")
    (tmp_path / "ckpt" / "step-000000003" / "model-00001-of-00002.safetensors").unlink()
    with pytest.raises(EmgDistillError, match=r"model-00001-of-00002.safetensors cannot be read"):
        load_newest(tmp_path / "ckpt", "r" * 64)


def test_only_rows_are_cut(ranks: Ranks, tmp_path: Path) -> None:
    for result in ranks("shapes", tmp_path, 2):
        assert "only rows cut over one axis of processes can be handled" in result["message"]
