"""Second-order sections in fixed point: direct form I, 32-bit coefficients, 64-bit sums, the rounding error fed back.

Why this form: a node of direct form I is the output of a filter that is known, so its largest value is the sum of the
magnitudes of an impulse response times the largest input: no input can overflow it, and only one rounding a section
is left. That rounding is a floor whose rest enters the next sample, so its noise is multiplied by ``1 - z**-1``,
which is small just where low edges (20 Hz at 2 kHz, 5 Hz at 4 kHz) amplify noise most, and a constant input is held
without bias. Where the poles lie near half the rate (the last notches of a comb), the negative of the rest enters
instead, for ``1 + z**-1``; where they lie between, nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_edge._errors import EmgEdgeError

from ._jit import ONE, run_response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Sections = Sequence[Sequence[float]]

LIMIT = 1 << 30
"""No node exceeds this."""
MAX_SHIFT = 31
LONGEST = 1 << 20
_DECAYED = 1e-12
_EXTREME = 200


@dataclass(frozen=True, kw_only=True)
class Cascade:
    """A filter in integers.

    Parameters
    ----------
    b, a, shift, keep
        Of `run_cascade`.
    fraction
        Fraction bits of every node, the input first: real codes are ``node * 2**-fraction``.
    bound
        Largest magnitude of every node for any input: proved from impulse responses.
    noise
        Largest error that all roundings together cause at the output, in codes.
    drift
        Largest error that the rounded coefficients cause at the output for any input, in codes.
    """

    b: NDArray[np.int64]
    a: NDArray[np.int64]
    shift: NDArray[np.int64]
    keep: NDArray[np.int64]
    fraction: tuple[int, ...]
    bound: tuple[int, ...]
    noise: float
    drift: float


def design_cascade(sections: Sections, largest: float) -> Cascade:
    """Bring a stable filter into integers.

    Parameters
    ----------
    sections
        Rows ``b0 b1 b2 1 a1 a2``; none is the filter that does nothing.
    largest
        Largest magnitude of an input, in codes, > 0.

    Raises
    ------
    EmgEdgeError
        A pole is too near the unit circle, or a section lets nothing pass.
    """
    if not sections:
        return _nothing(largest)
    n = length(sections)
    held, fraction, rows = [], [math.floor(math.log2(LIMIT / largest))], []
    reached = _impulse(n)
    for index, section in enumerate(sections):
        poles = [round(-value * 2**ONE) for value in section[4:]]  # negatives, as the sums want them
        exact = reached.copy()
        _advance([*section[:3], *(-pole / 2**ONE for pole in poles)], exact)
        bits = min(_room(exact, largest, index), fraction[-1] + 1 - math.frexp(max(map(abs, section[:3])))[1])
        b, shift = _zeros(section, bits - fraction[-1])
        held.append([value * 2.0 ** (fraction[-1] - bits - ONE - shift) for value in b])
        held[-1] += [-pole / 2**ONE for pole in poles]
        _advance(held[-1], reached)
        fraction.append(bits)
        rows.append((b, poles, shift))
    keep = [_best(section, n) for section in held]
    noise = _noise(held, keep, fraction, n)
    bound = _bounds(held, fraction, noise, largest, n)
    for index, row in enumerate(rows):
        _prove(row, bound[index], bound[index + 1], index)
    wanted = _impulse(n)
    for section in sections:
        _advance([*section[:3], *section[4:]], wanted)
    return Cascade(
        b=np.array([row[0] for row in rows], np.int64),
        a=np.array([row[1] for row in rows], np.int64),
        shift=np.array([row[2] for row in rows], np.int64),
        keep=np.array(keep, np.int64),
        fraction=tuple(fraction),
        bound=tuple(bound),
        noise=noise[-1],
        drift=float(np.abs(wanted - reached).sum()) * largest,
    )


def _nothing(largest: float) -> Cascade:
    """Return the cascade without sections: codes with as many fraction bits as fit."""
    bits = math.floor(math.log2(LIMIT / largest))
    none = np.zeros((0, 3), np.int64)
    bound = (math.ceil(largest * 2.0**bits),)
    empty = none[:, 0]
    return Cascade(b=none, a=none[:, :2], shift=empty, keep=empty, fraction=(bits,), bound=bound, noise=0.0, drift=0.0)


def _impulse(n: int) -> NDArray[np.float64]:
    out = np.zeros(n)
    out[0] = 1.0
    return out


def _advance(section: Sequence[float], out: NDArray[np.float64]) -> None:
    """Filter in place by ``b0 b1 b2 a1 a2``."""
    run_response(np.array([section[:3]], np.float64), np.array([section[3:]], np.float64), out)


def length(sections: Sections) -> int:
    """Return after how many samples a filter has forgotten an impulse."""
    radii = [float(np.abs(np.roots([1.0, row[4], row[5]])).max(initial=0.0)) for row in sections]
    index = int(np.argmax(radii))
    ring = math.ceil(2 * math.log(_DECAYED) / math.log(radii[index])) if radii[index] > 0 else 0
    if ring > LONGEST:
        raise EmgEdgeError(
            f"filter section {index}: a pole of radius {radii[index]:.9f} rings for more than {LONGEST} samples; use "
            "a higher edge, a wider notch or a lower rate"
        )
    return 256 + ring + 16 * len(sections)


def _room(reached: NDArray[np.float64], largest: float, index: int) -> int:
    """Return the most fraction bits at which the node that answers an impulse so stays below the limit."""
    with np.errstate(over="ignore"):
        most = float(np.abs(reached).sum()) * largest
    if not 2.0**-_EXTREME < most < 2.0**_EXTREME:
        raise EmgEdgeError(
            f"filter section {index}: its output reaches {most:g} codes, so it lets nothing pass or everything grow; "
            "leave it out or scale it to a gain near 1"
        )
    return math.floor(math.log2(LIMIT * (1 - 2**-10) / most))


def _zeros(section: Sequence[float], gain: int) -> tuple[list[int], int]:
    """Return b at a gain of ``2**gain`` in units of ``2**-(30 + shift)``, and the shift.

    Zeros at 0 Hz and at half the rate stay exactly there.
    """
    wanted = [value * 2.0**gain for value in section[:3]]
    shift = min(max(-math.frexp(max(map(abs, wanted)))[1] + 31 - ONE, 0), MAX_SHIFT)
    b0, b1, b2 = (round(value * 2.0 ** (ONE + shift)) for value in wanted)
    scale = 1e-13 * sum(map(abs, section[:3]))
    if abs(section[0] + section[1] + section[2]) <= scale:
        b1 = -(b0 + b2)
    elif abs(section[0] - section[1] + section[2]) <= scale:
        b1 = b0 + b2
    return [min(max(value, -(2**31) + 1), 2**31 - 1) for value in (b0, b1, b2)], shift


def _best(section: Sequence[float], n: int) -> int:
    """Return what a section does with the rest of its floor, so that least noise leaves it."""
    found = {}
    for keep in (1, 0, -1):
        reached = _impulse(n)
        _advance([1.0, float(-keep), 0.0, *section[3:]], reached)
        found[keep] = float(np.abs(reached).sum())
    return min(found, key=found.__getitem__)


def _noise(held: Sections, keep: Sequence[int], fraction: list[int], n: int) -> list[float]:
    """Return the largest error that roundings cause at every node, in codes.

    The rest of a section's floor lies in 0..1 step and is shaped as `_best` chose; the floor behind ``shift`` adds less
    than 2**-30 of a step that nothing shapes.
    """
    total = [0.0] * len(fraction)
    for index, section in enumerate(held):
        step = 2.0 ** -fraction[index + 1]
        reached, plain = _impulse(n), _impulse(n)
        _advance([1.0, float(-keep[index]), 0.0, *section[3:]], reached)
        _advance([1.0, 0.0, 0.0, *section[3:]], plain)
        for node in range(index + 1, len(fraction)):
            if node > index + 1:
                _advance(held[node - 1], reached)
                _advance(held[node - 1], plain)
            total[node] += step * float(np.abs(reached).sum() + 2.0**-ONE * np.abs(plain).sum())
    return total


def _bounds(held: Sections, fraction: list[int], noise: list[float], largest: float, n: int) -> list[int]:
    """Return the largest magnitude of every node, in its steps."""
    reached = _impulse(n)
    found = [math.ceil(largest * 2.0 ** fraction[0])]
    for index, section in enumerate(held):
        _advance(section, reached)
        real = float(np.abs(reached).sum()) * largest * (1 + 1e-9) + noise[index + 1]
        found.append(math.ceil(real * 2.0 ** fraction[index + 1]))
    return found


def _prove(row: tuple[list[int], list[int], int], before: int, after: int, index: int) -> None:
    """Check that neither a node nor a 64-bit sum can overflow."""
    b, a, shift = row
    zeros = sum(map(abs, b)) * before
    total = (zeros >> shift) + sum(map(abs, a)) * after + 2 ** (ONE + 1)
    if after > LIMIT or max(zeros, total) >= 2**63:
        raise EmgEdgeError(
            f"filter section {index}: its output may reach {after} steps and its sum {total}, above 2**30 and 2**63; "
            "scale the section down"
        )
