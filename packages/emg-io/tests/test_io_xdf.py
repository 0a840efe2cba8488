"""XDF: values, clocks and markers against the field's reader; what becomes of streams of every kind."""

import gzip
import io
import logging
import zipfile

import numpy as np
import pytest
import pyxdf

from emg_io import EmgIoError, open_dataset
from emg_io._container import Folder
from emg_io.engines._xdf_samples import DTYPES
from emg_io.engines._xdf_write import StreamText, xdf_bytes
from emg_io.formats.xdf import open_streams

logging.getLogger("pyxdf").setLevel(logging.CRITICAL)


def emg(name="EMG", n_times=400, sfreq=200.0, form="float32", start=100.0, n_chans=2, **fields):
    values = np.arange(n_chans * n_times).reshape(n_chans, n_times).astype(DTYPES[form])
    return StreamText(name, "EMG", form, sfreq, values, start + np.arange(n_times) / sfreq, **fields)


def markers(stamps, texts, name="cues"):
    return StreamText(name, "Markers", "string", 0.0, list(texts), np.array(stamps, float))


def opened(folder, *streams, name="a.xdf", **options):
    (folder / name).write_bytes(xdf_bytes(streams, **options))
    return open_dataset(folder, "xdf")


def theirs(path):
    """Streams by name, as the field's reader has them."""
    return {stream["info"]["name"][0]: stream for stream in pyxdf.load_xdf(str(path))[0]}


def clock_of(recording):
    """Stamps of a recording on the common clock."""
    steps = np.arange(recording.n_samples) / recording.sfreq if recording.uniform else recording.timestamps
    return recording.metadata["t0"] + steps


def test_forged_files_agree_with_the_field_s_reader(forged):
    dataset = open_dataset(forged("xdf"))
    for recording in dataset:
        peer = theirs(recording.source)
        mine = peer[recording.task.rpartition("/")[2]]
        assert np.array_equal(recording.raw(), mine["time_series"].T)
        assert recording.raw().dtype == mine["time_series"].dtype
        assert np.abs(clock_of(recording) - mine["time_stamps"]).max() < 1e-6
        assert recording.uniform == (len(mine["info"]["segments"]) == 1)
        assert recording.sfreq == pytest.approx(mine["info"]["effective_srate"], abs=1e-6)
        cues = [event for event in recording.events if event.kind == "cues"]
        assert [event.value for event in cues] == [row[0] for row in peer["cues"]["time_series"]]
        onsets = np.array([event.onset for event in cues]) + recording.metadata["t0"]
        assert np.abs(onsets - peer["cues"]["time_stamps"]).max() < 1e-6
    assert {recording.uniform for recording in dataset} == {True, False}


@pytest.mark.parametrize("form", DTYPES)
def test_every_number_format(form, tmp_path):
    kind = np.dtype(DTYPES[form])
    limits = np.finfo(kind) if kind.kind == "f" else np.iinfo(kind)
    values = np.array([[limits.min, 0, 1, limits.max], [1, 2, 3, 4]], kind)
    stream = StreamText("EMG", "emg", form, 100.0, values, np.array([5.0, np.nan, np.nan, 5.03]))
    (recording,) = opened(tmp_path, stream, samples_per_chunk=3)
    assert recording.raw().dtype == kind
    assert np.array_equal(recording.raw(), values)
    assert np.array_equal(recording.raw(2, 4), values[:, 2:])
    assert recording.sfreq == pytest.approx(100.0)


def test_values_that_are_no_numbers_are_counted(tmp_path):
    stream = emg()
    stream.values[0, 3], stream.values[1, 9] = np.nan, np.inf
    (recording,) = opened(tmp_path, stream)
    assert recording.metadata["missing_samples"] == 2
    recording.check()


def test_names_units_and_subjects(tmp_path):
    left = emg("left", labels=("a", "b"), unit="Millivolts")
    (recording,) = opened(tmp_path, left, name="sub-P1_ses-2_task-x_run-003_emg.xdf")
    assert (recording.unit, recording.channels) == ("mV", ("a", "b"))
    assert (recording.subject, recording.session, recording.task) == ("P1", "2", "task-x_run-003_emg/left")


@pytest.mark.parametrize(("labels", "unit"), [((), ""), (("a",), "uV"), (("a", "a"), "furlongs"), (("a", ""), "V")])
def test_names_and_units_that_the_header_does_not_give(labels, unit, tmp_path):
    (recording,) = opened(tmp_path, emg(labels=labels, unit=unit))
    assert recording.channels == ("emg1", "emg2")
    assert recording.unit in {"unknown", unit}
    assert (recording.subject, recording.session, recording.task) == ("a", "1", "EMG")


def test_two_devices_of_one_name_are_two_recordings(tmp_path):
    dataset = opened(tmp_path, emg(), emg(form="int16"), markers([100.5], ["go"]))
    assert [recording.task for recording in dataset] == ["EMG (1)", "EMG (2)"]
    assert [recording.events[0].value for recording in dataset] == ["go", "go"]
    assert dataset[0].aux_names == ()


def test_markers_of_texts_and_numbers(tmp_path):
    codes = StreamText("codes", "Stim", "int32", 0.0, np.array([[7, 9]]), np.array([100.25, 99.0]))
    (recording,) = opened(tmp_path, emg(), markers([101.0, 100.5], ["go", "größer"]), codes)
    assert [(round(e.onset, 9), e.kind, e.value) for e in recording.events] == [
        (-1.0, "codes", "9"),
        (0.25, "codes", "7"),
        (0.5, "cues", "größer"),
        (1.0, "cues", "go"),
    ]


def test_a_signal_beside_the_emg_starts_with_it(tmp_path):
    early = StreamText("early", "ACC", "int16", 100.0, np.arange(400)[None], 99.0 + np.arange(400) / 100)
    late = StreamText("late", "ACC", "int16", 50.0, np.arange(20)[None], 100.5 + np.arange(20) / 50)
    (recording,) = opened(tmp_path, emg(), early, late)
    assert recording.aux_names == ("early", "late")
    aux = recording.aux("early")
    assert aux.values.dtype == np.int16
    assert np.array_equal(aux.values[0], np.arange(100, 300))
    late = recording.aux("late")
    assert np.isnan(late.values[0, :25]).all()
    assert np.array_equal(late.values[0, 25:], np.arange(20))
    with pytest.raises(EmgIoError, match="no such signal beside the EMG"):
        recording.reader.aux("middle")


def test_an_irregular_signal_is_held(tmp_path):
    slow = StreamText("slow", "Pose", "double64", 0.0, np.array([[1.0, 2.0, 3.0]]), np.array([100.0, 100.1, 101.0]))
    (recording,) = opened(tmp_path, emg(), slow)
    aux = recording.aux("slow")
    assert aux.sfreq == pytest.approx(2.0)
    assert aux.values.tolist() == [[1.0, 2.0, 3.0]]


def test_streams_without_a_usable_clock_are_told(tmp_path):
    one = StreamText("one", "Pose", "float32", 0.0, np.zeros((1, 1)), np.array([100.0]))
    back = StreamText("back", "Pose", "float32", 0.0, np.zeros((1, 2)), np.array([100.0, 99.0]))
    (recording,) = opened(tmp_path, emg(), one, back)
    assert recording.aux_names == ()
    assert recording.metadata["warnings"] == (
        "stream one left out: no usable clock",
        "stream back left out: no usable clock",
    )


def test_an_irregular_emg_stream_keeps_its_stamps(tmp_path):
    stamps = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.02, 50))
    stream = StreamText("EMG", "EMG", "float32", 0.0, np.zeros((1, 50)), stamps)
    (recording,) = opened(tmp_path, stream)
    assert not recording.uniform
    assert np.allclose(recording.timestamps, stamps - stamps[0], atol=1e-12)
    assert recording.sfreq == pytest.approx(49 / (stamps[-1] - stamps[0]))


def test_streams_that_drop_samples_are_not_smoothed(tmp_path):
    notes = "<synchronization><can_drop_samples>true</can_drop_samples></synchronization>"
    (recording,) = opened(tmp_path, emg(notes=notes))
    assert not recording.uniform
    assert np.abs(clock_of(recording) - theirs(tmp_path / "a.xdf")["EMG"]["time_stamps"]).max() < 1e-6


def test_compressed_files_and_archives_read_alike(tmp_path):
    data, streams = None, (emg(), markers([100.5], ["go"]))
    (plain,) = opened(tmp_path, *streams)
    data = (tmp_path / "a.xdf").read_bytes()
    for name, content in (
        ("a.xdfz", gzip.compress(data)),
        ("a.xdf.gz", gzip.compress(data[:99]) + gzip.compress(data[99:])),
    ):
        folder = tmp_path / name.replace(".", "_")
        folder.mkdir()
        (folder / name).write_bytes(content)
        (packed,) = open_dataset(folder, "xdf")
        assert np.array_equal(packed.raw(), plain.raw())
        assert packed.events == plain.events
        packed.check()
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("x/a.xdf", data)
    (zipped,) = open_dataset(tmp_path / "set.zip", "xdf")
    assert np.array_equal(zipped.raw(3, 9), plain.raw(3, 9))


def test_streams_of_other_types_are_opened_by_name(tmp_path):
    with pytest.raises(EmgIoError, match=r"no stream is EMG.*open_streams.*type EMG, found bio \(EXG, 2 channels\)"):
        opened(tmp_path, StreamText("bio", "EXG", "int16", 100.0, np.zeros((2, 9)), 1 + np.arange(9) / 100))
    (recording,) = open_streams(tmp_path, ["bio"])
    assert recording.n_chans == 2
    with pytest.raises(EmgIoError, match=r"no stream is EMG.*expected brain"):
        open_streams(tmp_path, ["brain"])
    with pytest.raises(EmgIoError, match="no XDF file or no name"):
        open_streams(tmp_path, [])


def test_a_slice_reads_its_chunks_only(tmp_path, monkeypatch):
    (recording,) = opened(tmp_path, emg(n_times=20_000), samples_per_chunk=100)
    assert recording.n_samples == 20_000
    read, data = [], (tmp_path / "a.xdf").read_bytes()

    class Spied(io.BytesIO):
        def read(self, size=-1):
            read.append(size)
            return super().read(size)

    monkeypatch.setattr(Folder, "open", lambda *_: Spied(data))
    assert np.array_equal(recording.raw(1050, 1150)[0], np.arange(1050, 1150))
    assert len(read) == 2
    assert sum(read) < 2 * 100 * 17 + 20
