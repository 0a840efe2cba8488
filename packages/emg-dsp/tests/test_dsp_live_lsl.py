"""The Lab Streaming Layer: against a stand-in with pylsl's interface, and against pylsl itself where there is one."""

import sys
import threading
import time
import types
import uuid

import dsp_oracles
import numpy as np
import pytest

import emg_dsp
from emg_dsp import EmgDspError, Gap, LslSource, TimedChunk, run_live

X = dsp_oracles.emg(3, 400)


class Info:
    """A description of a stream, as pylsl gives it."""

    def __init__(self, name="armband", kind="EMG", source_id="a", n_chans=3, sfreq=1000.0, form=1):
        self._values = (name, kind, source_id, n_chans, sfreq, form)

    def name(self):
        return self._values[0]

    def type(self):
        return self._values[1]

    def source_id(self):
        return self._values[2]

    def channel_count(self):
        return self._values[3]

    def nominal_srate(self):
        return self._values[4]

    def channel_format(self):
        return self._values[5]


class LostError(RuntimeError):
    """What pylsl raises when the sender is gone."""


class Network(types.ModuleType):
    """The part of pylsl that a source uses: one sender whose packets are scripted."""

    cf_float32, cf_double64, cf_string, cf_int32, cf_int16, cf_int8, cf_int64 = range(1, 8)
    proc_none, proc_clocksync = 0, 1

    def __init__(self, infos=(), packets=(), opens=True):
        super().__init__("pylsl")
        self.infos, self.packets, self.opens = list(infos), list(packets), opens
        self.asked, self.options, self.closed = [], {}, False

    def resolve_bypred(self, predicate, minimum, timeout):
        self.asked.append((predicate, minimum, timeout))
        return [i for i in self.infos if "name=" not in predicate or f"name='{i.name()}'" in predicate]

    def resolve_streams(self, wait_time):
        self.asked.append(("all", wait_time))
        return self.infos

    def StreamInlet(self, info, **options):  # noqa: N802  pylsl's name
        self.options = options
        return Inlet(self, info)


class Inlet:
    """Gives scripted packets: (values (n, channels), times), an exception, or silence."""

    def __init__(self, network, info):
        self._network, self._info = network, info
        self._waiting = []

    def open_stream(self, timeout):  # noqa: ARG002  pylsl's name
        if not self._network.opens:
            raise TimeoutError

    def close_stream(self):
        self._network.closed = True

    def pull_chunk(self, timeout, max_samples, dest_obj):
        if not self._waiting and timeout > 0 and self._network.packets:
            packet = self._network.packets.pop(0)
            if isinstance(packet, Exception):
                raise packet
            self._waiting = list(zip(*packet, strict=True))
        taken, self._waiting = self._waiting[:max_samples], self._waiting[max_samples:]
        for n, (values, _) in enumerate(taken):
            dest_obj[n] = values
        if not taken and timeout > 0:
            time.sleep(0.001)
        return None, [stamp for _, stamp in taken]


@pytest.fixture
def network(monkeypatch):
    """Install a stand-in for pylsl."""

    def install(*args, **options):
        made = Network(*args, **options)
        monkeypatch.setitem(sys.modules, "pylsl", made)
        return made

    return install


def packet(start, stop, first=10.0):
    """Samples ``start ... stop`` of X as they come over the network, stamped at 1000 Hz."""
    return X[:, start:stop].T, first + np.arange(start, stop) / 1000


def kept(item):
    """Copy a chunk out of the memory of its source."""
    return item if isinstance(item, Gap) else TimedChunk(item.values.copy(), item.time)


def taken(source):
    """Return all items until silence, chunks copied."""
    items = []
    try:
        items.extend(kept(item) for item in source)
    except EmgDspError as error:
        return items, str(error)
    return items, ""


def test_samples_arrive_in_order_with_times(network):
    made = network([Info()], [packet(0, 1), packet(1, 180), packet(180, 400)])
    source = LslSource("armband", silence=0.01, buffer=7)
    assert (source.name, source.n_chans, source.sfreq, source.dtype) == ("armband", 3, 1000.0, np.float32)
    items, error = taken(source)
    np.testing.assert_array_equal(np.hstack([item.values for item in items]), X)
    assert [item.time for item in items] == pytest.approx([10.0, 10.179, 10.399])
    assert "LSL stream 'armband' has been silent for 0.01 s after 400 samples; check the sender" in error
    assert made.asked == [("name='armband' and type='EMG'", 1, 5.0)]
    assert made.options == {"max_buflen": 7, "recover": True, "processing_flags": 1}
    source.close()
    assert made.closed


def test_a_run_stops_while_the_sender_is_silent(network):
    made = network([Info()], [packet(0, 400)])
    got = []
    with LslSource(silence=None, stream_type=None, clock="sender") as source:
        report = run_live(source, emg_dsp.notch(50, 1000), lambda values, _: got.append(values), seconds=0.2)
    assert report.n_samples == 400
    np.testing.assert_array_equal(np.hstack(got), emg_dsp.notch(50, 1000)(X))
    assert made.asked[0][0] == "true()"
    assert made.options["processing_flags"] == 0


def test_jumps_of_the_clock_are_gaps(network):
    values, times = packet(100, 200)
    later = times + np.where(np.arange(100) < 40, 0.0, 0.25)
    network([Info()], [packet(0, 100, first=10.0), (values, later), packet(200, 300, first=9.0)])
    items, _ = taken(LslSource(silence=0.01))
    kinds = [item if isinstance(item, Gap) else item.values.shape[1] for item in items]
    assert kinds == [100, 40, Gap(250, pytest.approx(10.39)), 60, Gap(-1250, pytest.approx(9.2)), 100]
    network([Info()], [packet(0, 100), packet(100, 200, first=10.15)])
    first, _ = taken(LslSource(silence=0.01))
    network([Info()], [packet(0, 100), packet(100, 200, first=10.15)])
    second, _ = taken(LslSource(silence=0.01, max_gap=0.2))
    assert [type(item) for item in first] == [TimedChunk, Gap, TimedChunk]
    assert [type(item) for item in second] == [TimedChunk, TimedChunk]


def test_streams_of_irregular_rate_have_no_gaps(network):
    network([Info(sfreq=0.0)], [packet(0, 10), packet(10, 20, first=99.0)])
    source = LslSource(silence=0.01)
    assert source.sfreq is None
    assert [item.values.shape for item in taken(source)[0]] == [(3, 10), (3, 10)]


def test_a_lost_stream_is_named(network):
    network([Info()], [packet(0, 30), LostError("the stream has been lost.")])
    items, error = taken(LslSource(recover=False))
    assert len(items) == 1
    assert error.startswith("LSL stream 'armband' was lost after 30 samples (LostError('the stream has been lost.'))")


REFUSED = {
    "none": ({}, {"name": "band"}, r"no LSL stream was found that is name 'band', type 'EMG', within 5 s; seen: none"),
    "others": (
        {"infos": [Info()]},
        {"name": "band"},
        r"no LSL stream was found that is name 'band'.*seen: 'armband' \(EMG, source id 'a'\)",
    ),
    "several": (
        {"infos": [Info(), Info(source_id="b")]},
        {"name": "armband"},
        r"several LSL streams are name 'armband'.*source id 'a'\), 'armband' \(EMG, source id 'b'\)",
    ),
    "anything": ({}, {"stream_type": None}, "no LSL stream was found that is any stream"),
    "channels": ({"infos": [Info()]}, {"name": "armband", "n_chans": 8}, "has 3 channels; required are n_chans=8"),
    "text": ({"infos": [Info(form=3)]}, {"name": "armband"}, "LSL stream 'armband' holds text; required are numbers"),
    "closed": ({"infos": [Info()], "opens": False}, {"name": "armband"}, "was found but did not open within 5 s"),
    "quotes": ({}, {"name": "a' or '1'='1"}, "required is a text without quotation marks"),
    "number": ({}, {"source_id": 7}, "source_id=7; required is a text"),
    "clock": ({}, {"clock": "wall"}, "clock='wall'; required is 'local' or 'sender'"),
    "silence": ({}, {"silence": 0}, "silence=0; required is a finite number above 0 s"),
    "gap": ({}, {"max_gap": -1}, "max_gap=-1"),
    "buffer": ({}, {"buffer": 0.5}, "buffer=0.5; required is a whole number of at least 1 seconds"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_opened_is_named(case, network):
    made, options, message = REFUSED[case]
    network(**made)
    with pytest.raises(EmgDspError, match=message):
        LslSource(**options)


def test_a_missing_package_or_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pylsl", None)
    with pytest.raises(EmgDspError, match=r"pip install 'emg-dsp\[lsl\]'"):
        LslSource()

    def broken(name):
        raise RuntimeError(f"LSL binary library file was not found for {name}")

    monkeypatch.setattr("emg_dsp._live.lsl.import_module", broken)
    with pytest.raises(EmgDspError, match=r"its library liblsl does not load: LSL binary library file was not found"):
        LslSource()


@pytest.mark.parametrize("form", ["float32", "int16", "double64"])
def test_a_real_outlet_on_this_machine(form):
    """Needs pylsl and its library; shows that the stand-in above has the interface it claims."""
    pylsl = pytest.importorskip("pylsl", reason="pylsl is not installed; pip install 'emg-dsp[lsl]'")
    name = f"emg-dsp-{uuid.uuid4().hex}"
    info = pylsl.StreamInfo(name, "EMG", 3, 1000.0, form, f"id-{name}")
    outlet = pylsl.StreamOutlet(info, 0, 30)
    if not pylsl.resolve_byprop("name", name, 1, 10.0):
        pytest.skip("the network of this machine does not let LSL find its own streams")
    x = (X * 100).astype({"double64": "float64"}.get(form, form))
    with LslSource(name, source_id=f"id-{name}", n_chans=3, silence=20.0) as source:
        assert (source.n_chans, source.sfreq, source.dtype) == (3, 1000.0, x.dtype)
        sender = threading.Thread(target=send, args=(pylsl, outlet, x))
        sender.start()
        got = []
        for item in source:
            got.append(np.array(item.values))
            assert abs(item.time - pylsl.local_clock()) < 60
            if sum(chunk.shape[1] for chunk in got) >= 400:
                source.stop()
        sender.join()
    np.testing.assert_array_equal(np.hstack(got), x)


def send(pylsl, outlet, x):
    """Push all of ``x`` once somebody listens."""
    assert outlet.wait_for_consumers(10)
    start = pylsl.local_clock()
    for first in range(0, x.shape[1], 100):
        outlet.push_chunk(np.ascontiguousarray(x[:, first : first + 100].T).tolist(), start + (first + 99) / 1000)
