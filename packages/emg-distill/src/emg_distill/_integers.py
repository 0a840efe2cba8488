"""Models that are trained as the integers they will run as: prepared, stored with their grids, and read back."""

import copy
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

import emg_models

from ._examples.examples import Examples
from ._quantise.prepare import apply_scheme, calibrate, exportable, is_prepared, prepare, restore, scheme
from ._recipe.quantise import QuantiseRecipe

_PIECE = 64
_QDQ_OPSET = 21  # the first with 16-bit quantised values


def in_integers(model: nn.Module, examples: Examples, recipe: QuantiseRecipe) -> None:
    """Make a model compute in integers, in place, on grids chosen from training examples as they are.

    Raises
    ------
    EmgDistillError
        When a part of the model has no integer form; the model is left as it was.
    """
    chosen = np.unique(np.linspace(0, len(examples) - 1, min(recipe.windows, len(examples))).astype(np.int64))

    def windows() -> Iterator[torch.Tensor]:
        for start in range(0, len(chosen), _PIECE):
            yield examples.read(chosen[start : start + _PIECE]).x

    prepare(model, next(windows())[:2], recipe)
    calibrate(model, windows())


def stored_form(model: nn.Module) -> tuple[nn.Module, dict[str, Any] | None]:
    """Return the float model that a folder holds, and the grids of a model that computes in integers, else None."""
    if not is_prepared(model):
        return model, None
    return restore(copy.deepcopy(model)), scheme(model)


def as_stored(model: nn.Module, recipe: QuantiseRecipe, grids: Mapping[str, Any] | None) -> nn.Module:
    """Return a float model as it was measured: in integers on its stored grids, or as it is where there are none."""
    if grids is None:
        return model
    shape = cast("emg_models.EmgModel", model).config.input_shape
    prepare(model, torch.randn(2, *shape, generator=torch.Generator().manual_seed(0)), recipe)
    apply_scheme(model, grids)
    return model


def export(model: nn.Module, folder: Path, out: Path) -> Path:
    """Write the ONNX file of a model that was read from a folder; its grids travel as quantise and dequantise nodes."""
    write = partial(
        emg_models.export_onnx,
        path=out,
        preprocessing=emg_models.load_preprocessing(folder),
        labels=emg_models.load_labels(folder),
    )
    if is_prepared(model):
        return write(cast("emg_models.EmgModel", exportable(model)), opset=_QDQ_OPSET)
    return write(cast("emg_models.EmgModel", model))
