"""The console scripts as other programs see them: fast help, one JSON document, exit codes."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = ["emg-io", "emg-models", "emg-distill", "emg-edge"]
VERBS = {
    "emg-io": ["formats", "info", "check", "synth", "convert"],
    "emg-models": ["list", "info", "export"],
    "emg-distill": ["pretrain", "finetune", "distill", "evaluate", "verify"],
    "emg-edge": ["inspect", "compile", "run", "evaluate", "simulate", "report"],
}


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    found = shutil.which(script, path=str(Path(sys.executable).parent))
    assert found, f"{script} is not installed beside {sys.executable}"
    return subprocess.run([found, *arguments], capture_output=True, text=True, check=False, timeout=120)


def processor_seconds() -> float:
    """Return the processor time of all finished children: unlike the clock, it does not depend on who else works."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_costs_less_than_half_a_second(script):
    run(script, "--help")  # the first run writes bytecode
    before = processor_seconds()
    assert run(script, "--help").returncode == 0
    assert processor_seconds() - before < 0.5, "import heavy modules inside the commands"


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_lists_the_verbs(script):
    text = run(script, "--help").stdout
    for verb in VERBS[script]:
        assert verb in text


@pytest.mark.parametrize("script", SCRIPTS)
def test_usage_errors_exit_with_two(script):
    assert run(script, "no-such-verb").returncode == 2


@pytest.mark.parametrize("arguments", [("emg-io", "formats", "--json"), ("emg-models", "list", "--json")])
def test_json_is_one_document(arguments):
    result = run(*arguments)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)


def test_bad_data_exits_with_three(tmp_path):
    (tmp_path / "empty").mkdir()
    result = run("emg-io", "info", str(tmp_path / "empty"), "--json")
    assert result.returncode == 3
    assert str(tmp_path) in result.stderr
