"""Run a model over a part of a data set, as it will be used: evaluation mode, no gradient, example by example alike."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emg_distill._examples.batch import Batch
from emg_distill._examples.examples import Examples

from .learner import Context, call_model, inputs_of, targets_of

_BATCH = 256
_ELEMENTS = 2**22


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module in evaluation mode, and back."""
    mode = module.training
    module.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        module.train(mode)


def batches(examples: Examples, chosen: NDArray[np.int64] | None = None) -> Iterator[tuple[NDArray[np.int64], Batch]]:
    """Yield examples in order, all or those chosen, as many at once as are quick to run."""
    size = max(1, min(_BATCH, _ELEMENTS // int(np.prod(examples.shape))))
    wanted = np.arange(len(examples)) if chosen is None else chosen
    for start in range(0, len(wanted), size):
        rows = wanted[start : start + size]
        yield rows, examples.read(rows)


def contexts(model: nn.Module, examples: Examples) -> Iterator[tuple[NDArray[np.int64], Context]]:
    """Yield rows and contexts of all examples, float32 on the CPU; the model keeps its mode."""
    device = next(model.parameters()).device
    with evaluating(model):
        for rows, batch in batches(examples):
            prediction = call_model(model, inputs_of(batch.to(device))).float().cpu()
            yield rows, {"prediction": prediction, **targets_of(model, batch, prediction)}
