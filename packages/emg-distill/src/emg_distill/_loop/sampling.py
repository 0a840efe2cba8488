"""Which examples are trained on at each step: a pure function of (seed, epoch, step)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emg_distill._errors import EmgDistillError
from emg_distill._recipe.schema import Recipe
from emg_distill._seeds import Purpose, derive_seed, sample_order, steps_per_epoch


@dataclass(frozen=True)
class Draw:
    """What one process trains on at one step.

    Attributes
    ----------
    step, epoch
        Both counted from 0.
    rows
        Numbers of the examples, (batch / processes,).
    """

    step: int
    epoch: int
    rows: NDArray[np.int64]


class Sampler:
    """The examples of every step of a run.

    Parameters
    ----------
    n_samples
        Training examples.
    classes
        Class of each, (n_samples,), where sampling is balanced.
    recipe
        Its seed, length, batch size and sampling.
    rank, world_size
        Which of how many processes; each takes every `world_size`-th example of a batch.

    Attributes
    ----------
    batch_size
        Examples of a step over all processes: the recipe's, or all examples where they are fewer.
    epoch_steps, total_steps
        Optimiser steps of an epoch and of the run.
    epochs
        Epochs begun in a whole run.

    Raises
    ------
    EmgDistillError
        When processes cannot share a batch evenly, a share has fewer examples than pieces, or classes are not known.
    """

    def __init__(
        self, n_samples: int, classes: NDArray[np.int64] | None, recipe: Recipe, rank: int = 0, world_size: int = 1
    ) -> None:
        self._classes = classes if recipe.train.sampling == "balanced" else None
        self._n, self._seed, self._rank, self._world = n_samples, recipe.seed, rank, world_size
        self.batch_size = min(recipe.train.batch_size, n_samples)
        self.epoch_steps = steps_per_epoch(n_samples, recipe.train.batch_size)
        self.total_steps = recipe.train.steps or recipe.train.epochs * self.epoch_steps
        self.epochs = -(-self.total_steps // self.epoch_steps)
        self._check(recipe)

    def _check(self, recipe: Recipe) -> None:
        if self.batch_size % self._world:
            raise EmgDistillError(
                f"a global batch of {self.batch_size} cannot be shared evenly by {self._world} processes: "
                "set train.batch_size to a multiple of them"
            )
        share = self.batch_size // self._world
        if recipe.train.accumulate > share:
            raise EmgDistillError(
                f"train.accumulate={recipe.train.accumulate}: a process has {share} examples of a batch; "
                "it can take them in that many pieces at most"
            )
        if recipe.train.sampling == "balanced" and self._classes is None:
            raise EmgDistillError("train.sampling='balanced': the examples have no classes; set it to 'shuffle'")

    def draws(self, step: int) -> Iterator[Draw]:
        """Yield the draws of this process from `step` to the end of the run."""
        order, drawn = np.empty(0, np.int64), -1
        for now in range(step, self.total_steps):
            epoch, index = divmod(now, self.epoch_steps)
            if epoch != drawn:
                order, drawn = self.order(epoch), epoch
            batch = order[index * self.batch_size : (index + 1) * self.batch_size]
            yield Draw(now, epoch, batch[self._rank :: self._world])

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the examples of an epoch, in order."""
        if self._classes is None:
            return sample_order(self._n, self._seed, epoch)
        return balanced_order(self._classes, self._seed, epoch, self.epoch_steps * self.batch_size)


def balanced_order(classes: NDArray[np.int64], seed: int, epoch: int, size: int) -> NDArray[np.int64]:
    """Return `size` examples drawn with replacement, equally often from every class that occurs, in random order.

    Parameters
    ----------
    classes
        Class of every example, (n,).
    seed, epoch
        What the draw depends on.
    size
        Examples to draw; where the number of classes does not divide it, some classes, drawn at random, get one more.

    Returns
    -------
    ndarray of shape (size,), int64
        Numbers of examples.
    """
    rng = np.random.Generator(np.random.PCG64(derive_seed(seed, Purpose.ORDER, epoch)))
    found, counts = np.unique(classes, return_counts=True)
    by_class = np.argsort(classes, kind="stable")
    first = np.cumsum(counts) - counts
    which = rng.permutation(len(found))[rng.permutation(np.arange(size) % len(found))]
    rows: NDArray[np.int64] = by_class[first[which] + rng.integers(0, counts[which])]
    return rows.astype(np.int64)
