"""What running stages are made of: memory that is reused, and the check of a memory that comes back."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from emg_dsp._errors import EmgDspError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import DTypeLike

    from emg_dsp._arrays import Array


@contextmanager
def enough_memory(what: str) -> Iterator[None]:
    """Say what needs more memory than there is, where NumPy cannot get it."""
    try:
        yield
    except EmgDspError:
        raise
    except (MemoryError, OverflowError, ValueError) as error:
        raise EmgDspError(f"{what} needs more memory than there is ({error}); required is less.") from None


class Buffer:
    """Memory that is reused from step to step and grows to the largest shape asked of it."""

    def __init__(self, dtype: DTypeLike) -> None:
        self._memory: Array = np.empty(0, dtype=dtype)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self._memory.dtype

    def take(self, *shape: int) -> Array:
        """Return a C-contiguous array of this shape; its contents are left over from earlier."""
        size = 1
        for length in shape:
            size *= length
        if size > self._memory.size:
            self._memory = np.empty(size, dtype=self._memory.dtype)
        return self._memory[:size].reshape(shape)


def checked_state(
    state: Mapping[str, Any], like: Mapping[str, Array], owner: str, at_most: Mapping[str, int] | None = None
) -> dict[str, Array]:
    """Return copies of the named arrays, after checking them against those of a running stage.

    Parameters
    ----------
    state : mapping of arrays
        What is to be loaded.
    like : mapping of arrays
        Names, shapes and types that are required.
    owner : str
        The stage in words, for messages.
    at_most : mapping of int, optional
        Largest value allowed in the named integer arrays (positions in a ring, counts). No integer may be negative.
    """
    if set(state) != set(like):
        raise EmgDspError(f"state of {owner} has the arrays {sorted(state)}; required are {sorted(like)}.")
    copies = {}
    for name, pattern in like.items():
        value = np.asarray(state[name])
        if value.shape != pattern.shape or value.dtype != pattern.dtype:
            raise EmgDspError(
                f"state of {owner}: {name} has shape {value.shape} and type {value.dtype}; "
                f"required are {pattern.shape} and {pattern.dtype}. Restore into the same chain and channel count."
            )
        if value.dtype.kind in "iu":
            _check_range(value, name, owner, (at_most or {}).get(name))
        copies[name] = value.copy()
    return copies


def _check_range(value: Array, name: str, owner: str, most: int | None) -> None:
    """Raise where an integer is negative or above ``most``."""
    bad = value < 0
    if most is not None:
        bad = bad | (value > most)
    if bad.any():
        worst = int(value[bad].flat[0])
        limit = f"0 to {most}" if most is not None else "at least 0"
        raise EmgDspError(f"state of {owner}: {name} holds {worst}; required is {limit}.")


def keys_of(value: Any) -> list[str] | None:  # noqa: ANN401  anything may come from a caller
    """Return the keys of a mapping, sorted; None of what is no mapping."""
    return sorted(map(str, value)) if isinstance(value, Mapping) else None
