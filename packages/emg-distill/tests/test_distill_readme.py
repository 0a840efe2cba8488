"""The README's example runs as it stands."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def test_readme_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(README), "exec"), namespace)  # noqa: S102  the README's own code


def test_every_name_in_the_readme_exists() -> None:
    import emg_distill

    text = README.read_text(encoding="utf-8")
    for name in re.findall(r"emg_distill\.([a-z_]+)", text):
        assert hasattr(emg_distill, name) or name == "objectives", name
