"""Runs the kernels as plain Python: covers their bodies, and shows that compilation changes no value."""

import os
import subprocess
import sys
from pathlib import Path


def test_kernels_hold_without_compilation():
    targets = sorted(str(path) for path in Path(__file__).parent.glob("test_dsp_kernels*.py"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *targets]
    ran = subprocess.run(
        command, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "passed" in ran.stdout
    assert "skipped" not in ran.stdout
