"""Features that count events: changes of sign, turns, and whatever exceeds a threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emg_dsp._errors import EmgDspError

from .feature import Feature
from .sources import HUDGINS, PHINYOMARK

if TYPE_CHECKING:
    from emg_dsp._jit import Kernel

    from .block import Block
    from .feature import Options, Values


def _zc(block: Block, options: Options) -> Values:
    above: Values = block.sum("crossings") if options["threshold"] == 0 else _above(block, options)[0]
    return above


def _ssc(block: Block, options: Options) -> Values:
    above: Values = block.sum("turns") if options["threshold"] == 0 else _above(block, options)[1]
    return above


def _above(block: Block, options: Options) -> Values:
    from .threshold_counts import event_counts_above

    return _counted(block, options["threshold"], event_counts_above)


def _loud(block: Block, options: Options) -> Values:
    from .threshold_counts import loud_counts

    return _counted(block, options["threshold"], loud_counts)


def _counted(block: Block, threshold: float, kernel: Kernel) -> Values:
    """Run a kernel that gives two counts, once for each threshold."""

    def build(block: Block) -> Values:
        out = np.empty((2, len(block)))
        kernel(block.flat, block.starts, block.length, threshold, out)
        return out

    return block.product((kernel, threshold), build)


def _wamp(block: Block, options: Options) -> Values:
    steps: Values = _loud(block, options)[1]
    return steps


def _myop(block: Block, options: Options) -> Values:
    samples: Values = _loud(block, options)[0]
    return samples / block.length


def _check(options: Options, _: float) -> None:
    if options["threshold"] < 0:
        raise EmgDspError(f"threshold={options['threshold']:g}; required is a number of at least 0, in the unit of x.")


FEATURES = (
    Feature(
        "SSC",
        "count of samples above both neighbours or below both, by at least threshold from one of them; equal "
        "neighbours count none, a flat window gives 0",
        "count",
        HUDGINS,
        _ssc,
        options={"threshold": 0.0},
        needs=("turns",),
        check=_check,
    ),
    Feature(
        "ZC",
        "count of changes of sign over a step of at least threshold; an exact 0 has the sign of the last sample that "
        "is not 0, from which the step is measured, so 1, 0, -1 gives 1 and 1, 0, 1 gives 0; a flat window gives 0",
        "count",
        HUDGINS,
        _zc,
        options={"threshold": 0.0},
        needs=("crossings",),
        check=_check,
    ),
    Feature(
        "WAMP",
        "count of steps with |x[t] - x[t-1]| > threshold, in the unit of x",
        "count",
        PHINYOMARK + ", which counts equality too; > as in LibEMG",
        _wamp,
        options={"threshold": 0.002},
        check=_check,
        copies=False,
    ),
    Feature(
        "MYOP",
        "share of samples with |x| > threshold, in the unit of x",
        "1",
        PHINYOMARK + ", which counts equality too",
        _myop,
        options={"threshold": 0.002},
        check=_check,
        copies=False,
    ),
)
