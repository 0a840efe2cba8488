"""The neuromotor rows of the registry."""

from emg_models._entry import ModelEntry

from .gestures import NeuromotorGestures
from .handwriting import NeuromotorHandwriting
from .wrist import NeuromotorWrist

__all__ = ["ENTRIES"]

_SOURCE = "Kaifosh, Reardon et al. 2025, doi 10.1038/s41586-025-09255-w; own code from published facts"
_LICENCE = "Apache-2.0 (code); published code, weights and data CC BY-NC 4.0, not used"

ENTRIES: dict[str, ModelEntry] = {
    "neuromotor-gestures": ModelEntry(
        summary="discrete-gesture network of the generic neuromotor interface: convolution and three LSTM layers",
        source=_SOURCE,
        licence=_LICENCE,
        models=(NeuromotorGestures,),
    ),
    "neuromotor-handwriting": ModelEntry(
        summary="handwriting network of the generic neuromotor interface: causal Conformer on spectral features",
        source=_SOURCE,
        licence=_LICENCE,
        models=(NeuromotorHandwriting,),
    ),
    "neuromotor-wrist": ModelEntry(
        summary="wrist network of the generic neuromotor interface: two LSTM layers on spectral features",
        source=_SOURCE,
        licence=_LICENCE,
        models=(NeuromotorWrist,),
    ),
}
