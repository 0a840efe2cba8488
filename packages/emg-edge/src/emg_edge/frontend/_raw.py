"""What the caller's samples are: the codes of a converter, and what one of them means."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, cast

from emg_edge._errors import EmgEdgeError

if TYPE_CHECKING:
    from pathlib import Path

MAX_BITS = 30
_HUGE = 1e100
_DEFAULT_BITS = {"int16": 16, "int32": 24}


@dataclass(frozen=True, kw_only=True)
class RawInput:
    """The codes that go into ``<name>_push``: ``real = scale * (code - offset)``.

    Parameters
    ----------
    scale
        Real value of one code, > 0, in the unit that the model declares; one number, or one a channel.
    offset
        Code of real 0; one number, or one a channel.
    dtype
        ``"int16"`` or ``"int32"``.
    bits
        Significant bits of a code, sign included, 2 to 30: 16 for int16, 24 for int32 where None. Codes outside of
        them saturate.
    sfreq
        Rate of the codes in Hz, > 0; the model's own where None.
    unit
        Unit of ``scale``, compared with the declared one; the declared one where None.

    Raises
    ------
    EmgEdgeError
        A value is not one of these.
    """

    scale: float | tuple[float, ...]
    offset: float | tuple[float, ...] = 0.0
    dtype: str = "int16"
    bits: int | None = None
    sfreq: float | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        for key in ("scale", "offset"):
            given = getattr(self, key)
            if isinstance(given, Sequence) and not isinstance(given, str):
                object.__setattr__(self, key, tuple(given))
        self._require(self.dtype in _DEFAULT_BITS, "dtype", "int16 or int32")
        most = 16 if self.dtype == "int16" else MAX_BITS
        self._require(self.bits is None or (_whole(self.bits) and 2 <= self.bits <= most), "bits", f"2 to {most}")
        self._require(all(_number(v) and v > 0 for v in _entries(self.scale)), "scale", "finite numbers > 0")
        self._require(all(_number(v) for v in _entries(self.offset)), "offset", "finite numbers")
        self._require(self.sfreq is None or (_number(self.sfreq) and self.sfreq > 0), "sfreq", "a rate in Hz > 0")
        self._require(self.unit is None or isinstance(self.unit, str), "unit", "a text such as 'V'")

    def _require(self, holds: bool, key: str, wanted: str) -> None:
        if not holds:
            raise EmgEdgeError(f"raw input: {key}={str(getattr(self, key))[:80]}; {wanted} required")

    @property
    def significant(self) -> int:
        """Bits of a code."""
        return self.bits or _DEFAULT_BITS[self.dtype]

    def per_channel(self, key: str, n_chans: int) -> tuple[float, ...]:
        """Return ``scale`` or ``offset`` of every channel."""
        given = getattr(self, key)
        if not isinstance(given, tuple):
            return (float(given),) * n_chans
        if len(given) != n_chans:
            raise EmgEdgeError(
                f"raw input: {len(given)} values of {key}, the model reads {n_chans} channels; give one, or one each"
            )
        return tuple(float(value) for value in given)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-able dictionary."""
        return asdict(self)


def read_raw(path: Path) -> RawInput:
    """Return the raw input that a JSON file describes: an object with the fields of `RawInput`.

    Raises
    ------
    EmgEdgeError
        Naming the file and what is wrong in it.
    """
    known = [field.name for field in fields(RawInput)]
    try:
        given = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise EmgEdgeError(f"{path}: cannot be read as JSON ({error}); write an object with {known}") from error
    if not isinstance(given, Mapping) or not {"scale"} <= set(given) <= set(known):
        raise EmgEdgeError(f"{path}: need an object with scale and, where wanted, others of {known}; no other keys")
    try:
        return RawInput(**given)
    except EmgEdgeError as error:
        raise EmgEdgeError(f"{path}: {error}") from None


def _entries(value: object) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if isinstance(value, tuple) and value else (value,)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _HUGE


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
