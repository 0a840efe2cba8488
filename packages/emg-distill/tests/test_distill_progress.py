"""The live table shows what it is told, and nothing where nobody looks."""

import io
from itertools import count

from rich.console import Console

from emg_distill import RichProgress, TrainEvent


def run(progress: RichProgress, task: str) -> None:
    plan = {"batch_size": 32, "monitor": "accuracy"}
    progress(TrainEvent("resume", task, 100, 400, 1, 4, message=f"resumed {task} [x]", **plan))
    progress(TrainEvent("start", task, 100, 400, 1, 4, **plan))
    for step in (101, 102, 103):
        progress(TrainEvent("step", task, step, 400, 2, 4, {"lr": 0.00125, "loss": 1.5}, **plan))
    progress(TrainEvent("step", task, 200, 400, 2, 4, {"lr": 0.00125}, **plan))
    progress(TrainEvent("epoch", task, 200, 400, 2, 4, {"train_loss": 1.25, "accuracy": 0.75}, best=0.75, **plan))


def draw(*, terminal: bool, end: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=200)
    ticks = count()
    with RichProgress(console, clock=lambda: float(next(ticks))) as progress:
        for task in ("pretrain", "finetune"):
            run(progress, task)
            if end:
                progress(TrainEvent("end", task, 400, 400, 4, 4, {"seconds": 65.0}))
    return out.getvalue()


def test_a_row_for_every_run() -> None:
    text = draw(terminal=True, end=True)
    for expected in ("task", "examples/s", "pretrain", "finetune", "4/4", "400/400", "1.25", "done in 0:01:05"):
        assert expected in text
    assert "resumed finetune [x]" in text


def test_loss_pace_time_left_and_best() -> None:
    """Steps 101, 102, 103 and 200 came at seconds 2, 3, 4 and 5: 33 a second, 32 examples each; 200 remain."""
    out = io.StringIO()
    ticks = count()
    progress = RichProgress(Console(file=out, force_terminal=True, width=200), clock=lambda: float(next(ticks)))
    run(progress, "pretrain")
    table = progress._table()
    cells = [column._cells[0] for column in table.columns]
    assert cells == ["pretrain", "2/4", "200/400", "1.25", "0.00125", "1056", "0:00:06", "accuracy 0.75"]


def test_a_run_that_has_just_begun_has_empty_cells() -> None:
    progress = RichProgress(Console(file=io.StringIO(), force_terminal=True), clock=lambda: 0.0)
    progress(TrainEvent("start", "distill", 0, 10, 1, 1))
    progress(TrainEvent("step", "distill", 1, 10, 1, 1, {"lr": 0.5}))
    progress(TrainEvent("step", "distill", 2, 10, 1, 1, {"lr": 0.5}))
    assert [column._cells[0] for column in progress._table().columns] == [
        "distill", "1/1", "2/10", "", "0.5", "", "", ""
    ]  # fmt: skip


def test_it_is_quiet_where_nobody_looks() -> None:
    assert draw(terminal=False).splitlines() == ["resumed pretrain [x]", "resumed finetune [x]"]
