"""In an environment that holds one wheel: import it, and see that nothing undeclared came along."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import distributions

TORCH = {"emg-models", "emg-distill"}


def main(package: str, *declared: str) -> None:
    """Raise `SystemExit` with a reason unless ``package`` stands alone."""
    installed = {(d.metadata["Name"] or "").lower().replace("_", "-") for d in distributions()}
    importlib.import_module(package.replace("-", "_"))
    siblings = {name for name in installed if name.startswith("emg-")} - {package, *declared}
    if siblings:
        sys.exit(f"{package} brought the siblings {sorted(siblings)}; it may bring {sorted(declared)}")
    if package not in TORCH and ("torch" in installed or "torch" in sys.modules):
        sys.exit(f"{package} brought torch; move that dependency to a training package")
    print(f"{package}: alone with {len(installed) - 1} distributions")


if __name__ == "__main__":
    main(*sys.argv[1:])
