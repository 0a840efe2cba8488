"""Several processes: the same curve as one, sharded checkpoints at another number of processes, clear refusals."""

import json
import multiprocessing
import runpy
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emg_distill import EmgDistillError, distill, finetune
from emg_distill._loop.checkpoint import load_checkpoint, load_newest
from emg_distill._models import build_model

SCRIPT = Path(__file__).with_name("distill_ranks.py")
STILL = {"model": {"dropout": 0.0, "drop_path": 0.0}, "augment": {"noise": 0.1}}
PATIENCE = 120.0
TOLERANCE, HALF_TOLERANCE = 1e-5, 1e-2
PRELOAD = ["pytest", "hypothesis", "emg_distill._training", "torch._dynamo", "torch.distributed.fsdp"]

Ranks = Callable[..., list[dict[str, Any]]]


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@pytest.fixture(scope="module")
def ranks() -> Ranks:
    """Run a scenario of distill_ranks.py in several processes, forked from a server that has torch loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)

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


KEEPING = {**STILL, "train": {"checkpoint_every": 4, "keep_checkpoints": 9}}
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "ddp": ("ddp", STILL),
    "ddp in pieces": ("ddp", {**STILL, "train": {"accumulate": 2}}),
    "fsdp": ("fsdp", KEEPING),
    "fsdp in pieces": ("fsdp", {**STILL, "train": {"accumulate": 2}}),
}
HALF = {**STILL, "train": {"precision": "bf16-mixed"}}


@pytest.fixture(scope="module")
def two(ranks: Ranks, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """Runs of two processes."""
    folder = tmp_path_factory.mktemp("two")
    return folder, ranks("train", folder, 2, runs={**RUNS, "half": ("fsdp", HALF)})


@pytest.mark.parametrize("run", list(RUNS))
def test_two_processes_follow_the_curve_of_one(run: str, one, two: tuple[Path, list[dict[str, Any]]]) -> None:
    """Equal global batch, no dropout: every loss along the curve agrees to 1e-5 relative."""
    first, second = (result[run]["history"] for result in two[1])
    assert first == second
    assert worst(first, one) < TOLERANCE


def test_two_processes_follow_the_curve_of_one_in_bfloat16(
    two: tuple[Path, list[dict[str, Any]]], toy, recipe, tmp_path: Path
) -> None:
    """Products of bfloat16 round to 2**-8: losses agree to 1e-2."""
    alone = finetune(recipe(**HALF), toy, tmp_path).history
    assert worst(two[1][0]["half"]["history"], alone) < HALF_TOLERANCE


def test_one_process_writes_a_teacher_s_answers_for_all(ranks: Ranks, toy, recipe, tmp_path: Path) -> None:
    tables = {**STILL, "distill": {"teacher_view": "clean", "cache": "disk"}, "train": {"epochs": 1}}
    results = ranks("teach", tmp_path, 2, tables=tables)
    assert [result["writes"] for result in results] == [1, 0]
    plan = recipe("distill", **tables)
    alone = distill(plan, toy, tmp_path / "alone", teacher=build_model(plan, toy)).history
    assert worst(results[1]["history"], alone) < TOLERANCE


def cut_back(folder: Path, step: int) -> None:
    """Leave a run as if it had been killed after `step`."""
    for path in (folder / "checkpoints").glob("step-*"):
        if int(path.name.removeprefix("step-")) > step:
            shutil.rmtree(path)


def test_an_interrupted_run_goes_on_in_another_number_of_processes(
    one, two: tuple[Path, list[dict[str, Any]]], ranks: Ranks, toy, recipe, tmp_path: Path
) -> None:
    """Begun by two (FSDP2), killed in mid-epoch, continued by one, killed again, ended by two."""
    shutil.copytree(two[0] / "fsdp", tmp_path / "fsdp")
    cut_back(tmp_path / "fsdp", 4)
    alone = finetune(recipe(**KEEPING), toy, tmp_path / "fsdp")
    assert alone.fit.resumed_from == 4
    assert worst(alone.history, one) < TOLERANCE
    cut_back(tmp_path / "fsdp", 8)
    [result, _] = ranks("train", tmp_path, 2, runs={"fsdp": RUNS["fsdp"]})
    assert result["fsdp"]["resumed"] == 8
    assert worst(result["fsdp"]["history"], one) < TOLERANCE


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


@pytest.mark.parametrize("world", [1, 3])
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
    shutil.copytree(saved[0] / "ckpt", tmp_path / "ckpt")
    (tmp_path / "ckpt" / "step-000000003" / "model-00001-of-00002.safetensors").unlink()
    with pytest.raises(EmgDistillError, match=r"model-00001-of-00002.safetensors cannot be read"):
        load_newest(tmp_path / "ckpt", "r" * 64)


def test_only_rows_are_cut(saved: tuple[Path, list[dict[str, Any]]]) -> None:
    for result in saved[1]:
        assert "only rows cut over one axis of processes can be handled" in result["columns"]
