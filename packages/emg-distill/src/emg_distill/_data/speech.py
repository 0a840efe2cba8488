"""Protocols of silent speech (Gaddy and Klein): text of whole utterances, and audible speech frame by frame."""

from __future__ import annotations

from .path import Filters, Normalisation, SignalPath
from .protocol import DataProtocol
from .splits import Published
from .targets_speech import SpeechTarget
from .targets_text import TextTarget
from .windows import Cut

_MAINS_HZ = 60.0
_PATH = SignalPath(
    1000.0,
    filters=Filters(2.0, None, order=3, notches=tuple(_MAINS_HZ * n for n in range(1, 8)), causal=False),
    normalisation=Normalisation("zscore"),
)
_SOURCE = (
    "Gaddy and Klein, EMNLP 2020, lists and filters of the released code; rate and tasks of TinyMyo, arXiv 2512.15729"
)
_FLAW = (
    "one person; silent and voiced readings of one sentence share a part; zero phase; filters see an utterance without "
    "its neighbours, channels are scaled by the training part where released code divides and compresses"
)

PROTOCOLS = (
    DataProtocol(
        name="gaddy/recognition",
        format="gaddy",
        split=Published("gaddy/published"),
        path=_PATH,
        cut=Cut(0, 1, "none"),
        target=TextTarget(),
        source=f"{_SOURCE}; utterances whole",
        flaw=_FLAW,
        metrics=("wer", "cer"),
    ),
    DataProtocol(
        name="gaddy/production",
        format="gaddy",
        split=Published("gaddy/published"),
        path=_PATH,
        cut=Cut(1600, 1600, "none", pad=True, slide=True),
        target=SpeechTarget(),
        source=f"{_SOURCE}; windows of 1.6 s; 26 coefficients every 8 ms by our definition",
        flaw=f"{_FLAW}; spoken utterances alone, whose own audio is the target: silent ones would need pairing with "
        "spoken ones, and word errors a vocoder and a recogniser",
        metrics=("mse",),
    ),
)
