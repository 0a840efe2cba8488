"""Single-frame inference over whole trials."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from emg_models._checks import require_count
from emg_models._errors import EmgModelsError
from emg_models._modes import evaluating

from .units import GridModel

__all__ = ["predict_frames"]


@torch.no_grad()
def predict_frames(
    model: GridModel, frames: Float[Tensor, "frames rows cols"], *, batch: int = 1000
) -> Int64[Tensor, " frames"]:
    """Return the class of each frame, in evaluation mode; of equal logits the class of lowest index.

    Parameters
    ----------
    model : AllConvNet, GengNet or SConvNet
        Its mode is put back afterwards.
    frames : Tensor, shape (n, rows, cols)
        n >= 0. Batches are moved to the device of the model.
    batch : int
        Frames at a time, >= 1; the result does not depend on it.

    Returns
    -------
    Tensor of int64, shape (n,)
        On the CPU, ready for `majority_vote`.

    Raises
    ------
    EmgModelsError
        The frames do not fit the model or hold NaN, the model has no classes, or `batch` is no count.
    """
    require_count("batch", batch)
    if not isinstance(frames, Tensor):
        raise EmgModelsError(f"frames of type {type(frames).__name__}: a Tensor is required; use torch.from_numpy")
    device = next(model.parameters()).device
    with evaluating(model):
        logits = torch.cat([model(part.to(device)).cpu().float() for part in torch.split(frames, batch)])
    if logits.ndim != 2 or bool(logits.isnan().any()):
        raise EmgModelsError(
            f"logits of shape {tuple(logits.shape)}, NaN among them or not: one finite row a frame is required; give a "
            "network of classes, and frames without NaN"
        )
    # numpy's argmax promises the lowest index, torch's does not
    return torch.from_numpy(logits.numpy().argmax(1))
