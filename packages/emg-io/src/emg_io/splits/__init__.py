"""Splits that cannot leak."""

from ._split import Span, Split
from ._splitters import split_by_repetition, split_by_session, split_by_subject, split_by_time
from ._windows import WindowRule, Windows

__all__ = [
    "Span",
    "Split",
    "WindowRule",
    "Windows",
    "split_by_repetition",
    "split_by_session",
    "split_by_subject",
    "split_by_time",
]
