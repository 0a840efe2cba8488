"""NinaPro's labels: files restart them in every exercise or count on; here they always count on over the exercises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emg_io._errors import EmgIoError

from ._ninapro_names import FORCE_CODES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ._ninapro_bases import Base


@dataclass(frozen=True)
class Numbering:
    """How a file numbers its movements.

    Attributes
    ----------
    rule
        ``"restart"``, ``"continue"`` or ``"force codes"``.
    stored
        Numbers that may stand in the file beside 0, ascending.
    labels
        What they become.
    before
        Label before the exercise's first: a label less this is the number within the exercise.
    """

    rule: str
    stored: tuple[int, ...]
    labels: tuple[int, ...]
    before: int

    def apply(self, values: NDArray[np.generic], file: str, name: str) -> NDArray[np.int16]:
        """Turn stored numbers (time,) into labels; a number that may not occur raises `EmgIoError`."""
        check_whole(values, self.stored, file, name)
        table = np.zeros(self.stored[-1] + 1, np.int16)
        table[list(self.stored)] = self.labels
        return table[values.astype(np.intp)]

    def local(self, labels: NDArray[np.integer]) -> NDArray[np.int16]:
        """Turn labels into numbers within the exercise, 0 staying 0."""
        return np.where(labels > 0, labels - self.before, 0).astype(np.int16)


def numbering(base: Base, exercise: int, tracks: Sequence[NDArray[np.generic]]) -> Numbering:
    """Find out how a file numbers movements, from all numbers in it.

    Labels count on where the smallest exceeds all of the exercises before; where that tells nothing, because only a few
    movements are there, the data base's habit holds.
    """
    n_movements, before = base.exercises[exercise - 1], base.before(exercise)
    labels = tuple(range(before + 1, before + n_movements + 1))
    if base.files == "day":
        codes = tuple(code for code in base.names if code)
        return Numbering("the files' own", codes, codes, 0)
    used = np.concatenate([np.unique(values) for values in tracks])
    used = used[used > 0]
    low, high = (float(used.min()), float(used.max())) if len(used) else (1.0, 1.0)
    if before and low > before and (high > n_movements or base.continues):
        return Numbering("continue", labels, labels, before)
    if exercise == base.force_exercise:
        return Numbering("force codes", tuple(FORCE_CODES), labels, before)
    return Numbering("restart", tuple(range(1, n_movements + 1)), labels, before)


def check_whole(values: NDArray[np.generic], allowed: Sequence[int], file: str, name: str) -> None:
    """Refuse anything but 0 and the allowed numbers, which ascend."""
    wrong = np.flatnonzero(~np.isin(values, np.array([0, *allowed])))
    if len(wrong):
        first, last = allowed[0], allowed[-1]
        if last - first + 1 != len(allowed):
            rule = ", ".join(str(number) for number in (0, *allowed))
        else:
            rule = f"0..{last}" if first == 1 else f"0 or {first}..{last}"
        raise EmgIoError(
            "value outside its set",
            file=file,
            place=f"{name}, row {wrong[0]}",
            expected=f"a whole number in {rule}",
            found=str(values[wrong[0]]),
        )
