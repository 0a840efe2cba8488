"""How good a model is on one part of a data set: the numbers of its kind of output."""

from typing import Any

from torch import nn

from emg_distill._examples.examples import Examples, Kind
from emg_distill._examples.protocol_data import ProtocolData
from emg_distill._recipe.decode import DecodeRecipe
from emg_distill._text.ngram import NGram
from emg_distill.objectives import get_objective

from .frames import counted_frames, crop
from .predict import contexts
from .tallies import ClassTally, Measured, SpeechTally, Tally, ValueTally
from .tallies_events import EventTally
from .tallies_text import TextTally

_LOSSES: dict[Kind, str] = {
    "classification": "cross_entropy",
    "regression": "l1",
    "events": "events",
    "ctc": "ctc",
    "speech": "speech",
}
TALLIES: dict[Kind, type[Tally]] = {
    "classification": ClassTally,
    "regression": ValueTally,
    "events": EventTally,
    "ctc": TextTally,
    "speech": SpeechTally,
}


def monitors_of(kind: Kind) -> tuple[str, ...]:
    """Return the names of the numbers that a run may watch, for a kind of output."""
    return ("loss", *TALLIES[kind].monitors)


def measure(
    model: nn.Module, examples: Examples, data: ProtocolData, decode: DecodeRecipe, lm: NGram | None = None
) -> dict[str, Any]:
    """Return the metrics of a model on one part, as JSON-able values.

    Parameters
    ----------
    model
        A model of emg-models whose task is the data's kind; it keeps its mode.
    examples
        The part, with labels.
    data
        Protocol data that the part is of: labels, rest class, rate.
    decode
        How frames become text.
    lm
        Character language model of the decoder; None goes without.

    Returns
    -------
    dict
        ``loss`` (the plain objective of the kind: no smoothing, no teacher), ``n`` and the numbers of the kind.
    """
    tally = TALLIES[data.kind](Measured(data, examples, model, decode, lm))
    objective = get_objective(_LOSSES[data.kind])
    frames = counted_frames(model, examples, decode)
    total = 0.0
    for rows, context in contexts(model, examples):
        counted = crop(context, frames)
        total += float(objective.evaluate(counted, {})[0]) * len(rows)
        tally.add(rows, context if tally.joins else counted)
    return {"loss": total / len(examples), "n": len(examples), **tally.result()}
