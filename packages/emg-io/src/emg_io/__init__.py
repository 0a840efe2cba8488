"""Public sEMG data sets as typed recordings, with splits that cannot leak."""

from ._dataset import Dataset, formats, open_dataset
from ._errors import EmgIoError
from ._layout import Layout
from ._motor import MotorUnitPool, Muscle, surface_emg
from ._recording import Recording, Segment
from ._source import Track
from ._split import Span, Split
from ._splitters import split_by_repetition, split_by_session, split_by_subject, split_by_time
from ._store import WindowStore
from ._synth import synthesize
from .formats import FormatInfo

__all__ = [
    "Dataset",
    "EmgIoError",
    "FormatInfo",
    "Layout",
    "MotorUnitPool",
    "Muscle",
    "Recording",
    "Segment",
    "Span",
    "Split",
    "Track",
    "WindowStore",
    "formats",
    "open_dataset",
    "split_by_repetition",
    "split_by_session",
    "split_by_subject",
    "split_by_time",
    "surface_emg",
    "synthesize",
]
