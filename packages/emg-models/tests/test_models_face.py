"""The public face, the README's example and numbers, the changelog."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import emg_models
from emg_models import list_models, model_info
from emg_models._lazy import MODULES

PACKAGE = Path(__file__).parents[1]
README = (PACKAGE / "README.md").read_text(encoding="utf-8")


def test_all_is_sorted_and_complete():
    assert emg_models.__all__ == sorted(emg_models.__all__) == sorted(MODULES) == dir(emg_models)


@pytest.mark.parametrize("name", emg_models.__all__)
def test_public_object(name):
    thing = getattr(emg_models, name)
    assert inspect.getdoc(thing)
    assert name in importlib.import_module(f"emg_models.{MODULES[name]}").__all__


def test_type_checkers_see_what_users_get():
    tree = ast.parse(inspect.getsource(emg_models))
    (branch,) = [node for node in tree.body if isinstance(node, ast.If)]
    imported = {(node.module, alias.name) for node in branch.body for alias in node.names}
    assert imported == {(module, name) for name, module in MODULES.items()}


def test_face_and_configurations_need_no_torch():
    configurations = [name for name in MODULES if name.endswith("Config")]
    code = (
        f"import sys, emg_models; [getattr(emg_models, name) for name in {configurations}]; assert 'torch' not in sys"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", f"{code}.modules"], check=True, timeout=60)


def test_unknown_name():
    with pytest.raises(AttributeError, match="module 'emg_models' has no attribute 'TinyMio'"):
        _ = emg_models.TinyMio


def test_readme_examples_run():
    blocks = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert blocks
    subprocess.run([sys.executable, "-W", "error", "-c", "\n".join(blocks)], check=True, timeout=60)


@pytest.mark.untraced
def test_readme_numbers_are_ours():
    """One row a model, in order: name, what, parameters and MAC of its published form, as `emg-models info NAME`."""
    rows = re.findall(r"^\| `([\w-]+)` \|.*\| ([\d,]+) \| ([\d,]+) \|$", README, re.MULTILINE)
    infos = [model_info(name) for name in list_models()]
    assert sorted(rows) == [(info["name"], f"{info['parameters']:,}", f"{info['macs']:,}") for info in infos]
