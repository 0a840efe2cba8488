"""Recording, Track, Segment, resampling, Layout, EmgIoError."""

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from operator import methodcaller

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from emg_io import Aux, EmgIoError, Event, Layout, Recording, Track, _cache, _source, protocol, split_by_subject
from emg_io._cache import Contents
from emg_io._recording import runs
from emg_io._resample import hold_index
from emg_io._source import Annotations, Content, Header, RandomAccess


def stamped(sfreq=100.0, **changes):
    arguments = {
        "raw": np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.int8),
        "sfreq": sfreq,
        "labels": np.array([0, 1, 1, 0]),
        "label_names": {0: "rest", 1: "fist"},
        "timestamps": np.array([0.5, 0.51, 0.535, 0.55]),
        "unit": "V",
        "scale": 1e-5,
    }
    return Recording.from_array(**(arguments | changes))


def test_signal_is_raw_times_scale_plus_offset():
    recording = stamped(offset=2.0, scale=0.5)
    assert np.array_equal(recording.signal(), recording.raw().astype(np.float32) * 0.5 + 2)
    assert recording.signal().dtype == np.float32
    assert recording.signal(1, 3, np.float64).tolist() == [[3.0, 3.5], [5.0, 5.5]]
    assert recording.raw(2).tolist() == [[3, 4], [7, 8]]


def test_shared_arrays_are_read_only_and_copies_are_not():
    recording = stamped()
    for array in (recording.raw(), recording.timestamps, recording.tracks["label"].values):
        with pytest.raises(ValueError, match=r"read-only"):
            array[...] = 0
    recording.signal()[...] = 0
    recording.labels()[...] = 0
    assert recording.label_counts() == {"rest": 2, "fist": 2}


@pytest.mark.parametrize(("call", "message"), [
    (lambda r: r.raw(3, 2), "start, stop: sample range.*<= 4, found 3, 2"),
    (lambda r: r.raw(0, 5), "0 <= start <= stop <= 4, found 0, 5"),
    (lambda r: r.raw(-1), "found -1, None"),
    (lambda r: r.signal(dtype=np.int16), "dtype: signal is physical.*floating dtype.*int16"),
    (lambda r: r.labels("force"), "no such track: expected label, found force"),
    (lambda r: r.resample(100.0, "linear"), "unknown resampling method: expected hold or polyphase, found linear"),
    (lambda r: r.resample(0.0), "not a rate: expected Hz, > 0, found 0.0"),
    (lambda r: r.resample(float("nan")), "not a rate"),
    (lambda r: r.resample(79.0), r"anti-alias filter.*expected at least 80\.000 Hz, found 79"),
    (lambda _: stamped(timestamps=None).resample(99.0), r"anti-alias.*at least 100\.000 Hz, found 99"),
    (lambda _: stamped(unit="volt"), r"unknown unit: expected V\|mV\|uV\|adc\|unknown, found volt"),
    (lambda _: stamped(layout=Layout.ring(3)), "layout and channel count disagree: expected 2 channels, found 3"),
    (lambda _: stamped(labels=np.zeros(3, int)), "lengths disagree: expected 4 samples.*label"),
    (lambda _: stamped(timestamps=np.zeros(4)), "clock runs backwards"),
    (lambda _: stamped(raw=np.zeros(4)), r"not a recording.*\(channels, time\)"),
    (lambda _: stamped(sfreq=0.0), "not a recording.*rate > 0"),
])  # fmt: skip
def test_bad_requests_say_what_is_wanted(call, message):
    with pytest.raises(EmgIoError, match=message):
        call(stamped())


def test_hold_by_hand():
    uniform = stamped().resample(100.0)
    assert uniform.raw().tolist() == [[1, 2, 2, 2, 3, 4], [5, 6, 6, 6, 7, 8]]
    assert uniform.labels().tolist() == [0, 1, 1, 1, 1, 0]
    assert (uniform.sfreq, uniform.uniform, uniform.timestamps) == (100.0, True, None)
    assert uniform.metadata["t0"] == 0.5
    assert uniform.raw().dtype == np.int8
    assert stamped(timestamps=None).resample(200.0).raw()[0].tolist() == [1, 1, 2, 2, 3, 3, 4]


@given(
    hnp.arrays(np.int16, st.integers(1, 60), elements=st.integers(1, 40)), st.sampled_from([40.0, 100.0, 200.0, 333.0])
)
def test_hold_equals_the_obvious_loop(oracles, steps, sfreq):
    stamps = np.cumsum(steps) / 1e3
    values = np.arange(len(stamps))
    assert np.array_equal(values[hold_index(stamps, sfreq)], oracles.hold(stamps, values, sfreq))


@given(hnp.arrays(np.int8, st.integers(0, 50), elements=st.integers(0, 2)))
def test_segments_are_the_obvious_runs(oracles, values):
    found = runs(values)
    assert [tuple(run) for run in found] == oracles.runs(values.tolist())
    assert sum(stop - start for start, stop, _ in found) == len(values)
    assert all(np.all(values[start:stop] == value) for start, stop, value in found)
    assert all(a[1] == b[0] and a[2] != b[2] for a, b in pairwise(found))


def test_forged_recording_resamples_like_the_loop(uci, oracles):
    recording = uci[0]
    uniform = recording.resample(100.0)
    stamps = recording.timestamps[:3000]
    want = oracles.hold(stamps, np.arange(3000), 100.0)
    assert np.array_equal(uniform.raw()[:, : len(want)], recording.raw()[:, want])
    assert np.array_equal(uniform.labels()[: len(want)], recording.labels()[want])
    span = recording.timestamps[-1] - recording.timestamps[0]
    assert uniform.n_samples == int(np.floor(span * 100 + 1e-6)) + 1
    assert uniform.n_samples / 100.0 == pytest.approx(span, abs=0.011)


def test_recordings_and_data_sets_pickle_without_their_samples(uci, nina):
    for dataset in (uci, nina):
        recording = dataset[0]
        before = recording.raw()
        packed = pickle.dumps(dataset)
        assert len(packed) < 20_000
        again = pickle.loads(packed)[0]  # noqa: S301  own bytes
        assert again == recording
        assert np.array_equal(again.raw(), before)
        faster = recording.resample(250.0)
        assert np.array_equal(pickle.loads(pickle.dumps(faster)).labels(), faster.labels())  # noqa: S301  own bytes


def test_polyphase_keeps_what_fits_and_drops_what_would_alias():
    seconds = np.arange(4000) / 1000.0
    low, high = np.sin(2 * np.pi * 20 * seconds), np.sin(2 * np.pi * 180 * seconds)
    labels = np.repeat([0, 1], 2000)
    recording = Recording.from_array(np.stack([low, low + high]), 1000.0, labels=labels)
    slow = recording.resample(200.0, "polyphase")
    assert (slow.n_samples, slow.sfreq, slow.metadata["resampled"]) == (800, 200.0, "polyphase")
    assert np.array_equal(slow.labels(), labels[::5])
    inner = slice(50, 750)
    assert np.allclose(slow.raw()[0, inner], low[::5][inner], atol=2e-3)
    assert np.allclose(slow.raw()[1, inner], low[::5][inner], atol=2e-2)
    assert recording.resample(1500.0, "polyphase").n_samples == 5999
    for bad, message in [(200.0 * np.pi, r"simple ratio"), (1e-9, r"simple ratio")]:
        with pytest.raises(EmgIoError, match=message):
            recording.resample(bad, "polyphase")
    with pytest.raises(EmgIoError, match=r"needs a uniform clock.*200 from a stamped clock"):
        stamped().resample(200.0, "polyphase")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_recordings_data_sets_and_splits_work_in_other_processes(uci, method):
    made = split_by_subject(uci, test=["01"])
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        hashes = list(pool.map(methodcaller("content_hash"), uci[:4]))
        duplicates = pool.submit(uci.duplicates).result()
        summary = pool.submit(made.summary, uci, protocol("uci/tinymyo").windows).result()
    assert hashes == [recording.content_hash() for recording in uci[:4]]
    assert duplicates == []
    assert summary == made.summary(uci, protocol("uci/tinymyo").windows)


def test_cache_holds_what_was_used_last_and_no_more():
    loads = []

    def content(key):
        loads.append(key)
        return Content(raw=np.zeros((1, 1000), np.int8), sfreq=1.0)

    cache = Contents(2500)
    for key in (1, 2, 1, 3, 1, 2):
        held = cache.get(key, partial(content, key))
        assert not held.raw.flags.writeable
    assert loads == [1, 2, 3, 2]


@dataclass(frozen=True)
class Ramp(RandomAccess):
    """A recording of which slices are read one by one; it keeps a list of what was read."""

    n: int
    read: tuple = field(default_factory=lambda: ([],), compare=False)

    def scan(self):
        self.read[0].append("header")
        return Header(self.n, 100.0, {"made": "up"}, ("force",))

    def samples(self, start, stop):
        self.read[0].append((start, stop))
        return np.arange(start, stop, dtype=np.int16)[None, :].copy()

    def read_annotations(self):
        self.read[0].append("annotations")
        return Annotations(
            tracks={"label": Track("label", np.ones(self.n, np.int8))}, events=(Event(0.1, 0, "cue", "go"),)
        )

    def aux(self, name):
        return Aux(name, np.zeros((2, self.n)), 100.0) if name == "force" else super().aux(name)


def ramp(n):
    return Recording("1", "1", None, "made up", 1, "adc", 2.0, 1.0, Layout.unplaced(1), uniform=True, reader=Ramp(n))


def test_random_access_reads_what_is_asked_for():
    recording = ramp(1000)
    (read,) = recording.reader.read
    assert recording.n_samples == 1000
    assert recording.raw(10, 13).tolist() == [[10, 11, 12]]
    assert recording.signal(0, 2).tolist() == [[1.0, 3.0]]
    assert recording.labels().sum() == 1000
    assert recording.events == (Event(0.1, 0, "cue", "go"),)
    assert recording.metadata == {"made": "up"}
    assert read == ["header", (10, 13), (0, 2), "annotations"]
    assert recording.aux_names == ("force",)
    assert recording.aux("force").values.shape == (2, 1000)
    with pytest.raises(EmgIoError, match=r"no such signal beside the EMG.*force.*glove"):
        recording.aux("glove")
    with pytest.raises(EmgIoError, match="no such signal beside the EMG"):
        recording.reader.aux("glove")
    recording.check()
    assert read[-1] == (0, 1000)
    whole = recording.reader.load()
    assert (whole.raw.shape, list(whole.aux), list(whole.tracks)) == ((1, 1000), ["force"], ["label"])
    for clock in (recording.resample(200.0), recording.resample(200.0, "polyphase")):
        assert clock.n_samples == 1999
        assert clock.aux_names == ("force",)
        assert clock.aux("force").sfreq == 100.0
        assert clock.events == recording.events


def test_checking_reads_in_blocks(monkeypatch):
    monkeypatch.setattr(_source, "_BLOCK_BYTES", 64)
    recording = ramp(100)
    recording.check()
    assert [step for step in recording.reader.read[0] if isinstance(step, tuple)][1:] == [
        (0, 32),
        (32, 64),
        (64, 96),
        (96, 100),
    ]


def test_channels_may_differ_in_calibration_and_have_names():
    recording = Recording.from_array(np.ones((2, 3), np.int16), 10.0, scale=(1.0, 2.0), offset=(0.0, 0.5))
    assert recording.signal().tolist() == [[1, 1, 1], [2.5, 2.5, 2.5]]
    assert recording.channels == ("emg1", "emg2")
    assert replace(recording, channels=("FCR", "ECU")).channels == ("FCR", "ECU")
    with pytest.raises(EmgIoError, match="scale: not a calibration: expected a finite number, or 2 of them"):
        replace(recording, scale=(1.0, 2.0, 3.0))
    with pytest.raises(EmgIoError, match="offset: not a calibration"):
        replace(recording, offset=(1.0, np.nan))
    with pytest.raises(EmgIoError, match="scale: not a calibration"):
        replace(recording, scale=np.ones(3))  # an array has no hash, and three are not two
    with pytest.raises(EmgIoError, match="channel names do not name the channels"):
        replace(recording, channels=("FCR", "FCR"))


def test_layouts_of_several_rings_and_of_unknown_places():
    rings = Layout.rings((3, 2))
    assert (rings.n_chans, rings.shape) == (5, (2, 3))
    assert rings.neighbours(0) == (1, 2)
    assert rings.neighbours(3) == (4,)
    assert Layout.unplaced(4).neighbours(1) == ()


def test_layout_is_a_bijection_or_raises():
    ring = Layout.ring(8)
    assert ring.neighbours(0) == (1, 7)
    grid = Layout.grid([[2, 1], [0, -1]])
    assert (grid.n_chans, grid.shape, grid.position(0), grid.neighbours(2)) == (3, (2, 2), (1, 0), (1,))
    assert Layout.ring_and_points(8, 2).n_chans == 10
    with pytest.raises(EmgIoError, match=r"not a bijection.*each of 0..2 exactly once"):
        Layout.grid([[0, 1], [1, -1]])
    with pytest.raises(EmgIoError, match=r"rows differ in length"):
        Layout.grid([[0, 1], [2]])
    with pytest.raises(EmgIoError, match=r"no such channel.*0..7, found 8"):
        ring.position(8)
    with pytest.raises(EmgIoError, match=r"no such channel"):
        grid.position(-1)


def test_error_keeps_its_parts_across_processes():
    error = EmgIoError("bad", file="f", place="line 3", expected="1", found="2")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  own bytes
    assert str(again) == str(error) == "f, line 3: bad: expected 1, found 2"
    assert (again.file, again.place, again.expected, again.found) == ("f", "line 3", "1", "2")
    assert isinstance(again, ValueError)


def test_equal_content_has_equal_hash():
    assert stamped().content_hash() == stamped(unit="mV").content_hash()
    assert stamped().content_hash() != stamped(raw=np.array([[1, 2, 3, 5], [5, 6, 7, 8]], np.int8)).content_hash()
    assert stamped().content_hash() != stamped(raw=np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.int16)).content_hash()


@pytest.mark.parametrize(("arguments", "message"), [
    ({"sfreq": np.inf}, r"finite rate > 0, found int64 \(2, 3\), inf"),
    ({"raw": np.array([["a", "b", "c"]])}, r"real numbers \(channels, time\)"),
    ({"raw": np.zeros((2, 3), complex)}, r"found complex128"),
    ({"raw": np.zeros((0, 3))}, r"layout is empty"),
    ({"timestamps": [0.0, np.nan, 1.0]}, r"timestamps: clock runs backwards: expected finite"),
    ({"labels": [0.5, 1.0, 2.0]}, r"not labels: expected \(time,\) integers, found float64 \(3,\)"),
    ({"labels": [[0], [1], [2]]}, r"not labels.*\(3, 1\)"),
    ({"scale": np.nan}, r"scale: not a calibration: expected a finite number, or 2 of them, found nan"),
])  # fmt: skip
def test_arrays_that_are_no_recording(arguments, message):
    good = {"raw": np.arange(6).reshape(2, 3), "sfreq": 10.0}
    Recording.from_array(**good)
    with pytest.raises(EmgIoError, match=message):
        Recording.from_array(**(good | arguments))


def test_a_clock_with_a_hole_does_not_fill_the_memory():
    two = Recording.from_array(np.ones((1, 2), np.int8), 1e-7, timestamps=np.array([0.0, 1e7]))
    with pytest.raises(EmgIoError, match=r"too long: its clock has holes.*at most 1048576 samples from 2 readings"):
        two.resample(100.0).raw()


def test_a_check_forgets_what_was_known_of_a_file_that_changed():
    recording = ramp(10)
    assert recording.n_samples == 10
    object.__setattr__(recording.reader, "n", 12)
    _cache.HEADERS._held[recording.reader] = Header(10, 100.0)
    recording.check()
    assert recording.n_samples == 12


@pytest.mark.parametrize("method", ["hold", "polyphase"])
@pytest.mark.parametrize("n_samples", [0, 1, 2])
def test_resampling_next_to_nothing(method, n_samples):
    few = Recording.from_array(np.full((2, n_samples), 3.0), 10.0)
    signal = few.resample(20.0, method).signal()
    assert signal.shape == (2, [0, 1, 3][n_samples])
    np.testing.assert_allclose(signal, 3.0, atol=0.01)


def test_a_fork_while_another_thread_holds_the_cache_does_not_hang(uci):
    uci[0].raw()
    with _cache.CONTENTS._lock, _cache.HEADERS._lock:
        child = multiprocessing.get_context("fork").Process(target=uci[0].content_hash)
        child.start()
        child.join(30)
    assert child.exitcode == 0
    assert uci[0].reader in _cache.CONTENTS._held  # here nothing was forgotten


def test_samples_that_do_not_fit_the_dtype_are_not_infinite():
    recording = Recording.from_array(np.array([[1e300, np.nan]]), 10.0, unit="V")
    with pytest.raises(EmgIoError, match="memory, dtype: samples are too large: ask for float64: found float32"):
        recording.signal()
    assert recording.signal(dtype=np.float64)[0, 0] == 1e300
    assert np.isnan(Recording.from_array(np.array([[1.0, np.nan]]), 10.0).signal()[0, 1])
