"""EDF and BDF: to the last bit against two other readers in both directions, and every way a file can be wrong."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_io import EmgIoError, open_dataset
from emg_io.engines._edf import read_samples
from emg_io.engines._edf_header import MAIN_FIELDS, SIGNAL_FIELDS, read_header
from emg_io.engines._edf_scale import ranges_for
from emg_io.engines._edf_tal import Note, parse_lists, spell_list
from emg_io.engines._edf_time import record_length, spell
from emg_io.engines._edf_write import RANGE, Channel, write_edf

FULL = {2: ranges_for(1.0, 0.0, *RANGE[2], RANGE[2]), 3: ranges_for(1.0, 0.0, *RANGE[3], RANGE[3])}
N_MUTATIONS = 300


def numbers(n_channels, n_samples, sample_bytes=2, seed=0):
    low, high = RANGE[sample_bytes]
    kind = np.int16 if sample_bytes == 2 else np.int32
    raw = np.random.default_rng(seed).integers(low, high, (n_channels, n_samples), endpoint=True).astype(kind)
    raw[0, :2] = low, high
    return raw


def channels(n, sample_bytes=2, unit="uV", label="EMG {}"):
    return [Channel(label.format(k + 1), unit, FULL[sample_bytes]) for k in range(n)]


def write(path, raw, sfreq=1000.0, sample_bytes=2, notes=(), **options):
    write_edf(path, raw, sfreq, channels(len(raw), sample_bytes), notes, sample_bytes=sample_bytes, **options)
    return path


def read(folder, index=0):
    return open_dataset(folder, "edf")[index]


def compose(signals, data=b"", *, reserved="", n_records=1, record_s="1", bdf=False, **main):
    """A file by hand: ``signals`` are dictionaries of header fields that are not the default."""
    base = {"version": b"\xffBIOSEMI" if bdf else "0", "patient": "X", "recording": "X", "start date": "02.03.04"}
    base |= {"start time": "05.06.07", "header bytes": 256 * (len(signals) + 1), "reserved": reserved}
    base |= {"number of records": n_records, "record duration": record_s, "number of signals": len(signals)} | main
    plain = {"label": "EMG", "transducer": "", "unit": "uV", "physical minimum": "-100", "physical maximum": "100"}
    plain |= {
        "digital minimum": "-100",
        "digital maximum": "100",
        "prefilter": "",
        "samples per record": 4,
        "reserved": "",
    }
    out = [field(base[name], length) for name, length in MAIN_FIELDS]
    out += [field((plain | signal)[name], length) for name, length in SIGNAL_FIELDS for signal in signals]
    return b"".join(out) + data


def field(value, length):
    return (value if isinstance(value, bytes) else str(value).encode("latin-1")).ljust(length)


def opened(tmp_path, data, name="x.edf"):
    (tmp_path / name).write_bytes(data)
    return read(tmp_path)


# ---------------------------------------------------------------- differential


@pytest.mark.parametrize("sample_bytes", [2, 3])
@pytest.mark.parametrize(
    ("n_samples", "sfreq"), [(1000, 1000.0), (2357, 1000.0), (5120, 2048.0), (1037, 103.7), (7, 200.0)]
)
def test_two_other_readers_read_what_we_write(tmp_path, sample_bytes, n_samples, sfreq):
    import edfio
    import pyedflib

    raw, suffix = numbers(3, n_samples, sample_bytes), "edf" if sample_bytes == 2 else "bdf"
    notes = [Note(0.5 / sfreq, 0.0, "start"), Note(3 / sfreq, 2 / sfreq, "grün, 力")]
    path = write(tmp_path / f"x.{suffix}", raw, sfreq, sample_bytes, notes)
    theirs = (edfio.read_edf if sample_bytes == 2 else edfio.read_bdf)(path)
    assert len(theirs.signals) == 3
    for mine, signal in zip(raw, theirs.signals, strict=True):
        assert np.array_equal(signal.digital[:n_samples], mine)
        assert signal.sampling_frequency == pytest.approx(sfreq, rel=1e-9)
        assert signal.physical_dimension == "uV"
    said = [(a.onset, a.duration or 0.0, a.text) for a in theirs.annotations if a.text != "Recording ends"]
    assert said == [(pytest.approx(n.onset, abs=1e-7), pytest.approx(n.duration, abs=1e-7), n.text) for n in notes]
    reader = pyedflib.EdfReader(str(path))
    try:
        for index, mine in enumerate(raw):
            assert np.array_equal(reader.readSignal(index, digital=True)[:n_samples], mine)
        assert reader.getSignalLabels() == ["EMG 1", "EMG 2", "EMG 3"]
        assert list(reader.readAnnotations()[2])[:2] == ["start", "grün, 力"]
    finally:
        reader.close()
    own = read(tmp_path)
    assert np.array_equal(own.raw(), raw)
    assert own.sfreq == pytest.approx(sfreq, rel=1e-9)
    assert [event.value for event in own.events] == ["start", "grün, 力"]
    own.check()


@pytest.mark.parametrize("bdf", [False, True])
def test_we_read_what_edfio_writes(tmp_path, bdf):
    import edfio

    rng = np.random.default_rng(3)
    emg = [rng.normal(0, 300, 5 * 500) for _ in range(4)]
    force = rng.normal(0, 1, 5 * 50)
    Signal, File = (edfio.BdfSignal, edfio.Bdf) if bdf else (edfio.EdfSignal, edfio.Edf)
    signals = [
        Signal(x, 500, label=f"EMG M{k}", physical_dimension="uV", physical_range=(-2000, 2000), prefiltering="HP:10Hz")
        for k, x in enumerate(emg)
    ]
    signals.insert(2, Signal(force, 50, label="Force", physical_dimension="N", physical_range=(-8, 8)))
    notes = [edfio.EdfAnnotation(0.25, None, "go"), edfio.EdfAnnotation(1.5, 0.75, "grasp")]
    file = File(signals, annotations=notes)
    file.write(tmp_path / ("x.bdf" if bdf else "x.edf"))
    own = read(tmp_path)
    assert own.channels == ("EMG M0", "EMG M1", "EMG M2", "EMG M3")
    assert own.sfreq == 500
    theirs = [signal for signal in file.signals if signal.label != "Force"]
    assert np.array_equal(own.raw(), [signal.digital for signal in theirs])
    assert np.allclose(own.signal(dtype=np.float64), [signal.data for signal in theirs], rtol=0, atol=1e-9)
    assert own.aux_names == ("force",)
    aux = own.aux("force")
    assert (aux.sfreq, aux.unit, aux.channels) == (50, "N", ("Force",))
    assert np.allclose(aux.values[0], file.get_signal("Force").data, atol=1e-5)
    assert [tuple(event) for event in own.events] == [
        (0.25, 0.0, "annotation", "go"),
        (1.5, 0.75, "annotation", "grasp"),
    ]
    assert own.metadata["prefilter"] == ["HP:10Hz"]
    own.check()


@pytest.mark.parametrize("bdf", [False, True])
def test_we_read_what_pyedflib_writes(tmp_path, bdf):
    import pyedflib

    raw = numbers(3, 4000, 3 if bdf else 2, seed=5)
    low, high = RANGE[3 if bdf else 2]
    path = tmp_path / ("x.bdf" if bdf else "x.edf")
    writer = pyedflib.EdfWriter(str(path), 3, pyedflib.FILETYPE_BDFPLUS if bdf else pyedflib.FILETYPE_EDFPLUS)
    head = {"dimension": "mV", "sample_frequency": 800, "physical_min": -5.0, "physical_max": 5.0}
    head |= {"digital_min": low, "digital_max": high, "transducer": "", "prefilter": ""}
    writer.setSignalHeaders([head | {"label": f"EMG {k}"} for k in range(3)])
    writer.writeSamples([np.ascontiguousarray(row.astype(np.int32)) for row in raw], digital=True)
    writer.writeAnnotation(1.25, 0.5, "squeeze")
    writer.close()
    own = read(tmp_path)
    assert np.array_equal(own.raw(), raw)
    assert own.sfreq == 800
    assert own.unit == "mV"
    assert own.scale == pytest.approx(10 / (high - low), rel=1e-12)
    assert [tuple(event) for event in own.events] == [(1.25, 0.5, "annotation", "squeeze")]


# ---------------------------------------------------------------- slices


@pytest.mark.parametrize("sample_bytes", [2, 3])
def test_any_slice_of_any_signals(tmp_path, sample_bytes):
    raw = numbers(5, 1000, sample_bytes, seed=1)
    path = write(tmp_path / "x.edf", raw, 100.0, sample_bytes)
    rng = np.random.default_rng(2)
    with path.open("rb") as stream:
        header = read_header(stream, path.stat().st_size, "x")
        for _ in range(150):
            start, stop = sorted(rng.integers(0, 1001, 2).tolist())
            picked = sorted(rng.choice(5, rng.integers(1, 6), replace=False).tolist())
            found = read_samples(stream, header, picked, start, stop, "x")
            assert np.array_equal(found, raw[picked, start:stop])
            assert found.dtype == raw.dtype


class Counting(io.BytesIO):
    """A file that counts what is read from it."""

    n_read = 0

    def read(self, size=-1):
        data = super().read(size)
        self.n_read += len(data)
        return data


@pytest.mark.parametrize(("record", "picked", "most"), [(1000, range(4), 3 * 8001), (1_000_000, (2,), 2 * 1000 + 10)])
def test_a_slice_reads_its_own_records(record, picked, most):
    """Whole records where they are small; the samples alone where little is wanted of much."""
    raw = numbers(4, 3_000_000 // 4 if record > 1000 else 20_000)
    record = min(record, raw.shape[1])
    order = raw.reshape(4, -1, record).transpose(1, 0, 2).astype("<i2").tobytes()
    data = compose([{"samples per record": record}] * 4, order, n_records=raw.shape[1] // record, record_s="2")
    stream = Counting(data)
    header = read_header(stream, len(data), "x")
    stream.n_read = 0
    found = read_samples(stream, header, list(picked), 1500, 2500, "x")
    assert np.array_equal(found, raw[list(picked), 1500:2500])
    assert 0 < stream.n_read <= most


# ---------------------------------------------------------------- what files say


def test_a_plain_file_by_hand(tmp_path):
    data = struct.pack("<8h", *range(8))
    own = opened(tmp_path, compose([{"label": "EMG L"}, {"label": "EMG R"}], data))
    assert np.array_equal(own.raw(), np.arange(8).reshape(2, 4))
    assert (own.sfreq, own.n_samples, own.channels) == (4.0, 4, ("EMG L", "EMG R"))
    assert (own.subject, own.task, own.unit, own.scale, own.offset) == ("x", "", "uV", 1.0, 0.0)
    assert own.metadata["start"] == "2004-03-02T05:06:07"
    assert own.metadata["kind"] == "EDF"
    assert own.layout.kind == "unplaced"
    assert own.events == ()


def test_24_bits_keep_their_sign(tmp_path):
    values = [-(2**23), -1, 0, 2**23 - 1]
    data = b"".join(value.to_bytes(3, "little", signed=True) for value in values)
    own = opened(tmp_path, compose([{}], data, bdf=True))
    assert own.raw()[0].tolist() == values
    assert own.raw().dtype == np.int32


@pytest.mark.parametrize(
    ("unit", "meant"),
    [
        ("uV", "uV"), ("µV", "uV"), ("\u03bcV".encode(), "uV"), ("µV".encode(), "uV"), ("mV", "mV"), ("V", "V"),
        ("?V", "uV"), ("", "unknown"), ("%", "unknown"), ("counts", "adc"),
    ],
)  # fmt: skip
def test_units(tmp_path, unit, meant):
    assert opened(tmp_path, compose([{"unit": unit}], bytes(8))).unit == meant


def test_channels_of_several_prefixes_share_the_unit_of_the_first(tmp_path):
    signals = [{"label": "EMG a", "unit": "mV"}, {"label": "EMG b", "unit": "uV"}, {"label": "EMG c", "unit": "nV"}]
    own = opened(tmp_path, compose(signals, struct.pack("<12h", *range(12))))
    assert own.unit == "mV"
    assert own.scale == (1.0, 1e-3, 1e-6)
    assert own.signal(dtype=np.float64)[1].tolist() == pytest.approx([0.004, 0.005, 0.006, 0.007])


def test_scale_and_offset_are_exact(tmp_path):
    signal = {
        "physical minimum": "-0.00128",
        "physical maximum": "0.00127",
        "digital minimum": -128,
        "digital maximum": 127,
    }
    own = opened(tmp_path, compose([signal | {"unit": "V"}], struct.pack("<4h", -128, 0, 1, 127)))
    assert (own.scale, own.offset) == (1e-5, 0.0)
    shifted = {"physical minimum": "10", "physical maximum": "-10", "digital minimum": 0, "digital maximum": "100"}
    other = opened(tmp_path, compose([shifted], struct.pack("<4h", 0, 50, 100, 25)))
    assert other.signal(dtype=np.float64)[0].tolist() == [10, 0, -10, 5]


@pytest.mark.parametrize(
    ("labels", "units", "picked", "how"),
    [
        (["EMG a", "EEG b", "c"], ["uV"] * 3, ["EMG a"], "labelled EMG"),
        (["sEMG 1", "emg2", "Status"], ["uV", "uV", ""], ["sEMG 1", "emg2"], "labelled EMG"),
        (
            ["Chin-EMG", "L hdsEMG", "EMGleft", "Temporalis"],
            ["uV"] * 4,
            ["Chin-EMG", "L hdsEMG", "EMGleft"],
            "labelled EMG",
        ),
        (["Temporalis", "Temp rectal"], ["uV", "degC"], ["Temporalis"], "no other declared type"),
        (["biceps", "triceps", "ECG"], ["uV"] * 3, ["biceps", "triceps"], "no other declared type"),
        (["biceps", "knee"], ["mV", "deg"], ["biceps"], "in volts"),
        (["a", "b"], ["", ""], ["a", "b"], "no other declared type"),
    ],
)
def test_which_signals_are_emg(tmp_path, labels, units, picked, how):
    signals = [{"label": label, "unit": unit} for label, unit in zip(labels, units, strict=True)]
    own = opened(tmp_path, compose(signals, bytes(8 * len(labels))))
    assert list(own.channels) == picked
    assert how in own.metadata["emg"]
    beside = [name for aux in own.aux_names for name in own.aux(aux).channels]
    assert sorted(beside + picked) == sorted(labels)


def test_other_rates_lie_beside(tmp_path):
    signals = [
        {"label": "EMG fast"},
        {"label": "EMG slow", "samples per record": 2},
        {"label": "ACC x", "samples per record": 1},
    ]
    own = opened(tmp_path, compose(signals, struct.pack("<7h", *range(7))))
    assert own.channels == ("EMG fast",)
    assert "highest rate" in own.metadata["emg"]
    assert own.aux_names == ("emg", "acc")
    assert own.aux("emg").values.tolist() == [[4, 5]]
    assert own.aux("acc").sfreq == 1
    with pytest.raises(EmgIoError, match="no such signal"):
        own.aux("glove")


def test_a_recorder_that_was_cut_off(tmp_path):
    own = opened(tmp_path, compose([{}], bytes(8 * 3 + 5), n_records=-1))
    assert own.n_samples == 12
    assert "5 bytes" in own.metadata["unfinished"]
    own.check()


def test_padding_and_decimal_commas(tmp_path):
    signal = {
        "physical minimum": "-3,2\0",
        "physical maximum": " 3,2",
        "digital minimum": " -32",
        "digital maximum": "+32.0",
    }
    own = opened(tmp_path, compose([signal], bytes(8), record_s="0,5"))
    assert own.scale == 0.1
    assert own.sfreq == 8
    assert opened(tmp_path, compose([{}], bytes(8), **{"start date": "99.99.99"})).metadata["start"] == "not stated"


def test_names_make_subjects_and_tasks(tmp_path):
    data = compose([{}], bytes(8))
    for name in ("S1/day1/rest.edf", "S1/day2/rest.bdf", "bare.EDF"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    keys = {recording.key for recording in open_dataset(tmp_path)}
    assert keys == {("S1", "1", "day1/rest", None), ("S1", "1", "day2/rest", None), ("bare", "1", "", None)}


# ---------------------------------------------------------------- gaps


def discontinuous(starts, reserved="EDF+D", text=b""):
    data, notes = b"", []
    for k, start in enumerate(starts):
        keep = b"" if start is None else f"+{start}".encode() + b"\x14\x14\0"
        data += struct.pack("<4h", *range(4 * k, 4 * k + 4)) + (keep + (text if k == 0 else b"")).ljust(48, b"\0")
    notes = {"label": "EDF Annotations", "samples per record": 24, "physical minimum": "x"}
    return compose([{}, notes], data, n_records=len(starts), reserved=reserved)


def test_gaps_become_a_stamped_clock(tmp_path):
    own = opened(tmp_path, discontinuous([7, 8, 20], text=b"+8.5\x151.5\x14grip\x14\0"))
    assert not own.uniform
    assert own.timestamps.tolist() == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 13, 13.25, 13.5, 13.75]
    assert own.raw().tolist() == [list(range(12))]
    assert [tuple(event) for event in own.events] == [(1.5, 1.5, "annotation", "grip")]
    assert "gaps" in own.metadata["clock"]
    own.check()


def test_no_gaps_no_stamps(tmp_path):
    own = opened(tmp_path, discontinuous([0.5, 1.5, 2.5]))
    assert own.uniform
    assert own.timestamps is None


def test_gaps_without_annotations_are_refused(tmp_path):
    own = opened(tmp_path, compose([{}], bytes(24), n_records=3, reserved="EDF+D"))
    with pytest.raises(EmgIoError, match="overlap or do not say when they start"):
        own.check()


def test_very_many_records_cost_no_more_than_their_bytes(tmp_path):
    """Ten million records of one sample; with annotations so many are refused, because each must be parsed."""
    one = {"samples per record": 1}
    own = opened(tmp_path, compose([one], bytes(20_000_000), n_records=-1, reserved="EDF+C"))
    assert own.n_samples == 10_000_000
    assert own.events == ()
    assert not own.raw(5_000_000, 5_000_100).any()
    notes = {"label": "EDF Annotations", "samples per record": 1}
    noted = opened(tmp_path, compose([one, notes], bytes(2_000_004), n_records=-1, reserved="EDF+C"))
    with pytest.raises(EmgIoError, match=r"records: too many records with annotations: .*found 500001"):
        noted.check()


@pytest.mark.parametrize("starts", [[0, 5, 5.5], [3, 2, 9], [0, None, 2]])
def test_overlapping_or_silent_records_are_refused(tmp_path, starts):
    own = opened(tmp_path, discontinuous(starts))
    with pytest.raises(
        EmgIoError, match=r"x\.edf, annotations, record starts: records of a file with gaps overlap or do not"
    ):
        own.check()


def test_gaps_in_a_continuous_file_are_refused(tmp_path):
    own = opened(tmp_path, discontinuous([0, 1, 9], "EDF+C"))
    assert own.raw().shape == (1, 12)
    with pytest.raises(EmgIoError, match="do not follow each other in a file that is declared continuous"):
        own.check()


# ---------------------------------------------------------------- hostile


GOOD = compose([{"label": "EMG a"}, {"label": "EMG b"}], bytes(16))


@pytest.mark.parametrize(
    ("signal", "main", "match"),
    [
        ({}, {"version": "1"}, r"version, byte 0: breaks the EDF/BDF format: expected '0'"),
        ({}, {"number of signals": "many"}, "number of signals: .*a whole number >= 1.*'many'"),
        ({}, {"number of signals": "-1"}, "number of signals: "),
        ({}, {"number of signals": "2"}, "header bytes: .*expected 768 for 2 signals, found 512"),
        ({}, {"header bytes": "99999999"}, "header bytes: .*found 99999999"),
        (
            {},
            {"number of records": "9"},
            "number of records: .*expected 9 of 8 bytes, found 8 bytes of data: the file is cut",
        ),
        ({}, {"number of records": "0"}, "number of records: "),
        ({}, {"number of records": "-2"}, "number of records: .*>= -1"),
        ({}, {"record duration": "0"}, "record duration: .*seconds > 0"),
        ({}, {"record duration": "1e-300"}, "record duration: .*seconds > 0"),
        ({}, {"record duration": "-1"}, "record duration: .*seconds > 0"),
        ({}, {"record duration": "1e999"}, "record duration: .*a finite number"),
        ({}, {"record duration": "nan"}, "record duration: .*a finite number"),
        ({}, {"reserved": "EDF+X"}, "reserved, byte 192: "),
        ({}, {"reserved": "BDF+C"}, "reserved, byte 192: .*as the version"),
        ({"samples per record": "0"}, {}, r"signal 1 \(EMG\), samples per record: "),
        ({"samples per record": "99999999"}, {}, "number of records: "),
        (
            {"physical minimum": "5", "physical maximum": "5.0"},
            {},
            r"signal 1 \(EMG\), ranges: .*found 5..5 for -100..100",
        ),
        ({"digital minimum": "100"}, {}, "ranges: .*growing digital ends"),
        ({"digital minimum": "200"}, {}, "ranges: "),
        ({"digital maximum": "12x"}, {}, "digital maximum: .*a whole number.*'12x'"),
        ({"physical maximum": "inf"}, {}, "physical maximum: .*a finite number"),
        ({"physical maximum": ""}, {}, "physical maximum: "),
        ({"label": "ECG"}, {}, "labels: no EMG in the file: .*found ECG"),
        ({"label": "EDF Annotations"}, {}, "no EMG in the file: .*annotations alone"),
    ],
)
def test_nonsense_is_refused(tmp_path, signal, main, match):
    with pytest.raises(EmgIoError, match=match) as caught:
        opened(tmp_path, compose([signal], bytes(8), **main))
    assert caught.value.file.endswith("x.edf")


def test_units_that_cannot_be_compared(tmp_path):
    signals = [{"label": "EMG a"}, {"label": "EMG b", "unit": "counts"}]
    with pytest.raises(EmgIoError, match="units that cannot be compared: expected one kind of unit, found uV, counts"):
        opened(tmp_path, compose(signals, bytes(16)))


@pytest.mark.parametrize("cut", [0, 1, 8, 100, 255, 256, 300, 511, 512, 767, 768, 769, len(GOOD) - 1])
def test_truncations(tmp_path, cut):
    with pytest.raises(EmgIoError, match=r"x\.edf, (header|version, byte 0|number of records)"):
        opened(tmp_path, GOOD[:cut])


def test_appended_bytes_are_refused(tmp_path):
    with pytest.raises(EmgIoError, match="the file is cut or was appended to"):
        opened(tmp_path, GOOD + b"\0")


def test_a_file_that_shrinks_or_changes_is_noticed(tmp_path):
    own = opened(tmp_path, GOOD)
    (tmp_path / "x.edf").write_bytes(GOOD[:-2])
    with pytest.raises(EmgIoError, match="the file was cut while it was read"):
        own.raw()
    (tmp_path / "x.edf").write_bytes(GOOD.replace(b"EMG b", b"EMG c"))
    with pytest.raises(EmgIoError, match="header changed since the file was opened"):
        own.check()


@pytest.mark.parametrize(
    "data",
    [
        b"0\x14\x14",
        b"+\x14\x14",
        b"+1\x15\x14a\x14",
        b"+1\x14a",
        b"hello",
        b"+1e5\x14\x14",
        b"+" + b"9" * 40 + b"\x14\x14",
    ],
)
def test_broken_annotations(data):
    with pytest.raises(EmgIoError, match="x, record 0: breaks the EDF\\+ annotation format"):
        parse_lists(data + b"\0", "x", "record 0")


@given(
    st.floats(-1e6, 1e6),
    st.floats(0, 1e5),
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), max_size=20),
)
def test_annotations_survive(onset, duration, words):
    (note,) = parse_lists(spell_list(onset, duration, words) + b"\0\0", "x", "record 0")
    assert note.text == words
    assert note.onset == pytest.approx(onset, abs=1e-7)
    assert note.duration == pytest.approx(duration, abs=1e-7)


def mutate(data, rng):
    out, at = bytearray(data), int(rng.integers(0, len(data)))
    kind = int(rng.integers(0, 7))
    if kind == 0:
        out[at] ^= 1 << int(rng.integers(0, 8))
    elif kind == 1:
        del out[at:]
    elif kind == 2:
        del out[at : at + int(rng.integers(1, 30))]
    elif kind == 3:
        out[at:at] = rng.bytes(int(rng.integers(1, 20)))
    elif kind == 4:
        out[at] = int(rng.choice(list(b"0123456789.,-+eE \0")))
    elif kind == 5:
        out[at : at + 8] = bytes(rng.choice(list(b"0123456789-"), 8).astype(np.uint8))
    else:
        at = int(rng.integers(0, min(1024, len(data))))
        out[at] = int(rng.integers(0, 256))
    return bytes(out)


@pytest.mark.parametrize("kind", ["edf", "bdf", "gaps"])
def test_mutations_end_in_an_error_or_a_valid_recording(tmp_path, kind):
    rng = np.random.default_rng(21)
    if kind == "gaps":
        data = discontinuous([0, 1, 5, 6], text=b"+2\x151\x14grip\x14\0")
    else:
        notes = [Note(0.1, 0.2, "grip")]
        data = write(
            tmp_path / "x.edf", numbers(2, 90, 2 + (kind == "bdf")), 30.0, 2 + (kind == "bdf"), notes
        ).read_bytes()
    outcomes = {"error": 0, "valid": 0}
    for _ in range(N_MUTATIONS):
        own, error = attempt(tmp_path, mutate(data, rng))
        outcomes["error" if error else "valid"] += 1
        if error:
            assert error.file
            assert error.place
        else:
            assert own.raw().shape == (own.n_chans, own.n_samples)
            assert np.isfinite(own.signal()).all()
    assert min(outcomes.values()) > 20


def attempt(folder, data):
    """The recording in a mutated file, or the error; nothing else may come out."""
    try:
        own = opened(folder, data)
        own.check()
    except EmgIoError as error:
        return None, error
    return own, None


# ---------------------------------------------------------------- writing


def test_same_arguments_same_bytes(tmp_path):
    raw = numbers(2, 500)
    first, second = (write(tmp_path / name, raw, notes=[Note(0.1, 0, "a")]).read_bytes() for name in ("a.edf", "b.edf"))
    assert first == second
    assert b"01.01.8500.00.00" in first
    dated = write(tmp_path / "c.edf", raw, start=(2021, 7, 9)).read_bytes()
    assert b"Startdate 09-JUL-2021 X X X" in dated
    assert b"09.07.21" in dated


def test_what_a_file_cannot_hold_is_refused(tmp_path):
    path = tmp_path / "x.edf"
    with pytest.raises(
        EmgIoError, match=r"values do not fit: use BDF, or wider ranges: expected -32768\.\.32767, found 0\.\.40000"
    ):
        write_edf(path, np.array([[0, 40000]]), 10.0, channels(1, 3), sample_bytes=2)
    with pytest.raises(EmgIoError, match="not samples: expected integers"):
        write_edf(path, np.array([[0.5, 1]]), 10.0, channels(1), sample_bytes=2)
    with pytest.raises(EmgIoError, match="text too long for the header"):
        write_edf(path, np.array([[0, 1]]), 10.0, channels(1, unit="microvolts"), sample_bytes=2)
    with pytest.raises(EmgIoError, match="no such start year"):
        write_edf(path, np.array([[0, 1]]), 10.0, channels(1), sample_bytes=2, start=(1970, 1, 1))
    with pytest.raises(EmgIoError, match="too many signals"):
        write_edf(path, np.zeros((9999, 1), int), 10.0, channels(9999), sample_bytes=2)
    with pytest.raises(EmgIoError, match=r"no record length states this rate .* found 33333333\.3 Hz"):
        record_length(10, 33333333.3, 5, "x")
    with pytest.raises(EmgIoError, match="not a rate"):
        write_edf(path, np.zeros((1, 2), int), 0.0, channels(1), sample_bytes=2)
    assert not path.exists()


@given(
    st.integers(1, 200_000),
    st.sampled_from([100.0, 200.0, 985.0, 1000.0, 1111.0, 2000.0, 2048.0, 5120.0, 103.7, 1024.5]),
)
def test_records_state_the_rate(n_samples, sfreq):
    length, text = record_length(n_samples, sfreq, 10**6, "x")
    assert len(text) <= 8
    assert length / float(text) == pytest.approx(sfreq, rel=1e-6)
    assert length <= 20 * sfreq + 1
    if n_samples % round(sfreq) == 0 and sfreq == round(sfreq):
        assert n_samples % length == 0


@given(st.floats(1e-6, 9.9e7))
def test_numbers_of_eight_characters(value):
    text = spell(value)
    assert len(text) <= 8
    assert float(text) == pytest.approx(value, abs=1.1e-6 * max(1, value))


@given(
    st.integers(1, 99999),
    st.integers(-7, 2),
    st.integers(0, 2**23 - 1),
    st.sampled_from([1.0, -1.0]),
    st.integers(-99, 99),
)
def test_scales_are_stated(mantissa, exponent, reach, sign, steps):
    """Short decimals exactly, and what is stated is what a reader computes; or None."""
    scale = sign * float(f"{mantissa}e{exponent}")
    offset = float(f"{mantissa * steps}e{exponent}")
    made = ranges_for(scale, offset, -reach, reach, RANGE[3])
    if made is None:
        assert abs(scale) * 8e6 > 9e6 or abs(scale) * max(reach, 1) < 1e-2 or steps
        return
    assert made.digital_min <= -reach
    assert reach <= made.digital_max
    assert all(len(text) <= 8 for text in made[2:])
    assert made.scale == pytest.approx(scale, rel=1e-5)
    assert abs(made.offset - offset) <= 1e-5 * abs(scale) * max(reach, 1)


@pytest.mark.parametrize(
    ("scale", "reach"),
    [
        (1e-5, 128),
        (1.0, 2047),
        (0.0030517578125, 32000),
        (0.25, 8_000_000),
        (1e-9, 8_388_000),
        (0.00244, 4.66 / 0.00244),
    ],
)
def test_common_scales_are_exact(scale, reach):
    assert ranges_for(scale, 0.0, -int(reach), int(reach), RANGE[3]).scale == scale


def test_forged_files_are_detected(forged):
    dataset = open_dataset(forged("edf"))
    assert dataset.format == "edf"
    assert {Path(recording.source).suffix for recording in dataset} == {".edf", ".bdf"}
    assert {event.value for event in dataset[0].events} == {"fist", "wrist flexion", "wrist extension"}
