"""Protocols of movements: finger joints (NinaPro DB8, emg2pose) and the wrist (neuromotor interface)."""

from __future__ import annotations

from dataclasses import replace

from .path import Filters, Normalisation, SignalPath
from .protocol import DataProtocol
from .splits import Published, SubjectShares
from .targets_values import ChangeTarget, ValueTarget
from .windows import Cut

DB8_ANGLES = ("thumb rotation", "thumb flexion", "index flexion", "middle flexion", "ring and little flexion")
JOINTS = (
    "thumb CMC FE", "thumb CMC AA", "thumb MCP FE", "thumb IP FE",
    *(f"{finger} {joint}" for finger in ("index", "middle", "ring", "pinky")
      for joint in ("MCP AA", "MCP FE", "PIP FE", "DIP FE")),
)  # fmt: skip
_ERRORS = ("mae", "rmse", "r2")
_POSE = Cut(11790, 10000, "none", slide=True)

_DB8 = DataProtocol(
    name="db8/tinymyo",
    format="ninapro-db8",
    split=Published("db8/tinymyo"),
    path=SignalPath(
        2000.0,
        filters=Filters(20.0, 90.0, order=4, notches=(50.0,), causal=False, design_sfreq=1111.0),
        normalisation=Normalisation("zscore-recording", ddof=1),
    ),
    cut=Cut(1000, 250, "none"),
    target=ValueTarget("doa", DB8_ANGLES),
    source="TinyMyo, arXiv 2512.15729, released code; angles by equation S2 of Krasoulis et al. 2019, in degrees",
    flaw="subjects are pooled; filters are designed for 1111 Hz but run at 2000 Hz: 36 to 162 Hz and a "
    "notch at 90 Hz; scaled over the whole file; zero phase; windows lie between rows without angles, where the "
    "released code cuts those out and filters and cuts across; the hop is ours",
    strict="db8/subject-disjoint",
    metrics=_ERRORS,
)

_EMG2POSE = DataProtocol(
    name="emg2pose/published",
    format="emg2pose",
    split=Published("emg2pose/published"),
    path=SignalPath(2000.0, resample="rows", normalisation=Normalisation("zscore")),
    cut=_POSE,
    target=ValueTarget("joint_angles", JOINTS, track="tracked"),
    source="Salter et al., NeurIPS 2024, arXiv 2412.02725, released code: 11,790 samples, 10,000 of them answered "
    "for; angles in rad at every sample",
    flaw="the test part mixes new users, new stages and both; a new stage of a known user may come from a session that "
    "trains too; the hop is ours; the unit is not stated, so channels are scaled by the training part",
    strict="emg2pose/zero-shot",
    metrics=_ERRORS,
)

PROTOCOLS = (
    _DB8,
    replace(_DB8, name="db8/tinymyo-200", cut=Cut(200, 50, "none")),
    DataProtocol(
        name="db8/subject-disjoint",
        format="ninapro-db8",
        split=SubjectShares(val=0.15, test=0.25),
        path=SignalPath(
            2000.0, filters=Filters(20.0, 450.0, order=4, notches=(50.0,)), normalisation=Normalisation("zscore")
        ),
        cut=Cut(1000, 250, "none"),
        target=ValueTarget("doa", DB8_ANGLES),
        source="strict form of db8/tinymyo: nobody is in two parts, causal filters designed for the true rate, the "
        "band of surface EMG, statistics of the training part",
        metrics=_ERRORS,
    ),
    _EMG2POSE,
    replace(
        _EMG2POSE,
        name="emg2pose/zero-shot",
        split=SubjectShares(val=0.1, test=0.1),
        path=SignalPath(2000.0, normalisation=Normalisation("zscore")),
        source="strict form of emg2pose/published: nobody is in two parts, no window across a hole in the clock",
        flaw="",
        strict="",
    ),
    DataProtocol(
        name="neuromotor-wrist/official",
        format="neuromotor-wrist",
        split=Published("neuromotor-wrist/official"),
        path=SignalPath(2000.0, resample="rows", normalisation=Normalisation("scale", factor=1e6)),
        cut=Cut(8000, 8000, "none"),
        target=ChangeTarget(),
        source="Kaifosh, Reardon et al. 2025, doi 10.1038/s41586-025-09255-w, released code: change of flexion and "
        "extension in 20 ms, rad",
        flaw="volts are given as microvolts; the interface itself is tested on whole stages",
        metrics=_ERRORS,
    ),
)
