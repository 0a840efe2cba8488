"""The table of integer operators, from the operators themselves: ``python tests/edge_operator_table.py`` writes it."""

from __future__ import annotations

import inspect
import re
from importlib import resources
from pathlib import Path

import numpy as np
from edge_operators import GENERATORS

from emg_edge.kernels import OPERATORS

PAGE = Path(__file__).parent.parent / "docs" / "operators.md"
INSTANCES = 40
HEAD = """# Integer operators

One line per operator of the integer program, taken from the code by `python tests/edge_operator_table.py`; a test keeps
it true. The exact formula, the width of every intermediate and the legal ranges stand in the docstring of the class in
`emg_edge.kernels`; the bound is `Op.error_steps`, in steps of the output's grid, against the exact result of the same
stored inputs and constants, and a test holds every operator to it. Costs are counts that a target's cycle model prices.

| operator | meaning | error bound | C kernel | cost counted as |
|---|---|---|---|---|
"""


def meaning(kind):
    """The first sentence of the class."""
    text = inspect.getdoc(OPERATORS[kind])
    return re.split(r"(?<=[.:])\s", " ".join(text.split("\n\n")[0].split()))[0].replace("|", "\\|").rstrip(":")


def bound(kind):
    """What `error_steps` says about itself."""
    text = " ".join(inspect.getdoc(OPERATORS[kind].error_steps).split())
    return text.removeprefix("See `Op.error_steps`").lstrip(":. ")


def kernel(kind):
    """The file of the C function."""
    folder = resources.files("emg_edge") / "csrc"
    definition = re.compile(rf"^void emg_{kind}\(", re.MULTILINE)
    found = [
        entry.name for entry in folder.iterdir() if entry.name.endswith(".c") and definition.search(entry.read_text())
    ]
    return found[0] if len(found) == 1 else ""


def cost(kind):
    """What instances count: products, and elements by their price's name."""
    rng, names = np.random.default_rng(0), set()
    for i in range(INSTANCES):
        op, tensors, out = GENERATORS[kind](rng, i)
        work = op.work(tensors, out)
        names |= {name for name, count in work.elements.items() if count} | ({"products"} if work.products else set())
    return ", ".join(sorted(names, key=lambda name: (name != "products", name)))


def page():
    """The whole page."""
    rows = (
        f"| `{kind}` | {meaning(kind)} | {bound(kind)} | `emg_{kind}` in `{kernel(kind)}` | {cost(kind)} |\n"
        for kind in sorted(OPERATORS)
    )
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page())
