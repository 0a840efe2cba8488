"""EPN-612 and the JSON engine below it: the obvious parser is right about everything that is JSON."""

import json
import math

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emg_io import EmgIoError, open_dataset
from emg_io.engines import _json
from emg_io.engines._json import Span, flat_arrays, parse
from emg_io.engines._json_numbers import _counts
from emg_io.formats._epn_sample import CHANNELS, SENSORS
from emg_io.formats.epn import HALVES, LABELS

NUMBERS = st.integers(-200, 200) | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.just(-0.0)
TEXTS = st.text(alphabet=st.sampled_from('ab"\\[]{},:0é\u2028 \n'), max_size=6)
LEAVES = NUMBERS | TEXTS | st.none() | st.booleans() | st.lists(NUMBERS, max_size=8) | st.lists(st.integers(-128, 127))
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4))
STYLES = st.sampled_from([{"separators": (",", ":")}, {}, {"indent": 1}, {"ensure_ascii": False}])


def restored(document, node):
    """The tree with every span read: what the obvious parser returns, numbers of arrays aside."""
    if isinstance(node, Span):
        text = document.data[node.start : node.stop]
        try:
            (array,) = document.numbers([node])
        except EmgIoError:
            return json.loads(text)  # an array of true, false, null or empty objects
        return array.tolist()
    if isinstance(node, list):
        return [restored(document, item) for item in node]
    return {key: restored(document, item) for key, item in node.items()} if isinstance(node, dict) else node


@given(TREES, STYLES)
def test_any_json_is_what_the_obvious_parser_makes_of_it(tree, style):
    data = json.dumps(tree, **style).encode()
    found = restored(parse(data, "f"), parse(data, "f").tree)
    theirs = json.loads(data)
    assert equal(found, theirs)


def equal(mine, theirs):
    """Equality, where numbers of an array may be floats because one of them is."""
    if isinstance(theirs, list):
        return isinstance(mine, list) and len(mine) == len(theirs) and all(map(equal, mine, theirs))
    if isinstance(theirs, dict):
        return list(mine) == list(theirs) and all(equal(mine[key], theirs[key]) for key in theirs)
    if isinstance(theirs, int | float) and not isinstance(theirs, bool) and isinstance(mine, float):
        return mine == float(theirs) and math.copysign(1, mine) == math.copysign(1, float(theirs) or mine)
    return type(mine) is type(theirs) and mine == theirs


@given(
    st.lists(st.lists(st.integers(-130, 130), max_size=9), min_size=1, max_size=9), st.sampled_from([",", ", ", " ,"])
)
def test_counts_are_read_together_as_one_by_one(rows, comma):
    texts = ["[" + comma.join(map(str, row)) + "]" for row in rows]
    data = ("[" + ",".join(texts) + "]").encode()
    document = parse(data, "f")
    arrays = document.numbers(document.tree)
    assert [array.tolist() for array in arrays] == rows
    fits = [bool(row) and {*row} <= {*range(-128, 128)} and (comma != " ," or len(row) == 1) for row in rows]
    assert [array.dtype == np.int8 for array in arrays] == fits


def test_batches_and_every_count():
    counts = np.tile(np.arange(-128, 128), 900).reshape(-1, 256)
    data = orjson.dumps(counts.tolist())
    document = parse(data, "f")
    arrays = document.numbers(document.tree)
    assert len(data) > 5 * 65_536
    assert all(array.dtype == np.int8 for array in arrays)
    assert np.array_equal(np.stack(arrays), counts)


@pytest.mark.parametrize(
    "token", ["01", "-", "+1", "1 2", "--1", "1-", "0x1", "\0", "\x005", "٣", "1e", ".5", "5.", "''"]
)
def test_tokens_that_are_no_numbers(token):
    data = f"[[1,2],[3,{token},4],[5]]".encode()
    document = parse(data, "f")
    assert _counts(data, document.tree)[1] is None
    with pytest.raises(EmgIoError, match=r"f, byte 7: not an array of numbers: expected finite numbers"):
        document.numbers(document.tree)


def test_arrays_that_nobody_asks_for_are_checked_on_request():
    document = parse(b'{"a":[true,null],"b":[[01]]}', "f")
    assert document.tree["b"] == [Span(22, 26)]
    with pytest.raises(EmgIoError, match=r"f, byte 23: not JSON: array is damaged"):
        document.check()


@pytest.mark.parametrize("values", ["true,false", "null", "1,null", "{}", "1e999", "NaN", "-Infinity", "9" * 400])
def test_values_that_are_no_finite_numbers(values):
    document = parse(f"[[{values}]]".encode(), "f")
    with pytest.raises(EmgIoError, match=r"byte 1: not an array of numbers"):
        document.numbers(document.tree)


def test_types_of_arrays():
    document = parse(b"[[1,-2],[1,300],[1,2.0],[],[18446744073709551615],[1e2],[-0]]", "f")
    kinds = [array.dtype.name for array in document.numbers(document.tree)]
    assert kinds == ["int8", "int64", "float64", "float64", "float64", "float64", "int64"]


BROKEN = {
    "cut": (b'{"a":[1,2],"b":', r"byte 15: not JSON"),
    "cut in an array": (b'{"a":[1,2,3', r"byte 5: not JSON|byte \d+: not JSON"),
    "cut in a string": (b'{"a":[1,2],"b', r"byte 11: not JSON.*Unterminated"),
    "no comma": (b'{"a":[1,2] "b":1}', r"byte 11: not JSON.*delimiter"),
    "a value behind": (b'{"a":[1,2]}[3]', r"byte 11: not JSON.*Extra"),
    "an array behind a letter": (b'{"a":N[1,2]}', r"byte 5: not JSON"),
    "a bare NaN": (b'{"a":NaN,"b":[1,2]}', r"not a number of JSON.*NaN"),
    "an infinity": (b'{"b":[1,2],"a":-Infinity}', r"not a number of JSON.*-Infinity"),
    "empty": (b"", r"byte 0: not JSON"),
    "key twice": (b'{"a":[1],"b":{"c":1,"c":2}}', r"key 'c': key occurs twice in one object.*once, found 2 times"),
    "latin-1": (b'{"b":[1,2],"a":"\xe9"}', r"byte 16: not UTF-8"),
    "control character": (b'{"b":[1,2],"a":"\x01"}', r"byte 16: not JSON.*control"),
    "deep lists": (b"[" * 3000 + b"]" * 3000, r"nested too deeply"),
    "deep in both": (b"[" * 150 + b'{"a":' * 60 + b"1" + b"}" * 60 + b"]" * 150, r"nested too deeply.*found 210"),
    "deep objects": (b'{"a":' * 3000 + b"1" + b"}" * 3000, r"nested too deeply"),
    "endless number": (b'{"a":' + b"9" * 9000 + b"}", r"number without end"),
    "large text": (b'{"a":"' + b"x" * (2**20) + b'"}', r"outside arrays of numbers: text is too large.*1048576"),
    "long array": (b"[" + b"1," * 2**19 + b"1]", r"byte 0: array is too long.*1048576"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_json_names_the_byte(case):
    data, message = BROKEN[case]
    with pytest.raises(EmgIoError, match=message) as caught:
        parse(data, "user.json")
    assert caught.value.file == "user.json"


def test_too_many_arrays(monkeypatch):
    monkeypatch.setattr(_json, "MAX_ARRAYS", 3)
    assert len(parse(b"[[1],[2],[3]]", "f").tree) == 3
    with pytest.raises(EmgIoError, match=r"byte 13: too many arrays: expected <= 3"):
        parse(b"[[1],[2],[3],[4]]", "f")


def test_arrays_in_strings_are_text():
    data = rb'{"a \"[1,2]\" \\":[3,4],"[5]":"[6,\"7\\\\"}'
    document = parse(data, "f")
    assert list(document.tree) == ['a "[1,2]" \\', "[5]"]
    assert document.tree["[5]"] == '[6,"7\\\\'
    assert [data[start:stop] for start, stop in flat_arrays(data)] == [b"[3,4]"]
    assert parse(b'\xef\xbb\xbf{"a":1}', "f").tree == {"a": 1}


@pytest.mark.parametrize("unit", [b"[", b'"', b'\\"', b"]", b"[]", b'["', b"\\", b'"\\', b"[1,", b'[""', b'""['])
def test_locating_arrays_is_linear(unit):
    """A quadratic search would take minutes here."""
    data = unit * (2_000_000 // len(unit))
    assert sum(1 for _ in flat_arrays(data)) in {0, 1_000_000}


def sample(name="fist", n=12, value=5):
    made = {"emg": {channel: [value] * n for channel in CHANNELS}, "startPointforGestureExecution": 3}
    made |= {sensor: {axis: [0.5, 1, -0.25] for axis in axes} for sensor, axes in SENSORS.items()}
    return made | ({"gestureName": name, "groundTruth": [0] * 4 + [1] * (n - 4)} if name else {})


def user(training=None, testing=None, **more):
    halves = {"trainingSamples": training or {"idx_1": sample()}, "testingSamples": testing or {"idx_1": sample(None)}}
    return {"generalInfo": {"samplingFrequencyInHertz": 200}, "userInfo": {"name": "u"}} | halves | more


def opened(folder, body, half=0):
    file = folder / "trainingJSON" / "user1" / "user1.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())
    return open_dataset(folder, "epn-612")[half]


def test_trials_end_to_end_in_the_order_of_their_numbers(tmp_path):
    trials = {"idx_10": sample("open", 9, -3), "idx_2": sample("noGesture", 5, 7), "idx_11": sample("open", 4, 1)}
    recording = opened(tmp_path, user(trials))
    assert recording.key == ("training/user1", "1", "trainingSamples", None)
    assert recording.raw()[0].tolist() == [7] * 5 + [-3] * 9 + [1] * 4
    assert recording.segments("trial") == [(0, 5, 2), (5, 14, 10), (14, 18, 11)]
    assert recording.labels().tolist() == [0] * 5 + [4] * 13
    assert recording.labels("repetition").tolist() == [1] * 14 + [2] * 4
    assert recording.labels("ground_truth").tolist() == [0] * 4 + [1] + [0] * 4 + [1] * 5 + [0] * 4
    kinds = [(event.kind, event.value, event.onset) for event in recording.events]
    assert kinds[:3] == [("trial", "noGesture", 0.0), ("start", "3", 0.015), ("trial", "open", 0.025)]
    assert recording.aux_names == tuple(SENSORS)
    assert recording.aux("gyroscope").values[0].tolist() == [0.5] * 4 + [1] + [0.5] * 4 + [1] * 4 + [-0.25] + [0.5] * 4
    assert recording.metadata["n_trials"] == 3


def test_names_kept_back_and_sensors_that_are_not_there(tmp_path):
    bare = {key: value for key, value in sample(None).items() if key not in SENSORS}
    recording = opened(tmp_path, user(testing={"idx_1": bare, "idx_2": sample(None, 20)}), half=1)
    assert recording.label_counts() == {"not provided": 32}
    assert not recording.labels("repetition").any()
    assert set(recording.labels("ground_truth").tolist()) == {-1}
    values = recording.aux("quaternion").values
    assert np.isnan(values[:, :12]).all()
    assert values[0, 12:24].tolist() == [0.5] * 4 + [1] * 4 + [-0.25] * 4
    assert np.isnan(values[:, 24:]).all(), "three readings do not last for twenty samples"


def test_numbers_of_the_two_folders_are_different_people(forged):
    dataset = open_dataset(forged("epn-612"))
    assert dataset.subjects == ("testing/user1", "training/user1")
    assert [recording.task for recording in dataset] == [*HALVES, *HALVES]
    kept_back = dataset[1]
    assert kept_back.label_counts() == {"not provided": kept_back.n_samples}
    for recording in dataset:
        _, reader = recording.raw(), recording.reader
        body = json.loads(reader.container.read(reader.member.name))[recording.task]
        keys = sorted(body, key=lambda key: int(key.removeprefix("idx_")))
        for row, channel in enumerate(CHANNELS):
            assert recording.raw()[row].tolist() == [v for key in keys for v in body[key]["emg"][channel]]
        names = [LABELS[value] for _, _, value in recording.segments() for _ in range(1)]
        assert set(names) == {body[key].get("gestureName", "not provided") for key in keys}


def changed(path, value, key="idx_1"):
    """A user of whom one field of one sample is another."""
    body = json.loads(json.dumps(user({key: sample()})))
    node = body
    for step in path[:-1]:
        node = node[step]
    if value is None:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return body


ONE = ("trainingSamples", "idx_1")
BAD = {
    "float": ((*ONE, "emg", "ch3"), [5] * 11 + [5.5], r"Samples.idx_1.emg.ch3\[11\]: not a Myo count.*found 5.5"),
    "whole float": ((*ONE, "emg", "ch3"), [5] * 11 + [5.0], r"emg.ch3\[0\]: not a Myo count.*without a point"),
    "128": ((*ONE, "emg", "ch8"), [128] * 12, r"emg.ch8\[0\]: not a Myo count.*-128..127.*found 128"),
    "short": ((*ONE, "emg", "ch2"), [5] * 11, r"idx_1.emg: channels differ in length"),
    "no samples of a channel": ((*ONE, "emg", "ch1"), [], r"idx_1.emg: channels differ in length or are empty"),
    "nested": ((*ONE, "emg", "ch2"), [[5] * 12], r"emg.ch2: missing or not an array of numbers.*list"),
    "text": ((*ONE, "emg", "ch2"), "[5,5]", r"emg.ch2: missing or not an array of numbers.*str"),
    "texts": ((*ONE, "emg", "ch2"), ["5"] * 12, r"emg.ch2: missing or not an array of numbers"),
    "bools": ((*ONE, "emg", "ch2"), [True] * 12, r"byte \d+: not an array of numbers.*true"),
    "no channel": ((*ONE, "emg", "ch4"), None, r"emg.ch4: missing or not an array of numbers"),
    "no emg": ((*ONE, "emg"), None, r"idx_1.emg: missing or not an object"),
    "emg is a list": ((*ONE, "emg"), [1], r"idx_1.emg: missing or not an object"),
    "gesture": ((*ONE, "gestureName"), "wave", r"gestureName: unknown gesture.*noGesture, fist.*found wave"),
    "gesture number": ((*ONE, "gestureName"), 3, r"gestureName: unknown gesture"),
    "truth": ((*ONE, "groundTruth"), [0, 2], r"groundTruth\[1\]: not marks of samples.*found 2"),
    "truth is text": ((*ONE, "groundTruth"), "0", r"groundTruth: not an array"),
    "start": ((*ONE, "startPointforGestureExecution"), "3", r"startPointforGestureExecution: not a sample number"),
    "rate": (("generalInfo", "samplingFrequencyInHertz"), 1000, r"samplingFrequencyInHertz.*expected 200.*1000"),
    "axes": ((*ONE, "gyroscope", "x"), [0.5], r"gyroscope: axes differ in length.*\[1, 3, 3\]"),
    "no axis": ((*ONE, "quaternion", "w"), None, r"quaternion.w: missing or not an array"),
    "axis of NaN": ((*ONE, "quaternion", "w"), [float("nan")] * 3, r"byte \d+: not an array of numbers"),
    "no half": (("trainingSamples",), None, r"trainingSamples: missing or not an object"),
    "no trials": (("trainingSamples",), {}, r"trainingSamples: no samples"),
    "sample's name": (("trainingSamples",), {"sample1": 1}, r"trainingSamples.sample1: not the name of a sample"),
    "sample twice": (("trainingSamples",), {"idx_1": {}, "idx_01": {}}, r"idx_01: not the name of a sample"),
    "sample is a number": (("trainingSamples",), {"idx_1": 4}, r"trainingSamples.idx_1: missing or not an object"),
}  # fmt: skip


def test_marks_behind_the_last_sample_are_left_out_and_said(tmp_path):
    recording = opened(tmp_path, changed((*ONE, "groundTruth"), [0, 1] * 7))
    assert recording.labels("ground_truth")[:12].tolist() == [0, 1] * 6
    assert recording.metadata["warnings"] == ("groundTruth: longer than the EMG in 1 trials, cut there",)


@pytest.mark.parametrize("name", ["", "notProvided", None])
def test_a_name_kept_back_may_be_spelt(tmp_path, name):
    assert set(opened(tmp_path, changed((*ONE, "gestureName"), name)).labels()[:12]) == {-1}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_name_sample_and_field(tmp_path, case):
    path, value, message = BAD[case]
    with pytest.raises(EmgIoError, match=message) as caught:
        opened(tmp_path, changed(path, value)).check()
    assert caught.value.file.endswith("user1.json")


def test_sensors_are_read_when_asked_for(tmp_path):
    recording = opened(tmp_path, changed((*ONE, "gyroscope", "x"), [0.5]))
    assert recording.raw().shape == (8, 12)
    assert recording.aux_names == tuple(SENSORS)
    with pytest.raises(EmgIoError, match=r"idx_1.gyroscope: axes differ in length"):
        recording.aux("gyroscope")


@pytest.mark.parametrize("body", [b"[1,2]", b"3", b'"x"', b"[]"])
def test_files_that_hold_no_object(tmp_path, body):
    with pytest.raises(EmgIoError, match=r"top level: missing or not an object"):
        opened(tmp_path, body).raw()


def attempt(call):
    """Return what a reader made of a file, and its EmgIoError if it raised one; nothing else may come out."""
    try:
        return call(), None
    except EmgIoError as error:
        return None, error


def test_mutations_are_recordings_or_errors(tmp_path):
    rng, outcomes = np.random.default_rng(23), {True: 0, False: 0}
    whole = json.dumps(user({"idx_1": sample(), "idx_2": sample("open", 6, -128)}), separators=(",", ":")).encode()
    for _ in range(300):
        data, at = bytearray(whole), int(rng.integers(len(whole)))
        kind = int(rng.integers(4))
        if kind == 0:
            data[at] = int(rng.choice(list(b'0123456789-.,[]{}":eE \n\\\0')))
        elif kind == 1:
            del data[at : at + int(rng.integers(1, 30))]
        elif kind == 2:
            data[at:at] = data[max(0, at - int(rng.integers(1, 60))) : at]
        else:
            data[at] ^= 1 << int(rng.integers(8))
        recording = opened(tmp_path, bytes(data))
        raw, error = attempt(lambda: (recording.check(), recording.raw())[1])  # noqa: B023  called at once
        outcomes[error is None] += 1
        if error:
            assert error.file.endswith("user1.json")
            assert error.place
            continue
        body = json.loads(bytes(data))["trainingSamples"]
        trials = [body[key]["emg"] for key in sorted(body, key=lambda key: int(key[4:]))]
        assert raw.tolist() == [[v for trial in trials for v in trial[channel]] for channel in CHANNELS]
    assert min(outcomes.values()) > 50
