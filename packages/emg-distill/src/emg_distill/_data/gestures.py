"""Gestures of armbands: NinaPro DB5 and DB1, UCI, EPN-612, each as published and in a strict form."""

from __future__ import annotations

from dataclasses import replace

from .path import Filters, Normalisation, SignalPath
from .protocol import DataProtocol
from .splits import HeldOut, Published, SubjectShares
from .targets import ClassTarget
from .windows import Cut

_TINYMYO = "TinyMyo, arXiv 2512.15729, released code"
_STRICT = "macro_f1", "without_rest", "accuracy"
_FLATTERS = "filters are zero-phase and scales come from whole recordings, so nothing of it runs on-line"
_PUBLISHED_200 = SignalPath(
    200.0,
    filters=Filters(20.0, 90.0, 4, (50.0,), causal=False),
    normalisation=Normalisation("zscore-recording", ddof=1),
)
_CAUSAL_200 = SignalPath(200.0, filters=Filters(20.0, 90.0, 4, (50.0,)), normalisation=Normalisation("zscore"))
_CAUSAL = "causal filters, statistics of the training part"

_DB5 = DataProtocol(
    name="db5/tinymyo",
    format="ninapro-db5",
    split=Published("db5/tinymyo"),
    path=_PUBLISHED_200,
    cut=Cut(200, 50, "first", pad=True),
    target=ClassTarget(tuple(range(53)), rest_label=0),
    source=f"{_TINYMYO}: windows of 200 samples, hop 50, label of the first sample, subjects pooled, repetitions "
    "1, 2, 5 / 4, 6 / 3",
    flaw="windows end with their repetition, where the released ones run up to 150 samples into the next; "
    f"{_FLATTERS}; repetition 0 takes no part, and with it rest, where files number it 0",
    strict="db5/subject-disjoint",
)

_EPN = DataProtocol(
    name="epn612/tinymyo",
    format="epn-612",
    split=Published("epn612/tinymyo"),
    path=_PUBLISHED_200,
    cut=Cut(1000, 1, "first", pad=True, one=True),
    target=ClassTarget((0, 1, 2, 3, 4, 5), rest_label=0),
    source=f"{_TINYMYO}: one window of 1000 samples a trial, cut or filled up at its end",
    flaw=f"40 % of the labelled trials of test people train; {_FLATTERS}",
    strict="epn612/user-independent",
)

_GENG = DataProtocol(
    name="db1/geng",
    format="ninapro-db1",
    split=Published("db1/geng"),
    path=SignalPath(100.0, filters=Filters(None, 1.0, 1, causal=False), grid="row"),
    cut=Cut(1, 1, "first"),
    target=ClassTarget(tuple(range(1, 53)), (0,)),
    source="Geng et al., Scientific Reports 2016, 6:36571, released code: single frames of 52 movements, one fold a "
    "subject, vote over 15 frames",
    flaw="zero-phase low-pass; rest is no class; no validation part: fix the schedule beforehand, never pick an epoch "
    "on test repetitions",
    strict="db1/geng-causal",
    vote=15,
    metrics=("accuracy", "balanced_accuracy"),
)

PROTOCOLS = (
    _DB5,
    replace(
        _DB5,
        name="db5/causal",
        path=_CAUSAL_200,
        cut=Cut(200, 50, "constant", slide=True),
        source=f"db5/tinymyo with {_CAUSAL}, windows inside one repetition and one label",
        flaw="subjects are pooled: each is in all parts; rest takes no part",
        metrics=_STRICT,
    ),
    replace(
        _DB5,
        name="db5/subject-disjoint",
        split=SubjectShares(val=0.1, test=0.2),
        path=_CAUSAL_200,
        cut=Cut(200, 50, "majority", slide=True),
        source=f"strict form of db5/tinymyo: nobody is in two parts, {_CAUSAL}, every moment is in some window",
        flaw="",
        strict="",
        metrics=_STRICT,
    ),
    DataProtocol(
        name="uci/tinymyo",
        format="uci",
        split=Published("uci/tinymyo"),
        path=replace(_PUBLISHED_200, resample="rows", drop=(0,)),
        cut=Cut(1000, 500, "constant"),
        target=ClassTarget((1, 2, 3, 4, 5, 6), (0, 7), rest_label=1),
        source=f"{_TINYMYO}: subjects 1-24 / 25-30 / 31-36, 1000 rows, hop 500, inside runs of one label",
        flaw="class-0 rows are deleted before filtering, which leaves splices; rows are no samples: 1000 of them are "
        f"about 1.04 s, and filters designed for 200 Hz act elsewhere; {_FLATTERS}; some 290 windows test",
        strict="uci/subject-disjoint",
    ),
    DataProtocol(
        name="uci/subject-disjoint",
        format="uci",
        split=SubjectShares(val=0.15, test=0.20),
        path=SignalPath(100.0, "hold", filters=Filters(5.0, 45.0), normalisation=Normalisation("zscore")),
        cut=Cut(100, 25, "constant"),
        target=ClassTarget((1, 2, 3, 4, 5, 6), (0, 7), rest_label=1),
        source="Lobov et al., Sensors 2018, 18(4):1122; strict form of the TinyMyo protocol (arXiv 2512.15729): "
        "true clock, filtered before unmarked rows are left out, statistics from the training part",
        metrics=_STRICT,
    ),
    _EPN,
    replace(
        _EPN,
        name="epn612/user-independent",
        split=Published("epn612/user-independent"),
        path=_CAUSAL_200,
        source=f"strict form of epn612/tinymyo: training people train and validate, testing people test; {_CAUSAL}",
        flaw="validation people train too",
        strict="",
        metrics=_STRICT,
    ),
    _GENG,
    replace(
        _GENG,
        name="db1/du",
        split=Published("db1/du"),
        path=SignalPath(100.0, grid="row"),
        cut=Cut(1, 16, "first"),
        test_cut=Cut(1, 1, "first"),
        source="Du et al., Sensors 2017, 17(3):458, released code: every 16th frame trains, vote over 40 frames",
        flaw="rest is no class; no validation part; an AdaBN that adapts on the test part has seen it, without labels",
        vote=40,
    ),
    replace(
        _GENG,
        name="db1/geng-causal",
        split=HeldOut(Published("db1/geng")),
        path=SignalPath(100.0, filters=Filters(None, 1.0, 1), grid="row", normalisation=Normalisation("zscore")),
        source=f"db1/geng with {_CAUSAL}, the last training repetition validates",
        flaw="rest is no class",
        strict="",
    ),
    DataProtocol(
        name="db1/community",
        format="ninapro-db1",
        split=Published("db1/community"),
        path=SignalPath(100.0, normalisation=Normalisation("zscore")),
        cut=Cut(20, 5, "constant"),
        target=ClassTarget(tuple(range(53)), rest_label=0),
        source="Atzori et al., Scientific Data 2014, and its followers: repetitions 2, 5, 7 test, windows of 200 ms; "
        "the hop of 50 ms is ours",
        flaw="subjects are pooled; no validation part; rest takes no part, where files number its repetition 0",
        strict="db1/exercise-1",
    ),
)
