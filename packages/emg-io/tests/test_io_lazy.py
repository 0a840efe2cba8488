"""Laziness: opening reads names and headers, a slice reads its own bytes; counted on the streams of the container."""

import io

import numpy as np
import pytest

from emg_io import open_dataset
from emg_io._container import Folder
from emg_io.formats import REGISTRY

WHOLE_FILES = {"uci", "3dc", "longterm-8ch", "myo-readings", "one-subject-myo", "biosppy", "epn-612"}  # text, JSON


class Counted(io.RawIOBase):
    """A stream that adds up what is read from it."""

    def __init__(self, stream, total):
        self.stream, self.total = stream, total

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, *where):
        return self.stream.seek(*where)

    def tell(self):
        return self.stream.tell()

    def fileno(self):
        return self.stream.fileno()

    def read(self, size=-1):
        data = self.stream.read(size)
        self.total[0] += len(data)
        return data

    def readinto(self, buffer):
        count = self.stream.readinto(buffer)
        self.total[0] += count
        return count

    def close(self):
        self.stream.close()
        super().close()


@pytest.fixture
def read_bytes(monkeypatch):
    """Total of the bytes read from folders, in a list of one number."""
    total, original = [0], Folder.open
    monkeypatch.setattr(Folder, "open", lambda self, name: Counted(original(self, name), total))
    return total


@pytest.mark.parametrize("name", sorted(WHOLE_FILES | {"myo-armband", "3dc", "putemg", "capgmyo-a"}))
def test_opening_by_name_reads_no_file(name, forged, read_bytes):
    assert len(open_dataset(forged(name), name)) > 0
    assert read_bytes[0] == 0


LONG = {
    "edf": {"n_subjects": 1, "segment_s": 2.0},
    "wfdb": {"n_subjects": 1, "segment_s": 1.0},
    "npy": {"n_subjects": 1, "segment_s": 1.0},
    "myo-armband": {"n_subjects": 1, "segment_s": 2.0},
    "gaddy": {"n_subjects": 1, "segment_s": 2.0},
    "emg2qwerty": {"n_subjects": 1, "segment_s": 2.0},
    "putemg": {"n_subjects": 1, "segment_s": 0.3},
}


@pytest.mark.parametrize("name", LONG)
def test_a_slice_reads_its_own_bytes(name, tmp_path, read_bytes):
    REGISTRY[name].forge(tmp_path, seed=5, **LONG[name])
    recording = max(open_dataset(tmp_path, name), key=lambda found: found.n_samples * found.n_chans)
    raw = recording.raw()
    middle, n_wanted = recording.n_samples // 2, 16
    read_bytes[0] = 0
    part = recording.raw(middle, middle + n_wanted)
    assert np.array_equal(part, raw[:, middle : middle + n_wanted])
    assert 0 < read_bytes[0] < raw.nbytes // 8
