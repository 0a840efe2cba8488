"""Add up pytest's junit files and print one closing line that counts every test."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree as ET


def counts(path: Path) -> tuple[int, int, int]:
    """Return passed, failed and skipped of one report."""
    suites = list(ET.parse(path).getroot().iter("testsuite"))  # noqa: S314
    total, bad, skipped = (
        sum(int(s.get(key, 0)) for s in suites for key in keys)
        for keys in (["tests"], ["failures", "errors"], ["skipped"])
    )
    return total - bad - skipped, bad, skipped


def main(folder: str) -> int:
    """Print a line per report and the sum; return 1 if a test failed or none ran."""
    passed = failed = skipped = 0
    for path in sorted(Path(folder).glob("*.xml")):
        ok, bad, left = counts(path)
        print(f"{path.stem:24s} {ok:5d} passed {bad:3d} failed {left:3d} skipped")
        passed, failed, skipped = passed + ok, failed + bad, skipped + left
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return int(failed > 0 or passed == 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
