"""What a run tells the outside: events, metrics.jsonl, TensorBoard."""

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest

from emg_distill import BoardWriter, EmgDistillError, TrainEvent, combine_callbacks
from emg_distill._loop.metric_log import MetricLog
from emg_distill._loop.run import fit


@pytest.fixture(scope="module")
def toys():
    spec = spec_from_file_location("distill_toys", Path(__file__).with_name("distill_toys.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_events(toys, tmp_path: Path) -> None:
    events: list[TrainEvent] = []
    others: list[TrainEvent] = []
    recipe = toys.toy_recipe(train={"log_every": 4, "monitor": "accuracy"})
    result = fit(toys.ToyTask(), recipe, tmp_path, "h", callback=combine_callbacks(events.append, others.append))
    assert events == others
    kinds = [event.kind for event in events]
    assert (kinds[0], kinds[-1]) == ("start", "end")
    assert [kinds.count(kind) for kind in ("step", "epoch", "checkpoint", "resume")] == [15, 3, 3, 0]
    steps = [event for event in events if event.kind == "step"]
    assert [event.epoch for event in steps] == [1] * 5 + [2] * 5 + [3] * 5
    assert {(e.task, e.total_steps, e.epochs, e.batch_size, e.monitor) for e in events} == {
        ("finetune", 15, 3, 8, "accuracy")
    }
    assert [set(event.metrics) for event in steps[:4]] == [{"lr"}] * 3 + [{"lr", "loss", "loss/labels", "loss/teacher"}]
    assert events[0].best is None
    assert events[-1].best == max(entry["accuracy"] for entry in result.history)
    assert events[-1].metrics["seconds"] > 0


def test_layer_wise_decay_says_what_it_takes_for_layers(toys, tmp_path: Path) -> None:
    events: list[TrainEvent] = []
    plan = toys.toy_recipe(train={"epochs": 1}, optimizer={"layer_decay": 0.9})
    fit(toys.ToyTask(), plan, tmp_path, "h", callback=events.append)
    assert events[0].message == "layer-wise decay over 2 layers, blocks.0 to blocks.1"


def test_metrics_file(toys, tmp_path: Path) -> None:
    result = fit(toys.ToyTask(), toys.toy_recipe(train={"log_every": 4}), tmp_path, "h")
    entries = lines(tmp_path / "metrics.jsonl")
    steps = [entry for entry in entries if entry["event"] == "step"]
    assert [entry["step"] for entry in steps] == [4, 8, 12]
    assert steps[0]["loss"] == pytest.approx(steps[0]["parts"]["labels"] + 0.1 * steps[0]["parts"]["teacher"])
    epochs = [{k: v for k, v in entry.items() if k != "event"} for entry in entries if entry["event"] == "epoch"]
    assert epochs == result.history
    assert set(epochs[0]) == {"epoch", "step", "train_loss", "loss", "accuracy"}
    assert json.loads((tmp_path / "recipe.json").read_text())["train"]["log_every"] == 4


def test_a_log_is_cut_back_to_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    log = MetricLog(path)
    log.start_after(0)
    for step in range(1, 6):
        log.write({"step": step})
    log.sync()
    log.close()
    with path.open("a") as file:
        file.write('{"step": 3.5}\n[]\n{"ste')
    log.start_after(3)
    log.write({"step": 4, "again": True})
    log.close()
    log.close()
    assert lines(path) == [{"step": 1}, {"step": 2}, {"step": 3}, {"step": 4, "again": True}]
    with pytest.raises(ValueError, match="not JSON compliant"):
        _write_nan(log)
    log.close()


def _write_nan(log: MetricLog) -> None:
    log.start_after(0)
    log.write({"step": float("nan")})


def test_a_log_that_is_off_writes_nothing(tmp_path: Path) -> None:
    log = MetricLog(tmp_path / "metrics.jsonl", active=False)
    log.start_after(3)
    log.write({"step": 4})
    log.sync()
    log.close()
    assert not list(tmp_path.iterdir())


class FakeWriter:
    """Stands for TensorBoard's writer."""

    made: ClassVar[list["FakeWriter"]] = []

    def __init__(self, folder: str, **options: int) -> None:
        self.folder, self.options, self.closed, self.scalars = folder, options, 0, []
        self.made.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.scalars.append((name, value, step))

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def fake(monkeypatch) -> list[FakeWriter]:
    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = FakeWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr(FakeWriter, "made", [])
    return FakeWriter.made


def test_the_board_gets_the_numbers_of_the_log(fake, toys, tmp_path: Path) -> None:
    with BoardWriter(tmp_path / "board") as board:
        fit(toys.ToyTask(), toys.toy_recipe(train={"log_every": 5}), tmp_path / "run", "h", callback=board)
    [writer] = fake
    assert (writer.folder, writer.options, writer.closed) == (str(tmp_path / "board"), {}, 1)
    losses = [(value, step) for name, value, step in writer.scalars if name == "train/loss"]
    entries = lines(tmp_path / "run" / "metrics.jsonl")
    assert losses == [(entry["loss"], entry["step"]) for entry in entries if entry["event"] == "step"]
    assert {name for name, _, _ in writer.scalars} == {
        "train/loss", "train/loss/labels", "train/loss/teacher", "train/lr",
        "val/train_loss", "val/loss", "val/accuracy",
    }  # fmt: skip


def test_a_resumed_run_hides_what_was_written_after_its_checkpoint(fake, tmp_path: Path) -> None:
    board = BoardWriter(tmp_path)
    board(TrainEvent("resume", "finetune", 7, 10, 1, 1))
    board(TrainEvent("step", "finetune", 8, 10, 1, 1, {"lr": 0.1}))
    board(TrainEvent("end", "finetune", 10, 10, 1, 1))
    board.close()
    [writer] = fake
    assert writer.options == {"purge_step": 8}
    assert writer.scalars == []
    assert writer.closed == 1


def test_an_absent_board_is_named_with_the_line_that_installs_it(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(EmgDistillError, match=r"TensorBoard is not installed .*pip install 'emg-distill\[board\]'"):
        BoardWriter(tmp_path)
