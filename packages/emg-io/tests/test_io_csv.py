"""Text tables with a column map: the map is explicit, the clock is told truly, and every fault is named."""

import json
import shutil
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_io import EmgIoError, open_dataset
from emg_io.formats import REGISTRY
from emg_io.formats._column_map import map_of, template
from emg_io.formats.csv import open_table

TABLE = "t,CH1,CH2,gesture,angle\n" + "".join(f"{k / 100:.2f},{k},{-k}.5,{k // 5},{k / 8}\n" for k in range(20))
MAP = {"sfreq": 100, "unit": "mV", "columns": {"emg": ["CH1", "CH2"], "label": "gesture"}}


@pytest.fixture
def folder(tmp_path):
    """Write a table, and a map where one is given, and return the folder."""

    def make(said=None, table=TABLE, name="trial.csv", map_name="trial.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(table.encode() if isinstance(table, str) else table)
        if said is not None:
            (tmp_path / map_name).write_text(json.dumps(said))
        return tmp_path

    return make


def test_a_map_beside_the_table(folder):
    dataset = open_dataset(folder(MAP))
    recording = dataset[0]
    assert dataset.format == "csv"
    assert recording.key == ("trial", "1", "", None)
    assert (recording.channels, recording.unit, recording.sfreq) == (("CH1", "CH2"), "mV", 100.0)
    assert recording.raw().tolist() == [[float(k) for k in range(20)], [float(f"{-k}.5") for k in range(20)]]
    assert recording.labels().tolist() == [k // 5 for k in range(20)]
    assert recording.uniform


def test_a_table_without_a_map_says_what_to_write(folder):
    with pytest.raises(
        EmgIoError, match=r"no column map: write trial\.json beside.*'t,CH1,CH2,gesture,angle'"
    ) as caught:
        open_dataset(folder())
    assert '"columns": {"emg": ["CH1", "CH2"]' in str(caught.value)
    assert caught.value.file.endswith("trial.csv")


def test_nothing_else_is_taken_for_a_table(tmp_path):
    (tmp_path / "events.tsv").write_text("onset\tduration\n")
    (tmp_path / "x.hea").write_text("x 1 100 2\n")
    with pytest.raises(EmgIoError):
        open_dataset(tmp_path)
    (tmp_path / "x.hea").unlink()
    (tmp_path / "events.json").write_text('{"onset": {"Description": "s"}}')
    with pytest.raises(EmgIoError, match=r"no recordings found"):
        open_dataset(tmp_path)


def test_one_map_for_a_folder_with_names(folder):
    said = {**MAP, "files": "{subject}/{session}_{task}_{repetition}.csv", "label_names": dict(enumerate("abcd"))}
    for name in ("S2/day1_fist_1.csv", "S2/day1_fist_2.csv", "S10/day2_rest_1.csv", "S10/notes.csv"):
        root = folder(said, name=name, map_name="emg_columns.json")
    dataset = open_dataset(root)
    assert [recording.key for recording in dataset] == [
        ("S2", "day1", "fist", 1),
        ("S2", "day1", "fist", 2),
        ("S10", "day2", "rest", 1),
    ]
    assert dataset[0].label_counts() == {"a": 5, "b": 5, "c": 5, "d": 5}


def test_the_nearest_map_counts_and_archives_are_read_alike(folder, tmp_path):
    folder(MAP, name="a/trial.csv", map_name="emg_columns.json")
    root = folder({**MAP, "unit": "uV"}, name="b/trial.csv", map_name="b/emg_columns.json")
    assert [recording.unit for recording in open_dataset(root)] == ["mV", "uV"]
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for file in ("emg_columns.json", "a/trial.csv", "b/emg_columns.json", "b/trial.csv"):
            out.write(root / file, file)
    assert [recording.raw().tolist() for recording in open_dataset(path)] == [
        recording.raw().tolist() for recording in open_dataset(root, "csv")
    ]


def test_no_name_of_the_pattern(folder):
    with pytest.raises(EmgIoError, match=r"no table has a name of the pattern.*found trial\.csv"):
        open_dataset(folder({**MAP, "files": "{subject}_{session}.csv"}))


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        ("{subject}_{session}.csv", "S1_2.csv", {"subject": "S1", "session": "2"}),
        ("{subject}/day{session}_{_}.csv", "a b/day7_x.csv", {"subject": "a b", "session": "7"}),
        ("{task}-{repetition}.tsv", "fist-012.tsv", {"task": "fist", "repetition": "012"}),
        ("{subject}_{session}.csv", "a/S1_2.csv", None),
        ("{subject}.csv", "../S1.csv", None),
        ("{repetition}.csv", "x.csv", None),
        ("a.b{subject}.csv", "aXb1.csv", None),
    ],
)
def test_patterns_of_names(text, name, told):
    found = template(text, "m").fullmatch(name)
    assert (found and found.groupdict()) == told


@pytest.mark.parametrize(
    "text", ["{subject}{session}.csv", "{name}.csv", "{subject}_{subject}.csv", "{subject}", "{}.csv", "x" * 501]
)
def test_patterns_that_cannot_be(text):
    with pytest.raises(EmgIoError, match=r"not a pattern of file names"):
        template(text, "m")


@given(st.text("_-a.1/{", max_size=200))
def test_patterns_never_take_long(name):
    pattern = template("{subject}_{session}_{task}_{_}_{repetition}.csv", "m")
    assert pattern.fullmatch("_" * 200 + name) is None


def test_even_stamps_give_the_rate(folder):
    said = {"columns": {"emg": ["CH1"], "time": "t"}}
    recording = open_dataset(folder(said))[0]
    assert recording.uniform
    assert recording.sfreq == 100.0
    assert recording.timestamps is None
    assert recording.metadata["t0"] == 0.0


def test_uneven_stamps_are_kept(folder):
    rows = "".join(f"{1000 + k * 10 + (4 if k == 7 else 0)},{k}\n" for k in range(20))
    said = {"time_unit": "ms", "columns": {"emg": [1], "time": 0}}
    recording = open_dataset(folder(said, rows))[0]
    assert not recording.uniform
    assert recording.timestamps[7] == pytest.approx(1.074)
    assert recording.sfreq == pytest.approx(100)
    wide = open_dataset(folder({**said, "tolerance": 0.5}, rows))[0]
    assert wide.uniform
    assert wide.metadata["largest_deviation_periods"] == pytest.approx(0.4)


def test_repetitions_signals_beside_and_scales(folder):
    said = {
        "sfreq": 100,
        "scale": [0.5, 2],
        "offset": 1,
        "dtype": "float64",
        "layout": "ring",
        "columns": {
            "emg": ["CH2", "CH1"],
            "repetition": "gesture",
            "aux": {"elbow": {"columns": ["angle"], "unit": "rad"}, "both": {"columns": ["t", "angle"]}},
        },
    }
    recording = open_dataset(folder(said))[0]
    assert recording.signal(dtype=np.float64)[:, 3].tolist() == [-3.5 * 0.5 + 1, 3 * 2 + 1]
    assert recording.layout.kind == "ring"
    assert recording.aux_names == ("elbow", "both")
    assert recording.aux("elbow").values.tolist() == [[k / 8 for k in range(20)]]
    assert (recording.aux("elbow").unit, recording.aux("elbow").sfreq) == ("rad", 100.0)
    assert recording.labels("repetition").tolist() == [k // 5 for k in range(20)]
    recording.check()


def test_labels_in_words(folder):
    table = "1;rest\n2;fist\n3;1\n4;FIST\n"
    said = {
        "sfreq": 10,
        "delimiter": ";",
        "label_names": {"0": "rest", "1": "fist"},
        "columns": {"emg": [0], "label": 1},
    }
    with pytest.raises(EmgIoError, match=r"line 4, column 2: not a value.*'FIST'"):
        open_dataset(folder(said, table))[0].labels()
    recording = open_dataset(folder(said, table.replace("FIST", "rest")))[0]
    assert recording.label_counts() == {"rest": 2, "fist": 2}
    assert open_dataset(folder(said, "1;0.0\n2;1.0\n"))[0].labels().tolist() == [0, 1]
    with pytest.raises(EmgIoError, match=r"line 2, column 1: not a whole number.*found 0\.5"):
        open_dataset(folder(said, "1;0\n2;0.5\n"))[0].labels()
    with pytest.raises(EmgIoError, match=r"line 3, column 1: label without a name.*found 2"):
        open_dataset(folder(said, "1;0\n2;1\n3;2\n"))[0].labels()


BAD_MAPS = {
    "no columns": ({"sfreq": 100}, r"columns: column map is not complete and sound.*found nothing"),
    "no emg": ({"sfreq": 100, "columns": {}}, r"columns\.emg.*one or more columns"),
    "empty emg": ({"sfreq": 100, "columns": {"emg": []}}, r"emg.*one or more different columns"),
    "twice": ({"sfreq": 100, "columns": {"emg": [1, 1]}}, r"emg.*different columns"),
    "negative": ({"sfreq": 100, "columns": {"emg": [-1]}}, r"emg"),
    "true": ({"sfreq": 100, "columns": {"emg": [True]}}, r"emg"),
    "no rate": ({"columns": {"emg": [1]}}, r"sfreq.*a rate in Hz, or a time column"),
    "rate 0": ({"sfreq": 0, "columns": {"emg": [1]}}, r"sfreq.*> 0, found 0"),
    "rate text": ({"sfreq": "100", "columns": {"emg": [1]}}, r"sfreq"),
    "unknown word": ({**MAP, "sample_rate": 5}, r"unknown word in a column map.*sfreq.*found 'sample_rate'"),
    "unknown column word": ({"sfreq": 1, "columns": {"emg": [1], "labels": 2}}, r"columns: unknown word.*'labels'"),
    "unit": ({**MAP, "unit": "volt"}, r"unit.*V or mV.*'volt'"),
    "scales": ({**MAP, "scale": [1, 2, 3]}, r"scale.*a number, or 2 of them"),
    "scale nan": ({**MAP, "scale": "nan"}, r"scale"),
    "header": ({**MAP, "header": False}, r"header.*true where columns are called by name"),
    "delimiter": ({**MAP, "delimiter": "::"}, r"delimiter"),
    "dtype": ({**MAP, "dtype": "float32"}, r"dtype.*float64 or int8"),
    "tolerance": ({**MAP, "tolerance": 2}, r"tolerance"),
    "time unit": ({**MAP, "time_unit": "min"}, r"time_unit.*s or ms"),
    "names": ({**MAP, "label_names": {"rest": "0"}}, r"label_names"),
    "same names": ({**MAP, "label_names": {"0": "a", "1": "a"}}, r"label_names.*different names"),
    "missing number": ({**MAP, "missing": ["-999"]}, r"a number cannot stand for something else"),
    "missing integers": ({**MAP, "dtype": "int16", "missing": ["x"]}, r"integers cannot be missing"),
    "no such name": ({**MAP, "columns": {"emg": ["CH3"]}}, r"line 1: column is not in the header.*'CH3'.*'CH1'"),
    "no such index": ({**MAP, "columns": {"emg": [9]}, "header": True}, r"no such column.*0\.\.4, found \[9\]"),
    "unsaid header": ({**MAP, "columns": {"emg": [1]}}, r"line 1, column 2: not a value.*'CH1'"),
    "aux": ({**MAP, "columns": {"emg": ["CH1"], "aux": {"x": ["angle"]}}}, r"aux"),
    "pattern": ({**MAP, "files": "{a}.csv"}, r"not a pattern of file names"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_MAPS)
def test_bad_maps_name_the_word(folder, case):
    said, message = BAD_MAPS[case]
    with pytest.raises(EmgIoError, match=message) as caught:
        open_dataset(folder(said), "csv")[0].raw()
    assert caught.value.file or case in {"delimiter", "missing number", "missing integers"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", r"trial\.json, line 1: not JSON"),
        (b"[1]", r"line 1: not a column map.*found list"),
        (b'"' + b"x" * 2**20, r"too large for a column map"),
        (b"[" * 5000 + b"]" * 5000, r"not JSON"),
        (b"\xff\xfe{}", r"not JSON"),
    ],
)
def test_files_that_are_no_maps(folder, text, message):
    root = folder(MAP)
    (root / "trial.json").write_bytes(text)
    with pytest.raises(EmgIoError, match=message):
        open_dataset(root, "csv")


CLOCKS = {
    "repeats": ("0,1\n1,2\n1,3\n", {}, r"line 3, column 0: time does not increase.*found 1\.0"),
    "falls": ("0,1\n2,2\n1,3\n", {}, r"line 3, column 0: time does not increase"),
    "one row": ("0,1\n", {}, r"no rate can be told"),
    "missing": ("0,1\nNULL,2\n2,3\n", {"missing": ["NULL"]}, r"line 2, column 1: not a value"),
    "another rate": ("0,1\n1,2\n2,3\n", {"sfreq": 2}, r"stamps contradict the stated rate.*2 Hz.*found 1 Hz"),
    "jitter": ("0,1\n1.4,2\n2,3\n", {"sfreq": 1}, r"line 2.*contradict.*0\.4 periods off"),
    "beyond float": ("-1e308,1\n1e308,2\n", {}, r"line 1, column 0: time beyond reason"),
}


@pytest.mark.parametrize("case", CLOCKS)
def test_clocks_that_are_none(folder, case):
    table, more, message = CLOCKS[case]
    with pytest.raises(EmgIoError, match=message):
        open_dataset(folder({"columns": {"emg": [1], "time": 0}, **more}, table), "csv")[0].raw()


def test_open_table(folder):
    root = folder()
    recording = open_table(root / "trial.csv", emg=["CH1", "CH2"], sfreq=100, label="gesture", unit="mV", subject="S1")
    assert recording.key == ("S1", "1", "", None)
    assert recording.raw().shape == (2, 20)
    timed = open_table(root / "trial.csv", emg=[1], time=0, header=True, aux={"angle": {"columns": [4]}})
    assert timed.sfreq == 100.0
    assert timed.aux("angle").values.shape == (1, 20)
    named = open_table(
        root / "trial.csv", emg=["CH1"], sfreq=1, label="gesture", label_names={k: f"g{k}" for k in range(4)}
    )
    assert named.label_counts() == {f"g{k}": 5 for k in range(4)}
    with pytest.raises(EmgIoError, match=r"a rate in Hz, or a time column"):
        open_table(root / "trial.csv", emg=["CH1"])
    with pytest.raises(EmgIoError, match=r"unknown word in a column map.*'rate'"):
        open_table(root / "trial.csv", emg=["CH1"], sfreq=1, rate=5)
    with pytest.raises(EmgIoError, match=r"cannot be read"):
        open_table(root / "none.csv", emg=["CH1"], sfreq=1)


@pytest.mark.parametrize("entry", ["volts/S1_1.csv", "volts/emg_columns.json", "counts/S2_1.tsv"])
def test_mutated_tables_and_maps(forged, tmp_path, entry):
    """An EmgIoError or a valid recording, whatever happens to a table or its map."""
    root, (part, name) = tmp_path / "set", entry.split("/")
    shutil.copytree(forged("csv") / part, root / part)
    if not name.endswith(".json"):
        (root / part / name.replace("_1.", "_2.")).unlink()
    whole, rng, outcomes = (root / entry).read_bytes(), np.random.default_rng(16), {"error": 0, "valid": 0}
    for _ in range(100):
        at, kind, data = int(rng.integers(len(whole))), int(rng.integers(4)), bytearray(whole)
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del data[at : at + int(rng.integers(1, 400))]
        elif kind == 2:
            data[at:at] = data[max(0, at - 50) : at]
        else:
            data[at] = int(rng.choice(list(b'0123456789.,;-+e\t\r\n"{}[]')))
        (root / entry).write_bytes(data)
        try:
            for recording in open_dataset(root, "csv"):
                recording.check()
                assert recording.raw().shape == (recording.n_chans, recording.n_samples)
                assert recording.n_samples > 0
        except EmgIoError:
            outcomes["error"] += 1
        else:
            outcomes["valid"] += 1
    assert min(outcomes.values()) > 0


def test_map_of_is_hashable_and_complete():
    made = map_of(MAP, "m")
    assert hash(made) == hash(map_of(json.loads(json.dumps(MAP)), "m"))
    assert REGISTRY["csv"].info.generic


@pytest.mark.real
def test_real_tables_through_a_map(real, tmp_path):
    """The one-subject Myo set without its own reader: a map, and file names that tell repetition and class."""
    shutil.copytree(real("libemg_one_subject_myo"), tmp_path / "set", ignore=shutil.ignore_patterns("*.json", "stream"))
    said = {"sfreq": 200, "unit": "adc", "dtype": "int8", "layout": "ring", "columns": {"emg": list(range(8))}}
    said["files"] = "trial_{session}/R_{repetition}_C_{task}.csv"
    (tmp_path / "set" / "emg_columns.json").write_text(json.dumps({**said, "subject": "1"}))
    dataset = open_dataset(tmp_path / "set", "csv")
    assert len(dataset) == 60
    assert {recording.session for recording in dataset} == set("123456")
    for recording in dataset:
        assert 598 <= recording.n_samples <= 610
        want = np.loadtxt(
            tmp_path / "set" / f"trial_{recording.session}/R_{recording.repetition}_C_{recording.task}.csv",
            delimiter=",",
        )
        assert np.array_equal(recording.raw().T, want)
