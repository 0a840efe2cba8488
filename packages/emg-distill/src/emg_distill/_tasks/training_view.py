"""The training examples of a task: read from a part, slid, and augmented, from (seed, epoch, example) alone."""

import numpy as np
from numpy.typing import NDArray

from emg_distill._augment.apply import augment
from emg_distill._examples.batch import Batch
from emg_distill._examples.examples import Examples
from emg_distill._recipe.schema import Recipe
from emg_distill._seeds import Purpose, SampleDraws


class TrainingView:
    """Training examples as a recipe wants them.

    Parameters
    ----------
    examples
        The training part.
    recipe
        Its seed and its augmentation are used.
    sfreq
        Rate of the windows in Hz.
    slide
        Whether windows slide where the protocol lets; False keeps them where a teacher answered for them.
    """

    def __init__(self, examples: Examples, recipe: Recipe, sfreq: float, *, slide: bool = True) -> None:
        self._examples, self._recipe, self._sfreq, self._slide = examples, recipe, sfreq, slide

    def read(self, rows: NDArray[np.int64], epoch: int) -> Batch:
        """Return examples as a batch on the CPU."""
        seed = self._recipe.seed
        offsets = SampleDraws(seed, Purpose.OFFSET, epoch, rows).uniform("offset") if self._slide else None
        batch = self._examples.read(rows, offsets)
        return augment(batch, self._recipe.augment, SampleDraws(seed, Purpose.AUGMENT, epoch, rows), self._sfreq)
