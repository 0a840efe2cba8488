"""Pools of data sets without labels, for pre-training."""

from __future__ import annotations

from .path import Filters, Normalisation, SignalPath
from .protocol import DataProtocol, PoolProtocol
from .splits import Published, SplitRule, SubjectShares
from .targets import NoTarget
from .windows import Cut

_TINYMYO = "TinyMyo, arXiv 2512.15729, released code"
_SHARES = SubjectShares(val=0.1, test=0.1)
# Volts are some 1e-5, where the released signals were scaled to a deviation of 1 before: so is its ε of 1e-8.
_RANGE = Normalisation("minmax", eps=1e-13)
_SETS = (
    ("ninapro-db6", "db6/tinymyo-pretraining"),
    ("ninapro-db7", "db7/tinymyo-pretraining"),
    ("emg2pose", "emg2pose/published"),
)


def _member(name: str, set_name: str, split: SplitRule, *, causal: bool, stamps: bool) -> tuple[str, DataProtocol]:
    """Return one data set of a pool: 16 channels, windows of 0.5 s."""
    path = SignalPath(
        2000.0,
        None if stamps else "rows",
        filters=Filters(20.0, 450.0, 4, (50.0,), causal=causal),
        normalisation=_RANGE,
        n_chans=16,
    )
    member = DataProtocol(
        name=f"{name}, {set_name}",
        format=set_name,
        split=split,
        path=path,
        cut=Cut(1000, 500, "none", slide=stamps),
        target=NoTarget(),
        source=_TINYMYO,
        metrics=("loss",),
    )
    return set_name, member


PROTOCOLS = (
    PoolProtocol(
        name="tinymyo/pretraining",
        members=tuple(
            _member("tinymyo/pretraining", name, Published(split), causal=False, stamps=False) for name, split in _SETS
        ),
        source=f"{_TINYMYO}: NinaPro DB6 and DB7 by repetitions, emg2pose by its table; 20-450 Hz, 1000 samples, hop "
        "500, each channel of a window to -1 ... 1, then zeros up to 16 channels, which a mask marks",
        flaw="zero-phase filters; people are in several parts; windows lie inside one repetition, where the released "
        "ones may reach into rest; the released code also standardises each recording, which min-max undoes",
        strict="tinymyo/pretraining-causal",
    ),
    PoolProtocol(
        name="tinymyo/pretraining-causal",
        members=tuple(
            _member("tinymyo/pretraining-causal", name, _SHARES, causal=True, stamps=True) for name, _ in _SETS
        ),
        source="strict form of tinymyo/pretraining: nobody is in two parts, causal filters, no window across a hole in "
        "the clock, rest between repetitions included",
    ),
)
