"""Slow, obvious float64 references of features; each family adds a table of its own in ``dsp_oracles_<family>.py``.

``FEATURES`` of a family: the first name of a feature, or a name with options as `emg_dsp.features` takes it, and a
function of one float64 window ``(time,)`` and the rate in Hz that gives a number, or a row of one number a column.
``ACROSS``: the same for features that compare channels, functions of ``(channels, time)`` that give
``(channels, columns)``.
"""

from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np


def _zero_crossings(x: np.ndarray) -> int:
    signs = [np.sign(v) for v in x if v != 0]
    return sum(a != b for a, b in pairwise(signs))


def _slope_changes(x: np.ndarray) -> int:
    triples = zip(x, x[1:], x[2:], strict=False)
    return sum((b > a and b > c) or (b < a and b < c) for a, b, c in triples)


FEATURES: dict[str, Callable[[np.ndarray, float], object]] = {
    "MAV": lambda x, _: np.abs(x).mean(),
    "RMS": lambda x, _: np.sqrt((x**2).mean()),
    "SSC": lambda x, _: _slope_changes(x),
    "WL": lambda x, _: np.abs(np.diff(x)).sum(),
    "ZC": lambda x, _: _zero_crossings(x),
}
ACROSS: dict[str, Callable[[np.ndarray, float], object]] = {}

for _path in sorted(Path(__file__).parent.glob("dsp_oracles_*.py")):
    if _path.stem != "dsp_oracles_features":
        _family = import_module(_path.stem)
        FEATURES |= getattr(_family, "FEATURES", {})
        ACROSS |= getattr(_family, "ACROSS", {})


def features(windows: np.ndarray, names: list[str], sfreq: float = 1000.0) -> np.ndarray:
    """Every feature of every window (..., channels, time), one at a time: (..., channels, columns)."""
    wide = np.asarray(windows).astype(np.float64)
    return np.concatenate([_feature(wide, name, sfreq) for name in names], axis=-1)


def _feature(wide: np.ndarray, name: str, sfreq: float) -> np.ndarray:
    with np.errstate(all="ignore"):
        if name in ACROSS:
            whole = wide.reshape(-1, *wide.shape[-2:])
            rows = np.stack([np.asarray(ACROSS[name](window, sfreq), dtype=np.float64) for window in whole])
            return rows.reshape(*wide.shape[:-1], -1)
        rows = [np.atleast_1d(FEATURES[name](window, sfreq)) for window in wide.reshape(-1, wide.shape[-1])]
    return np.array(rows, dtype=np.float64).reshape(*wide.shape[:-1], -1)
