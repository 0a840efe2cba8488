"""The emg2pose rows of the registry."""

from emg_models._entry import ModelEntry

from .neuropose import NeuroPose
from .rollout import Emg2Pose

__all__ = ["ENTRIES"]

_SOURCE = "emg2pose, arXiv 2412.02725 (NeurIPS 2024); sizes and counts as in its released code"
_LICENCE = "Apache-2.0 (this code, written from facts); published code, data and weights are non-commercial"

ENTRIES: dict[str, ModelEntry] = {
    "emg2pose": ModelEntry(
        summary="emg2pose: TDS encoder, MLP from pose to pose; regression (mode='tracking': first pose given)",
        source=_SOURCE,
        licence=_LICENCE,
        models=(Emg2Pose,),
        settings={"decoder": "mlp", "n_times": 5790},
    ),
    "neuropose": ModelEntry(
        summary="NeuroPose as compared by emg2pose: residual encoder-decoder over time and electrodes; details rebuilt",
        source="NeuroPose (WWW 2021) through " + _SOURCE,
        licence=_LICENCE,
        models=(NeuroPose,),
    ),
    "vemg2pose": ModelEntry(
        summary="vemg2pose: TDS encoder, LSTM that gives velocities; regression (mode='tracking': first pose given)",
        source=_SOURCE,
        licence=_LICENCE,
        models=(Emg2Pose,),
    ),
}
