"""Slow, obvious float64 references of features; each family adds a table of its own in ``dsp_oracles_<family>.py``.

``FEATURES`` of a family: the first name of a feature, or a name with options as `emg_dsp.features` takes it, and a
function of one float64 window ``(time,)`` and the rate in Hz that gives a number, or a row of one number a column.
``ACROSS``: the same for features that compare channels, functions of ``(channels, time)`` that give
``(channels, columns)``.
"""

import math
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np
import scipy.stats


def _zero_crossings(x: np.ndarray) -> int:
    signs = [np.sign(v) for v in x if v != 0]
    return sum(a != b for a, b in pairwise(signs))


def _slope_changes(x: np.ndarray) -> int:
    triples = zip(x, x[1:], x[2:], strict=False)
    return sum((b > a and b > c) or (b < a and b < c) for a, b, c in triples)


def _weigh(x: np.ndarray, outside: Callable[[float], float]) -> float:
    total = 0.0
    for i in range(1, len(x) + 1):
        total += abs(x[i - 1]) * (1 if 0.25 * len(x) <= i <= 0.75 * len(x) else outside(i / len(x)))
    return total / len(x)


def _maximum_fractal_length(x: np.ndarray) -> float:
    length = np.abs(np.diff(x)).sum()
    return math.log10(length) if length > 1e-12 else -12.0


def _mean_square_root(x: np.ndarray) -> float:
    return abs(np.mean(np.sqrt(x.astype(complex))))


def _slopes(x: np.ndarray, segments: int) -> list[float]:
    if len(x) < segments:
        return [math.nan] * (segments - 1)
    edges = [n * len(x) // segments for n in range(segments + 1)]
    means = [np.abs(x[a:b]).mean() for a, b in pairwise(edges)]
    return [b - a for a, b in pairwise(means)]


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else 0.0


def _energies(x: np.ndarray) -> tuple[float, float, float]:
    return (x**2).sum(), (np.diff(x) ** 2).sum(), (np.diff(x, 2) ** 2).sum()


def _hjorth(x: np.ndarray) -> dict[str, float]:
    s0, s1, s2 = _energies(x)
    return {
        "ACT": s0 / len(x),
        "MOB": math.sqrt(_ratio(s1, s0)),
        "COMP": _ratio(math.sqrt(_ratio(s2, s1)), math.sqrt(_ratio(s1, s0))),
        "PAP": _ratio(math.sqrt(s0) * math.sqrt(s1), math.sqrt(s2)),
        "COR": _ratio(s1, s2 * s0),
    }


def _descriptors(x: np.ndarray) -> dict[str, float]:
    steps = max(1, len(x) - 1)
    s0, s1, s2 = _energies(x)
    a0, a2, a4 = (m**0.1 / 0.1 for m in (math.sqrt(s0) / steps, math.sqrt(s1 / steps), math.sqrt(s2 / steps)))
    return {
        "M0": a0,
        "M2": a0 - a2,
        "M4": a0 - a4,
        "SPARSI": _ratio(math.sqrt(abs((a0 - a2) * (a0 - a4))), a0),
        "IRF": _ratio(a2, math.sqrt(a0 * a4)),
        "WLF": math.sqrt(_ratio(np.abs(np.diff(x)).sum(), np.abs(np.diff(x, 2)).sum())),
    }


def _tdpsd(x: np.ndarray, name: str) -> float:
    least = 2.0**-52
    u, v = (math.log(max(abs(_descriptors(y)[name]), least)) for y in (x, np.log(x**2 + least)))
    return _ratio(-2 * u * v, u**2 + v**2)


def _crossings_above(x: np.ndarray, threshold: float) -> int:
    return sum(a * b < 0 and abs(a - b) >= threshold for a, b in pairwise(v for v in x if v != 0))


def _turns_above(x: np.ndarray, threshold: float) -> int:
    triples = zip(x, x[1:], x[2:], strict=False)
    return sum((b - a) * (b - c) > 0 and max(abs(b - a), abs(b - c)) >= threshold for a, b, c in triples)


def _moment(x: np.ndarray, order: int) -> float:
    return ((x - x.mean()) ** order).mean() if np.ptp(x) > 0 else 0.0


FEATURES: dict[str, Callable[[np.ndarray, float], object]] = {
    "MAV": lambda x, _: np.abs(x).mean(),
    "MAV1": lambda x, _: _weigh(x, lambda _: 0.5),
    "MAV2": lambda x, _: _weigh(x, lambda place: 4 * min(place, 1 - place)),
    "MEAN": lambda x, _: x.mean(),
    "IAV": lambda x, _: np.abs(x).sum(),
    "SSI": lambda x, _: (x**2).sum(),
    "RMS": lambda x, _: np.sqrt((x**2).mean()),
    "VAR": lambda x, _: _moment(x, 2),
    "VAR(ddof=1)": lambda x, _: np.var(x, ddof=1) if len(x) > 1 else math.nan,
    "MPK": lambda x, _: x.max(),
    "VORD": lambda x, _: (np.abs(x) ** 2).mean() ** 0.5,
    "VORD(order=2.5)": lambda x, _: (np.abs(x) ** 2.5).mean() ** 0.4,
    "LOG": lambda x, _: scipy.stats.gmean(np.abs(x)) if np.all(x != 0) else 0.0,
    "LD": lambda x, _: scipy.stats.gmean(np.abs(x) + 1),
    "MSR": lambda x, _: _mean_square_root(x),
    "TM": lambda x, _: np.abs(x**3).mean(),
    "TM(order=6)": lambda x, _: np.abs(x**6).mean(),
    "TM3": lambda x, _: abs((x**3).mean()),
    "TM4": lambda x, _: (x**4).mean(),
    "TM5": lambda x, _: abs((x**5).mean()),
    "SKEW": lambda x, _: _ratio(1, _moment(x, 2) ** 1.5) * _moment(x, 3),
    "KURT": lambda x, _: _ratio(_moment(x, 4), _moment(x, 2) ** 2),
    "WL": lambda x, _: np.abs(np.diff(x)).sum(),
    "AAC": lambda x, _: np.abs(np.diff(x)).mean() if len(x) > 1 else 0.0,
    "DASDV": lambda x, _: np.sqrt((np.diff(x) ** 2).mean()) if len(x) > 1 else 0.0,
    "MFL": lambda x, _: _maximum_fractal_length(x),
    "MAVSLP": lambda x, _: _slopes(x, 2),
    "MAVSLP(segments=3)": lambda x, _: _slopes(x, 3),
    "MDIFF": lambda x, _: (np.diff(x) ** 2).sum() / len(x),
    "MZP": lambda x, _: math.sqrt((np.diff(x) ** 2).sum() / len(x)),
    "MLK": lambda x, _: math.log(np.abs(x).sum() + 2.0**-52) / len(x),
    **{name: lambda x, _, name=name: _hjorth(x)[name] for name in ("ACT", "MOB", "COMP", "PAP", "COR")},
    **{name: lambda x, _, name=name: _tdpsd(x, name) for name in ("M0", "M2", "M4", "SPARSI", "IRF", "WLF")},
    "SSC": lambda x, _: _slope_changes(x),
    "SSC(threshold=2)": lambda x, _: _turns_above(x, 2),
    "ZC": lambda x, _: _zero_crossings(x),
    "ZC(threshold=2)": lambda x, _: _crossings_above(x, 2),
    "WAMP": lambda x, _: sum(abs(b - a) > 0.002 for a, b in pairwise(x)),
    "WAMP(threshold=2)": lambda x, _: sum(abs(b - a) > 2 for a, b in pairwise(x)),
    "MYOP": lambda x, _: np.mean([abs(v) > 0.002 for v in x]),
    "MYOP(threshold=2)": lambda x, _: np.mean([abs(v) > 2 for v in x]),
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
