"""Checkpoints: complete or absent, damage found and named, the one before used instead."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from emg_distill import EmgDistillError
from emg_distill._files import write_file
from emg_distill._loop.checkpoint import Snapshot, list_checkpoints, load_checkpoint, load_newest, save_checkpoint
from emg_distill._recipe.schema import canonical_hash


def snapshot(step: int, run_hash: str = "r" * 64) -> Snapshot:
    tensors = {"model": {"w": torch.arange(6.0).reshape(2, 3).t() + step}, "optimizer": {"w/step": torch.tensor(step)}}
    return Snapshot(step, run_hash, {"loss_sum": 0.1 + step, "history": [{"loss": 1 / 3}]}, tensors)


def fill(folder: Path, steps: tuple[int, ...] = (1, 2, 3), keep: int = 3) -> None:
    for step in steps:
        save_checkpoint(folder, snapshot(step), keep)


def test_round_trip_is_exact(tmp_path: Path) -> None:
    back = load_checkpoint(save_checkpoint(tmp_path, snapshot(7), keep=1))
    assert (back.step, back.run_hash, back.state) == (7, "r" * 64, snapshot(7).state)
    assert torch.equal(back.tensors["model"]["w"], snapshot(7).tensors["model"]["w"])
    assert torch.equal(back.tensors["optimizer"]["w/step"], torch.tensor(7))


def test_last_k_stay(tmp_path: Path) -> None:
    fill(tmp_path, (1, 2, 3, 10), keep=2)
    assert [path.name for path in list_checkpoints(tmp_path)] == ["step-000000003", "step-000000010"]


def test_no_checkpoint_is_a_fresh_run(tmp_path: Path) -> None:
    assert load_newest(tmp_path / "absent", "r" * 64) == (None, [])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["state.json", "model.safetensors", "optimizer.safetensors"])
@pytest.mark.parametrize(
    "damage",
    [flip, Path.unlink, lambda path: path.write_bytes(b""), lambda path: path.write_bytes(path.read_bytes()[:-9])],
    ids=["flipped bit", "absent", "empty", "cut"],
)
def test_damage_falls_back_and_says_so(name: str, damage: Callable[[Path], None], tmp_path: Path) -> None:
    fill(tmp_path)
    damage(tmp_path / "step-000000003" / name)
    found, problems = load_newest(tmp_path, "r" * 64)
    assert found is not None
    assert found.step == 2
    assert len(problems) == 1
    assert "skipped checkpoint step-000000003" in problems[0]
    assert name in problems[0]


def test_valid_hash_over_something_else_is_named(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, snapshot(1), keep=1)
    stored = json.loads((path / "state.json").read_text())
    (path / "model.safetensors").write_bytes(b"junk")
    stored["body"]["files"]["model.safetensors"] = hashlib.sha256(b"junk").hexdigest()
    stored["sha256"] = canonical_hash(stored["body"])
    (path / "state.json").write_text(json.dumps(stored))
    with pytest.raises(EmgDistillError, match="is not a safetensors file"):
        load_checkpoint(path)


def test_all_damaged_raises(tmp_path: Path) -> None:
    fill(tmp_path)
    for path in list_checkpoints(tmp_path):
        flip(path / "state.json")
    with pytest.raises(EmgDistillError, match=r"no checkpoint in .* can be read.*resume=False \(--fresh\)"):
        load_newest(tmp_path, "r" * 64)


def test_another_run_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    with pytest.raises(EmgDistillError, match="belongs to another run"):
        load_newest(tmp_path, "s" * 64)


def test_interrupted_writes_leave_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, (1,))
    write_file(tmp_path / "file", b"old")

    def die(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr("os.replace", die)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(tmp_path, snapshot(2), keep=1)
    with pytest.raises(OSError, match="no space"):
        write_file(tmp_path / "file", b"new")
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(tmp_path, snapshot(1), keep=1)
    assert load_checkpoint(tmp_path / "step-000000001").step == 1
    assert len(list_checkpoints(tmp_path)) == 1
    assert (tmp_path / "file").read_bytes() == b"old"
    assert not list(tmp_path.glob(".tmp-*"))


def test_a_checkpoint_whose_successor_cannot_take_its_place_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, (1,))
    replace_file = os.replace

    def die_when_published(source: Path, target: Path) -> None:
        if Path(source).name == ".tmp-step-000000001":
            raise OSError("no space")
        replace_file(source, target)

    before = (tmp_path / "step-000000001" / "state.json").read_bytes()
    other = replace(snapshot(1), state={"changed": True})
    monkeypatch.setattr("os.replace", die_when_published)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(tmp_path, other, keep=1)
    assert (tmp_path / "step-000000001" / "state.json").read_bytes() == before
    assert load_checkpoint(tmp_path / "step-000000001").step == 1


def test_leftovers_of_a_killed_writer_go(tmp_path: Path) -> None:
    (tmp_path / ".tmp-dead").mkdir(parents=True)
    (tmp_path / ".tmp-file").write_bytes(b"x")
    fill(tmp_path, (1,))
    assert not list(tmp_path.glob(".tmp-*"))


def scored(folder: Path, scores: dict[int, float | None], keep: int, keep_best: int) -> list[int]:
    for step, score in scores.items():
        save_checkpoint(folder, replace(snapshot(step), score=score), keep, keep_best=keep_best)
    return [int(path.name.removeprefix("step-")) for path in list_checkpoints(folder)]


def test_best_k_stay_beside_the_last(tmp_path: Path) -> None:
    scores = {1: 0.5, 2: 0.1, 3: 0.3, 4: None, 5: 0.2, 6: 0.9, 7: 0.8}
    assert scored(tmp_path, scores, keep=1, keep_best=2) == [2, 5, 7]
    assert load_checkpoint(tmp_path / "step-000000002").score == 0.1


def test_of_equal_scores_the_earlier_stays(tmp_path: Path) -> None:
    assert scored(tmp_path, {1: 0.5, 2: 0.5, 3: 0.5}, keep=1, keep_best=1) == [1, 3]


def test_a_damaged_checkpoint_is_not_among_the_best(tmp_path: Path) -> None:
    scored(tmp_path, {1: 0.1, 2: 0.2}, keep=2, keep_best=1)
    flip(tmp_path / "step-000000001" / "state.json")
    assert scored(tmp_path, {3: 0.3, 4: 0.4}, keep=1, keep_best=1) == [2, 4]


def test_the_same_step_is_written_again(tmp_path: Path) -> None:
    fill(tmp_path, (1, 1))
    assert load_checkpoint(tmp_path / "step-000000001").step == 1


def test_tables_that_are_gone_stay_gone(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, replace(snapshot(1), tensors={"empty": {}}), 1)
    assert load_checkpoint(tmp_path / "step-000000001").tensors == {"empty": {}}
