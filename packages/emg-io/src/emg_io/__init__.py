"""Every public sEMG data set as typed recordings, complete or loudly wrong, with splits that cannot leak."""

from ._bids_write import write_bids
from ._bids_written import WrittenRecording
from ._dataset import Dataset, formats, open_dataset
from ._errors import EmgIoError
from ._layout import Layout
from ._recording import Recording, Segment
from ._source import Aux, Event, Track
from ._synth import synthesize
from .forging import MotorUnitPool, Muscle, surface_emg
from .formats import FormatInfo
from .formats.csv import open_table
from .protocols import Protocol, protocol, protocols
from .splits import Span, Split, WindowRule, split_by_repetition, split_by_session, split_by_subject, split_by_time
from .store import Normalisation, WindowStore, dask_executor, prepare

__all__ = [
    "Aux",
    "Dataset",
    "EmgIoError",
    "Event",
    "FormatInfo",
    "Layout",
    "MotorUnitPool",
    "Muscle",
    "Normalisation",
    "Protocol",
    "Recording",
    "Segment",
    "Span",
    "Split",
    "Track",
    "WindowRule",
    "WindowStore",
    "WrittenRecording",
    "dask_executor",
    "formats",
    "open_dataset",
    "open_table",
    "prepare",
    "protocol",
    "protocols",
    "split_by_repetition",
    "split_by_session",
    "split_by_subject",
    "split_by_time",
    "surface_emg",
    "synthesize",
    "write_bids",
]
