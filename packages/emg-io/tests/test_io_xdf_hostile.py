"""XDF files that are cut, damaged or lie: what can be saved is saved and told, everything else is an EmgIoError."""

import gzip
import importlib.util
import struct
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from emg_io import EmgIoError, open_dataset
from emg_io.engines import _xdf, _xdf_chunks, _xdf_xml
from emg_io.engines._xdf_chunks import BOUNDARY_MARK, inflate
from emg_io.engines._xdf_write import StreamText, varint, xdf_bytes
from emg_io.engines._xdf_xml import parse_xml

N_MUTATIONS = 150
INFO = "<info><name>EMG</name><type>EMG</type><channel_count>{n}</channel_count><nominal_srate>{rate}</nominal_srate>"
INFO += "<channel_format>{form}</channel_format></info>"


def _load(name):
    where = Path(__file__).parents[1] / "fuzz" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, where)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


mutations, readers = _load("mutations"), _load("readers")


def chunk(tag, content):
    return varint(len(content) + 2) + struct.pack("<H", tag) + content


def header(n=1, rate=100, form="int16", number=1, xml=None):
    return chunk(2, struct.pack("<I", number) + (xml or INFO.format(n=n, rate=rate, form=form)).encode())


def samples(*stamps, number=1):
    rows = b"".join(b"\0" + b"\1\0" if stamp is None else struct.pack("<Bdh", 8, stamp, 2) for stamp in stamps)
    return chunk(3, struct.pack("<I", number) + varint(len(stamps)) + rows)


def footer(count, number=1):
    return chunk(6, struct.pack("<I", number) + f"<info><sample_count>{count}</sample_count></info>".encode())


BOUNDARY = chunk(5, BOUNDARY_MARK)
SOUND = samples(1.0, None, 1.02)


def only(folder, *parts):
    (folder / "a.xdf").write_bytes(b"XDF:" + b"".join(parts))
    (recording,) = open_dataset(folder, "xdf")
    return recording


def test_a_sound_file_made_by_hand(tmp_path):
    recording = only(tmp_path, header(), SOUND, chunk(99, b"?"), footer(3))
    assert recording.raw().tolist() == [[2, 1, 2]]
    assert recording.metadata["warnings"] == ("1 chunks of unknown kind left out",)


@pytest.mark.parametrize("cut", [1, 5, 12, len(SOUND) - 1])
def test_a_cut_tail_costs_its_last_chunk(cut, tmp_path):
    recording = only(tmp_path, header(), SOUND, samples(1.03, 1.04), SOUND[:cut])
    assert recording.n_samples == 5
    lost, no_footer = recording.metadata["warnings"]
    assert lost.startswith("bytes ")
    assert " lost: " in lost
    assert no_footer == "stream 1 (EMG) has no footer: the recording did not end properly"


DAMAGE = {
    "no chunk length": b"\x03" + b"x" * 40,
    "beyond the end": b"\x04" + struct.pack("<I", 10**9),
    "number of samples and length disagree": chunk(3, struct.pack("<I", 1) + b"\x04\xff\xff\xff\xff" + b"\0" * 30),
    "no whole number of samples": chunk(3, struct.pack("<I", 1) + varint(2) + b"\0" * 10),
    "neither a stamp nor none": chunk(3, struct.pack("<I", 1) + varint(1) + b"\7\1\0"),
    "is no time": chunk(3, struct.pack("<I", 1) + varint(1) + struct.pack("<Bdh", 8, np.nan, 1)),
    "too short for a stream number": chunk(3, b"\1"),
    "clock offset has the wrong length": chunk(4, struct.pack("<Id", 1, 2.0)),
    "clock offset is no time": chunk(4, struct.pack("<Idd", 1, 2.0, np.inf)),
}


@pytest.mark.parametrize("reason", DAMAGE)
def test_damage_costs_what_lies_before_the_next_boundary(reason, tmp_path):
    parts = (header(), SOUND, DAMAGE[reason], samples(1.03), BOUNDARY, samples(1.04, None), footer(6))
    recording = only(tmp_path, *parts)
    lost, count = recording.metadata["warnings"]
    assert reason in lost
    start = 4 + len(parts[0]) + len(parts[1])
    assert lost.startswith(f"bytes {start} to {len(b''.join(parts)) + 4 - len(parts[5]) - len(parts[6])} lost")
    assert count == "stream 1 (EMG): footer says 6 samples, not as found"
    assert recording.n_samples == 5


BROKEN = {
    "file holds no stream": (BOUNDARY,),
    "chunk belongs to no stream: expected stream 1, found 2": (header(), samples(1.0, number=2)),
    "expected stream header first": (SOUND,),
    "not a stream header.*channel_count": (header(n=0), SOUND),
    "not a stream header.*'70000'": (header(n=70000), SOUND),
    "not a stream header.*'1e99'": (header(rate="1e99"), SOUND),
    "not a stream header.*'1e-300'": (header(rate="1e-300"), SOUND),
    "EMG stream holds no signal.*int16, 3 samples": (header(rate=0), samples(0.0, 1e-15, 2e-15)),
    "not a stream header.*'nan'": (header(rate="nan"), SOUND),
    "not a stream header.*'fast'": (header(rate="fast"), SOUND),
    "not a stream header.*'int12'": (header(form="int12"), SOUND),
    "stream header comes again": (header(), header(), SOUND),
    "EMG stream holds no signal.*found string": (header(form="string"),),
    "EMG stream holds no signal.*int16, 0 samples": (header(), footer(0)),
    "EMG stream holds no signal.*int16, 1 samples": (header(rate=0), samples(1.0)),
    "first sample has no time stamp": (header(), samples(None, 1.0)),
    "EMG, sample 2: time does not run forwards": (header(rate=0), samples(1.0, 1.1, 1.05)),
    "EMG, sample 1: time does not run forwards": (header(rate=0), samples(1.0, 1.0)),
    "not readable XML.*document type or entity": (
        header(xml='<!DOCTYPE i [<!ENTITY a "b">]><info>&a;</info>'),
        SOUND,
    ),
    "not readable XML.*more than 40 levels": (header(xml="<i>" * 60 + "</i>" * 60), SOUND),
    "header of stream 1, byte .*not readable XML": (header(xml="<info><name>"), SOUND),
    "footer of stream 1, byte .*not readable XML": (header(), SOUND, chunk(6, b"\1\0\0\0<a></b>")),
}


@pytest.mark.parametrize("message", BROKEN)
def test_what_else_breaks_the_format_is_an_error(message, tmp_path):
    with pytest.raises(EmgIoError, match=message) as caught:
        only(tmp_path, *BROKEN[message])
    assert caught.value.file.endswith("a.xdf")
    assert caught.value.place


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.xdf").write_bytes(b"XDG:")
    with pytest.raises(EmgIoError, match=r"a\.xdf, byte 0: not an XDF file"):
        open_dataset(tmp_path, "xdf")


def test_a_single_sample_of_a_regular_stream_has_the_nominal_rate(tmp_path):
    recording = only(tmp_path, header(), samples(1.0))
    assert (recording.sfreq, recording.n_samples, recording.uniform) == (100.0, 1, True)


def test_xml_is_bounded(monkeypatch):
    with pytest.raises(EmgIoError, match="XML is too long"):
        parse_xml(b" " * (_xdf_xml.MAX_XML_BYTES + 1), "a", "b")
    monkeypatch.setattr(_xdf_xml, "MAX_ELEMENTS", 5)
    with pytest.raises(EmgIoError, match="5 elements"):
        parse_xml(b"<a>" + b"<b/>" * 6 + b"</a>", "a", "b")
    assert parse_xml(b"<a> <b>x\xff</b></a>\0\n", "a", "b").value("b") == "x\ufffd"


def test_chunks_streams_and_texts_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(_xdf_chunks, "MAX_CHUNKS", 3)
    with pytest.raises(EmgIoError, match="too many chunks or too much damage"):
        only(tmp_path, header(), SOUND, footer(3), BOUNDARY)
    monkeypatch.undo()
    monkeypatch.setattr(_xdf_chunks, "MAX_LOSSES", 3)
    with pytest.raises(EmgIoError, match="too much damage"):
        only(tmp_path, header(), *[b"\x02" + BOUNDARY] * 4)
    monkeypatch.undo()
    monkeypatch.setattr(_xdf, "MAX_STREAMS", 1)
    with pytest.raises(EmgIoError, match="or too many"):
        only(tmp_path, header(), header(number=2))
    monkeypatch.setattr(_xdf, "MAX_TEXTS", 2)
    texts = chunk(3, struct.pack("<I", 1) + varint(3) + b"\0\1\0" * 3)
    with pytest.raises(EmgIoError, match="too many texts or samples"):
        only(tmp_path, header(form="string"), texts)


def test_samples_are_bounded_by_the_size_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(_xdf, "SMALL_FILE_SAMPLES", 20)
    bare = chunk(3, struct.pack("<I", 1) + varint(100) + b"\0\1" * 100)
    stamped = chunk(3, struct.pack("<I", 1) + varint(1) + struct.pack("<Bdb", 8, 1.0, 1))
    with pytest.raises(EmgIoError, match="too many texts or samples"):
        only(tmp_path, header(form="int8"), stamped, bare, bare)


def test_compressed_files_are_bounded_and_may_be_cut(tmp_path, monkeypatch):
    data = b"XDF:" + header() + SOUND * 1 + samples(*np.arange(1.03, 9, 0.01)) + footer(1)
    packed = gzip.compress(data)
    (tmp_path / "a.xdfz").write_bytes(packed[:-9])
    (recording,) = open_dataset(tmp_path, "xdf")
    assert "the compressed file is cut" in recording.metadata["warnings"]
    damaged = bytearray(packed)
    damaged[30] ^= 255
    with pytest.raises(EmgIoError, match="not a sound gzip stream"):
        inflate(bytes(damaged), "a.xdfz")
    monkeypatch.setattr(_xdf_chunks, "MAX_INFLATED", 1000)
    with pytest.raises(EmgIoError, match="inflates beyond the limit"):
        inflate(gzip.compress(bytes(10**7)), "a.xdfz")


def test_a_stream_far_from_the_emg_is_no_memory_bomb(tmp_path):
    far = chunk(3, struct.pack("<I", 2) + varint(2) + b"".join(struct.pack("<Bdh", 8, t, 1) for t in (9e9, 9e9 + 1e-6)))
    other = INFO.format(n=1, rate=0, form="int16").replace("EMG", "far")
    long = samples(0.0, 9.1e9)
    recording = only(tmp_path, header(rate=0), long, header(number=2, xml=other), far)
    with pytest.raises(EmgIoError, match="far: stream begins too long after the EMG"):
        recording.aux("far")


def test_memory_stays_below_four_times_the_file(tmp_path):
    n_times, stamps = 40_000, 5.0 + np.arange(40_000) / 1000
    stream = StreamText("EMG", "EMG", "int16", 1000.0, np.zeros((8, n_times), np.int16), stamps)
    data = xdf_bytes([stream], samples_per_chunk=50)
    (tmp_path / "a.xdf").write_bytes(data)
    tracemalloc.start()
    (recording,) = open_dataset(tmp_path, "xdf")
    recording.check()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * len(data)


@pytest.fixture
def mixed_file():
    rng = np.random.default_rng(1)
    stamps = 7.0 + np.arange(60) / 100
    stamps[rng.random(60) < 0.5] = np.nan
    stamps[0] = 7.0
    offsets = [(float(t), 3.0) for t in range(5, 12)]
    return xdf_bytes(
        [
            StreamText(
                "EMG", "EMG", "float32", 100.0, rng.normal(size=(3, 60)), stamps, offsets, ("a", "b", "c"), "uV"
            ),
            StreamText("acc", "ACC", "int16", 50.0, np.zeros((1, 30)), 10.0 + np.arange(30) / 50),
            StreamText("cues", "Markers", "string", 0.0, ["go", "stop"], np.array([10.1, 10.2])),
        ],
        samples_per_chunk=20,
    )


@pytest.mark.parametrize("compressed", [False, True])
def test_mutated_files(compressed, mixed_file, tmp_path):
    path, refused = tmp_path / ("a.xdfz" if compressed else "a.xdf"), 0
    for number in range(N_MUTATIONS):
        damaged = mutations.mutate(mixed_file, np.random.default_rng((31, number)))
        path.write_bytes(gzip.compress(damaged, 1) if compressed else damaged)
        refused += readers.read("xdf", tmp_path) is not None
    assert N_MUTATIONS / 10 < refused < N_MUTATIONS


def test_truncations_everywhere(mixed_file, tmp_path):
    saved = 0
    for cut in range(0, len(mixed_file), 7):
        (tmp_path / "a.xdf").write_bytes(mixed_file[:cut])
        if readers.read("xdf", tmp_path) is None:
            (recording,) = open_dataset(tmp_path, "xdf")
            assert recording.metadata["warnings"]
            saved += 1
    assert saved > 10
