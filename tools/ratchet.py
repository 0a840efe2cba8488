"""Hold the longest file and the longest function of every package to a stored number: raising one is a visible edit."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONGEST_FILE = {"emg-io": 300, "emg-dsp": 240, "emg-models": 225, "emg-distill": 305, "emg-edge": 340}
LONGEST_FUNCTION = {"emg-io": 30, "emg-dsp": 35, "emg-models": 26, "emg-distill": 40, "emg-edge": 50}


def function_lengths(tree: ast.Module) -> dict[str, int]:
    """Return the length in lines of every function, its docstring left out."""
    lengths = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            documented = ast.get_docstring(node) is not None
            start = (first.end_lineno or first.lineno) if documented else node.lineno
            lengths[f"{node.name} (line {node.lineno})"] = (node.end_lineno or start) - start + 1
    return lengths


def main() -> int:
    """Print the longest of each kind and return 1 if any is above its number."""
    status = 0
    for package, limit in LONGEST_FILE.items():
        for path in sorted((ROOT / "packages" / package / "src").rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            place = path.relative_to(ROOT)
            if text.count("\n") > limit:
                print(f"{place}: {text.count(chr(10))} lines, at most {limit}; split the file by ideas")
                status = 1
            for name, length in function_lengths(ast.parse(text)).items():
                if length > LONGEST_FUNCTION[package]:
                    print(f"{place}: {name} has {length} lines, at most {LONGEST_FUNCTION[package]}; name its steps")
                    status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
