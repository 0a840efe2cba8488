"""The public face: sorted, complete, documented, and free of torch until used."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import emg_distill
import emg_distill.objectives
import emg_distill.recipes
from emg_distill._lazy import _HOME

SOURCE = Path(emg_distill.__file__).parent


@pytest.mark.parametrize("face", [emg_distill, emg_distill.objectives, emg_distill.recipes], ids=lambda f: f.__name__)
def test_face(face) -> None:
    assert face.__all__ == sorted(face.__all__)
    assert face.__doc__
    for name in face.__all__:
        value = getattr(face, name)
        assert inspect.getdoc(value), name
        assert value.__module__.startswith("emg_distill"), name


def test_lazy_table_is_the_face() -> None:
    assert sorted(_HOME) == emg_distill.__all__
    assert dir(emg_distill) == emg_distill.__all__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = emg_distill.nonsense
    for name, module in _HOME.items():
        assert getattr(importlib.import_module(f"emg_distill.{module}"), name) is getattr(emg_distill, name)


def test_modules_are_private_or_faces() -> None:
    for path in SOURCE.rglob("*.py"):
        rooms = path.relative_to(SOURCE).parts[:-1]
        assert path.name.startswith("_") or any(room.startswith("_") for room in rooms), path
        if path.name == "__init__.py":
            kinds = (ast.Import, ast.ImportFrom, ast.If, ast.Expr, ast.Assign, ast.AnnAssign)
            assert all(isinstance(node, kinds) for node in ast.parse(path.read_text()).body), path


def test_public_functions_document_arguments_and_results() -> None:
    for name in emg_distill.__all__:
        value = getattr(emg_distill, name)
        if inspect.isfunction(value):
            text = inspect.getdoc(value) or ""
            if inspect.signature(value).parameters:
                assert "Parameters\n" in text, name


def test_only_one_module_knows_the_data_packages() -> None:
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for_types = {
            child
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and path.parent.name == "_data"
            for child in ast.walk(node)
        }
        roots = {
            (node.module if isinstance(node, ast.ImportFrom) else alias.name) or ""
            for node in set(ast.walk(tree)) - for_types
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        found = {root.split(".")[0] for root in roots} & {"emg_io", "emg_dsp", "pickle"}
        assert found <= ({"emg_io", "emg_dsp"} if path.name == "_siblings.py" else set()), path


def test_import_is_light() -> None:
    code = "import sys, emg_distill\nassert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
