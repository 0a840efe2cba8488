"""Gestures of armbands: NinaPro DB5 and DB1, UCI, EPN-612, each as published and in a strict form."""

from __future__ import annotations

from .path import Filters, Normalisation, SignalPath
from .protocol import DataProtocol
from .splits import Carved, Published, SubjectShares
from .targets import ClassTarget
from .windows import Cut

_TINYMYO = "TinyMyo, arXiv 2512.15729, released code"
_ZSCORE = Normalisation("zscore")


def _published_path(
    *, sfreq: float = 200.0, resample: None | str = None, drop: tuple[int, ...] = ()
) -> SignalPath:
    """Return the path of TinyMyo's downstream tasks: zero-phase 20-90 Hz, notch 50 Hz, z-score over each recording."""
    filters = Filters(20.0, 90.0, 4, (50.0,), 30.0, causal=False)
    scaling = Normalisation("zscore-recording", ddof=1)
    return SignalPath(sfreq, "rows" if resample == "rows" else None, drop, filters, normalisation=scaling)


_CAUSAL_200 = SignalPath(200.0, filters=Filters(20.0, 90.0, 4, (50.0,)), normalisation=_ZSCORE)
_DB5 = ClassTarget(tuple(range(53)), rest_label=0)
_EPN = ClassTarget((0, 1, 2, 3, 4, 5), rest_label=0)
_UCI = ClassTarget((1, 2, 3, 4, 5, 6), (0, 7), rest_label=1)

PROTOCOLS = (
    DataProtocol(
        name="uci/subject-disjoint",
        format="uci",
        split=SubjectShares(val=0.15, test=0.20),
        path=SignalPath(100.0, "hold", filters=Filters(5.0, 45.0), normalisation=_ZSCORE),
        cut=Cut(100, 25, "constant"),
        target=_UCI,
        source="Lobov et al., Sensors 2018, 18(4):1122; strict form of the TinyMyo protocol (arXiv 2512.15729): "
        "true clock, filtered before unmarked rows are left out, statistics from the training part",
        metrics=("macro_f1", "accuracy"),
    ),
)
