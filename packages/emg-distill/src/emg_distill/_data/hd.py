"""Single instants of high-density grids: CapgMyo and CSL-HDEMG, in the folds of Geng et al. and Du et al."""

from __future__ import annotations

from dataclasses import replace

from .path import Filters, Normalisation, SignalPath
from .protocol import DataProtocol
from .splits import HeldOut, Published, Universal
from .targets import ClassTarget
from .windows import Cut

_GENG = "Geng et al., Scientific Reports 2016, 6:36571, released code"
_DU = "Du et al., Sensors 2017, 17(3):458, released code"
_NO_VAL = "no validation part: fix the schedule beforehand, never pick an epoch on test trials"
_ADABN = "an AdaBN that adapts on the test part is transductive: it has seen it, without labels"
_HELD_OUT = "the last training trial of each gesture validates, so that an epoch can be picked without the test part"
_FRAME = Cut(1, 1, "first")
_FULL_SCALE = SignalPath(1000.0, normalisation=Normalisation("scale", factor=0.4), grid="layout")  # ±2.5 mV is ±1
_EIGHT, _TWELVE = ClassTarget(tuple(range(1, 9))), ClassTarget(tuple(range(1, 13)))

_A = DataProtocol(
    name="capgmyo-a/intra-subject",
    format="capgmyo-a",
    split=Published("capgmyo-a/intra-subject"),
    path=_FULL_SCALE,
    cut=_FRAME,
    target=_EIGHT,
    source=f"{_GENG}: images of 16 x 8, odd trials train, even ones test, one fold a subject; vote over 40 frames",
    flaw=_NO_VAL,
    strict="capgmyo-a/held-out",
    vote=40,
)
_B_SESSION = replace(
    _A,
    name="capgmyo-b/inter-session",
    format="capgmyo-b",
    split=Published("capgmyo-b/inter-session"),
    source=f"{_DU}: the first session trains, the second tests, one fold a person; vote over 150 frames",
    flaw=f"{_NO_VAL}; {_ADABN}",
    strict="capgmyo-b/inter-session-held-out",
    vote=150,
)
_B_SUBJECT = replace(
    _B_SESSION,
    name="capgmyo-b/inter-subject",
    split=Published("capgmyo-b/inter-subject"),
    source=f"{_DU}: one person out, second sessions only; vote over 150 frames",
    strict="capgmyo-b/inter-subject-held-out",
)
_C = replace(
    _B_SUBJECT,
    name="capgmyo-c/inter-subject",
    format="capgmyo-c",
    split=Published("capgmyo-c/inter-subject"),
    target=_TWELVE,
    source=f"{_DU}: one person out; vote over 150 frames",
    strict="capgmyo-c/inter-subject-held-out",
)
_CSL = DataProtocol(
    name="csl-hdemg/intra-session",
    format="csl-hdemg",
    split=Published("csl-hdemg/intra-session"),
    path=SignalPath(2048.0, filters=Filters(20.0, 400.0), active=150, median=True, grid="layout"),
    cut=_FRAME,
    target=ClassTarget(tuple(range(27)), rest_label=0),
    source=f"{_GENG}: images of 24 x 7, one trial of a session out; vote over 307 frames (150 ms)",
    flaw=f"the active stretch of a trial is found off-line, from the whole trial; {_NO_VAL}; {_ADABN}",
    strict="csl-hdemg/intra-session-held-out",
    vote=307,
    metrics=("balanced_accuracy", "accuracy"),
)
_CSL_SESSION = replace(
    _CSL,
    name="csl-hdemg/inter-session",
    split=Published("csl-hdemg/inter-session"),
    source=f"{_DU}: one session of a subject out; vote over 307 frames (150 ms)",
    strict="csl-hdemg/inter-session-held-out",
)


def _held_out(published: DataProtocol, *, path: SignalPath | None = None, flaw: str = "") -> DataProtocol:
    """Return the strict form of a protocol: its last training trial validates."""
    return replace(
        published,
        name=published.strict,
        split=HeldOut(published.split),
        path=path or published.path,
        source=f"{published.name}, of which {_HELD_OUT}",
        flaw=flaw,
        strict="",
        metrics=("macro_f1", "accuracy"),
    )


_CSL_ONLINE = replace(_CSL.path, active=0)
_TRANSITIONS = "whole trials, so the rest around a movement counts as the movement"


def _universal(published: DataProtocol, name: str, *, hop: int = 1) -> DataProtocol:
    """Return the first of two stages: one network for all people, which is then fine-tuned to each fold."""
    return replace(
        published,
        name=name,
        split=Universal(published.name),
        cut=Cut(1, hop, "first"),
        test_cut=_FRAME,
        source=f"{_GENG}: first of two stages, the training parts of all people in {published.name}",
        flaw=f"subjects are pooled, for the second stage fine-tunes to each of them; {_NO_VAL}",
    )


PROTOCOLS = (
    _A,
    _held_out(_A),
    _universal(_A, "capgmyo-a/universal"),
    _B_SESSION,
    _held_out(_B_SESSION),
    _universal(_B_SESSION, "capgmyo-b/universal"),
    _B_SUBJECT,
    _held_out(_B_SUBJECT, flaw="validation people train too"),
    _C,
    _held_out(_C, flaw="validation people train too"),
    _CSL,
    _held_out(_CSL, path=_CSL_ONLINE, flaw=_TRANSITIONS),
    _CSL_SESSION,
    _held_out(_CSL_SESSION, path=_CSL_ONLINE, flaw=_TRANSITIONS),
    _universal(_CSL, "csl-hdemg/universal-trials", hop=5),
    _universal(_CSL_SESSION, "csl-hdemg/universal-sessions", hop=5),
)
