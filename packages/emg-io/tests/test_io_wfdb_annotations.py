"""WFDB annotation files against the field's writer and reader, and damaged ones."""

import warnings

import numpy as np
import pytest

from emg_io import EmgIoError, open_dataset
from emg_io.engines._wfdb_write import SignalText, record_bytes

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of pandas, which it imports
    import wfdb


def record(folder):
    for name, content in record_bytes("r", np.zeros((1, 50), np.int16), [SignalText("EMG")], 100.0).items():
        (folder / name).write_bytes(content)


def only(folder):
    (recording,) = open_dataset(folder, "wfdb")
    return recording


@pytest.mark.filterwarnings("ignore:The inplace keyword")
@pytest.mark.parametrize("fs", [None, 400])
def test_annotations_become_events(fs, tmp_path):
    record(tmp_path)
    samples = np.array([3, 3, 900, 5000, 70_000, 70_001])
    symbols, notes = ["N", "+", '"', "~", "|", "r"], ["", "(flexion", "näher", "", "x\0", ""]
    wfdb.wrann(
        "r",
        "atr",
        samples,
        symbol=symbols,
        aux_note=notes,
        chan=np.array([0, 1, 2, 0, 0, 2]),
        fs=fs,
        write_dir=str(tmp_path),
    )
    theirs = wfdb.rdann(str(tmp_path / "r"), "atr")
    recording = only(tmp_path)
    assert [round(event.onset * (fs or 100)) for event in recording.events] == theirs.sample.tolist()
    assert {event.kind for event in recording.events} == {"atr"}
    assert [event.value.split(" ")[0] for event in recording.events] == theirs.symbol
    assert [event.value for event in recording.events][1:3] == ["+ (flexion", '" näher']
    recording.check()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "byte 0: annotation file is cut: expected a final zero word"),
        (b"\x05\x04", "byte 2: annotation file is cut"),
        (b"\x00\xec\x01", "byte 2: annotation file is cut: expected an interval"),
        (b"\x00\xec\xff\xff\xf0\xff\x01\x04\x00\x00", "byte 8: time before the record"),
        (b"\x04\xfcabcd\x00\x00", "byte 2: text belongs to no annotation"),
        (b"\x05\x04\x09\xfcabcd\x00\x00", "byte 4: text belongs to no annotation or is cut.*9 bytes after"),
        (bytes(33 * 2**20), "annotation file is too long"),
    ],
)
def test_bad_annotations_are_refused(data, message, tmp_path):
    record(tmp_path)
    (tmp_path / "r.atr").write_bytes(data)
    with pytest.raises(EmgIoError, match=rf"r\.atr, .*{message}|{message}"):
        only(tmp_path).check()
