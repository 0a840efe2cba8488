"""Every random number of a run as a pure function of (seed, purpose, counters): nothing has to be saved to resume."""

from enum import IntEnum

import numpy as np
import torch
from numpy.typing import NDArray


class Purpose(IntEnum):
    """What a random stream is used for; streams of different purposes never meet."""

    ORDER = 1
    DROPOUT = 2
    MASK = 3
    AUGMENT = 4
    INIT = 5
    VALIDATION = 6


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


def torch_generator(seed: int, purpose: Purpose, *counters: int) -> torch.Generator:
    """Return a CPU generator for one purpose; draws move to the device afterwards, so that no device changes them."""
    return torch.Generator().manual_seed(derive_seed(seed, purpose, *counters))


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
