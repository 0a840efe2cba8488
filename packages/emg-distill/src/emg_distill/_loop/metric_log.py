"""metrics.jsonl: one JSON object a line, cut back to the checkpoint when a run resumes."""

import json
import os
from pathlib import Path
from typing import IO, Any

from emg_distill._files import write_file


class MetricLog:
    """Appends metric lines to a file; lines carry a step and no clock, so equal runs write equal files.

    Parameters
    ----------
    path
        The file.
    active
        False makes every call a no-op (all processes but the first).
    """

    def __init__(self, path: Path, *, active: bool = True) -> None:
        self._path = path
        self._active = active
        self._file: IO[str] | None = None

    def start_after(self, step: int) -> None:
        """Keep the lines up to `step`, drop later and broken ones, and open the file for more."""
        if not self._active:
            return
        kept = [line for line in self._lines() if _step(line) <= step] if step else []
        write_file(self._path, "".join(f"{line}\n" for line in kept).encode())
        self._file = self._path.open("a", encoding="utf-8")

    def write(self, entry: dict[str, Any]) -> None:
        """Append one line."""
        if self._file is not None:
            self._file.write(json.dumps(entry, allow_nan=False) + "\n")
            self._file.flush()

    def sync(self) -> None:
        """Force all lines to disk."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _lines(self) -> list[str]:
        return self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []


def _step(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
