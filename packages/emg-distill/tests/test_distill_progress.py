"""The progress bar shows what it is told."""

import io

from rich.console import Console

from emg_distill import RichProgress, TrainEvent


def test_bars_messages_and_numbers() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=200)
    with RichProgress(console) as progress:
        for task in ("pretrain", "finetune"):
            progress(TrainEvent("resume", task, 2, 4, 1, 2, message=f"resumed {task} [x]"))
            progress(TrainEvent("step", task, 3, 4, 2, 2, {"lr": 0.1}))
            progress(TrainEvent("epoch", task, 4, 4, 2, 2, {"accuracy": 0.75}))
            progress(TrainEvent("end", task, 4, 4, 2, 2))
    text = out.getvalue()
    for expected in ("pretrain epoch 2/2", "finetune epoch 2/2", "4/4", "accuracy 0.750", "resumed finetune [x]"):
        assert expected in text
