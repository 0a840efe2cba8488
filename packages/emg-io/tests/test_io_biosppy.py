"""BioSPPy texts: the header states rate and resolution, counts are whole, and every way a text can be wrong."""

import numpy as np
import pytest

from emg_io import EmgIoError, open_dataset

HEAD = b"# Simple Text Format\n# Sampling Rate (Hz):= 1000.00\n# Resolution:= 12\n# Labels:= EMG\n"


def text(tmp_path, data, name="emg.txt"):
    (tmp_path / name).write_bytes(data)
    return open_dataset(tmp_path, "biosppy")[0]


@pytest.mark.parametrize("rows", [b"2055.0\n0.0\n4095.0\n", b"2055\n0\n4095\n", b"2055\r\n0\r\n4095\r\n"])
def test_counts_are_read(tmp_path, rows):
    recording = text(tmp_path, HEAD + rows)
    assert recording.raw().tolist() == [[2055, 0, 4095]]
    assert recording.raw().dtype == np.int32
    assert (recording.sfreq, recording.unit, recording.key) == (1000.0, "adc", ("emg", "1", "", None))
    assert recording.metadata["resolution_bits"] == 12
    assert recording.metadata["label"] == "EMG"


def test_the_rate_is_the_file_s(tmp_path):
    assert text(tmp_path, HEAD.replace(b"1000.00", b"512.5") + b"1\n").sfreq == 512.5


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (HEAD, r"line 5: file ends before the first row"),
        (HEAD + b"1\n4096\n", r"line 6: not a count of the converter: expected a whole number in 0\.\.4095"),
        (HEAD + b"1\n-1\n", r"line 6: not a count"),
        (HEAD + b"1\n2.5\n", r"line 6: not a count.*2\.5"),
        (HEAD + b"1\tx\n", r"line 5, column 1"),
        (HEAD + b"1\n# more\n2\n", r"line 6, column 1"),
        (HEAD + b"1\nnan\n", r"line 6, column 1.*'nan'"),
        (HEAD.replace(b"1000.00", b"fast") + b"1\n", r"Sampling Rate \(Hz\): header does not state a number.*'fast'"),
        (HEAD.replace(b"1000.00", b"nan") + b"1\n", r"header does not state a number"),
        (HEAD.replace(b"1000.00", b"0") + b"1\n", r"header does not state a number"),
        (HEAD.replace(b"Resolution", b"Precision") + b"1\n", r"Resolution.*no such line"),
        (HEAD + b"1\n205", r"line 6: file is cut off"),
        (HEAD + b"1,2\n", r"wrong number of columns: expected 1, found 2"),
    ],
)
def test_broken_texts(tmp_path, data, message):
    with pytest.raises(EmgIoError, match=message):
        text(tmp_path, data).raw()


def test_other_texts_under_the_same_name_are_not_claimed(tmp_path):
    text(tmp_path, HEAD + b"1\n")
    assert open_dataset(tmp_path).format == "biosppy"
    text(tmp_path, b"1\n2\n")
    with pytest.raises(EmgIoError, match=r"no recordings found"):
        open_dataset(tmp_path)


@pytest.mark.real
def test_real_facts(real):
    dataset = open_dataset(real("biosppy_emg"))
    assert dataset.format == "biosppy"
    assert {recording.subject: recording.n_samples for recording in dataset} == {"emg": 100_000, "emg_1": 63_880}
    for recording in dataset:
        assert recording.sfreq == 1000.0
        assert 2_030 < recording.raw().mean() < 2_070
        lines = recording.reader.container.read(recording.reader.member.name).decode().splitlines()[4:]
        assert np.array_equal(recording.raw()[0], [float(line) for line in lines])
