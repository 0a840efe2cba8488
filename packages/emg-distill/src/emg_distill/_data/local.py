"""Small public sets that are quick to get: armbands with labels, and recordings without any."""

from __future__ import annotations

from .path import Filters, Normalisation, SignalPath
from .protocol import DataProtocol
from .splits import HeldOut, Published, Sessions, SplitRule, SubjectShares, TimeShares
from .targets import ClassTarget, NoTarget, Target
from .windows import Cut

_OURS = "ours: "
_METRICS = "macro_f1", "without_rest", "accuracy"
_ZSCORE = Normalisation("zscore")
_MYO = SignalPath(200.0, filters=Filters(20.0, 90.0, 4, (50.0,)), normalisation=_ZSCORE)
_ONE_SECOND = Cut(200, 50, "constant", slide=True)


def _band(sfreq: float, high: float = 450.0) -> SignalPath:
    """Return the usual causal path: 20 Hz to `high`, notch at 50 Hz, statistics of the training part."""
    return SignalPath(sfreq, filters=Filters(20.0, high, 4, (50.0,)), normalisation=_ZSCORE)


def _unlabelled(name: str, format_: str, path: SignalPath, what: str) -> DataProtocol:
    """Return a protocol for pre-training on recordings that are too few to keep people apart."""
    return DataProtocol(
        name=f"{name}/unlabelled",
        format=format_,
        split=TimeShares(val=0.15, test=0.15, gap=1000),
        path=path,
        cut=Cut(1000, 500, "none", slide=True),
        target=NoTarget(),
        source=f"{_OURS}{what}; the last of each recording validates and tests, 1000 samples apart",
        flaw="people are in all parts, at other times: the loss says nothing about new people",
        metrics=("loss",),
    )


def _published(
    name: str, format_: str, split: SplitRule, path: SignalPath, target: Target, source: str, strict: str, flaw: str
) -> DataProtocol:
    """Return a protocol whose folders are the split; windows of 200 samples are ours."""
    return DataProtocol(name, format_, split, path, _ONE_SECOND, target, source, flaw, strict, metrics=_METRICS)


_NO_VAL = "no validation part: fix the schedule beforehand"
_ELEVEN = ClassTarget(tuple(range(11)), rest_label=0)
_SEVEN = ClassTarget(tuple(range(7)), rest_label=0)
_FIVE = ClassTarget((0, 1, 2, 3, 4), rest_label=0)
_3DC = "Côté-Allard et al., Frontiers in Bioengineering 2020, 8:158: first four cycles train, last four test"
_MOIN = "Moin et al., ISCAS 2018: folders Train and Test, one fold a person"
_ALLARD = "Côté-Allard et al., IEEE TNSRE 2019, 27(4):760: training0 trains, Test0 and Test1 test, per person"
_COPY = "EvaluationDataset/Female0/*"

PROTOCOLS = (
    DataProtocol(
        name="db1/exercise-1",
        format="ninapro-db1",
        split=SubjectShares(val=0.15, test=0.2),
        path=SignalPath(100.0, normalisation=_ZSCORE),
        cut=Cut(20, 5, "majority", slide=True),
        target=ClassTarget(tuple(range(13)), rest_label=0),
        source=f"{_OURS}12 movements and rest of exercise 1, nobody in two parts, windows of 200 ms at every moment",
        metrics=_METRICS,
        left_out=("*/E2", "*/E3"),
    ),
    _published(
        "3dc/published", "3dc", Published("3dc/published"), _band(1000.0), _ELEVEN, _3DC, "3dc/held-out", _NO_VAL
    ),
    _published(
        "3dc/held-out",
        "3dc",
        HeldOut(Published("3dc/published")),
        _band(1000.0),
        _ELEVEN,
        f"{_3DC}; the last of the first four validates",
        "",
        "",
    ),
    _published(
        "flexemg/published",
        "flexemg",
        Published("flexemg/published"),
        _band(1000.0),
        _FIVE,
        _MOIN,
        "flexemg/held-out",
        _NO_VAL,
    ),
    _published(
        "flexemg/held-out",
        "flexemg",
        HeldOut(Published("flexemg/published")),
        _band(1000.0),
        _FIVE,
        f"{_MOIN}; the last trial of Train validates",
        "",
        "",
    ),
    DataProtocol(
        name="flexemg/frames",
        format="flexemg",
        split=HeldOut(Published("flexemg/published")),
        path=SignalPath(1000.0, filters=Filters(20.0, 450.0, 4, (50.0,)), normalisation=_ZSCORE, grid="layout"),
        cut=Cut(1, 5, "constant"),
        test_cut=Cut(1, 1, "constant"),
        target=_FIVE,
        source=f"{_OURS}single instants of the 16 x 4 grid; every fifth trains; the last trial of Train validates",
        metrics=_METRICS,
        vote=150,
    ),
    DataProtocol(
        name="myo-readings/subject-disjoint",
        format="myo-readings",
        split=SubjectShares(val=0.2, test=0.25),
        path=_MYO,
        cut=_ONE_SECOND,
        target=ClassTarget(tuple(range(8)), rest_label=0),
        source=f"{_OURS}nobody is in two parts",
        metrics=_METRICS,
    ),
    _published(
        "myo-armband/evaluation",
        "myo-armband",
        Published("myo-armband/evaluation"),
        _MYO,
        _SEVEN,
        f"{_ALLARD}; windows of 1 s are ours",
        "myo-armband/subject-disjoint",
        f"one fold a person, who is in both parts; {_NO_VAL}; Female0 copies three people of the other part",
    ),
    DataProtocol(
        name="myo-armband/subject-disjoint",
        format="myo-armband",
        split=SubjectShares(val=0.15, test=0.2),
        path=_MYO,
        cut=_ONE_SECOND,
        target=_SEVEN,
        source=f"{_OURS}nobody is in two parts; EvaluationDataset/Female0 copies PreTrainingDataset Female7, 8 and 9",
        metrics=_METRICS,
        left_out=(_COPY,),
    ),
    DataProtocol(
        name="longterm-8ch/next-day",
        format="longterm-8ch",
        split=HeldOut(Sessions(val=(), test=("day2",))),
        path=_MYO,
        cut=_ONE_SECOND,
        target=ClassTarget(tuple(range(1, 23)), rest_label=1),
        source=f"{_OURS}day 2 tests, with the armband put on anew; the last trial of each motion before validates",
        metrics=_METRICS,
    ),
    DataProtocol(
        name="one-subject-myo/trials",
        format="one-subject-myo",
        split=Sessions(val=("trial_5",), test=("trial_6",)),
        path=_MYO,
        cut=_ONE_SECOND,
        target=ClassTarget((0, 1, 2, 3, 4), rest_label=2),
        source=f"{_OURS}trial 6 tests, trial 5 validates, the others train",
        flaw="one person: nothing is said about others",
        metrics=_METRICS,
        left_out=("*/stream/*",),
    ),
    _unlabelled("openhdemg", "openhdemg", _band(2048.0), "64 electrodes on the vastus lateralis"),
    _unlabelled("emgflow", "emgflow", _band(2000.0), "two facial muscles"),
    _unlabelled("biosppy", "biosppy", _band(1000.0), "one channel"),
)
