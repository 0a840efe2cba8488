"""Which frames of a window count: all of them, or those of the window without its context."""

import torch
from torch import nn

from emg_distill._errors import EmgDistillError
from emg_distill._examples.examples import Examples
from emg_distill._examples.instants import central_frames
from emg_distill._recipe.decode import DecodeRecipe

from .learner import Context

_OVER_FRAMES = ("prediction", "teacher_prediction")


def counted_frames(model: nn.Module, examples: Examples, decode: DecodeRecipe) -> slice | None:
    """Return the frames that are trained and decoded, None for all.

    Raises
    ------
    EmgDistillError
        When the central ones are asked for of a model that has no hop between frames, or of examples that do not know
        where they lie.
    """
    if decode.frames == "all":
        return None
    hop, timeline = getattr(getattr(model, "config", None), "hop", None), examples.timeline
    if not isinstance(hop, int) or timeline is None:
        raise EmgDistillError(
            f"decode.frames='central': {type(model).__name__} has hop {hop!r} between frames, and the windows "
            f"{'know' if timeline is not None else 'do not know'} where they lie; both are required, or frames='all'"
        )
    return central_frames(timeline.past, int(timeline.valid.max()), hop)


def crop(context: Context, frames: slice | None) -> Context:
    """Return a context whose outputs, a teacher's too, have the given frames alone; all where `frames` is None."""
    if frames is None:
        return context
    cropped = {name: context[name][:, frames] for name in _OVER_FRAMES if name in context}
    n_frames = cropped["prediction"].shape[1]
    lengths = (context["input_lengths"] - frames.start).clamp(min=0, max=n_frames)
    return {**context, **cropped, "input_lengths": lengths.to(torch.int64)}
