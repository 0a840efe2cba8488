"""The neuromotor rows of the registry."""

from emg_models._entry import ModelEntry

from .gestures import NeuromotorGestures

__all__ = ["ENTRIES"]

_GESTURES = {
    "neuromotor-gestures": ModelEntry(
        summary="discrete-gesture network of the generic neuromotor interface: convolution and three LSTM layers",
        source="Kaifosh, Reardon et al. 2025, doi 10.1038/s41586-025-09255-w; own code from published facts",
        licence="Apache-2.0 (code); published code, weights and data CC BY-NC 4.0, not used",
        models=(NeuromotorGestures,),
    ),
}

ENTRIES: dict[str, ModelEntry] = {**_GESTURES}
