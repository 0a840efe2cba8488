"""The public face: sorted names, docstrings that run, a README that runs, a light import, kernels that are warmed."""

import ast
import doctest
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import emg_dsp
from emg_dsp._jit import Kernel

PACKAGE = Path(__file__).parents[1]
ROOT = PACKAGE / "src"
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in ROOT.rglob("*.py") if path.stem != "__init__"
)


def test_all_is_sorted_and_exists():
    assert emg_dsp.__all__ == sorted(emg_dsp.__all__)
    for name in emg_dsp.__all__:
        assert inspect.getdoc(getattr(emg_dsp, name)), name


def test_public_methods_are_documented():
    for owner in (emg_dsp.Filter, emg_dsp.Stream, emg_dsp.Standardizer):
        for name, member in vars(owner).items():
            if not name.startswith("_") and callable(getattr(owner, name)):
                assert inspect.getdoc(member), f"{owner.__name__}.{name}"


def test_face_holds_imports_alone():
    tree = ast.parse((PACKAGE / "src/emg_dsp/__init__.py").read_text(encoding="utf-8"))
    kinds = {type(node) for node in tree.body}
    assert kinds == {ast.Expr, ast.ImportFrom, ast.Assign}
    assert all(name.split(".")[1].startswith("_") for name in MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_docstring_examples_run(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.failed == 0


def test_readme_runs():
    blocks = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102  our own text


@pytest.mark.parametrize("use", ["", "emg_dsp.windows(numpy.zeros((1, 9)), 3, 1)", "emg_dsp.feature_names()"])
def test_import_brings_neither_numba_nor_scipy(use):
    code = (
        f"import emg_dsp, numpy, sys; {use or 'pass'}; print(sorted({{'numba', 'scipy', 'torch'}} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_applying_a_stored_filter_needs_no_scipy():
    stored = emg_dsp.notch(50, 1000).to_dict()
    code = (
        "import emg_dsp, numpy, sys\n"
        f"emg_dsp.Filter.from_dict({stored!r})(numpy.zeros((1, 50), 'f4'))\n"
        "print('scipy.signal' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_warmup_compiles_every_kernel():
    emg_dsp.warmup()
    found = []
    for module in MODULES:
        members = vars(importlib.import_module(module))
        found += [(name, value) for name, value in members.items() if isinstance(value, Kernel)]
    assert len(found) >= 4
    assert [name for name, value in found if value._compiled is None] == []


def test_warmup_of_some_rooms_compiles_what_they_need_and_no_more():
    code = (
        "import sys, emg_dsp; emg_dsp.warmup('onsets'); "
        "print(sorted({name.split('.')[1] for name in sys.modules if name.startswith('emg_dsp._') "
        "and name.split('.')[-1] in {'biquad', 'moving_sums', 'pairs', 'moves', 'window_sums'}}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "['_envelopes', '_filters', '_onsets']"
    with pytest.raises(emg_dsp.EmgDspError, match=r"unknown rooms filter; required are some of envelopes, features"):
        emg_dsp.warmup("filter")


def test_changelog_opens_with_this_version():
    text = (PACKAGE / "CHANGELOG.md").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"', (PACKAGE / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version is not None
    assert re.search(r"^## (\S+)", text, re.MULTILINE).group(1) == version.group(1)
