"""The public face, the cost of importing it, the README, the shape of the source."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import emg_io

PACKAGE = Path(emg_io.__file__).parent
ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["emg_io", "emg_io.formats"])
def test_face(name):
    face = importlib.import_module(name)
    assert face.__all__ == sorted(face.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name))
    assert face.__doc__
    for public in face.__all__:
        thing = getattr(face, public)
        if not isinstance(thing, dict):
            assert inspect.getdoc(thing), public
            for member, value in inspect.getmembers(thing):
                if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                    assert inspect.getdoc(value), f"{public}.{member}"


def test_faces_hold_imports_only():
    for path in PACKAGE.rglob("__init__.py"):
        for node in ast.parse(path.read_text()).body:
            docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            face = isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
            assert docstring or face or isinstance(node, ast.ImportFrom), f"{path}:{node.lineno}"


def test_modules_are_private_and_short():
    for path in PACKAGE.glob("*.py"):
        assert path.name.startswith("_")
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                assert not body or body[-1].end_lineno - body[0].lineno < 30, f"{path}:{node.lineno}"


def imports(code):
    """CPU seconds and modules of a fresh interpreter that runs some code; best of five."""
    script = f"import sys, time; t = time.process_time(); {code}; print(time.process_time() - t, *sys.modules)"
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True) for _ in range(5)
    ]
    best = min(runs, key=lambda run: float(run.stdout.split()[0])).stdout.split()
    return float(best[0]), set(best[1:])


def test_importing_costs_about_numpy():
    bare, _ = imports("import numpy")
    ours, modules = imports("import emg_io")
    assert not {"scipy", "h5py", "typer", "rich", "torch"} & modules
    assert ours < 3 * bare + 0.1


def test_readme_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102  the README is ours


def test_no_pickle_in_the_source():
    for path in PACKAGE.rglob("*.py"):
        assert not re.search(r"import pickle\b|from pickle\b|marshal|shelve", path.read_text()), path


def test_version_matches_changelog():
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
