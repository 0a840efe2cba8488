"""EMGFlow samples: the byte order mark, NULL cells, the clock, and every way a sample can be wrong."""

import numpy as np
import pytest

from emg_io import EmgIoError, open_dataset

HEADER = b"Time,EMG_zyg,EMG_cor\r\n"


def sample(tmp_path, rows, header=HEADER, name="sample_data_07.csv"):
    (tmp_path / name).write_bytes(header + b"".join(row + b"\r\n" for row in rows))
    return open_dataset(tmp_path, "emgflow")[0]


def good(n=20):
    return [f"{(k + 1) / 2000:.4f},{k / 7:.9f},-0.097045898".encode() for k in range(n)]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_columns_are_read(tmp_path, mark):
    recording = sample(tmp_path, good(), mark + HEADER)
    assert recording.key == ("07", "1", "", None)
    assert recording.channels == ("EMG_zyg", "EMG_cor")
    assert recording.sfreq == 2000.0
    assert recording.uniform
    assert recording.raw()[:, 3].tolist() == [float(f"{3 / 7:.9f}"), -0.097045898]
    assert recording.metadata["t0"] == 0.0005
    assert "missing_samples" not in recording.metadata
    assert open_dataset(tmp_path).format == "emgflow"


def test_missing_cells_keep_their_rows(tmp_path):
    rows = good()
    rows[4] = b"0.0025,NULL,NULL"
    rows[9] = b"0.0050,,0.5"
    recording = sample(tmp_path, rows)
    assert recording.n_samples == 20
    assert np.argwhere(np.isnan(recording.raw())).tolist() == [[0, 4], [0, 9], [1, 4]]
    assert recording.metadata["missing_samples"] == 3
    recording.check()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({4: b"0.0020,1,2"}, r"line 6, column Time: time does not increase.*expected a later time, found 0\.002"),
        ({4: b"NULL,1,2"}, r"line 6, column 1 \(Time\): not a value"),
        ({4: b"0.0025,null,2"}, r"line 6, column 2 \(EMG_zyg\).*'null'"),
        ({4: b"0.0025,1"}, r"line 6: not a row: expected 3 columns, found 2"),
        ({k: f"{(k + 2) / 2000:.4f},1,2".encode() for k in range(9, 20)}, r"contradict the stated rate"),
        ({k: f"{(k + 1) / 1000:.4f},1,2".encode() for k in range(20)}, r"contradict the stated rate.*1000 Hz"),
    ],
)
def test_broken_samples(tmp_path, change, message):
    rows = good()
    for at, row in change.items():
        rows[at] = row
    with pytest.raises(EmgIoError, match=message):
        sample(tmp_path, rows).raw()


def test_headers_that_are_not_the_samples(tmp_path):
    with pytest.raises(EmgIoError, match=r"line 1: column is not in the header.*'EMG_zyg'"):
        sample(tmp_path, good(), b"Time,EMG_left,EMG_cor\r\n").raw()
    with pytest.raises(EmgIoError, match=r"line 2: file ends before the first row"):
        sample(tmp_path, []).raw()


@pytest.mark.real
def test_real_facts(real):
    dataset = open_dataset(real("emgflow_facial"))
    assert dataset.format == "emgflow"
    assert dataset.subjects == ("01", "04")
    assert [recording.n_samples for recording in dataset] == [20_000, 20_000]
    assert [recording.sfreq for recording in dataset] == [2000.0, 2000.0]
    missing = np.flatnonzero(np.isnan(dataset[0].raw()).any(axis=0))
    assert (missing[0], missing[-1], len(missing)) == (16_598, 16_697, 100)
    assert np.isnan(dataset[0].raw()[:, missing]).all()
    assert dataset[0].metadata["missing_samples"] == 200
    assert "missing_samples" not in dataset[1].metadata


@pytest.mark.real
def test_real_values_equal_an_independent_parse(real):
    for recording in open_dataset(real("emgflow_facial")):
        text = recording.reader.container.read(recording.reader.member.name).decode("utf-8-sig")
        rows = [line.split(",")[1:] for line in text.splitlines()[1:]]
        want = np.array([[float("nan") if cell == "NULL" else float(cell) for cell in row] for row in rows]).T
        assert np.array_equal(recording.raw(), want, equal_nan=True)
