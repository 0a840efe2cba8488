"""Forged data sets for every protocol, and windows by the slow obvious path."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIZES: dict[str, tuple[int, dict[str, float]]] = {
    "ninapro-db5": (4, {"segment_s": 1.2, "gap_s": 0.5}),
    "ninapro-db1": (4, {"segment_s": 0.4, "gap_s": 0.2}),
    "uci": (4, {"segment_s": 1.6, "gap_s": 0.3}),
    "epn-612": (3, {"repetitions": 12, "segment_s": 0.6}),
    "capgmyo-a": (2, {"n_trials": 10, "segment_s": 0.05}),
    "capgmyo-b": (2, {"n_trials": 2, "segment_s": 0.05}),
    "capgmyo-c": (2, {"n_trials": 2, "segment_s": 0.05}),
    "csl-hdemg": (1, {"segment_s": 0.4}),
    "ninapro-db6": (4, {"segment_s": 0.55, "gap_s": 0.06}),
    "ninapro-db7": (4, {"segment_s": 0.55, "gap_s": 0.06}),
    "emg2pose": (4, {"segment_s": 0.8}),
    "flexemg": (1, {"segment_s": 0.3, "gap_s": 0.1}),
    "3dc": (1, {"segment_s": 0.3}),
    "myo-readings": (4, {"segment_s": 1.1, "n_blocks": 2}),
    "myo-armband": (5, {"segment_s": 1.1}),
    "longterm-8ch": (1, {"segment_s": 1.5}),
    "one-subject-myo": (6, {"segment_s": 1.1}),
    "openhdemg": (1, {"segment_s": 8.0}),
    "emgflow": (2, {"segment_s": 8.0}),
    "biosppy": (2, {"segment_s": 10.0}),
}


def forge_set(root: Path, name: str) -> Path:
    """Forge a small set of a format below `root`, once, in a folder of its name."""
    folder = root / name
    if not folder.exists():
        people, options = SIZES[name]
        folder.mkdir(parents=True)
        _forge(name, folder, people, 0, options)
        _AFTERWARDS.get(name, _leave)(folder, root)
    return folder


def _forge(name: str, folder: Path, people: int, seed: int, options: dict[str, float]) -> None:
    from emg_io.formats import REGISTRY

    REGISTRY[name].forge(folder, people, seed, **options)


def _leave(folder: Path, root: Path) -> None:
    """Leave a set as it was forged."""


def _two_sessions(folder: Path, root: Path) -> None:
    """Give the subject of CSL-HDEMG a second session."""
    people, options = SIZES["csl-hdemg"]
    other = root / "other-csl"
    other.mkdir()
    _forge("csl-hdemg", other, people, 1, options)
    shutil.move(other / "subject1" / "session1", folder / "subject1" / "session2")


def _two_trials(folder: Path, root: Path) -> None:
    """Give flexemg's recordings a second trial."""
    people, options = SIZES["flexemg"]
    other = root / "other-flexemg"
    other.mkdir()
    _forge("flexemg", other, people, 1, options)
    for path in sorted(other.rglob("*001.mat")):
        target = folder / path.relative_to(other).parent / path.name.replace("001.mat", "002.mat")
        shutil.move(path, target)


def _numbers_of_all_parts(folder: Path, root: Path) -> None:
    """Number UCI's last two people as validation and test people of the published split."""
    for old, new in (("03", "25"), ("04", "31")):
        found = next(path for path in folder.rglob(old) if path.is_dir())
        found.rename(found.with_name(new))


_AFTERWARDS = {"csl-hdemg": _two_sessions, "flexemg": _two_trials, "uci": _numbers_of_all_parts}


def slow_filter(sections: list[list[float]], signal: NDArray[Any], *, causal: bool) -> NDArray[np.float64]:
    """Filter (channels, time) by scipy."""
    from scipy.signal import sosfilt, sosfiltfilt

    wide = np.asarray(signal, np.float64)
    return sosfilt(sections, wide, axis=-1) if causal else sosfiltfilt(sections, wide, axis=-1)


def slow_windows(dataset: Any, split: Any, part: str, rule: Any) -> list[tuple[int, ...]]:
    """List (recording, start, valid, label) of the windows of a part as emg-io cuts them."""
    table = split.windows(dataset, rule)[part]
    columns = (table.recording, table.start, table.valid, table.label)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))
