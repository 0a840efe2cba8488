"""Every random number of a run as a pure function of (seed, purpose, counters): nothing has to be saved to resume."""

import copy
import math
import zlib
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Purpose(IntEnum):
    """What a random stream is used for; streams of different purposes never meet."""

    ORDER = 1
    DROPOUT = 2
    MASK = 3
    AUGMENT = 4
    INIT = 5
    VALIDATION = 6
    OFFSET = 7


def derive_seed(seed: int, purpose: Purpose, *counters: int) -> int:
    """Return a 63-bit seed that depends on all arguments.

    Parameters
    ----------
    seed
        Seed of the run, ``>= 0``.
    purpose
        What the stream is for.
    *counters
        Non-negative counters such as epoch, step or rank.

    Returns
    -------
    int
        In ``[0, 2**63)``.
    """
    state = np.random.SeedSequence([seed, int(purpose), *counters]).generate_state(2, np.uint32)
    return (int(state[0]) << 31) ^ int(state[1])


def sample_order(n_samples: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the order of training samples in one epoch.

    Parameters
    ----------
    n_samples
        Number of training samples, ``> 0``.
    seed
        Seed of the run.
    epoch
        Epoch counted from 0.

    Returns
    -------
    ndarray of shape (n_samples,), int64
        A permutation of ``0 .. n_samples - 1``.
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, int(Purpose.ORDER), epoch])))
    return rng.permutation(n_samples).astype(np.int64)


def steps_per_epoch(n_samples: int, batch_size: int) -> int:
    """Return the number of full batches in an epoch, at least one (the tail is left to other epochs' orders)."""
    return max(1, n_samples // batch_size)


class SampleDraws:
    """Random numbers of the examples of a batch, each a function of (seed, purpose, epoch, example) alone.

    A draw does not depend on who else is in the batch, on its order, on the number of processes or on the pieces that
    a batch is taken in. Draws of different names are independent.

    Parameters
    ----------
    seed
        Seed of the run, ``>= 0``.
    purpose
        What the numbers are for.
    epoch
        Epoch counted from 0.
    rows
        Shape (batch,): numbers of the examples.

    Notes
    -----
    Counter-based: number k of an example is SplitMix64's output function (Steele, Lea and Flood, OOPSLA 2014) of a key,
    hashed from (seed, purpose, epoch, example, name), and k.
    """

    def __init__(self, seed: int, purpose: Purpose, epoch: int, rows: NDArray[np.int64]) -> None:
        self._base = np.uint64(derive_seed(seed, purpose, epoch))
        self._rows = np.asarray(rows, np.uint64)
        self._prefix = ""

    def named(self, prefix: str) -> "SampleDraws":
        """Return the same draws under other names: independent numbers for a second view of the same examples."""
        other = copy.copy(self)
        other._prefix = f"{self._prefix}{prefix}/"  # noqa: SLF001  of our own class
        return other

    def uniform(self, name: str, *shape: int) -> NDArray[np.float64]:
        """Return numbers in ``[0, 1)``, shape (batch, *shape)."""
        return (self._bits(name, shape) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def integers(self, name: str, low: int, high: int, *shape: int) -> NDArray[np.int64]:
        """Return integers in ``[low, high]``, both ends included, shape (batch, *shape)."""
        return low + np.floor(self.uniform(name, *shape) * (high - low + 1)).astype(np.int64)

    def normal(self, name: str, *shape: int) -> NDArray[np.float32]:
        """Return standard normal numbers, shape (batch, *shape), float32."""
        bits = self._bits(name, shape)
        first = ((bits >> np.uint64(32)).astype(np.float32) + np.float32(1.0)) * np.float32(2.0**-32)
        second = (bits & np.uint64(0xFFFFFFFF)).astype(np.float32) * np.float32(2.0**-32)
        normal: NDArray[np.float32] = np.sqrt(-2.0 * np.log(first)) * np.cos(np.float32(2.0 * np.pi) * second)
        return normal

    def _bits(self, name: str, shape: tuple[int, ...]) -> NDArray[np.uint64]:
        key = _mix(_mix(self._rows + self._base) + np.uint64(zlib.crc32((self._prefix + name).encode())))
        counters = np.arange(1, math.prod(shape) + 1, dtype=np.uint64) * _GOLDEN
        return _mix(key[:, None] + counters).reshape(len(key), *shape)


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return SplitMix64's finaliser of 64-bit words."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
