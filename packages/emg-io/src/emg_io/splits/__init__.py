"""Splits that cannot leak."""

from ._split import Span, Split
from ._splitters import split_by_repetition, split_by_session, split_by_subject, split_by_time

__all__ = ["Span", "Split", "split_by_repetition", "split_by_session", "split_by_subject", "split_by_time"]
