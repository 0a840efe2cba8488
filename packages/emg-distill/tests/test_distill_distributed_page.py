"""The commands of docs/scaling.md, run as they stand there."""

import os
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from emg_distill import load_recipe, prepare_protocol
from emg_distill._distributed.gpus import GPUS
from emg_distill.cli import app

PAGE = (Path(__file__).parents[1] / "docs" / "scaling.md").read_text(encoding="utf-8")
RECIPE = "uci-finetune"


def block(marker: str) -> str:
    """Return the shell block that holds a word."""
    [found] = [text for text in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if marker in text]
    return found


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)


@pytest.fixture
def environment(uci_folder: Path, tmp_path: Path) -> dict[str, str]:
    """What the blocks ask for, on a cluster of one machine with two devices."""
    prepare_protocol(load_recipe(RECIPE).protocol, uci_folder, tmp_path / "store")
    folder = tmp_path / "bin"
    folder.mkdir()
    program(folder, "scontrol", "echo 127.0.0.1")
    program(folder, "srun", 'shift; exec "$@"')
    small = "--set train.steps=2 --set train.select=last --set model.n_blocks=1 --json"
    program(folder, "emg-distill", f'exec "{Path(sys.executable).parent / "emg-distill"}" "$@" {small}')
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    named = {"GPUS": "2", "RECIPE": RECIPE, "DATA": uci_folder, "STORE": tmp_path / "store", "RUN": tmp_path / "run"}
    slurm = {"SLURM_NNODES": 1, "SLURM_GPUS_ON_NODE": 2, "SLURM_JOB_NODELIST": "here", "SLURM_JOB_ID": 7}
    path = os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])
    given = {**named, **slurm, "RDZV_PORT": port, "OMP_NUM_THREADS": 1, "PATH": path, "CUDA_VISIBLE_DEVICES": ""}
    return {**os.environ, **{key: str(value) for key, value in given.items()}}


def test_the_slurm_job_trains(environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-c", block("#SBATCH")], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"recipe_hash"') == 1
    assert (Path(environment["RUN"]) / "model" / "model.safetensors").is_file()


def test_one_machine_runs_what_the_slurm_job_runs() -> None:
    commands = {
        block(marker).partition("--no-python")[2].replace("\\\n", " ").strip() for marker in ("--standalone", "#SBATCH")
    }
    assert len(commands) == 1


def test_the_page_names_every_device() -> None:
    for name, spec in GPUS.items():
        assert f"| {name} |" in PAGE
        assert spec.source in PAGE


@pytest.mark.parametrize("command", ["prepare", "plan", "finetune"])
def test_options_on_the_page_exist(command: str) -> None:
    [line] = [text for text in re.findall(rf"emg-distill {command} [^`\n]*", PAGE) if command != "finetune"] or [
        block("--standalone")
    ]
    known = {name for option in typer.main.get_command(app).commands[command].params for name in option.opts}
    used = set(re.findall(r"--[a-z-]+", line.partition("--no-python")[2] or line))
    assert used
    assert used <= known
