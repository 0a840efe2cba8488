"""Silent speech: arrays and what was read, no pickles, reference clips told apart."""

import io
import json
import re

import numpy as np
import pytest

from emg_io import EmgIoError, open_dataset

INFO = {"text": "hello there", "book": "a.txt", "sentence_index": 7, "chunks": [[6, 96, 3], [4, 64, 2]]}
DAY = "silent_parallel_data/5-4_silent"


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=array.dtype == object)
    return stream.getvalue()


def emg(n=10, dtype="<f8"):
    return (np.arange(n * 8).reshape(n, 8) - 30).astype(dtype)


def write(folder, name, data):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


def one(folder, array=None, info=INFO, stem=f"{DAY}/12"):
    write(folder, f"{stem}_emg.npy", npy(emg()) if array is None else array)
    if info is not None:
        write(folder, f"{stem}_info.json", info if isinstance(info, bytes) else json.dumps(info).encode())
    return open_dataset(folder, "gaddy")[0]


@pytest.mark.parametrize("dtype", ["<f8", "<f4", ">f4", "<i2", ">i4"])
def test_one_utterance(tmp_path, dtype):
    write(tmp_path, f"{DAY}/12_audio.flac", b"not decoded")
    recording = one(tmp_path, npy(np.asfortranarray(emg(dtype=dtype))))
    assert recording.key == ("1", "5-4_silent", "silent_parallel/12", None)
    assert np.array_equal(recording.raw(), emg().T)
    assert recording.raw().dtype == np.dtype(dtype).newbyteorder("=")
    assert np.array_equal(recording.raw(2, 5), emg()[2:5].T)
    assert (recording.sfreq, recording.unit) == (1000.0, "unknown")
    (event,) = recording.events
    assert event == (0.0, 0.01, "text", "hello there")
    metadata = recording.metadata
    assert {name: metadata[name] for name in INFO} == INFO
    assert metadata["files"] == {"audio": f"{DAY}/12_audio.flac"}
    assert metadata["reference"] is False


def test_reference_clips_say_so_and_have_no_text(tmp_path):
    recording = one(tmp_path, info=INFO | {"sentence_index": -1, "text": "."})
    assert recording.metadata["reference"] is True
    assert recording.events == ()


def test_kinds_of_reading_are_tasks(forged):
    dataset = open_dataset(forged("gaddy"))
    assert {recording.task.partition("/")[0] for recording in dataset} == {
        "nonparallel",
        "silent_parallel",
        "voiced_parallel",
    }
    clips = [recording for recording in dataset if recording.metadata["reference"]]
    assert [recording.task.partition("/")[2] for recording in clips] == ["0"] * len(clips)
    assert all(recording.events[0].value for recording in dataset if recording not in clips)
    assert open_dataset(forged("gaddy")).format == "gaddy"


def without(name):
    return {key: value for key, value in INFO.items() if key != name}


INFOS = {
    "no file": (None, r"12_emg.npy, info.json: nothing says what was read"),
    "no JSON": (b"{", r"12_info.json, byte 1: not JSON"),
    "a list": (b"[1]", r"12_info.json, text: not what an utterance says: expected a string"),
    "no text": (without("text"), r"text: not what an utterance says.*'nothing'"),
    "text": (INFO | {"text": 3}, r"text: not what an utterance says: expected a string, found 3"),
    "book": (INFO | {"book": 3}, r"book: not what an utterance says"),
    "sentence": (INFO | {"sentence_index": "7"}, r"sentence_index: not what.*-1 for reference clips, found '7'"),
    "sentence is a bool": (INFO | {"sentence_index": True}, r"sentence_index: not what an utterance says"),
    "chunks": (INFO | {"chunks": {}}, r"chunks: not what an utterance says"),
    "chunks of text": (INFO | {"chunks": [["6"]]}, r"chunks: not chunks"),
    "chunks of null": (INFO | {"chunks": [[None]]}, r"not an array of numbers"),
    "key twice": (b'{"text":"a","text":"b"}', r"key 'text': key occurs twice"),
    "large": (b" " * (2**20 + 1), r"12_info.json, size: too large"),
}


def test_the_closed_vocabulary_is_said_to_be_left_out(tmp_path):
    write(tmp_path, "closed_vocab/silent/5-19_silent/3_emg.npy", npy(emg()))
    recording = one(tmp_path)
    assert recording.metadata["warnings"] == ("closed_vocab: 1 utterances lie here that are not read",)
    assert len(open_dataset(tmp_path)) == 1


def test_a_clip_of_silence_may_have_neither_text_nor_book(tmp_path):
    said = one(tmp_path, info=INFO | {"text": None, "book": None, "sentence_index": -1}).metadata
    assert (said["text"], said["book"], said["reference"]) == ("", "", True)


@pytest.mark.parametrize("case", INFOS)
def test_files_that_do_not_say_what_was_read(tmp_path, case):
    info, message = INFOS[case]
    with pytest.raises(EmgIoError, match=message):
        _ = one(tmp_path, info=info).metadata


ARRAYS = {
    "pickle": (npy(np.array([{"a": 1}], object)), r"descr.*pickled objects, which are never read"),
    "complex": (npy(np.zeros((3, 8), complex)), r"descr.*integers or floats"),
    "seven channels": (npy(np.zeros((3, 7))), r"shape: not the shape of an utterance.*\(samples, 8\).*\(3, 7\)"),
    "one axis": (npy(np.zeros(8)), r"shape: not the shape of an utterance.*\(8,\)"),
    "no samples": (npy(np.zeros((0, 8))), r"shape: not the shape of an utterance"),
    "cut": (npy(emg())[:-8], r"shape.*640 bytes.*632 bytes"),
    "longer": (npy(emg()) + b"x", r"shape.*640 bytes.*641 bytes"),
    "empty": (b"", r"magic"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_that_are_no_utterances(tmp_path, case):
    array, message = ARRAYS[case]
    with pytest.raises(EmgIoError, match=message) as caught:
        one(tmp_path, array).raw()
    assert caught.value.file.endswith("12_emg.npy")


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e39])
def test_numbers_that_are_none(tmp_path, value):
    array = emg()
    array[6, 2] = value
    recording = one(tmp_path, npy(array))
    assert recording.raw(0, 6).shape == (8, 6)
    with pytest.raises(EmgIoError, match=rf"sample 6, channel 3: not a finite number.*found {re.escape(str(value))}"):
        recording.raw(5, 9)


def attempt(call):
    """Return what a reader made of a file, and its EmgIoError if it raised one; nothing else may come out."""
    try:
        return call(), None
    except EmgIoError as error:
        return None, error


def test_mutations_are_utterances_or_errors(tmp_path):
    rng, outcomes = np.random.default_rng(24), {True: 0, False: 0}
    whole = [npy(emg()), json.dumps(INFO).encode()]
    for turn in range(300):
        files = [bytearray(data) for data in whole]
        data = files[turn % 2]
        at = int(rng.integers(len(data)))
        data[at] = int(rng.choice([data[at] ^ 1, *b'0123456789[](){}",: \xff']))
        del data[len(data) - int(rng.choice([0, 0, 0, 8])) :]
        recording = one(tmp_path, *map(bytes, files))
        raw, error = attempt(lambda: (recording.check(), recording.raw())[1])  # noqa: B023  called at once
        outcomes[error is None] += 1
        if error:
            assert error.file
            assert error.place
        else:
            assert raw.shape == (8, recording.n_samples)
            assert isinstance(recording.metadata["sentence_index"], int)
    assert min(outcomes.values()) > 50
