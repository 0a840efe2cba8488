"""The grid networks of the registry."""

from emg_models._entry import ModelEntry

from .allconvnet import AllConvNet
from .gengnet import GengNet
from .sconvnet import SConvNet

__all__ = ["ENTRIES"]

_LICENCE = "Apache-2.0 (code); no weights"
_RECONSTRUCTION = "a reconstruction from the published parameter count, not the papers' table"
_ISLAM = "Islam 2019 (arXiv 1906.03381), 2023 (arXiv 2305.08014): idea and count; layers after Springenberg 2015"

ENTRIES: dict[str, ModelEntry] = {
    "allconvnet": ModelEntry(
        summary=f"All-ConvNet on single grid frames: {_RECONSTRUCTION}",
        source=_ISLAM,
        licence=_LICENCE,
        models=(AllConvNet,),
    ),
    "allconvnet-bn": ModelEntry(
        summary=f"All-ConvNet with batch normalisation, for training at the recipe's rate: {_RECONSTRUCTION}",
        source=_ISLAM,
        licence=_LICENCE,
        models=(AllConvNet,),
        settings={"batch_norm": True},
    ),
    "gengnet": ModelEntry(
        summary="GengNet on single grid frames, as its released code builds it (bias=True: the quoted 5.63 M)",
        source="Geng 2016 (Sci Rep 6:36571), Du 2017 (Sensors 17:458) and the facts of their code release",
        licence="Apache-2.0 (code, written from facts; the authors' own code is GPL-3); no weights",
        models=(GengNet,),
    ),
    "sconvnet": ModelEntry(
        summary="Shallow baseline of our own design on single grid frames, after the idea of S-ConvNet",
        source="Islam 2019 (arXiv 1906.03381): the idea; its table is not available",
        licence=_LICENCE,
        models=(SConvNet,),
    ),
}
