"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(p for p in (ROOT / "packages").iterdir() if p.is_dir())
FACES = sorted(ROOT.glob("packages/*/src/**/__init__.py"))
each_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)


def project(package: Path) -> dict:
    return tomllib.loads((package / "pyproject.toml").read_text())["project"]


def tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def test_five_packages():
    assert [p.name for p in PACKAGES] == ["emg-distill", "emg-dsp", "emg-edge", "emg-io", "emg-models"]


@each_package
def test_package_is_complete(package):
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        assert (package / name).read_text().strip(), f"{package.name}/{name} is missing or empty"
    assert (package / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (package / "src" / package.name.replace("-", "_") / "py.typed").exists()


@each_package
def test_changelog_opens_with_the_version(package):
    headings = re.findall(r"^## (\S+)", (package / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == project(package)["version"]


@each_package
def test_dependencies_have_lower_bounds_and_no_caps(package):
    metadata = project(package)
    groups = [metadata["dependencies"], *metadata.get("optional-dependencies", {}).values()]
    for requirement in (r for group in groups for r in group):
        assert re.fullmatch(r"[A-Za-z0-9_.-]+(\[[a-z,]+\])?>=[0-9.]+", requirement), requirement


@each_package
def test_arrows_between_packages(package):
    metadata = project(package)
    siblings = [r.split(">")[0] for r in metadata["dependencies"] if r.startswith("emg-")]
    assert siblings == (["emg-models"] if package.name == "emg-distill" else [])


@pytest.mark.parametrize("face", FACES, ids=lambda p: str(p.relative_to(ROOT / "packages")))
def test_faces_hold_imports_alone(face):
    tree = ast.parse(face.read_text())
    assert ast.get_docstring(tree), f"{face} has no docstring"
    for node in tree.body[1:]:
        inside = [*node.body, *node.orelse] if isinstance(node, ast.If) else [node]
        for part in inside:
            exported = isinstance(part, ast.Assign | ast.AnnAssign) and ast.unparse(part).startswith("__all__")
            imported = isinstance(part, ast.Import | ast.ImportFrom)
            assert imported or exported, f"{face}:{part.lineno}: a face holds imports and __all__ alone"


def test_modules_behind_a_face_are_private():
    public_folders = {"formats", "protocols", "objectives", "targets", "recipes"}
    for path in ROOT.glob("packages/*/src/*/**/*.py"):
        private = any(part.startswith("_") for part in path.parts[-2:]) or path.parent.name in public_folders
        assert private, f"{path.relative_to(ROOT)} should start with an underscore"


def test_no_machine_path_and_no_pickle():
    machine = re.compile(r"(?<![\w.])/(?:work|root|home/\w+)/")
    for path in tracked():
        if path.suffix in {".py", ".md", ".toml", ".c", ".h", ".j2", ".txt"} and path != Path(__file__):
            text = path.read_text(encoding="utf-8")
            assert not machine.search(text), f"{path} names a path of one machine"
            assert not re.search(r"import pickle\b", text) or "tests" in path.parts, f"{path} uses pickle"


def test_readme_commands_exist_in_the_noxfile():
    commands = re.findall(r"^\$ (.+)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(commands) == 2, "the README's first screen promises exactly two commands"
    sessions = set(re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE))
    for command in commands:
        for name in re.findall(r"-s (\w+)", command):
            assert name in sessions, f"{name} is no nox session"


def test_the_list_of_features_is_current():
    spec = importlib.util.spec_from_file_location("feature_table", ROOT / "tools" / "feature_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = ROOT / "packages" / "emg-dsp" / "docs" / "features.md"
    assert page.read_text(encoding="utf-8") == module.main(), (
        "run python tools/feature_table.py > packages/emg-dsp/docs/features.md"
    )
