"""The public face, the README's example and numbers, the changelog."""

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
    face = inspect.getsource(emg_models)
    imported = {
        (module, name.strip())
        for module, names in re.findall(r"^    from \.(_[\w.]+) import (.+)$", face, re.MULTILINE)
        for name in names.split(",")
        if module != "_lazy"
    }
    assert imported == {(module, name) for name, module in MODULES.items()}


def test_unknown_name():
    with pytest.raises(AttributeError, match="module 'emg_models' has no attribute 'TinyMio'"):
        _ = emg_models.TinyMio


def test_readme_examples_run():
    blocks = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert blocks
    subprocess.run([sys.executable, "-W", "error", "-c", "\n".join(blocks)], check=True, timeout=60)


def test_readme_numbers_are_ours():
    rows = re.findall(r"^\| `([\w-]+)` \|.*\| ([\d,]+) \| ([\d,]+) \|$", README, re.MULTILINE)
    assert sorted(name for name, _, _ in rows) == list_models()
    for name, parameters, macs in rows:
        info = model_info(name)
        assert (info["parameters"], info["macs"]) == (int(parameters.replace(",", "")), int(macs.replace(",", "")))
