"""Fabrics and shards in one process: what a single member of a group does, and every refusal."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributed.tensor import Shard, distribute_tensor, init_device_mesh

import emg_models
from emg_distill import EmgDistillError, finetune
from emg_distill._distributed.fabric import _strategy, make_fabric
from emg_distill._distributed.pieces import Layout, join_pieces, write_pieces
from emg_distill._distributed.sharding import is_sharding, setup, transformer_blocks
from emg_distill._distributed.shards import holders, is_cut, load_tensors, own_piece, place_like, whole


@pytest.fixture
def alone(recipe, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A group of one process that shards."""
    for name in ("MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    yield make_fabric(recipe(), "cpu", strategy="fsdp")
    torch.distributed.destroy_process_group()


class Counted(nn.Module):
    """Batch statistics, a mask and a block."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(4, 4)])
        self.norm = nn.BatchNorm1d(4)
        self.register_buffer("mask", torch.ones(4, dtype=torch.bool))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.blocks[0](x)) * self.mask


def adam(module: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(module.parameters(), lr=0.1, fused=True)


def test_one_process_needs_no_group(recipe) -> None:
    fabric = make_fabric(recipe(train={"precision": "bf16-mixed"}), "cpu")
    assert (fabric.world_size, is_sharding(fabric)) == (1, False)
    assert not torch.distributed.is_initialized()


def test_unknown_strategy_is_refused(recipe) -> None:
    with pytest.raises(EmgDistillError, match="strategy='zero': choose one of 'auto', 'ddp', 'fsdp'"):
        make_fabric(recipe(), "cpu", strategy="zero")  # type: ignore[arg-type]


@pytest.mark.parametrize("wanted", [{"devices": 2}, {"num_nodes": 3}])
def test_processes_that_nobody_started_are_refused(wanted: dict[str, int], recipe) -> None:
    with pytest.raises(EmgDistillError, match=r"1 process\(es\) on each of 1 machine\(s\) run; start with torchrun"):
        make_fabric(recipe(), "cpu", **wanted)


@pytest.mark.parametrize(("name", "world", "chosen"), [("auto", 1, "auto"), ("auto", 2, "ddp"), ("ddp", 1, "ddp")])
def test_several_processes_share_by_ddp_unless_told_otherwise(name: str, world: int, chosen: str) -> None:
    assert _strategy(name, world) == chosen


def test_torchrun_is_believed(recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EmgDistillError, match=r"devices=2, num_nodes=2: 4 process\(es\) on each of 2 machine\(s\) run"):
        make_fabric(recipe(), "cpu", devices=2)


def test_others_who_name_a_world_are_not(recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert make_fabric(recipe(), "cpu").world_size == 1


def test_sharding_one_process_changes_no_number(alone, toy, recipe, tmp_path: Path) -> None:
    plan = recipe(train={"epochs": 1})
    sharded = finetune(plan, toy, tmp_path / "sharded", fabric=alone)
    plain = finetune(plan, toy, tmp_path / "plain", fabric=make_fabric(plan, "cpu"))
    assert sharded.history[0]["loss"] == pytest.approx(plain.history[0]["loss"], rel=1e-5)
    assert all(type(value) is nn.Parameter for value in sharded.model.parameters())


def test_a_module_is_cut_trained_and_made_whole(alone) -> None:
    module = Counted()
    work = setup(alone, module, adam)
    assert all(is_cut(value) for value in module.parameters())
    assert {holders(value) for value in module.parameters()} == {1}
    before = whole(module.blocks[0].weight).clone()
    alone.backward(work.module(torch.randn(5, 4)).square().sum())
    work.optimizer.step()
    work.module.eval()(torch.randn(5, 4))
    after = whole(module.blocks[0].weight).clone()
    assert not torch.equal(before, after)
    assert module.norm.num_batches_tracked == 1
    block = module.blocks[0]
    work.make_whole()
    work.make_whole()
    assert type(module) is Counted
    assert module.blocks[0] is block
    assert type(block) is nn.Linear
    assert torch.equal(block.weight, after)
    assert module.norm.num_batches_tracked == 1


def test_validation_may_come_first_and_models_run_by_themselves(alone) -> None:
    model = emg_models.create_model("tinymyo", embed_dim=16, n_blocks=2, n_heads=2)
    module = nn.Sequential(model)
    x = torch.randn(2, *model.config.input_shape)
    model.eval()
    expected = model(x).detach()
    work = setup(alone, module, adam)
    with torch.inference_mode():
        assert torch.allclose(model(x), expected, atol=1e-6)
    module.train()
    alone.backward(work.module(x).square().mean())
    assert len(transformer_blocks(module)) == 2


def test_statistics_are_those_of_the_first_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group of two, seen by one: every buffer that is saved is taken over after a step, constants are not."""
    module, sent = Counted(), list[tuple[int, int]]()
    module.register_buffer("table", torch.zeros(9), persistent=False)
    monkeypatch.setattr(torch.distributed, "broadcast", lambda buffer, source: sent.append((buffer.numel(), source)))
    fabric: Any = SimpleNamespace(
        world_size=2, strategy=None, setup_module=lambda module: module, setup_optimizers=lambda optimizer: optimizer
    )
    work = setup(fabric, module, adam)
    work.module(torch.randn(5, 4)).sum().backward()
    assert sent == []
    work.optimizer.step()
    assert sent == [(4, 0), (4, 0), (1, 0)]


def test_a_fabric_that_does_not_shard_leaves_the_module(recipe) -> None:
    module = Counted()
    work = setup(make_fabric(recipe(), "cpu"), module, adam)
    work.make_whole()
    assert not any(is_cut(value) for value in module.parameters())


def test_a_whole_tensor_takes_the_place_of_a_cut_one(alone) -> None:
    module = Counted()
    work = setup(alone, module, adam)
    weight = module.blocks[0].weight
    placed = place_like(torch.arange(16.0).reshape(4, 4), weight)
    assert is_cut(placed)
    assert torch.equal(whole(placed), torch.arange(16.0).reshape(4, 4))
    assert own_piece(placed).shape == (4, 4)
    with pytest.raises(EmgDistillError, match=r"shape \(2, 4\) cannot take the place of one of shape \(4, 4\)"):
        place_like(torch.zeros(2, 4), weight)
    work.make_whole()


def test_columns_are_not_rows(alone) -> None:
    across = distribute_tensor(torch.zeros(2, 4), init_device_mesh("cpu", (1,)), [Shard(1)])
    with pytest.raises(EmgDistillError, match="only rows cut over one axis of processes can be handled"):
        own_piece(across)


def test_cut_tensors_need_the_fabric_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emg_distill._distributed.pieces.holders", lambda _tensor: 2)
    with pytest.raises(EmgDistillError, match="w is cut among 2 processes, 1 write: pass the Fabric of all of them"):
        write_pieces(tmp_path, {"model": {"w": torch.ones(2)}}, None)


def test_plain_tensors_are_copied_not_shared() -> None:
    given = torch.ones(3)
    placed = place_like(given, torch.zeros(3))
    given += 1
    assert placed.tolist() == [1.0, 1.0, 1.0]
    assert holders(given) == 1


def test_tensors_of_another_model_are_refused() -> None:
    with pytest.raises(EmgDistillError, match=r"tensors do not fit Linear: missing \['bias'\], unknown \['other'\]"):
        load_tensors(nn.Linear(2, 2), {"weight": torch.zeros(2, 2), "other": torch.zeros(1)})


def test_hashes_of_all_processes_are_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of two processes: nothing is cut, so it writes alone and hears of the other's silence."""
    heard: list[int] = []

    def gather(rows: list[torch.Tensor], mine: torch.Tensor) -> None:
        rows[0].copy_(mine)
        rows[1].zero_()
        heard.append(len(rows))

    monkeypatch.setattr(torch.distributed, "all_gather", gather)
    fabric: Any = SimpleNamespace(
        global_rank=0, world_size=2, barrier=lambda: heard.append(0), device=torch.device("cpu")
    )
    layout = write_pieces(tmp_path, {"model": {"w": torch.ones(2)}}, fabric)
    assert heard == [0, 2]
    assert list(layout.files) == ["model.safetensors"]
    assert join_pieces(tmp_path, layout)["model"]["w"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("shapes", [{"w": [3]}, {"w": [2], "v": [1]}])
def test_a_layout_that_promises_more_rows_is_refused(shapes: dict[str, list[int]], tmp_path: Path) -> None:
    layout = write_pieces(tmp_path, {"model": {"w": torch.ones(2)}}, None)
    with pytest.raises(EmgDistillError, match=r"rows of model \w are missing: whole shape"):
        join_pieces(tmp_path, Layout(layout.files, {"model": shapes}))
