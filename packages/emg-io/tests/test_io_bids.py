"""EMG-BIDS: what is written is read back whole; foreign tables are read with patience; errors name file and column."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_io import EmgIoError, Event, Layout, Recording, Track, open_dataset
from emg_io._bids_write import write_bids
from emg_io._source import Aux, Content, InMemory
from emg_io.engines._edf_scale import ranges_for
from emg_io.engines._edf_write import RANGE, Channel, write_edf
from emg_io.formats._bids_events import quote, unquote

N_MUTATIONS = 300
NAMES = {0: "rest", 1: "fist", 2: "wave in", 7: "never done"}
GRID = Layout.grid([[0, 1], [2, 3], [4, -1]], pitch_mm=8.0, description="over the flexors")
RING = Layout.ring(8, "round the forearm")


def recording(
    raw,
    sfreq=1000.0,
    *,
    layout=None,
    unit="uV",
    scale=0.5,
    offset=0.0,
    events=(),
    labels=None,
    names=NAMES,
    aux=(),
    **options,
):
    raw = np.asarray(raw)
    tracks = {} if labels is None else {name: Track(name, values, names) for name, values in labels.items()}
    if "repetition" in tracks:
        tracks["repetition"] = Track("repetition", labels["repetition"])
    content = Content(None, tracks, tuple(events), raw=raw, sfreq=sfreq, aux={a.name: a for a in aux})
    base = {"subject": "1", "session": "1", "repetition": None, "source": "memory", "uniform": True, "task": "grip"}
    where = layout or Layout.unplaced(len(raw))
    return Recording(
        n_chans=len(raw),
        unit=unit,
        scale=scale,
        offset=offset,
        layout=where,
        reader=InMemory(content),
        **base | options,
    )


def numbers(n_chans, n_samples, low=-5000, high=5000, dtype=np.int16, seed=0):
    return np.random.default_rng(seed).integers(low, high, (n_chans, n_samples)).astype(dtype)


def labelled(n_samples, seed=0):
    rng = np.random.default_rng(seed)
    edges = np.sort(rng.choice(np.arange(1, n_samples), 6, replace=False))
    labels = np.repeat([0, 1, 0, 2, 2, 0, 1], np.diff([0, *edges, n_samples])).astype(np.int64)
    repetitions = np.repeat([0, 1, 0, 1, 2, 0, 2], np.diff([0, *edges, n_samples])).astype(np.int64)
    return {"label": labels, "repetition": repetitions}


def same(mine, theirs):
    """What must survive writing and reading."""
    assert np.array_equal(mine.raw(), theirs.raw())
    assert mine.sfreq == theirs.sfreq
    assert (mine.unit, mine.scale, mine.offset) == (theirs.unit, theirs.scale, theirs.offset)
    assert mine.layout == theirs.layout
    assert mine.channels == theirs.channels
    assert mine.tracks.keys() == {"label", "repetition"} & theirs.tracks.keys()
    for name, track in mine.tracks.items():
        assert np.array_equal(track.values, theirs.tracks[name].values)
    if "label" in mine.tracks:
        assert mine.tracks["label"].names == theirs.tracks["label"].names
    assert [(e.kind, e.value) for e in mine.events] == [(e.kind, e.value) for e in theirs.events]
    times = [[(e.onset, e.duration) for e in one.events] for one in (mine, theirs)]
    assert np.array_equal(*times)


# ---------------------------------------------------------------- there and back


LAYOUTS = {
    "grid": (GRID, 5),
    "ring": (RING, 8),
    "rings": (Layout.rings((4, 3), "two cuffs"), 7),
    "ring and points": (Layout.ring_and_points(8, 2, "ring and two"), 10),
    "unplaced": (Layout.unplaced(3), 3),
    "unplaced, in words": (Layout.unplaced(3, "somewhere on the leg"), 3),
    "turned": (Layout.grid(np.arange(12).reshape(6, 2), circular=(True, False)), 12),
    "grids": (Layout.grid([[0, 1, -1, 2, 3]], kind="grids", pitch_mm=4.0), 4),
}


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_there_and_back(tmp_path, name):
    layout, n_chans = LAYOUTS[name]
    events = (
        Event(0.001, 0.0, "key", "n/a"),
        Event(0.0125, 0.25, "prompt", "tab\there %41 µ "),
        Event(0.5, 0.0, "key", ""),
    )
    mine = recording(numbers(n_chans, 2357), layout=layout, events=events, labels=labelled(2357))
    (report,) = write_bids([mine], tmp_path / "out")
    assert (report.quantum, report.scale_error, report.unit, report.left_out) == (0.0, 0.0, "uV", ())
    assert (tmp_path / "out" / report.file).is_file()
    (theirs,) = open_dataset(tmp_path / "out")
    assert theirs.key == ("1", "1", "grip", None)
    same(theirs, mine)
    theirs.check()
    again = tmp_path / "again"
    write_bids([theirs], again)
    same(open_dataset(again)[0], mine)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.uint16, np.float64])
@pytest.mark.parametrize(
    ("sfreq", "n_samples"), [(200.0, 997), (2048.0, 4096), (103.7, 500), (985.0, 13), (1234.5678, 3000)]
)
def test_whole_numbers_are_written_as_they_are(tmp_path, dtype, sfreq, n_samples):
    high = min(2**23 - 1, np.iinfo(dtype).max) if np.dtype(dtype).kind != "f" else 2**23 - 1
    low = max(-(2**23), np.iinfo(dtype).min) if np.dtype(dtype).kind != "f" else -(2**23)
    raw = numbers(2, n_samples, low, high, dtype)
    raw[:, 0] = low, high
    (report,) = write_bids([recording(raw, sfreq, unit="adc", scale=1.0)], tmp_path / "out")
    theirs = open_dataset(tmp_path / "out")[0]
    assert np.array_equal(theirs.raw(), raw)
    assert theirs.sfreq == sfreq
    assert (theirs.unit, report.quantum) == ("adc", 0.0)


@pytest.mark.parametrize("unit", ["V", "mV", "uV", "adc", "unknown"])
def test_units_survive(tmp_path, unit):
    write_bids([recording(numbers(2, 50), unit=unit, scale=0.25)], tmp_path / "out")
    theirs = open_dataset(tmp_path / "out")[0]
    assert (theirs.unit, theirs.scale) == (unit, 0.25)


def test_scales_and_offsets_of_every_channel(tmp_path):
    mine = recording(numbers(3, 50), scale=(0.5, 0.001, 2.0), offset=(0.0, -1.5, 8.0))
    write_bids([mine], tmp_path / "out")
    theirs = open_dataset(tmp_path / "out")[0]
    assert theirs.scale == (0.5, 0.001, 2.0)
    assert theirs.offset == (0.0, -1.5, 8.0)


def test_a_scale_too_small_for_its_unit_moves_to_a_finer_one(tmp_path):
    mine = recording(numbers(2, 50, dtype=np.int32), unit="V", scale=2.98e-14)
    (report,) = write_bids([mine], tmp_path / "out")
    theirs = open_dataset(tmp_path / "out")[0]
    assert report.unit == theirs.unit == "mV"
    assert np.array_equal(theirs.raw(), mine.raw())
    assert np.allclose(theirs.signal(dtype=np.float64) / 1e3, mine.signal(dtype=np.float64), rtol=1e-5, atol=0)


@pytest.mark.parametrize(("peak", "unit"), [(1e-4, "V"), (3.3, "mV"), (812.5, "uV"), (1e6, "unknown"), (4e-9, "V")])
def test_floats_are_rounded_to_a_stated_step(tmp_path, peak, unit):
    raw = np.random.default_rng(4).uniform(-peak, peak, (3, 700)).astype(np.float32)
    mine = recording(raw, unit=unit, scale=1.0, offset=0.25 * peak)
    (report,) = write_bids([mine], tmp_path / "out")
    theirs = open_dataset(tmp_path / "out")[0]
    factor = {("V", "mV"): 1e3, ("V", "uV"): 1e6, ("mV", "uV"): 1e3}.get((unit, theirs.unit), 1.0)
    assert report.unit == theirs.unit
    assert 0 < report.quantum <= 4e-7 * peak * factor
    wrong = theirs.signal(dtype=np.float64) - mine.signal(dtype=np.float64) * factor
    assert np.abs(wrong).max() <= report.quantum * 0.5001
    readme = (tmp_path / "out" / "README.md").read_text()
    assert f"rounded to steps of {report.quantum:g} {report.unit}" in readme


def test_wide_integers_are_rounded_too(tmp_path):
    mine = recording(numbers(2, 90, -(2**30), 2**30, np.int64), unit="adc", scale=1e-3)
    (report,) = write_bids([mine], tmp_path / "out")
    assert report.quantum == 0.2
    theirs = open_dataset(tmp_path / "out")[0]
    assert np.abs(theirs.signal(dtype=np.float64) - mine.signal(dtype=np.float64)).max() <= 0.1001


def test_names_of_files(tmp_path):
    runs = [recording(numbers(2, 50, seed=k), repetition=k) for k in range(2)]
    others = [
        recording(numbers(2, 50, seed=2), subject="P-2", session="", task="hand open_acq-left_recording-band"),
        recording(numbers(2, 50, seed=3), subject="P-2", session="b", task=""),
    ]
    write_bids(runs + others, tmp_path, task="default")
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*_emg.bdf"))
    assert found == [
        "sub-1/ses-1/emg/sub-1_ses-1_task-grip_run-0_emg.bdf",
        "sub-1/ses-1/emg/sub-1_ses-1_task-grip_run-1_emg.bdf",
        "sub-P2/emg/sub-P2_task-handopen_acq-left_recording-band_emg.bdf",
        "sub-P2/ses-b/emg/sub-P2_ses-b_task-default_emg.bdf",
    ]
    keys = {one.key for one in open_dataset(tmp_path)}
    assert ("P2", "", "handopen_acq-left_recording-band", None) in keys
    assert ("1", "1", "grip", 0) in keys
    assert "sub-P2\tP-2" in (tmp_path / "participants.tsv").read_text()


def test_two_layouts_in_a_session(tmp_path):
    pair = [
        recording(numbers(5, 50), layout=GRID),
        recording(numbers(5, 50), layout=replace(GRID, pitch_mm=4.0), task="pinch"),
    ]
    same_layout = recording(numbers(5, 50, seed=1), layout=GRID, session="2")
    write_bids([*pair, same_layout], tmp_path)
    assert [one.layout for one in open_dataset(tmp_path)] == [GRID, replace(GRID, pitch_mm=4.0), GRID]
    names = {path.name for path in tmp_path.rglob("*_electrodes.tsv")}
    assert names == {
        "sub-1_ses-1_task-grip_electrodes.tsv",
        "sub-1_ses-1_task-pinch_electrodes.tsv",
        "sub-1_ses-2_electrodes.tsv",
    }


def test_a_data_set_keeps_licence_and_citation(forged, tmp_path):
    dataset = open_dataset(forged("npy"))
    write_bids(dataset, tmp_path / "out", authors=("A", "B"), power_line_hz=50.0, sidecar={"EMGReference": "wrist"})
    body = json.loads((tmp_path / "out" / "dataset_description.json").read_text())
    assert (body["Name"], body["License"]) == (dataset.info.title, dataset.licence)
    assert body["Authors"] == ["A", "B"]
    written = open_dataset(tmp_path / "out")
    assert len(written) == len(dataset)
    assert written[0].metadata["sidecar"]["EMGReference"] == "wrist"
    assert written[0].metadata["dataset"]["HowToAcknowledge"] == dataset.citation
    for mine, theirs in zip(written, dataset, strict=True):
        assert np.array_equal(mine.labels(), theirs.labels())
        assert mine.layout == theirs.layout


@settings(max_examples=8)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), min_size=1, max_size=9),
    st.sampled_from([200.0, 103.7, 2048.0]),
)
def test_any_labels_survive(tmp_path_factory, spans, sfreq):
    labels = np.concatenate([np.full(length, value) for value, length in spans])
    mine = recording(
        np.zeros((1, len(labels)), np.int8), sfreq, labels={"label": labels}, names={k: f"g{k}" for k in range(4)}
    )
    out = tmp_path_factory.mktemp("bids")
    write_bids([mine], out)
    assert np.array_equal(open_dataset(out)[0].labels(), labels)


@given(st.text())
def test_any_text_survives_a_table(text):
    cell = quote(text)
    assert cell == cell.strip()
    assert not set(cell) & set("\t\n\r")
    assert cell == "n/a" if not text else unquote(cell) == text


def test_same_recordings_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_bids([recording(numbers(5, 300), layout=GRID, labels=labelled(300))], tmp_path / name)
    first, second = (
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*.*")} for n in ("a", "b")
    )
    assert first == second


@pytest.mark.real
@pytest.mark.parametrize("name", ["flexemg", "myo-armband", "ninapro-db1", "openhdemg", "uci"])
def test_real_recordings_survive(name, real, real_places, tmp_path):
    first = open_dataset(real(real_places[name]), name)[0]
    mine = first if first.uniform else first.resample(200.0)
    (report,) = write_bids([mine], tmp_path / "out")
    theirs = open_dataset(tmp_path / "out")[0]
    if report.quantum == 0:
        assert np.array_equal(theirs.raw(), mine.raw())
        assert theirs.scale == mine.scale
    else:
        wrong = theirs.signal(dtype=np.float64) - mine.signal(dtype=np.float64)
        assert np.abs(wrong).max() <= report.quantum * 0.5001
    assert (report.quantum == 0) == (name in {"flexemg", "myo-armband", "uci"})
    assert (theirs.sfreq, theirs.unit, theirs.layout) == (mine.sfreq, mine.unit, mine.layout)
    assert theirs.tracks.keys() == {"label", "repetition"} & mine.tracks.keys()
    for track in theirs.tracks:
        assert np.array_equal(theirs.labels(track), mine.labels(track))
    assert [*theirs.aux_names, *report.left_out] == list(mine.aux_names)


# ---------------------------------------------------------------- what the schema asks for


def test_every_required_field_is_written(forged):
    root = forged("emg-bids")
    described = json.loads((root / "dataset_description.json").read_text())
    assert {"Name", "BIDSVersion", "DatasetType", "License", "HowToAcknowledge", "GeneratedBy"} <= set(described)
    for path in root.rglob("*_emg.bdf"):
        stem = str(path).removesuffix("_emg.bdf")
        body = json.loads(Path(f"{stem}_emg.json").read_text())
        required = {
            "EMGPlacementScheme",
            "EMGReference",
            "SamplingFrequency",
            "PowerLineFrequency",
            "SoftwareFilters",
            "TaskName",
        }
        assert required | {"RecordingType", "EMGPlacementSchemeDescription"} <= set(body)
        assert body["EMGPlacementScheme"] == "Other"
        channels = Path(f"{stem}_channels.tsv").read_text().splitlines()
        assert channels[0].split("\t")[:3] == ["name", "type", "units"]
        assert "reference" in channels[0].split("\t")
        assert len(channels) == body["EMGChannelCount"] + 1
        electrodes = next(path.parent.glob("*_electrodes.tsv")).read_text().splitlines()
        assert electrodes[0].split("\t") == ["name", "x", "y", "z", "coordinate_system"]
        systems = {line.split("\t")[4] for line in electrodes[1:]}
        for system in systems:
            (file,) = path.parent.glob(f"*_space-{system}_coordsystem.json")
            stated = json.loads(file.read_text())
            assert stated["EMGCoordinateSystem"] == "Other"
            assert stated["EMGCoordinateUnits"] in {"mm", "percent"}
            assert stated["EMGCoordinateSystemDescription"]
        assert Path(f"{stem}_events.tsv").read_text().startswith("onset\tduration\ttrial_type\t")
    people = (root / "participants.tsv").read_text().splitlines()
    assert people[0].split("\t")[0] == "participant_id"
    assert {line.split("\t")[0] for line in people[1:]} == {path.name for path in root.glob("sub-*")}


def test_coordinates_are_millimetres_of_the_grid(tmp_path):
    write_bids([recording(numbers(5, 50), layout=GRID)], tmp_path)
    rows = next(tmp_path.rglob("*_electrodes.tsv")).read_text().splitlines()
    assert rows[1:] == [
        f"emg{k + 1}\t{x}\t{y}\tn/a\tgrid" for k, (x, y) in enumerate([(0, 0), (8, 0), (0, 8), (8, 8), (0, 16)])
    ]


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("made", "match"),
    [
        (
            lambda: [Recording.from_array(np.zeros((1, 3)), 10.0, timestamps=np.array([0, 1, 3.0]))],
            r"clock is not uniform .*resample",
        ),
        (lambda: [recording(np.array([[0, np.nan]]))], "a BDF file cannot say that samples are missing"),
        (lambda: [recording(numbers(1, 9, -(2**30), 2**30, np.int64))], "cannot be stated in the eight characters"),
        (
            lambda: [recording(numbers(1, 9)), recording(numbers(1, 9), source="b")],
            "two recordings get the same BIDS name",
        ),
        (
            lambda: [recording(numbers(1, 9)), recording(numbers(1, 9), task="g r-ip")],
            "two identifiers get the same BIDS label",
        ),
        (lambda: [recording(numbers(1, 9), subject="--")], "cannot be a BIDS label"),
        (lambda: [recording(numbers(1, 9), channels=("a\tb",))], "not a name for a table"),
        (lambda: [], "no recordings to write"),
        (
            lambda: [
                recording(numbers(1, 9), labels={"label": np.zeros(9, int)}, names={0: "a"}),
                recording(numbers(1, 9), labels={"label": np.zeros(9, int)}, names={0: "b"}, session="2"),
            ],
            "one label has two names",
        ),
    ],
)
def test_what_cannot_be_written_leaves_nothing(tmp_path, made, match):
    with pytest.raises(EmgIoError, match=match):
        write_bids(made(), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_fields_that_recordings_decide(tmp_path):
    with pytest.raises(EmgIoError, match="fields that recordings decide: found SamplingFrequency"):
        write_bids([recording(numbers(1, 9))], tmp_path / "out", sidecar={"SamplingFrequency": 1})


def test_a_full_folder_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(EmgIoError, match="output exists"):
        write_bids([recording(numbers(1, 9))], tmp_path)


def test_signals_beside_the_emg(tmp_path):
    """Those of the same rate and length are written, whole numbers as they are; the others are named."""
    rng = np.random.default_rng(5)
    glove, keys = rng.normal(0, 30, (3, 90)), rng.integers(-5, 900, (1, 90))
    aux = [
        Aux("glove", glove, 1000.0, "deg", ("thumb", "index", "emg1")),
        Aux("keys", keys, 1000.0),
        Aux("acc", np.zeros((3, 9)), 100.0, "g"),
        Aux("broken", np.full((1, 90), np.nan), 1000.0),
    ]
    (report,) = write_bids([recording(numbers(2, 90), aux=aux)], tmp_path)
    assert report.left_out == ("acc", "broken")
    assert report.beside == (("glove", pytest.approx(2e-5, rel=1)), ("keys", 0.0))
    readme = (tmp_path / "README.md").read_text()
    assert "not written: acc, broken" in readme
    assert "glove is rounded to steps of" in readme
    theirs = open_dataset(tmp_path)[0]
    assert theirs.n_chans == 2
    assert theirs.aux_names == ("glove", "keys")
    assert np.array_equal(theirs.aux("keys").values, keys)
    assert np.abs(theirs.aux("glove").values - glove).max() < 0.51 * report.beside[0][1] + 1e-5
    assert theirs.aux("glove").unit == "deg"
    assert theirs.aux("glove").channels == ("glove 1", "glove 2", "glove 3")
    assert theirs.aux("glove").sfreq == 1000.0
    theirs.check()


# ---------------------------------------------------------------- foreign data sets


def foreign(
    root, *, channels, labels=("a", "b"), sub="01", extra=(), events=None, tail="task-hold", sfreq=100.0, **files
):
    """A data set of one recording as others write it; files by name below the emg folder."""
    folder = root / f"sub-{sub}" / "emg"
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"sub-{sub}_{tail}"
    raw = numbers(len(labels), 500, seed=3)
    ranges = ranges_for(0.5, 0.0, *RANGE[2], RANGE[2])
    write_edf(Path(f"{stem}_emg.edf"), raw, sfreq, [Channel(n, "uV", ranges) for n in labels], sample_bytes=2)
    body = {"SamplingFrequency": sfreq, "TaskName": "hold", "EMGReference": "bipolar"}
    Path(f"{stem}_emg.json").write_text(json.dumps(body))
    (root / "dataset_description.json").write_text(json.dumps({"Name": "foreign", "BIDSVersion": "1.11.0"}))
    if channels is not None:
        Path(f"{stem}_channels.tsv").write_bytes(channels if isinstance(channels, bytes) else channels.encode())
    if events is not None:
        Path(f"{stem}_events.tsv").write_bytes(events if isinstance(events, bytes) else events.encode())
    for name, text in files.items():
        content = text if isinstance(text, bytes) else text.encode()
        Path(f"{stem}_{name.replace('__', '.')}").write_bytes(content)
    return raw


CHANNELS = "name\ttype\tunits\na\tEMG\tuV\nb\tEMG\tuV\n"


def test_tolerant_reading(tmp_path):
    channels = "name\ttype\tunits\tstatus\treference_electrode\r\n a \temg\tµV\tbad\tr1\r\nb\tEMG\t n/a \tgood\tr1\r\n"
    events = "onset\tduration\ttrial_type\n0,5\t1\thold\n2\tn/a\tcue\n"
    raw = foreign(tmp_path, channels=channels.encode("latin-1"), events=events)
    own = open_dataset(tmp_path, "emg-bids")[0]
    assert np.array_equal(own.raw(), raw)
    assert own.unit == "uV"
    assert own.metadata["bad_channels"] == ["a"]
    assert own.metadata["reference"] == ["r1"]
    assert [tuple(e) for e in own.events] == [(0.5, 1.0, "trial_type", "hold"), (2.0, 0.0, "trial_type", "cue")]
    assert own.label_counts() == {"unlabelled": 400, "hold": 100}
    assert own.labels()[49:51].tolist() == [0, 2]
    assert own.layout.kind == "unplaced"
    own.check()


def test_types_other_than_emg_lie_beside(tmp_path):
    channels = "name\ttype\tunits\na\tEMG\tuV\nb\tTRIG\tV\nc\tACCEL\tg\nd\tACCEL\tg\n"
    foreign(tmp_path, channels=channels, labels=("a", "b", "c", "d"))
    own = open_dataset(tmp_path)[0]
    assert own.channels == ("a",)
    assert own.aux_names == ("trig", "accel")
    assert own.aux("accel").channels == ("c", "d")


def test_rows_in_another_order_and_signals_without_one(tmp_path):
    raw = foreign(tmp_path, channels="name\ttype\nc\tEMG\na\tEMG\n", labels=("a", "b", "c"))
    own = open_dataset(tmp_path)[0]
    assert own.channels == ("a", "c")
    assert np.array_equal(own.raw(), raw[[0, 2]])
    assert own.metadata["left_out"] == "signals without a row in channels.tsv: b"


def test_names_longer_than_a_label(tmp_path):
    names = ["extensor digitorum left", "extensor digitorum right", "µ-thing"]
    labels = ("extensor digitor", "extensor digitor", "u-thing")
    foreign(tmp_path, channels="name\ttype\n" + "".join(f"{name}\tEMG\n" for name in names), labels=labels)
    assert open_dataset(tmp_path)[0].channels == tuple(names)


def test_units_that_disagree_are_told(tmp_path):
    foreign(tmp_path, channels="name\ttype\tunits\na\tEMG\tV\nb\tEMG\tV\n")
    own = open_dataset(tmp_path)[0]
    assert own.unit == "uV"
    assert "contradicts: uV (V)" in own.metadata["unit"]


def test_without_channels_the_file_decides(tmp_path):
    foreign(tmp_path, channels=None, labels=("EMG a", "ECG"))
    own = open_dataset(tmp_path)[0]
    assert own.channels == ("EMG a",)
    assert "there is no channels.tsv" in own.metadata["emg"]


def test_inheritance(tmp_path):
    foreign(tmp_path, channels=None, tail="task-hold_run-1")
    foreign(tmp_path, channels=None, tail="task-hold_run-2")
    (tmp_path / "task-hold_channels.tsv").write_text(CHANNELS)
    (tmp_path / "sub-01" / "sub-01_task-hold_run-2_channels.tsv").write_text(CHANNELS.replace("b\tEMG", "b\tMISC"))
    (tmp_path / "task-hold_emg.json").write_text('{"PowerLineFrequency": 60, "EMGReference": "far"}')
    (tmp_path / "task-other_emg.json").write_text('{"PowerLineFrequency": 50}')
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-01\t31\n")
    one, two = open_dataset(tmp_path)
    assert (one.n_chans, two.n_chans) == (2, 1)
    assert (one.repetition, two.repetition) == (1, 2)
    assert one.metadata["sidecar"]["PowerLineFrequency"] == 60
    assert one.metadata["sidecar"]["EMGReference"] == "bipolar"
    assert one.metadata["participant"] == {"participant_id": "sub-01", "age": "31"}
    (tmp_path / "sub-01" / "sub-01_run-2_task-hold_channels.tsv").write_text(CHANNELS)
    with pytest.raises(EmgIoError, match="channels: two tables apply to one recording"):
        open_dataset(tmp_path)


SPACE = '{"EMGCoordinateSystem": "Other", "EMGCoordinateUnits": "cm", "EMGCoordinateSystemDescription": "x"}'


@pytest.mark.parametrize("old", [False, True])
def test_a_grid_from_coordinates(tmp_path, old):
    labels = ("a", "b", "c", "d", "e")
    channels = "name\ttype\tsignal_electrode\n" + "".join(f"{n}\tEMG\t{k + 1}\n" for k, n in enumerate(labels))
    places = [(3.0, 1.0), (2.0, 1.0), (2.0, 2.0), (3.0, 2.0), (2.0, 3.0)]
    table = "name\tx\ty\tcoordinate_system\n" + "".join(f"{k + 1}\t{x}\t{y}\tarm\n" for k, (x, y) in enumerate(places))
    foreign(tmp_path, channels=channels, labels=labels, electrodes__tsv=table)
    folder = tmp_path / "sub-01" / "emg"
    if old:
        named = {"arm": json.loads(SPACE.replace("EMGCoordinateUnits", "EMGCoordinateSystemUnits"))}
        (folder / "sub-01_coordsystem.json").write_text(json.dumps(named))
    else:
        (folder / "sub-01_space-arm_coordsystem.json").write_text(SPACE)
    own = open_dataset(tmp_path)[0]
    assert own.layout.cells == ((1, 0), (2, 3), (4, -1))
    assert own.layout.pitch_mm == 10.0
    assert own.metadata["electrodes"][1]["x"] == 2.0
    assert own.metadata["layout"] == "grid from coordinates"


def test_two_grids_from_coordinates(tmp_path):
    """As two high-density grids are published, each in a system of its own."""
    labels = tuple("abcdefgh")
    channels = "name\ttype\n" + "".join(f"{n}\tEMG\n" for n in labels)
    rows = [
        (0, 0, "one"),
        (0, 8, "one"),
        (8, 0, "one"),
        (8, 8, "one"),
        (0, 0, "two"),
        (8, 0, "two"),
        (16, 0, "two"),
        (24, 0, "two"),
    ]
    table = "name\tx\ty\tz\tcoordinate_system\n" + "".join(
        f"{n}\t{x}\t{y}\t0\t{space}\n" for n, (x, y, space) in zip(labels, rows, strict=True)
    )
    foreign(tmp_path, channels=channels, labels=labels, electrodes__tsv=table)
    for space in ("one", "two"):
        (tmp_path / "sub-01" / "emg" / f"sub-01_space-{space}_coordsystem.json").write_text(SPACE.replace("cm", "mm"))
    layout = open_dataset(tmp_path)[0].layout
    assert layout.kind == "grids"
    assert layout.cells == ((0, 2, -1, 4, 5, 6, 7), (1, 3, -1, -1, -1, -1, -1))
    assert layout.pitch_mm == 8.0


@pytest.mark.parametrize(
    "places",
    [
        [(0, 0), (1, 0), (0.5, 1), (3, 3.3)],
        [(0, 0)] * 4,
        [(0, 0), (0, 9), (9, 0), ("n/a", 1)],
        [(0, 0), (0, 1), (50, 0), (50, 100)],
    ],
)
def test_coordinates_that_form_no_grid(tmp_path, places):
    channels = "name\ttype\n" + "".join(f"{n}\tEMG\n" for n in "abcd")
    table = "name\tx\ty\n" + "".join(f"{n}\t{x}\t{y}\n" for n, (x, y) in zip("abcd", places, strict=True))
    foreign(tmp_path, channels=channels, labels=tuple("abcd"), electrodes__tsv=table)
    assert open_dataset(tmp_path)[0].layout.kind == "unplaced"


def test_overlapping_events_make_no_labels(tmp_path):
    foreign(tmp_path, channels=CHANNELS, events="onset\tduration\ttrial_type\n0\t2\tx\n1\t2\ty\n")
    own = open_dataset(tmp_path)[0]
    assert "label" not in own.tracks
    assert "overlap" in own.metadata["labels"]
    assert len(own.events) == 2


def test_labels_are_numbered_over_the_data_set(tmp_path):
    foreign(tmp_path, channels=CHANNELS, events="onset\tduration\ttrial_type\n0\t1\tpinch\n", sub="01")
    foreign(tmp_path, channels=CHANNELS, events="onset\tduration\ttrial_type\n0\t1\tfist\n1\t1\tpinch\n", sub="02")
    one, two = open_dataset(tmp_path)
    assert one.tracks["label"].names == two.tracks["label"].names == {0: "unlabelled", 1: "fist", 2: "pinch"}
    assert one.labels()[0] == 2
    assert two.labels()[[0, 150]].tolist() == [1, 2]


def test_numbers_of_the_table_are_kept(tmp_path):
    foreign(tmp_path, channels=CHANNELS, events="onset\tduration\ttrial_type\tvalue\n0\t1\trest\t0\n1\t1\tfist\t40\n")
    own = open_dataset(tmp_path)[0]
    assert own.tracks["label"].names == {-1: "unlabelled", 0: "rest", 40: "fist"}


@pytest.mark.parametrize("levels", [[1], 3, "x", None, {"7": ["never"]}])
def test_levels_that_are_none(tmp_path, levels):
    stated = json.dumps({"event_kind": {}, "value": {"Levels": levels}})
    foreign(tmp_path, channels=CHANNELS, events="onset\tduration\ttrial_type\n0\t1\tfist\n", events__json=stated)
    assert "fist" in open_dataset(tmp_path)[0].tracks["label"].names.values()


def test_derivatives_are_left_alone(tmp_path):
    foreign(tmp_path, channels=CHANNELS)
    foreign(tmp_path / "derivatives" / "filtered", channels=CHANNELS)
    assert len(open_dataset(tmp_path)) == 1


@pytest.mark.parametrize(
    ("files", "match"),
    [
        (
            {"channels": "name\tunits\na\tuV\n"},
            r"_channels\.tsv, line 1: column is missing: expected type, found name, units",
        ),
        (
            {"channels": "name\ttype\na\tEMG\tx\n"},
            r"_channels\.tsv, line 2: row has another width: expected 2 cells, found 3",
        ),
        (
            {"channels": "name\ttype\nq\tEMG\n"},
            r"_channels\.tsv, line 2, column name: .*one signal of the file: a, b.*found q",
        ),
        ({"channels": "name\ttype\na\tEMG\na\tEMG\n"}, r"_channels\.tsv, line 3, column name: "),
        (
            {"channels": "name\ttype\na\tEEG\nb\tECG\n"},
            r"_channels\.tsv, column type: no channel is EMG: expected EMG, found EEG, ECG",
        ),
        ({"channels": "name\ttype\tname\n"}, r"_channels\.tsv, line 1: column occurs twice"),
        ({"channels": ""}, r"_channels\.tsv, line 1: table is empty"),
        (
            {"channels": "name\ttype\tsampling_frequency\na\tEMG\t50\nb\tEMG\t100\n"},
            r"_channels\.tsv, line 2, column sampling_frequency: .*expected 100 as in the file, found 50",
        ),
        ({"events": "onset\tduration\n1\tx\n"}, r"_events\.tsv, line 2, column duration: .*expected a number, found x"),
        ({"events": "onset\tduration\nn/a\t1\n"}, r"_events\.tsv, line 2, column onset: .*found n/a"),
        ({"events": "onset\tduration\n1\t-1\n"}, r"_events\.tsv, line 2, column duration: .*seconds >= 0"),
        ({"events": "onset\n1\n"}, r"_events\.tsv, line 1: column is missing: expected duration"),
        ({"emg__json": "{"}, r"_emg\.json, JSON: not JSON"),
        ({"emg__json": "[]"}, r"_emg\.json, JSON: not a JSON object: found list"),
        (
            {"emg__json": '{"SamplingFrequency": 2000}'},
            r"_emg\.edf, SamplingFrequency: rate disagrees with the file: expected 100 Hz",
        ),
        ({"emg__json": '{"SamplingFrequency": "100"}'}, "SamplingFrequency: rate disagrees"),
        ({"electrodes__tsv": "name\tx\na\t1\n"}, r"_electrodes\.tsv, line 1: column is missing: expected y"),
        ({"electrodes__tsv": "name\tx\ty\na\tleft\t1\n"}, r"_electrodes\.tsv, line 2, column x: "),
        ({"electrodes__tsv": "name\tx\ty\na\t1\t1\na\t1\t2\n"}, r"_electrodes\.tsv, line 3, column name: .*once"),
    ],
)
def test_errors_name_file_and_column(tmp_path, files, match):
    foreign(tmp_path, **({"channels": CHANNELS} | files))
    with pytest.raises(EmgIoError, match=match):
        open_dataset(tmp_path)[0].check()


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("sub-01_task-hold_emg.edf", "sub-02_task-hold_emg.edf", "name and folders disagree"),
        ("sub-01_task-hold_emg.edf", "sub-01_emg.edf", "name and folders disagree"),
        ("sub-01_task-hold_emg.edf", "sub-01_task-hold_emg.EDF", "extension is not lower case"),
        ("sub-01_task-hold_emg.edf", "sub-01_task-hold_echo-1_emg.edf", "entity that EMG-BIDS does not have"),
        ("sub-01_task-hold_emg.edf", "sub-01_task-hold_run-x_emg.edf", "entity that EMG-BIDS does not have"),
        ("sub-01_task-hold_emg.edf", "sub-01_task_emg.edf", "not a name of EMG-BIDS"),
    ],
)
def test_wrong_names_are_refused(tmp_path, old, new, match):
    foreign(tmp_path, channels=CHANNELS)
    folder = tmp_path / "sub-01" / "emg"
    (folder / old).rename(folder / new)
    with pytest.raises(EmgIoError, match=match):
        open_dataset(tmp_path)


@pytest.mark.parametrize("name", ["edf", "emg-bids", "npy"])
def test_archives_read_like_folders(name, forged, oracles, tmp_path):
    archive = oracles.zip_folder(forged(name), tmp_path / "all.zip")
    packed, plain = open_dataset(archive), open_dataset(forged(name))
    assert packed.format == name
    assert [one.key for one in packed] == [one.key for one in plain]
    for mine, theirs in zip(packed, plain, strict=True):
        assert np.array_equal(mine.raw(3, 50), theirs.raw(3, 50))
        assert mine.events == theirs.events


def test_bids_is_not_taken_for_plain_edf(forged):
    assert open_dataset(forged("emg-bids")).format == "emg-bids"
    assert open_dataset(forged("emg-bids"), "edf").format == "edf"
    assert open_dataset(forged("edf")).format == "edf"


def attempt(folder):
    """The recordings in a mutated folder, or the error; nothing else may come out."""
    try:
        dataset = open_dataset(folder, "emg-bids")
        for one in dataset:
            one.check()
            one.metadata  # noqa: B018  read for what it may raise
    except EmgIoError as error:
        return None, error
    return dataset, None


def test_mutations_end_in_an_error_or_a_valid_recording(tmp_path):
    """Mutate each kind of file of a written data set in turn."""
    rng = np.random.default_rng(31)
    mine = recording(numbers(5, 60), 100.0, layout=GRID, labels=labelled(60), events=[Event(0.1, 0.0, "key", "a")])
    write_bids([mine], tmp_path / "good")
    files = [path for path in sorted((tmp_path / "good").rglob("*.*")) if path.suffix in {".tsv", ".json", ".bdf"}]
    outcomes = {"error": 0, "valid": 0}
    for number in range(N_MUTATIONS):
        file = files[number % len(files)]
        good = file.read_bytes()
        file.write_bytes(mutate(good, rng))
        dataset, error = attempt(tmp_path / "good")
        outcomes["error" if error else "valid"] += 1
        if error:
            assert error.file
        else:
            assert all(one.raw().shape == (one.n_chans, one.n_samples) for one in dataset)
            assert all(track.values.shape == (one.n_samples,) for one in dataset for track in one.tracks.values())
        file.write_bytes(good)
    assert min(outcomes.values()) > 30
    shutil.rmtree(tmp_path / "good")


def mutate(data, rng):
    out, at = bytearray(data), int(rng.integers(0, min(len(data), 1500)))
    kind = int(rng.integers(0, 5))
    if kind == 0:
        out[at] = int(rng.integers(0, 256))
    elif kind == 1:
        out[at] = int(rng.choice(list(b'0123456789.,-+eE \t\n{}[]"n')))
    elif kind == 2:
        del out[at : at + int(rng.integers(1, 30))]
    elif kind == 3:
        out[at:at] = out[at : at + int(rng.integers(1, 60))]
    else:
        del out[at:]
    return bytes(out)
