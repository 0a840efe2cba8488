"""A run that was interrupted, killed or damaged is, to the last bit, the run that was not."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from emg_distill import EmgDistillError, TrainEvent
from emg_distill._loop.checkpoint import list_checkpoints
from emg_distill._loop.run import fit

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def toys():
    spec = spec_from_file_location("distill_toys", HERE / "distill_toys.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Server:
    """Starts runs in processes of their own, and ends them."""

    def __init__(self) -> None:
        command = [sys.executable, "-W", "ignore", str(HERE / "distill_victim.py")]
        env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def run(self, folder: Path, kill_after: float | None = None) -> int:
        """Train in `folder`; return the exit status, -9 where it was killed."""
        self._process.stdin.write(json.dumps([str(folder), kill_after]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def outcome(folder: Path) -> dict[str, object]:
    """Return what has to be the same: weights, log, picture, and every file of the last checkpoint."""
    newest = list_checkpoints(folder / "checkpoints")[-1]
    files = {path.name: path.read_bytes() for path in newest.iterdir()}
    done = json.loads((folder / "done.json").read_text())
    pictures = {name: (folder / name).read_bytes() for name in ("metrics.jsonl", "curve.svg", "recipe.json")}
    return {"newest": newest.name, **files, **pictures, "weights": done["weights"], "history": done["history"]}


def test_killed_twenty_times_at_random_moments(server: Server, tmp_path: Path) -> None:
    """SIGKILL while 20 steps run, with pieces, averages, a momentum teacher, best ones, checkpoints amid epochs.

    Twenty runs are killed, every fourth one twice, and each ends like the one that was not; a run that was over before
    its moment came does not count.
    """
    assert server.run(tmp_path / "warm-up") == 0
    started = time.perf_counter()
    assert server.run(tmp_path / "whole") == 0
    length = time.perf_counter() - started
    whole, moments, resumed = outcome(tmp_path / "whole"), np.random.default_rng(0), []
    killed = trials = 0
    while killed < 20:
        trials += 1
        assert trials <= 60, f"only {killed} of {trials} runs were still alive when their moment came"
        folder = tmp_path / str(trials)
        folder.mkdir()
        times = moments.uniform(0.02, 0.98, size=1 + (trials % 4 == 0))
        killed += -signal.SIGKILL in [server.run(folder, kill_after=moment * length) for moment in times]
        assert server.run(folder) == 0
        assert outcome(folder) == whole
        resumed.append(json.loads((folder / "done.json").read_text())["resumed_from"])
    assert len(set(resumed)) >= 4, resumed


class InterruptedRunError(Exception):
    """Stands for anything that ends a run from inside."""


def stop_at(step: int, error: type[BaseException] = InterruptedRunError):
    def callback(event: TrainEvent) -> None:
        if event.kind == "step" and event.step == step:
            raise error

    return callback


def run(toys, folder: Path, **options) -> tuple[str, object]:
    task = toys.hard_task()
    result = fit(task, toys.hard_recipe(), folder, "hard", **options)
    return toys.weights(task), result


@pytest.fixture(scope="module")
def whole(toys, tmp_path_factory) -> tuple[str, dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("whole")
    return run(toys, folder)[0], toys.contents(folder)


@pytest.mark.parametrize("step", [1, 3, 11, 20])
@pytest.mark.parametrize("error", [InterruptedRunError, KeyboardInterrupt])
def test_interrupted_runs_leave_no_thread_and_resume(step: int, error, toys, whole, tmp_path: Path) -> None:
    with pytest.raises(error):
        run(toys, tmp_path, callback=stop_at(step, error))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("emg-distill")]
    done = max((int(path.name[-9:]) for path in (tmp_path / "checkpoints").glob("step-*")), default=0)
    assert done == (step - 1 if step == 11 else (step - 1) // 3 * 3)
    weights, result = run(toys, tmp_path)
    assert result.resumed_from == (done or None)
    assert (weights, toys.contents(tmp_path)) == whole


@pytest.mark.parametrize(
    ("file", "damage"),
    [("model.safetensors", b""), ("ema.safetensors", None), ("state.json", b"0" * 100)],
    ids=["empty", "absent", "zeros"],
)
def test_a_damaged_newest_checkpoint_falls_back_and_says_so(file, damage, toys, whole, tmp_path, caplog) -> None:
    with pytest.raises(InterruptedRunError):
        run(toys, tmp_path, callback=stop_at(14))
    newest = list_checkpoints(tmp_path / "checkpoints")[-1]
    assert newest.name == "step-000000012"
    (newest / file).unlink()
    if damage is not None:
        (newest / file).write_bytes(damage)
    events: list[TrainEvent] = []
    with caplog.at_level(logging.WARNING, logger="emg_distill"):
        weights, result = run(toys, tmp_path, callback=events.append)
    assert result.resumed_from == 10
    assert "skipped checkpoint step-000000012" in result.warnings[0]
    assert "skipped checkpoint step-000000012" in caplog.text
    assert "skipped" in next(event.message for event in events if event.kind == "resume")
    assert (weights, toys.contents(tmp_path)) == whole


def test_a_finished_run_is_not_run_again(toys, whole, tmp_path: Path) -> None:
    run(toys, tmp_path)
    events: list[TrainEvent] = []
    weights, result = run(toys, tmp_path, callback=events.append)
    assert (weights, toys.contents(tmp_path)) == whole
    assert [event.kind for event in events] == ["resume", "start", "end"]
    assert result.resumed_from == result.step == 20


def test_another_run_is_refused_and_its_folder_left_alone(toys, tmp_path: Path) -> None:
    run(toys, tmp_path)
    before = toys.contents(tmp_path)
    with pytest.raises(EmgDistillError, match="belongs to another run"):
        fit(toys.hard_task(), toys.hard_recipe(), tmp_path, "other")
    assert toys.contents(tmp_path) == before


@pytest.mark.parametrize("settings", [{"kind": "sgd", "momentum": 0.9, "nesterov": True}, {"kind": "adam"}])
def test_every_optimiser_resumes(settings, toys, tmp_path: Path) -> None:
    recipe = toys.toy_recipe(optimizer=settings, train={"checkpoint_every": 2, "select": "last"})
    folders = [tmp_path / name for name in ("whole", "cut")]
    tasks = [toys.ToyTask(dropout=0.1) for _ in range(3)]
    fit(tasks[0], recipe, folders[0], "h")
    with pytest.raises(InterruptedRunError):
        fit(tasks[1], recipe, folders[1], "h", callback=stop_at(9))
    assert fit(tasks[2], recipe, folders[1], "h").resumed_from == 8
    assert toys.weights(tasks[2]) == toys.weights(tasks[0])
    assert toys.contents(folders[0]) == toys.contents(folders[1])
