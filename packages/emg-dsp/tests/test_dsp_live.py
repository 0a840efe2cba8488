"""Live runs: the thread between source and sink, its errors, gaps and back-pressure."""

import threading
import time

import dsp_oracles
import numpy as np
import pytest

import emg_dsp
from emg_dsp import ChunkQueue, EmgDspError, Gap, Live, TimedChunk, run_live
from emg_dsp._live.latency import Recorder

CLEAN = emg_dsp.highpass(20, 1000) + emg_dsp.notch(50, 1000)
X = dsp_oracles.emg(4, 600)
CHUNKS = [X[:, start : start + 50] for start in range(0, 600, 50)]


class Sink:
    """Keeps what it is given, copied."""

    def __init__(self):
        self.values, self.times = [], []

    def __call__(self, values, time):
        self.values.append(values.copy())
        self.times.append(time)

    def joined(self):
        return np.concatenate(self.values, axis=1)


class Device:
    """A source that knows its channels and rate, and waits until it is told to stop."""

    n_chans, sfreq = 4, 1000.0

    def __init__(self):
        self.told = threading.Event()

    def __iter__(self):
        yield from CHUNKS
        self.told.wait()

    def stop(self):
        self.told.set()


def callback():
    chunks = iter(CHUNKS)
    return lambda: next(chunks, None)


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("source", [lambda: CHUNKS, lambda: iter(CHUNKS), callback, lambda: (c for c in CHUNKS)])
def test_any_source_gives_what_the_whole_signal_gives(source, copy):
    sink = Sink()
    report = run_live(source(), CLEAN, sink, copy=copy)
    np.testing.assert_array_equal(sink.joined(), CLEAN(X), strict=True)
    assert (report.n_chunks, report.n_samples, report.n_gaps) == (12, 600, 0)
    assert sink.times == [None] * 12
    assert 0 < report.processing.p50_us <= report.processing.p99_us <= report.processing.max_us
    assert report.total.max_us >= report.processing.p50_us


def test_times_arrive_with_their_chunks():
    sink = Sink()
    run_live([TimedChunk(CHUNKS[0], 1.5), CHUNKS[1], TimedChunk(CHUNKS[2], 2.5)], CLEAN, sink)
    assert sink.times == [1.5, None, 2.5]


def test_a_stream_continues_where_it_stands():
    stream, sink = CLEAN.stream(4), Sink()
    first = stream.push(X[:, :50])
    run_live(CHUNKS[1:], stream, sink)
    np.testing.assert_array_equal(np.concatenate([first, sink.joined()], axis=1), CLEAN(X))
    assert stream.n_seen == 600


def test_a_sink_is_called_only_with_something():
    sink = Sink()
    report = run_live([X[:, :0], X[:, :3], X[:, :0]], CLEAN, sink)
    assert [v.shape for v in sink.values] == [(4, 3)]
    assert report.n_chunks == 3


def test_the_end_of_the_block_stops_a_source_that_waits():
    device, sink = Device(), Sink()
    with Live(device, CLEAN, sink) as live:
        assert live.running
        assert not live.wait(0.05)
        deadline = time.monotonic() + 10
        while live.report().n_chunks < 12:
            assert time.monotonic() < deadline
            live.wait(0.01)
    assert device.told.is_set()
    assert not live.running
    assert live.wait()
    np.testing.assert_array_equal(sink.joined(), CLEAN(X))


def test_seconds_end_an_endless_run():
    device, sink = Device(), Sink()
    report = run_live(device, CLEAN, sink, seconds=0.2)
    assert report.n_samples == 50 * report.n_chunks


def test_a_source_that_does_not_return_is_named():
    entered, forever = threading.Event(), threading.Event()

    def source():
        yield CHUNKS[0]
        entered.set()
        forever.wait()

    live = Live(source(), CLEAN, Sink()).start()
    assert entered.wait(10)
    with pytest.raises(EmgDspError, match=r"did not end within 0\.05 s: the source or the sink has not returned"):
        live.stop(0.05)
    forever.set()
    live.stop()


def failing(place):
    """Return source, stage and sink, of which one fails."""

    def source():
        yield CHUNKS[0]
        if place == "source":
            message = "device unplugged"
            raise OSError(message)
        yield CHUNKS[1]

    def sink(_, __):
        if place == "sink":
            message = "disk full"
            raise OSError(message)

    return source(), CLEAN, sink


@pytest.mark.parametrize(("place", "message"), [("source", "device unplugged"), ("sink", "disk full")])
def test_errors_of_the_thread_surface_in_the_caller(place, message):
    with pytest.raises(OSError, match=message):
        run_live(*failing(place))
    live = Live(*failing(place)).start()
    with pytest.raises(OSError, match=message):
        live.wait()
    live.stop()


def test_a_bad_chunk_surfaces_with_its_place():
    bad = CHUNKS[2].copy()
    bad[1, 7] = np.nan
    with pytest.raises(EmgDspError, match="nan in channel 1 at sample 107"):
        run_live([*CHUNKS[:2], bad], CLEAN, Sink())
    sink = Sink()
    run_live([*CHUNKS[:2], bad], CLEAN, sink, nan="propagate")
    assert np.isnan(sink.joined()[1]).any()


def interrupted_block():
    with Live(*failing("sink")) as live:
        while live.running:
            time.sleep(0.001)
        raise KeyError("mine")


def test_an_error_of_the_block_is_not_hidden_by_one_of_the_thread():
    with pytest.raises(KeyError, match="mine"):
        interrupted_block()


def test_gaps_are_refused_reset_or_ignored():
    source = [CHUNKS[0], Gap(7, 2.0), CHUNKS[1]]
    with pytest.raises(EmgDspError, match=r"7 samples are missing after sample 50 \(time 2.0\); .*on_gap='reset'"):
        run_live(source, CLEAN, Sink())
    with pytest.raises(EmgDspError, match=r"some samples are missing after sample 0 \(time None\)"):
        run_live([Gap()], CLEAN, Sink())
    reset, ignored = Sink(), Sink()
    assert run_live(source, CLEAN, reset, on_gap="reset").n_gaps == 1
    report = run_live([Gap(), *source], CLEAN, ignored, on_gap="ignore")
    assert (report.n_gaps, report.n_samples) == (2, 100)
    np.testing.assert_array_equal(reset.joined(), np.hstack([CLEAN(CHUNKS[0]), CLEAN(CHUNKS[1])]))
    np.testing.assert_array_equal(ignored.joined(), CLEAN(X[:, :100]))
    assert run_live([Gap(), CHUNKS[0]], CLEAN, Sink(), on_gap="reset").n_samples == 50


def test_what_does_not_fit_is_named_before_the_thread_starts():
    with pytest.raises(EmgDspError, match="the source gives 1000 Hz, the stage is made for 2048 Hz"):
        Live(Device(), emg_dsp.notch(50, 2048), Sink())
    with pytest.raises(EmgDspError, match="the source has 4 channels, the stream 3; required are as many"):
        Live(Device(), CLEAN.stream(3), Sink())
    with pytest.raises(EmgDspError, match="source=7; required is an iterable of chunks"):
        Live(7, CLEAN, Sink())
    with pytest.raises(EmgDspError, match="stage=7; required is a Stage or a Stream"):
        Live(CHUNKS, 7, Sink())
    with pytest.raises(EmgDspError, match="sink=7; required is a function"):
        Live(CHUNKS, CLEAN, 7)
    with pytest.raises(EmgDspError, match="on_gap='jump'; required is one of raise, reset, ignore"):
        Live(CHUNKS, CLEAN, Sink(), on_gap="jump")
    live = Live(CHUNKS, CLEAN, Sink())
    live.stop()
    with live, pytest.raises(EmgDspError, match="this run has been started before"):
        live.start()


def test_a_queue_carries_chunks_from_a_callback():
    queue, sink = ChunkQueue(max_chunks=2, when_full="wait"), Sink()

    def device():
        memory = np.empty((4, 50), dtype=np.float32)
        for n, chunk in enumerate(CHUNKS):
            memory[:] = chunk  # a driver that reuses its buffer
            queue.put(memory, time=None if n % 2 else float(n))
        queue.close()

    thread = threading.Thread(target=device)
    thread.start()
    run_live(queue, CLEAN, sink)
    thread.join()
    np.testing.assert_array_equal(sink.joined(), CLEAN(X))
    assert sink.times[:4] == [0.0, None, 2.0, None]
    assert queue.n_dropped == 0


def test_a_full_queue_raises_or_drops_the_oldest():
    strict, loose = ChunkQueue(2), ChunkQueue(2, when_full="drop")
    for n in range(5):
        loose.put(CHUNKS[n])
    strict.put(CHUNKS[0])
    strict.put(CHUNKS[1])
    with pytest.raises(EmgDspError, match="2 chunks wait in a queue for 2: processing is slower than the device"):
        strict.put(CHUNKS[2])
    assert (len(strict), len(loose), loose.n_dropped) == (2, 2, 150)
    loose.close()
    gap, *rest = list(loose)
    assert gap == Gap(150)
    np.testing.assert_array_equal(np.hstack(rest), X[:, 150:250])
    with pytest.raises(EmgDspError, match="the queue is closed"):
        loose.put(CHUNKS[0])


def test_stopping_a_queue_frees_both_sides():
    queue = ChunkQueue(1, when_full="wait")
    queue.put(CHUNKS[0])
    errors = []

    def device():
        try:
            queue.put(CHUNKS[1])
        except EmgDspError as error:
            errors.append(str(error))

    thread = threading.Thread(target=device)
    thread.start()
    queue.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert list(queue) == []
    assert errors == ["the queue is closed; required is one that is open. Stop the device first."]
    with pytest.raises(EmgDspError, match="when_full='fly'; required is one of raise, drop, wait"):
        ChunkQueue(1, when_full="fly")
    with pytest.raises(EmgDspError, match="max_chunks=0"):
        ChunkQueue(0)


def test_latency_is_summed_up_over_the_recent_past():
    recorder = Recorder()
    assert np.isnan(recorder.summary().p99_us)
    recorder.add(9_000_000)
    for n in range(1 << 16):
        recorder.add(1000 * (1 + n % 100))
    summary = recorder.summary()
    assert (summary.count, summary.max_us) == ((1 << 16) + 1, 9000)
    assert (summary.p50_us, summary.p99_us) == (pytest.approx(50, abs=1), pytest.approx(99, abs=1))
