"""AdaBN: batch statistics of a trained model moved to unlabelled examples of the people that it is measured on."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import emg_models
from emg_distill._errors import EmgDistillError
from emg_distill._examples.chosen import Chosen
from emg_distill._examples.examples import Examples
from emg_distill._examples.protocol_data import ProtocolData

from .predict import batches

AdaBN = Literal["transductive", "calibration"]
MODES = ("transductive", "calibration")


def adapt(
    model: nn.Module, data: ProtocolData, part: str, mode: AdaBN, seed: int
) -> tuple[nn.Module, ProtocolData, dict[str, Any]]:
    """Move a model's batch statistics to a part, labels aside.

    Parameters
    ----------
    model
        With batch normalisation; left as it is.
    data, part
        What is measured.
    mode
        ``"transductive"``, as published: all examples of the part, so that its number has seen what it is measured on.
        ``"calibration"``: the first trial of each class of each person, which is then not measured.
    seed
        Of the order of the examples, ``>= 0``.

    Returns
    -------
    tuple
        The adapted model, the data with what is left to measure, and a record of what was done.

    Raises
    ------
    EmgDistillError
        When the mode is unknown, the model has no batch normalisation, or nothing is left to measure.

    References
    ----------
    Du et al., Sensors 2017, 17(3):458, released code; see `emg_models.adapt_batchnorm`.
    """
    if mode not in MODES:
        raise EmgDistillError(f"adabn={mode!r}: choose one of {', '.join(MODES)}")
    examples = data.part(part)
    rows = np.arange(len(examples))
    if mode == "calibration":
        rows, rest = _first_trials(examples)
        left: dict[str, Any] = {part: Chosen(examples, rest)}
        data = replace(data, **left)
    seen = torch.cat([batch.x for _, batch in batches(examples, rows)])
    try:
        adapted = emg_models.adapt_batchnorm(model, seen, seed=seed)
    except emg_models.EmgModelsError as error:
        raise EmgDistillError(f"adabn={mode!r}: {error}") from None
    return adapted, data, {"mode": mode, "transductive": mode == "transductive", "n": len(rows)}


def _first_trials(examples: Examples) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the examples of the first trial of each class of each person, and all others."""
    classes, trial = examples.classes, examples.trial
    if classes is None or trial is None:
        raise EmgDistillError("adabn='calibration': these examples have no classes and trials; choose 'transductive'")
    _, who = np.unique(examples.subject, return_inverse=True)
    _, what = np.unique(np.stack([who, classes]), axis=1, return_inverse=True)
    first = np.full(int(what.max()) + 1, trial.max())
    np.minimum.at(first, what, trial)
    early = trial == first[what]
    if early.all():
        raise EmgDistillError("adabn='calibration': every class was done once, so that nothing is left to measure")
    return np.flatnonzero(early), np.flatnonzero(~early)
