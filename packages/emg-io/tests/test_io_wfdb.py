"""WFDB: every packing and modifier against the field's reader, hostile headers, damage, and what a record becomes."""

import io
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_io import EmgIoError, open_dataset
from emg_io._container import Folder
from emg_io.engines._wfdb import WfdbRecord
from emg_io.engines._wfdb_header import parse_header
from emg_io.engines._wfdb_samples import OTHER_FORMATS, PACKINGS, byte_range, decode, encode, n_bytes, n_samples
from emg_io.engines._wfdb_write import SignalText, record_bytes

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of pandas, which it imports
    import wfdb

KINDS = sorted(PACKINGS)
HEAD = "r 1 100 4\n"


def write(folder, files):
    for name, content in files.items():
        (folder / name).write_bytes(content)


def digital(kind, n_chans=3, n_times=101, seed=0):
    """Every code of a format but the one for samples that are not there."""
    low = PACKINGS[kind].missing
    return np.random.default_rng(seed).integers(low + 1, -low, (n_chans, n_times)).astype(PACKINGS[kind].dtype)


def texts(n_chans):
    return [SignalText(f"EMG {n}", 100.0 + n, 5 * n - 7, "mV") for n in range(n_chans)]


def only(folder):
    (recording,) = open_dataset(folder, "wfdb")
    return recording


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_decoding_undoes_encoding(kind, data):
    low = PACKINGS[kind].missing
    codes = np.array(data.draw(st.lists(st.integers(low, -low - 1), max_size=40)), np.int64)
    packed = encode(codes, kind)
    assert len(packed) == n_bytes(kind, len(codes))
    assert n_samples(kind, len(packed)) >= len(codes)
    found = decode(packed, kind)
    assert found.dtype == np.dtype(PACKINGS[kind].dtype)
    assert np.array_equal(found[: len(codes)], codes)
    start = data.draw(st.integers(0, len(codes)))
    stop = data.draw(st.integers(start, len(codes)))
    at, end, skip = byte_range(kind, start, stop)
    assert np.array_equal(decode(packed[at:end], kind)[skip : skip + stop - start], codes[start:stop])


@pytest.mark.parametrize("kind", KINDS)
def test_ours_read_by_the_field_s_reader(kind, tmp_path):
    codes = digital(kind)
    write(tmp_path, record_bytes("r", codes, texts(3), 1000.0, kind))
    theirs = wfdb.rdrecord(str(tmp_path / "r"), physical=False)
    assert np.array_equal(theirs.d_signal.T, codes)
    recording = only(tmp_path)
    assert np.array_equal(recording.raw(), codes)
    physical = wfdb.rdrecord(str(tmp_path / "r")).p_signal.T
    assert np.allclose(recording.signal(dtype=np.float64), physical, rtol=0, atol=1e-9 * np.abs(physical).max())
    assert recording.sfreq == theirs.fs
    assert recording.channels == tuple(theirs.sig_name)
    assert [signal.checksum for signal in recording.reader.record.header.signals] == theirs.checksum
    recording.check()


@pytest.mark.filterwarnings("ignore:The inplace keyword")
@pytest.mark.parametrize("kind", ["16", "24", "32", "80", "212"])
def test_theirs_read_by_ours(kind, tmp_path):
    codes = digital(int(kind), n_times=100).astype(np.int64)
    wfdb.wrsamp(
        "r", 500, ["mV", "mV", "mV"], ["a", "b", "c"], d_signal=codes.T, fmt=[kind] * 3, adc_gain=[10.0, 20.5, 1e4],
        baseline=[0, -3, 700], comments=["age: 30"], write_dir=str(tmp_path),
    )  # fmt: skip
    recording = only(tmp_path)
    assert np.array_equal(recording.raw(), codes)
    assert recording.scale == (1 / 10.0, 1 / 20.5, 1 / 1e4)
    assert recording.offset == (0.0, 3 / 20.5, -700 / 1e4)
    assert recording.metadata["comments"] == ("age: 30",)
    recording.check()


MODIFIED = """m 4 250 40
{a} 16x2 200(3)/mV 16 0 0 0 0 EMG fast
{a} 16:3 100 16 7 0 0 0 EMG skewed
{a} 16 100/uV 16 0 0 0 0 force
b.bin 212+5 50(2)/mV 12 0 0 0 0 EMG apart
# a comment
"""


@pytest.fixture
def modified(tmp_path):
    """A record with samples per frame, skew, byte offset and two signal files."""
    rng = np.random.default_rng(5)
    (tmp_path / "m.hea").write_text(MODIFIED.format(a="a.dat"))
    (tmp_path / "a.dat").write_bytes(rng.integers(-3000, 3000, 160).astype("<i2").tobytes())
    (tmp_path / "b.bin").write_bytes(b"intro" + encode(rng.integers(-2000, 2000, 40), 212))
    return tmp_path


def test_frames_skew_offset_and_several_files(modified):
    theirs = wfdb.rdrecord(str(modified / "m"), physical=False, smooth_frames=False).e_d_signal
    record = only(modified).reader.record
    opened = lambda name: (modified / name).open("rb")  # noqa: E731
    for channel in range(4):
        n_times = 40 * record.header.signals[channel].per_frame
        assert np.array_equal(record.read(opened, (channel,), 0, n_times)[0], theirs[channel])
        for start, stop in ((0, 1), (3, 17), (n_times - 2, n_times), (9, 9)):
            assert np.array_equal(record.read(opened, (channel,), start, stop)[0], theirs[channel][start:stop])
    both = record.read(opened, (3, 1), 5, 39)
    assert np.array_equal(both, [theirs[3][5:39], theirs[1][5:39]])


def test_the_fastest_emg_is_the_recording_and_the_rest_stands_beside_it(modified):
    recording = only(modified)
    theirs = wfdb.rdrecord(str(modified / "m"), smooth_frames=False).e_p_signal
    assert recording.channels == ("EMG fast",)
    assert (recording.sfreq, recording.n_samples, recording.unit) == (500.0, 80, "mV")
    assert recording.aux_names == ("EMG skewed", "force", "EMG apart")
    for channel, name in enumerate(recording.aux_names, start=1):
        aux = recording.aux(name)
        assert aux.sfreq == 250.0
        assert np.allclose(aux.values[0], theirs[channel], equal_nan=True)
    assert recording.aux("force").unit == "uV"
    assert np.isnan(recording.aux("EMG skewed").values[0, -3:]).all()


def test_calibration_by_channel_and_unit(tmp_path):
    lines = ["r 3 100 2", "r.dat 16 10(5)/mV 16 0 0 0 0 a", "r.dat 16 4/V 16 2 0 0 0 b", "r.dat 16 2/uV 16 0 0 0 0 c"]
    write(tmp_path, {"r.hea": "\n".join(lines).encode(), "r.dat": np.arange(6, dtype="<i2").tobytes()})
    recording = only(tmp_path)
    assert recording.unit == "mV"
    assert np.allclose(recording.signal(dtype=np.float64)[:, 0], [-0.5, -250.0, 1e-3])


def test_defaults_of_the_standard():
    header = parse_header(b"# first\r\n\r\nr 2\r\nr.dat 212\r\nr.dat 212 0/mmHg 12 30\r\n# last \r\n", "r.hea")
    assert (header.sfreq, header.n_frames, header.start) == (250.0, None, "")
    assert header.comments == ("first", "last")
    first, second = header.signals
    assert (first.gain, first.baseline, first.unit, first.name, first.calibrated) == (200.0, 0, "mV", "", False)
    assert (second.gain, second.baseline, second.unit, second.checksum) == (200.0, 30, "mmHg", None)


def test_record_line_with_everything():
    header = parse_header(
        b"a-b 1 3.6e2/1.5(-2) 650000 13:5:0.25 25/4/1989\nx.dat 16x2:1+8 1e3(-4)/uV 16 9 1 -2 0 my  signal", "h"
    )
    assert (header.record, header.sfreq, header.n_frames) == ("a-b", 360.0, 650_000)
    assert header.start == "25/4/1989 13:5:0.25"
    assert header.signals[0][1:] == (8, 16, 2, 1, 1000.0, -4, "uV", -2, "my  signal", True)


def test_all_refused_formats_have_a_name():
    assert not set(OTHER_FORMATS) & set(PACKINGS)


def test_number_of_samples_left_open_comes_from_the_file(tmp_path):
    write(tmp_path, {"r.hea": b"r 2 100\nr.dat 212\nr.dat 212\n", "r.dat": bytes(15)})
    assert only(tmp_path).n_samples == 5
    (tmp_path / "r.dat").write_bytes(b"")
    with pytest.raises(EmgIoError, match="shorter"):
        only(tmp_path).raw()


def test_a_header_without_a_last_line_ending_may_be_cut(tmp_path):
    write(tmp_path, {"r.hea": (HEAD + "r.dat 16").encode(), "r.dat": bytes(8)})
    assert only(tmp_path).metadata["warnings"] == ("header does not end its last line: it may be cut",)


def test_bytes_after_the_last_sample_are_told(tmp_path):
    write(tmp_path, {"r.hea": (HEAD + "r.dat 16\n").encode(), "r.dat": bytes(11)})
    recording = only(tmp_path)
    assert recording.metadata["warnings"] == ("r.dat: 3 bytes after the last sample",)
    assert recording.metadata["uncalibrated"] == ("",)


@pytest.mark.parametrize("kind", KINDS)
def test_missing_samples_are_counted(kind, tmp_path):
    codes = digital(kind, 2, 60)
    codes[1, 7:12] = PACKINGS[kind].missing
    codes[0, 59] = PACKINGS[kind].missing
    names = [SignalText("EMG"), SignalText("force", 2.0, 0, "N")]
    write(tmp_path, record_bytes("r", codes, names, 100.0, kind))
    recording = only(tmp_path)
    assert recording.metadata["missing_samples"] == 1
    assert recording.metadata["missing_code"] == PACKINGS[kind].missing
    assert np.isnan(recording.aux("force").values[0]).sum() == 5
    assert set(recording.metadata) >= {"missing_samples", "warnings", "comments"}
    assert len(recording.metadata) == len(list(recording.metadata))


def test_check_compares_checksums(tmp_path):
    write(tmp_path, record_bytes("r", digital(16), texts(3), 100.0))
    recording = only(tmp_path)
    recording.check()
    data = bytearray((tmp_path / "r.dat").read_bytes())
    data[8] ^= 1
    (tmp_path / "r.dat").write_bytes(data)
    with pytest.raises(EmgIoError, match=r"r\.dat, signal 1: checksum does not match"):
        recording.check()


def test_checksums_that_are_all_zero_are_placeholders(tmp_path):
    write(tmp_path, {"r.hea": (HEAD + "r.dat 16 200 16 0 0 0 0 EMG\n").encode(), "r.dat": bytes([1] * 8)})
    only(tmp_path).check()


def test_a_file_cut_after_opening_is_an_error(tmp_path):
    write(tmp_path, record_bytes("r", digital(16), texts(3), 100.0))
    recording = only(tmp_path)
    assert recording.n_samples == 101
    (tmp_path / "r.dat").write_bytes(bytes(100))
    with pytest.raises(EmgIoError, match=r"r\.dat, byte 60: signal file was cut while it was read"):
        recording.raw(10, 20)


def test_a_slice_reads_no_more_than_it_needs(tmp_path, monkeypatch):
    write(tmp_path, record_bytes("r", digital(16, 4, 50_000), texts(4), 100.0))
    recording, read = only(tmp_path), []
    assert recording.n_samples == 50_000

    class Spied(io.BytesIO):
        def read(self, size=-1):
            read.append(size)
            return super().read(size)

    monkeypatch.setattr(Folder, "open", lambda _, name: Spied((tmp_path / name).read_bytes()))
    assert recording.raw(1000, 1010).shape == (4, 10)
    assert read == [80]


def test_an_archive_reads_like_its_folder(tmp_path):
    (tmp_path / "deep").mkdir()
    write(tmp_path / "deep", record_bytes("r", digital(212), texts(3), 100.0, 212))
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for file in (tmp_path / "deep").iterdir():
            archive.write(file, f"deep/{file.name}")
    folder, packed = only(tmp_path / "deep"), only(tmp_path / "set.zip")
    assert packed.subject == "deep/r"
    assert np.array_equal(folder.raw(), packed.raw())


def test_signals_that_share_a_name_are_told_apart(tmp_path):
    write(tmp_path, record_bytes("r", digital(16), [SignalText("EMG")] * 3, 100.0))
    assert only(tmp_path).channels == ("EMG", "EMG (1)", "EMG (2)")


def test_a_plan_needs_no_file():
    header = parse_header(b"r 1 100 4\nr.dat 16\n", "r.hea")
    assert WfdbRecord.plan(header, {"r.dat": 8}, "r.hea").n_frames == 4
