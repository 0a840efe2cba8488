"""The TDS-ConvNet row of the registry."""

from emg_models._entry import ModelEntry

from .network import TDSConvNet

__all__ = ["ENTRIES"]

ENTRIES: dict[str, ModelEntry] = {
    "tds-emg2qwerty": ModelEntry(
        summary="TDS-ConvNet of emg2qwerty: log spectrogram inside, two wrists, CTC over 98 symbols and a blank",
        source="emg2qwerty, arXiv 2410.20081 (NeurIPS 2024); counts as in its released code",
        licence="Apache-2.0 (this code, written from facts); published code, data and weights are non-commercial",
        models=(TDSConvNet,),
    ),
}
