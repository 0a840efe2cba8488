"""From what a model declares and what the codes are to a front end in integers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from emg_edge._errors import EmgEdgeError

from ._cascade import LIMIT, design_cascade
from ._frontend import FrontEnd

if TYPE_CHECKING:
    from emg_edge.program._tensor import Tensor

    from ._cascade import Cascade
    from ._declaration import Declaration
    from ._raw import RawInput

_ROOM = 1 << 61
_MUL = 1 << 31


def design_frontend(declared: Declaration, raw: RawInput, tensor: Tensor) -> FrontEnd:
    """Bring a declared preprocessing into integers.

    Parameters
    ----------
    declared
        What the model declares.
    raw
        What the codes are.
    tensor
        The network's input.

    Raises
    ------
    EmgEdgeError
        Rates, units, channels or shapes do not agree, or a stage cannot be held in integers.
    """
    if raw.unit is not None and raw.unit != declared.unit:
        raise EmgEdgeError(f"raw input: unit {raw.unit!r}, the model declares {declared.unit!r}; give scale in that")
    scale, offset = (raw.per_channel(key, declared.n_chans) for key in ("scale", "offset"))
    code = 2 ** (raw.significant - 1)
    largest = max(code + abs(value) for value in offset)
    if largest > LIMIT:
        raise EmgEdgeError(f"raw input: codes less offset reach {largest:g}, above 2**30; give fewer bits or offset 0")
    cascade = design_cascade(declared.sections, largest)
    place, step = _layout(declared, tensor)
    every = _every(declared, raw)
    front = FrontEnd(
        sfreq=raw.sfreq or declared.sfreq,
        dtype=raw.dtype,
        bits=raw.significant,
        every=every,
        n_chans=declared.n_chans,
        n_times=declared.length,
        hop=declared.hop,
        shift_in=cascade.fraction[0],
        offset=tuple(round(value * 2.0 ** cascade.fraction[0]) for value in offset),
        b=tuple(cascade.b.ravel().tolist()),
        a=tuple(cascade.a.ravel().tolist()),
        shift_b=tuple(cascade.shift.tolist()),
        keep=tuple(cascade.keep.tolist()),
        bound=cascade.bound,
        **_scaling(declared, cascade, scale, tensor),
        tensor=tensor.name,
        out=tensor.dtype,
        zero=tensor.zero_point,
        place=place,
        step=step,
        facts={
            "unit": declared.unit,
            "scale": list(scale),
            "offset": list(offset),
            "warnings": _warnings(declared, every),
            "noise": cascade.noise,
            "drift": cascade.drift,
        },
    )
    front.check()
    return front


def _warnings(declared: Declaration, every: int) -> list[str]:
    """Return what a reader must know before codes go in."""
    found = []
    if declared.note:
        found.append(f"front end: the model notes {declared.note!r}, which no stage of push does")
    if declared.resample is not None and every == 1:
        rate = f"{declared.sfreq:g} Hz"
        found.append(
            f"front end: the model saw recordings resampled by {declared.resample!r} to {rate}; sample at {rate}"
        )
    return found


def _every(declared: Declaration, raw: RawInput) -> int:
    """Return how many frames are pushed for one that is used."""
    if raw.sfreq is None or math.isclose(raw.sfreq, declared.sfreq, rel_tol=1e-9):
        return 1
    ratio = raw.sfreq / declared.sfreq
    whole = round(ratio)
    if declared.resample == "hold" and whole >= 1 and math.isclose(ratio, whole, rel_tol=1e-9):
        return whole
    how = "declares no resampling" if declared.resample is None else f"declares resampling by {declared.resample!r}"
    raise EmgEdgeError(
        f"raw input: sfreq {raw.sfreq:g} Hz, the model's windows are at {declared.sfreq:g} Hz and it {how}; sample at "
        f"{declared.sfreq:g} Hz, or at a whole multiple of it where 'hold' is declared"
    )


def _layout(declared: Declaration, tensor: Tensor) -> tuple[tuple[int, ...], int]:
    """Return the element of every channel's oldest sample, and the distance of two samples."""
    chans, times = declared.n_chans, declared.length
    shape = tuple(extent for extent in tensor.shape if extent != 1)
    if declared.grid is not None and declared.places is not None:
        if shape != tuple(extent for extent in declared.grid if extent != 1):
            raise _misfit(declared, tensor)
        return tuple(row * declared.grid[1] + col for row, col in declared.places), 1
    if shape == tuple(extent for extent in (chans, times) if extent != 1):
        return tuple(range(0, chans * times, times)), 1
    if shape == (times, chans):
        return tuple(range(chans)), chans
    raise _misfit(declared, tensor)


def _misfit(declared: Declaration, tensor: Tensor) -> EmgEdgeError:
    wanted = declared.grid or (declared.n_chans, declared.length)
    return EmgEdgeError(
        f"the model declares windows {wanted} and its input {tensor.name!r} is {tensor.shape}; export it with the "
        "preprocessing that it was trained with"
    )


def _scaling(declared: Declaration, cascade: Cascade, scale: tuple[float, ...], tensor: Tensor) -> dict[str, Any]:
    """Return the numbers of the last step."""
    rule = declared.normalisation or {"kind": "scale", "factor": 1.0}
    steps = [value * 2.0 ** -cascade.fraction[-1] for value in scale]  # real value of one step, per channel
    if rule["kind"] in {"minmax", "zscore-window"}:
        return _of_window(declared, rule, steps, tensor)
    if rule["kind"] == "zscore":
        factors = [step / std for step, std in zip(steps, rule["std"], strict=True)]
        means = [-mean / std for mean, std in zip(rule["mean"], rule["std"], strict=True)]
    else:
        factors, means = [step * rule["factor"] for step in steps], [0.0] * len(steps)
    ratios, offsets = [v / tensor.scale for v in factors], [v / tensor.scale for v in means]
    most = max(abs(r) * cascade.bound[-1] + abs(o) for r, o in zip(ratios, offsets, strict=True))
    shift = _shift(most, "normalisation")
    largest = max(map(abs, ratios))
    shift = min(shift, math.floor(math.log2((_MUL - 1) / largest))) if largest > 0 else 0
    mul = tuple(round(value * 2.0**shift) for value in ratios)
    if shift < 1 or 0 in mul:
        raise _not_held("normalisation", f"one step of the filter is {ratios} steps of the network's input")
    add = tuple(round(value * 2.0**shift) for value in offsets)
    unused = {"gain": 0, "base": 0, "eps": (), "over": "", "ddof": 0}
    return {"kind": "affine", "mul": mul, "add": add, "shift": shift, **unused}


def _of_window(declared: Declaration, rule: Any, steps: list[float], tensor: Tensor) -> dict[str, Any]:  # noqa: ANN401
    """Return the numbers of scaling a window by its own statistics; see `scale_window`."""
    if rule["over"] == "window" and max(steps) > min(steps):
        raise EmgEdgeError(
            "raw input: channels have scales of their own and the model normalises over the whole window; give one "
            "scale, or train with over='channel'"
        )
    count = declared.length * (declared.n_chans if rule["over"] == "window" else 1)
    unit = 1 if rule["kind"] == "minmax" else 256
    reach = max(unit * rule["eps"] / step for step in steps)
    if not reach <= 2**39:
        raise _not_held("normalisation eps", f"{rule['eps']:g} is {reach:g} steps of the filter")
    eps = tuple(round(unit * rule["eps"] / step) for step in steps)
    if rule["kind"] == "minmax":
        span, low = (rule["high"] - rule["low"]) / tensor.scale, rule["low"] / tensor.scale
        shift = _shift(max(span, abs(low)), "normalisation")
        kind, gain, base, ddof = "minmax", span, low, 0
    else:
        if count <= rule["ddof"]:
            raise EmgEdgeError("normalisation: one value has no deviation; give ddof 0, or over='window'")
        gain, base, kind, ddof = 256 / tensor.scale, 0.0, "zscore", rule["ddof"]
        shift = _shift(gain * max(1.0, 1.02 * (math.sqrt(count) + 2) / 256), "normalisation")
    numbers = {"gain": round(gain * 2.0**shift), "base": round(base * 2.0**shift), "eps": eps}
    return {"kind": kind, "mul": (), "add": (), "shift": shift, **numbers, "over": rule["over"], "ddof": ddof}


def _shift(most: float, what: str) -> int:
    """Return the most fraction bits at which ``most`` stays below 2**61."""
    if not 2.0**-60 < most < 2.0**60:
        raise _not_held(what, f"results reach {most:g} steps of the network's input")
    return min(math.floor(math.log2(_ROOM * (1 - 2**-20) / most)), 62)


def _not_held(what: str, found: str) -> EmgEdgeError:
    return EmgEdgeError(
        f"{what}: {found}, which 32-bit factors cannot hold; check scale and offset of the raw input against the unit"
    )
