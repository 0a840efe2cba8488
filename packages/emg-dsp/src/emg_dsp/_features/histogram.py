"""The histogram of a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._checks import positive, whole
from emg_dsp._errors import EmgDspError

from .feature import Feature

if TYPE_CHECKING:
    from .block import Block
    from .feature import Options, Values

_MOST = 1024


def _histogram(block: Block, options: Options) -> Values:
    from .ordered import histogram

    out = np.empty((len(block), int(options["bins"])))
    histogram(block.samples, int(options["bins"]), float(options["limit"]), out)
    return out


def _columns(options: Options, _: int, __: float) -> tuple[str, ...]:
    return tuple(str(k) for k in range(1, int(options["bins"]) + 1))


def _check(options: Options, _: float) -> None:
    positive(options["limit"], "limit", "standard deviations")
    if whole(int(options["bins"]), "bins", 1) > _MOST:
        raise EmgDspError(f"bins={options['bins']}; required are at most {_MOST} bins.")


FEATURES = (
    Feature(
        "HIST",
        "count of samples in each of equal bins from mean - limit sd to mean + limit sd of the window, so that no unit "
        "matters; the outer bins take what lies beyond; a value on an edge belongs above it; a flat window lies in the "
        "middle bin",
        "count",
        "Zardoshti-Kermani, Wheeler, Badie and Hashemi, IEEE Trans. Rehabil. Eng. 3(4), 1995, doi:10.1109/86.481972",
        _histogram,
        options={"bins": 9, "limit": 3.0},
        columns=_columns,
        check=_check,
    ),
)
