"""The front end as integers: everything that the device and the reference need, nothing that they would recompute."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from emg_edge._errors import EmgEdgeError
from emg_edge.program._tensor import DTYPES

from ._jit import ONE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Numbers = tuple[int, ...]

Kind = Literal["affine", "minmax", "zscore"]
_LIMIT = 1 << 61
_STRUCTURE = 120
_OTHERS = ("sfreq", "dtype", "kind", "over", "tensor", "out", "facts")


@dataclass(frozen=True, kw_only=True)
class FrontEnd:
    """From raw codes to the network's input.

    Per frame of all channels, in this order, with ``>>`` rounding down:

    1. ``v = (saturate(code) << shift_in) - offset``: 32 bits, every ``every``-th frame, the others are dropped;
    2. the sections of `run_cascade`, from rest;
    3. ``affine``: ``q = saturate(((v * mul + add + half) >> shift) + zero)``, one rounding for scale, mean and grid;
    4. a ring of the newest ``n_times`` frames; every ``hop`` frames it is a window, laid out as the network reads it:
       channel c at time t is element ``place[c] + t * step``;
    5. ``minmax``, ``zscore``: the ring holds ``v`` and the whole window is scaled by its own numbers, see
       `scale_window`, to ``q`` in one rounding.

    Parameters
    ----------
    sfreq
        Rate of the frames that are pushed, Hz.
    dtype, bits
        Of a code; codes beyond ``bits`` saturate.
    every
        Frames pushed for one that is used.
    n_chans, n_times, hop
        Window and distance of windows, in used frames.
    shift_in, offset
        Of step 1.
    b, a, shift_b, keep
        Of `run_cascade`, three, two, one and one number a section.
    bound
        Largest magnitude of every node, proved by design for any input.
    kind
        How step 3 or 5 scales.
    mul, add, shift
        Of step 3, ``mul`` and ``add`` per channel; empty and 0 for a window's own numbers.
    gain, base, eps, over, ddof
        Of `scale_window`; 0 and empty for ``affine``.
    tensor, out, zero
        Name, dtype and zero point of the network's input.
    place, step
        Of step 4.
    facts
        For people: ``scale``, ``offset``, ``unit``, ``warnings``, and ``noise`` and ``drift``: largest errors of the
        filter in codes.
    """

    sfreq: float
    dtype: str
    bits: int
    every: int
    n_chans: int
    n_times: int
    hop: int
    shift_in: int
    offset: Numbers
    b: Numbers
    a: Numbers
    shift_b: Numbers
    keep: Numbers
    bound: Numbers
    kind: Kind
    mul: Numbers
    add: Numbers
    shift: int
    gain: int
    base: int
    eps: Numbers
    over: str
    ddof: int
    tensor: str
    out: str
    zero: int
    place: Numbers
    step: int
    facts: Mapping[str, Any]

    @property
    def n_sections(self) -> int:
        """Second-order sections."""
        return len(self.shift_b)

    @property
    def element(self) -> str:
        """Return the dtype of the ring."""
        return self.out if self.kind == "affine" else "int32"

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of what a trace shows, in order: the codes, every section, the scaled frame, the window."""
        sections = [f"section {index}" for index in range(self.n_sections)]
        return ("codes", *sections, *(["scaled"] if self.kind == "affine" else []), "window")

    @property
    def state_bytes(self) -> int:
        """Bytes that live between two calls on a 32-bit core: filter memory, ring, pointers and counters."""
        memory = 4 * self.n_chans * (2 * (self.n_sections + 1) + self.n_sections)
        return memory + self.n_chans * self.n_times * DTYPES[self.element][0] + 40

    @property
    def constant_bytes(self) -> int:
        """Bytes of the tables, equal ones counted once, and of the structure on a 32-bit core."""
        distinct = {(array.dtype.str, array.tobytes()) for array in self.tables().values()}
        return _STRUCTURE + sum(len(content) for _, content in distinct)

    def work_per_frame(self) -> dict[str, float]:
        """Return what one used frame costs, in counts that a target's cycle model prices by name."""
        return {"section": self.n_sections * self.n_chans, "frame": self.n_chans}

    def work_per_window(self) -> dict[str, float]:
        """Return what one window costs before the network runs, in counts that a target's cycle model prices by name.

        A window scaled by its own numbers passes its values two to four times, with a division or several a group.
        """
        n, groups = self.n_chans * self.n_times, 1 if self.over == "window" else self.n_chans
        by_kind: dict[str, dict[str, float]] = {
            "affine": {"copy": n},
            "minmax": {"requantise": 2.5 * n, "row": groups},
            "zscore": {"requantise": 4.0 * n, "row": 5.5 * groups},
        }
        return by_kind[self.kind]

    def tables(self) -> dict[str, NDArray[Any]]:
        """Return the device's constant arrays by the name of the C structure's member; empty ones are left out."""
        widths = {
            "offset": "int32",
            "b": "int32",
            "a": "int32",
            "shift_b": "int32",
            "keep": "int32",
            "mul": "int32",
            "add": "int64",
        }
        widths |= {"eps": "int64", "place": "int32"}
        found = {name: np.array(getattr(self, name), dtype) for name, dtype in widths.items()}
        return {name: array for name, array in found.items() if array.size}

    def members(self) -> dict[str, NDArray[Any] | str | int | None]:
        """Return the members of the C structure ``emg_frontend_params``."""
        tables = self.tables()
        limit = 1 << (self.bits - 1)
        scalars = {
            **{name: getattr(self, name) for name in ("n_chans", "n_times", "hop", "every", "n_sections", "shift_in")},
            **{name: getattr(self, name) for name in ("shift", "zero", "gain", "base", "ddof", "step")},
            "code": f"EMG_{self.dtype.upper()}",
            "out": f"EMG_{self.out.upper()}",
            "kind": f"EMG_{self.kind.upper()}",
            "low": -limit,
            "high": limit - 1,
            "whole": int(self.over == "window"),
        }
        return scalars | {
            name: tables.get(name) for name in ("offset", "b", "a", "shift_b", "keep", "mul", "add", "eps", "place")
        }

    def sections(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return ``b`` (sections, 3), ``a`` (sections, 2), ``shift`` and ``keep``, as `run_cascade` reads them."""
        b, a = (np.array(flat, np.int64).reshape(-1, width) for flat, width in ((self.b, 3), (self.a, 2)))
        return b, a, np.array(self.shift_b, np.int64), np.array(self.keep, np.int64)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dictionary that `from_dict` reads."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        return {"format": 1, **plain, "facts": dict(self.facts)}

    def check(self) -> None:
        """Raise `EmgEdgeError` unless sizes agree and no 32-bit value or 64-bit sum can overflow."""
        c, s = self.n_chans, self.n_sections
        sizes = [
            len(self.offset) == len(self.place) == c >= 1,
            len(self.b) == 3 * s,
            len(self.a) == 2 * s,
            len(self.keep) == s,
        ]
        sizes += [len(self.bound) == s + 1, min(self.n_times, self.hop, self.every, self.step) >= 1]
        sizes += [len(self.mul) == len(self.add) == (c if self.kind == "affine" else 0)]
        sizes += [len(self.eps) == (0 if self.kind == "affine" else c), self.kind in {"affine", "minmax", "zscore"}]
        self._require(all(sizes), "sizes")
        cells = {place + t * self.step for place in self.place for t in range(self.n_times)}
        self._require(cells == set(range(c * self.n_times)), "layout")
        self._require(self.dtype in {"int16", "int32"} and self.out in {"int8", "int16"}, "dtypes")
        self._require(2 <= self.bits <= (16 if self.dtype == "int16" else 30) and self.shift_in >= 0, "bits")
        self._require(self.over in {"", "channel", "window"} and self.ddof in {0, 1}, "statistics")
        low, high = DTYPES[self.out][1:]
        self._require(low <= self.zero <= high and 1 <= self.shift <= 62, "grid")
        self._check_sums()

    def _check_sums(self) -> None:
        code = 1 << (self.bits - 1)
        reach = max((code << self.shift_in) + abs(offset) for offset in self.offset)
        limits = [reach < 2**31, all(0 < bound <= 2**30 for bound in self.bound), min((*self.shift_b, 0)) >= 0]
        limits += [
            max((*map(abs, (*self.b, *self.a, *self.mul, *self.offset)), 0)) <= 2**31,
            max((*self.shift_b, 0)) < 32,
        ]
        limits += [all(keep in {-1, 0, 1} for keep in self.keep)]
        limits += [max((*self.b, *self.a, *self.mul, 0)) < 2**31]
        for s in range(self.n_sections):
            zeros = sum(map(abs, self.b[3 * s : 3 * s + 3])) * self.bound[s]
            poles = sum(map(abs, self.a[2 * s : 2 * s + 2])) * self.bound[s + 1]
            limits += [zeros < 2**63, (zeros >> self.shift_b[s]) + poles + (1 << (ONE + 1)) < 2**63]
        limits += [abs(m) * self.bound[-1] + abs(a) <= _LIMIT for m, a in zip(self.mul, self.add, strict=True)]
        limits += [0 <= self.gain <= _LIMIT, abs(self.base) <= _LIMIT, all(0 <= eps <= 2**39 for eps in self.eps)]
        self._require(all(limits), "bounds")

    def _require(self, holds: bool, what: str) -> None:
        if not holds:
            raise EmgEdgeError(f"front end: its {what} are not legal; compile the model again")


def from_dict(description: Any) -> FrontEnd:  # noqa: ANN401  whatever JSON holds
    """Rebuild and check the front end that `FrontEnd.to_dict` described.

    Raises
    ------
    EmgEdgeError
        The description is not one of this version, or not legal.
    """
    try:
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in description.items()
        }
        front = FrontEnd(**{name: value for name, value in given.items() if name != "format"})
        whole = all(_whole(value) for name, value in given.items() if name not in _OTHERS)
        front._require(whole and given["format"] == 1, "types or its format")  # noqa: SLF001  its own module
        front.check()
    except (KeyError, TypeError, AttributeError) as error:
        raise EmgEdgeError(
            f"the front end's description is not of format 1 ({type(error).__name__}: {error}); compile the model again"
        ) from None
    return front


def _whole(value: object) -> bool:
    """Whether a value is a whole number or a list of them."""
    entries = value if isinstance(value, tuple) else (value,)
    return all(isinstance(entry, int) and not isinstance(entry, bool) for entry in entries)
