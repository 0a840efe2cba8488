"""Published protocols by name: who is in which part, and what is refused."""

import multiprocessing
import pickle
import re
import zlib
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import orjson
import pytest

from emg_io import Dataset, EmgIoError, Recording, Span, formats, open_dataset, protocol, protocols
from emg_io._source import Content, InMemory, Track
from emg_io.formats import REGISTRY
from emg_io.protocols._lists import read_lists
from emg_io.protocols._registry import PROTOCOLS
from emg_io.splits._windows import cut

HALVES = ("trainingSamples", "testingSamples")
INFO = {info.name: info for info in formats()}


def recording(subject, session="1", task="", repetition=None, *, metadata=None, tracks=None, n=40):
    """A tiny recording whose samples depend on who, when and what."""
    seed = zlib.crc32(repr((subject, session, task, repetition)).encode())
    raw = np.random.default_rng(seed).integers(-99, 99, (2, n)).astype(np.int16)
    made = {name: Track(name, np.asarray(values)) for name, values in (tracks or {"label": np.ones(n, int)}).items()}
    content = Content(tracks=made, raw=raw, sfreq=100.0, metadata=metadata or {})
    out = Recording.from_array(raw, 100.0, subject=str(subject), session=str(session), repetition=repetition)
    object.__setattr__(out, "task", task)
    object.__setattr__(out, "reader", InMemory(content))
    return out


def dataset(name, recordings):
    return Dataset(INFO[name], tuple(recordings))


def members(split, people, *fields):
    """What lies in each part, as sets of attributes of its recordings."""
    return {
        part: {tuple(getattr(people[span.recording], field) for field in fields) for span in spans}
        for part, spans in split.parts.items()
    }


def test_registry_is_complete_and_sorted():
    assert protocols() == sorted(PROTOCOLS)
    for name, entry in PROTOCOLS.items():
        assert protocol(name) is entry
        assert entry.name == name
        assert re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", name)
        assert entry.format in REGISTRY
        assert entry.source
        assert name in protocols(entry.format)
    with pytest.raises(EmgIoError, match=r"no such protocol: expected .*uci/tinymyo.*, found uci"):
        protocol("uci")


def test_uci_tinymyo_owns_people():
    people = dataset("uci", [recording(f"{s:02d}", k) for s in range(1, 37) for k in "12"])
    split = protocol("uci/tinymyo").split(people)
    assert split.subjects("train") == tuple(f"{s:02d}" for s in range(1, 25))
    assert split.subjects("val") == tuple(f"{s:02d}" for s in range(25, 31))
    assert split.subjects("test") == tuple(f"{s:02d}" for s in range(31, 37))
    part = dataset("uci", [r for r in people if r.subject != "33"])
    with pytest.raises(EmgIoError, match=r"not whole: a subject of the protocol is missing.*found no 33"):
        protocol("uci/tinymyo").split(part)
    assert len(protocol("uci/tinymyo").split(part, partial=True).subjects("test")) == 5


def test_uci_protocol_needs_the_test_people(uci):
    with pytest.raises(EmgIoError, match="a part is empty: expected train and test, found nothing for test"):
        protocol("uci/tinymyo").split(uci, partial=True)


@pytest.mark.parametrize(("name", "train", "val", "test"), [
    ("db1/community", {1, 3, 4, 6, 8, 9, 10}, set(), {2, 5, 7}),
    ("db1/geng", {1, 3, 5, 7, 9}, set(), {2, 4, 6, 8, 10}),
    ("db1/du", {1, 3, 4, 5, 9}, set(), {2, 6, 7, 8, 10}),
    ("db2/community", {1, 3, 4, 6}, set(), {2, 5}),
    ("db3/community", {1, 3, 4, 6}, set(), {2, 5}),
    ("db5/tinymyo", {1, 2, 5}, {4, 6}, {3}),
    ("db6/tinymyo-pretraining", set(range(1, 9)), {9, 10}, {11, 12}),
    ("db7/tinymyo-pretraining", {1, 2, 3, 4}, {5}, {6}),
])  # fmt: skip
def test_repetitions_of_ninapro(name, train, val, test):
    repetition = np.repeat(np.ravel([[0, k] for k in range(1, 13)]), 3)
    tracks = {"label": np.ones(len(repetition), int), "repetition": repetition}
    n_people = {1: 27, 2: 40, 3: 11, 5: 10, 6: 10, 7: 22}[int(name[2])]
    made = [recording(s, tracks=tracks, n=len(repetition)) for s in range(1, n_people + 1)]
    people, entry = dataset(PROTOCOLS[name].format, made), protocol(name)
    pooled = name not in {"db1/geng", "db1/du"}
    split = entry.split(people, None if pooled else "2")
    assert len(split.subjects("train")) == len(split.subjects("test")) == (n_people if pooled else 1)
    if pooled:
        fewer = dataset(entry.format, made[1:])
        with pytest.raises(
            EmgIoError, match=rf"not whole: subjects are missing.*{n_people} subjects, found {n_people - 1}"
        ):
            entry.split(fewer)
        assert entry.split(fewer, partial=True)
    else:
        assert entry.folds(people) == [str(s) for s in range(1, 28)]
    found = {
        part: {int(repetition[span.start]) for span in spans if span.stop - span.start == 3}
        for part, spans in split.parts.items()
    }
    assert found == {"train": train, "val": val, "test": test}
    assert all(repetition[span.start] for spans in split.parts.values() for span in spans)


def test_db8_owns_acquisitions():
    people = dataset("ninapro-db8", [recording(s, a) for s in range(1, 13) for a in ("A1", "A2", "A3")])
    found = members(protocol("db8/tinymyo").split(people), people, "session")
    assert found == {"train": {("A1",)}, "val": {("A2",)}, "test": {("A3",)}}


def capgmyo(name, sessions, n_people=3):
    numbers = range(1, n_people + 1)
    trials = [(s, v, f"gest{g}", t) for s in numbers for v in sessions for g in (1, 2) for t in range(1, 11)]
    trials += [(s, v, "mvc 100", t) for s in numbers for v in sessions for t in range(1, 4)]
    return dataset(name, [recording(*trial) for trial in trials])


def test_capgmyo_intra_subject():
    people, entry = capgmyo("capgmyo-a", "1"), protocol("capgmyo-a/intra-subject")
    assert entry.folds(people) == ["1", "2", "3"]
    split = entry.split(people, fold="2")
    found = members(split, people, "subject", "repetition")
    assert found["train"] == {("2", t) for t in (1, 3, 5, 7, 9)}
    assert found["test"] == {("2", t) for t in (2, 4, 6, 8, 10)}
    tasks = members(split, people, "task")
    assert tasks["train"] == tasks["test"] == {("gest1",), ("gest2",)}
    for fold in (None, "4"):
        with pytest.raises(EmgIoError, match="no such fold: expected 1, 2, 3"):
            entry.split(people, fold=fold)
    with pytest.raises(EmgIoError, match="no such fold: expected none, found 1"):
        protocol("db8/tinymyo").split(dataset("ninapro-db8", [recording(1, "A1")]), fold="1")


def test_capgmyo_sessions_and_people():
    people = capgmyo("capgmyo-b", "12", 10)
    others = {1, 2, 4, 5, 6, 7, 8, 9, 10}
    found = members(protocol("capgmyo-b/inter-session").split(people, fold="3"), people, "subject", "session")
    assert found == {"train": {("3", "1")}, "val": set(), "test": {("3", "2")}}
    found = members(protocol("capgmyo-b/inter-subject").split(people, fold="3"), people, "subject", "session")
    assert found == {"train": {(str(s), "2") for s in others}, "val": set(), "test": {("3", "2")}}
    people = capgmyo("capgmyo-c", "1", 10)
    found = members(protocol("capgmyo-c/inter-subject").split(people, fold="3"), people, "subject")
    assert found == {"train": {(str(s),) for s in others}, "val": set(), "test": {("3",)}}
    with pytest.raises(EmgIoError, match=r"subjects are missing.*expected 10 subjects, found 3"):
        protocol("capgmyo-c/inter-subject").split(capgmyo("capgmyo-c", "1"), fold="1")


def test_csl_folds_and_the_ten_idle_trials():
    trials = [
        (1, v, task, t)
        for v in (1, 2, 3)
        for task in ("idle", "gesture 1")
        for t in range(1, 31 if task == "idle" else 11)
    ]
    people = dataset("csl-hdemg", [recording(*trial) for trial in trials])
    entry = protocol("csl-hdemg/intra-session")
    assert len(entry.folds(people)) == 30
    found = members(entry.split(people, fold="1/2/3"), people, "session", "task", "repetition")
    assert found["test"] == {("2", "gesture 1", 3), ("2", "idle", 7)}
    assert len(found["train"]) == 18
    found = members(protocol("csl-hdemg/inter-session").split(people, fold="1/2"), people, "session", "task")
    assert found["test"] == {("2", "idle"), ("2", "gesture 1")}
    assert {session for session, _ in found["train"]} == {"1", "3"}


def test_epn_published_mixes_people_and_the_strict_one_does_not():
    repetition = np.repeat(np.arange(1, 26), 4)
    tracks = {"label": np.repeat([1], 100), "repetition": repetition, "trial": repetition}
    rows = [
        (f"{half}/{user}", "1", task) for half in ("training", "testing") for user in (1, 2)
        for task in ("trainingSamples", "testingSamples")
    ]  # fmt: skip
    people = dataset("epn-612", [recording(*row, tracks=tracks, n=100) for row in rows])
    with pytest.raises(EmgIoError, match=r"subjects are missing.*expected 612 subjects, found 4"):
        protocol("epn612/tinymyo").split(people)
    split = protocol("epn612/tinymyo").split(people, partial=True)
    found = members(split, people, "subject", "task")
    assert ("testing/1", "trainingSamples") in found["train"] & found["test"]
    assert found["val"] == {("training/1", "testingSamples"), ("training/2", "testingSamples")}
    tested = [s for s in split.parts["test"] if people[s.recording].subject == "testing/2"]
    assert [int(repetition[s.start]) for s in tested] == list(range(11, 26))
    found = members(protocol("epn612/user-independent").split(people, partial=True), people, "subject")
    assert not found["train"] & found["test"]
    assert found["test"] == {("testing/1",), ("testing/2",)}
    wrong = dataset("epn-612", [recording("1", "1", "trainingSamples")])
    with pytest.raises(EmgIoError, match=r"not a half of EPN-612.*found 1"):
        protocol("epn612/tinymyo").split(wrong, partial=True)


def test_a_person_who_is_reported_to_be_two_is_in_no_part():
    """Were it true, parts would share samples and no split could be made of the set as published."""
    repetition = np.repeat(np.arange(1, 26), 4)
    tracks = {"label": np.ones(100, int), "repetition": repetition, "trial": repetition}
    rows = [(f"{u}", "1", t) for u in ("training/user172", "testing/user290", "training/user3") for t in HALVES]
    made = [recording(*row, tracks=tracks, n=100) for row in rows]
    object.__setattr__(made[2], "reader", made[0].reader)  # user290's named trials are user172's
    people = dataset("epn-612", made)
    for name in ("epn612/tinymyo", "epn612/user-independent"):
        found = members(protocol(name).split(people, partial=True), people, "subject")
        assert ("training/user172",) not in found["train"] | found["val"] | found["test"]
        assert "user172" in protocol(name).flaw


@pytest.mark.parametrize("n", [3, 992, 998, 1000, 1001, 1490, 2500])
def test_epn_has_one_window_a_trial_whatever_its_length(n):
    tracks = {"label": np.ones(2 * n, int), "trial": np.repeat([1, 2], n)}
    people = dataset("epn-612", [recording(1, tracks=tracks, n=2 * n)])
    windows = cut(people, [Span(0, 0, 2 * n)], protocol("epn612/tinymyo").windows)
    assert (windows.start.tolist(), windows.valid.tolist()) == ([0, n], [min(n, 1000)] * 2)


WINDOWS = {  # length, hop, label of a window, whether the last is padded
    "uci/tinymyo": (1000, 500, "constant", False),
    "db5/tinymyo": (200, 50, "first", True),
    "db6/tinymyo-pretraining": (1000, 500, "centre", False),
    "db7/tinymyo-pretraining": (1000, 500, "centre", False),
    "db8/tinymyo": (200, 50, "none", False),
    "emg2qwerty/generic": (8000, 8000, "none", False),
    "emg2qwerty/personal": (8000, 8000, "none", False),
    **dict.fromkeys((name for name in PROTOCOLS if name.startswith(("capgmyo", "csl"))), (1, 1, "first", False)),
    **dict.fromkeys(("db1/geng", "db1/du"), (1, 1, "first", False)),
}


def test_windows_are_those_of_the_sources():
    assert protocol("uci/tinymyo").windows.classes == (1, 2, 3, 4, 5, 6)
    for name, entry in PROTOCOLS.items():
        if not name.startswith("epn612"):
            rule = entry.windows
            assert (rule and (rule.length, rule.hop, rule.label, rule.pad)) == WINDOWS.get(name), name


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_protocols_travel_to_other_processes(name):
    assert pickle.loads(pickle.dumps(protocol(name))) is protocol(name)  # noqa: S301  own bytes


def test_a_split_made_in_another_process_is_the_same():
    people = dataset("ninapro-db8", [recording(s, a) for s in range(1, 13) for a in ("A1", "A2", "A3")])
    for method in ("fork", "spawn"):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
            assert pool.submit(protocol("db8/tinymyo").split, people).result() == protocol("db8/tinymyo").split(people)


def test_folders_are_the_split_of_armbands():
    rows = [("EvaluationDataset/Female1", s) for s in ("training0", "Test0", "Test1")]
    rows += [("PreTrainingDataset/Male1", "training0")]
    people = dataset("myo-armband", [recording(*row) for row in rows])
    entry = protocol("myo-armband/evaluation")
    assert entry.folds(people) == ["EvaluationDataset/Female1"]
    found = members(entry.split(people, fold="EvaluationDataset/Female1"), people, "session")
    assert found == {"train": {("training0",)}, "val": set(), "test": {("Test0",), ("Test1",)}}
    people = dataset(
        "flexemg", [recording(s, f"1{v}", repetition=r) for s in (1, 2) for v in ("Train", "Test") for r in (1, 2)]
    )
    found = members(protocol("flexemg/published").split(people, fold="2"), people, "subject", "session")
    assert found == {"train": {("2", "1Train")}, "val": set(), "test": {("2", "1Test")}}
    people = dataset("3dc", [recording(s, v) for s in (1, 2) for v in ("train", "test")])
    found = members(protocol("3dc/published").split(people, fold="1"), people, "subject", "session")
    assert found == {"train": {("1", "train")}, "val": set(), "test": {("1", "test")}}


def test_metadata_tables_are_the_split():
    people = [recording(s, metadata={"split": w}) for s, w in ((1, "train"), (2, "val"), (3, "test"))]
    for name in ("emg2pose", "neuromotor-wrist"):
        entry = protocol(next(p for p in protocols(name)))
        found = members(entry.split(dataset(name, people)), people, "subject")
        assert found == {"train": {("1",)}, "val": {("2",)}, "test": {("3",)}}
        lost = dataset(name, [*people, recording(4)])
        assert entry.unit == {"emg2pose": "repetition", "neuromotor-wrist": "subject"}[name]
        with pytest.raises(EmgIoError, match=r"metadata 'split': recording has no place in the split: keep .*csv"):
            entry.split(lost)


def test_emg2pose_tests_new_stages_of_sessions_that_train():
    """Stages are held out inside sessions, so a session may lie in two parts; a recording may not."""
    rows = [("a/left", "train"), ("b/left", "test")]
    people = dataset("emg2pose", [recording(1, "s", task, metadata={"split": word}) for task, word in rows])
    found = members(protocol("emg2pose/published").split(people), people, "task")
    assert found == {"train": {("a/left",)}, "val": set(), "test": {("b/left",)}}
    assert "new stage" in protocol("emg2pose/published").flaw


YAML = """# @package _global_
user: generic
dataset:
  train:
    - user: 11
      session: 2020-08-13-a
    - session: "2020-08-14-b"
      user: 12
  val:
    - user: 11
      session: 2020-08-15-c
  test:
    - user: 13
      session: 2020-08-16-d
"""


@pytest.fixture
def typists():
    names = [("11", "2020-08-13-a"), ("12", "2020-08-14-b"), ("11", "2020-08-15-c"), ("13", "2020-08-16-d"), ("9", "e")]
    return dataset("emg2qwerty", [recording(*name) for name in names])


def test_emg2qwerty_follows_the_lists(typists, tmp_path):
    (tmp_path / "generic.yaml").write_text(YAML)
    (tmp_path / "generic.json").write_text(
        '{"train": [["11", "2020-08-13-a"], ["12", "2020-08-14-b"]], "val": [["11", "2020-08-15-c"]],'
        ' "test": [["13", "2020-08-16-d"]]}'
    )
    splits = [
        protocol("emg2qwerty/generic").split(typists, lists=tmp_path / f"generic.{k}", partial=True)
        for k in ("yaml", "json")
    ]
    assert splits[0].hash == splits[1].hash
    found = members(splits[0], typists, "session")
    assert found["train"] == {("2020-08-13-a",), ("2020-08-14-b",)}
    assert found["test"] == {("2020-08-16-d",)}
    with pytest.raises(EmgIoError, match="split lists: expected the authors' list file, found None"):
        protocol("emg2qwerty/generic").split(typists)
    with pytest.raises(
        EmgIoError, match=r"not the list of this protocol.*expected 837 \+ 192 \+ 16, found 2 \+ 1 \+ 1"
    ):
        protocol("emg2qwerty/generic").split(typists, lists=tmp_path / "generic.yaml")
    lost = dataset("emg2qwerty", [r for r in typists if r.subject != "12"])
    assert protocol("emg2qwerty/generic").split(lost, lists=tmp_path / "generic.yaml", partial=True)
    with pytest.raises(EmgIoError, match="split lists: expected no list file"):
        protocol("emg2pose/published").split(dataset("emg2pose", list(typists)), lists=tmp_path / "generic.yaml")


def lists_of(folder, **sizes):
    """A list file of so many sessions a part, and recordings of them."""
    pairs = {part: [("7", f"{part}{n}") for n in range(size)] for part, size in sizes.items()}
    (folder / "lists.json").write_bytes(orjson.dumps(pairs))
    return [recording(*pair, n=3) for part in pairs.values() for pair in part], folder / "lists.json"


@pytest.mark.parametrize(("name", "sizes"), [
    ("generic", {"train": 837, "val": 192, "test": 16}), ("personal", {"train": 8, "val": 2, "test": 2}),
    ("personal", {"train": 10, "val": 2, "test": 2}),
])  # fmt: skip
def test_emg2qwerty_lists_have_the_published_sizes(name, sizes, tmp_path):
    sessions, lists = lists_of(tmp_path, **sizes)
    entry = protocol(f"emg2qwerty/{name}")
    split = entry.split(dataset("emg2qwerty", sessions), lists=lists)
    assert {part: len(spans) for part, spans in split.parts.items()} == sizes
    with pytest.raises(EmgIoError, match=r"not whole: get the session.*test: |not whole.*expected a recording of each"):
        entry.split(dataset("emg2qwerty", sessions[:-1]), lists=lists)
    other = protocol("emg2qwerty/" + ("generic" if name == "personal" else "personal"))
    with pytest.raises(EmgIoError, match="not the list of this protocol"):
        other.split(dataset("emg2qwerty", sessions), lists=lists)


def test_long_lists_are_read_in_time_that_grows_with_their_length(tmp_path):
    (tmp_path / "long.json").write_bytes(orjson.dumps({"train": [["u", str(n)] for n in range(300_000)]}))
    assert len(read_lists(tmp_path / "long.json")["train"]) == 300_000


@pytest.mark.parametrize(("text", "message"), [
    ("", "line 1: not a split list"),
    ("train:\n  - user: 1\n", "not a split list.*found 'end of file'"),
    ("train:\n  - user: 1\n  !!python/object: x\n", "line 3: not a split list"),
    ("train:\n  - user: 1\n    session: a\nval:\n  - user: 1\n    session: a\n", "session is listed twice.*1/a"),
    ("train:\n" + "  - user: 1\n    session: a\n" * 2, "session is listed twice"),
])  # fmt: skip
def test_lists_of_another_form_are_refused(text, message, tmp_path):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(EmgIoError, match=message):
        read_lists(tmp_path / "x.yaml")


@pytest.mark.parametrize("text", ["", "[]", '{"train": 3}', '{"train": [["a"]]}', "[" * 3000])
def test_json_lists_of_another_form_are_refused(text, tmp_path):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(EmgIoError, match="JSON: not a split list"):
        read_lists(tmp_path / "x.json")


def test_lists_that_are_not_there_or_endless(tmp_path):
    with pytest.raises(EmgIoError, match="cannot be read"):
        read_lists(tmp_path / "none.json")
    with (tmp_path / "huge.json").open("wb") as stream:
        stream.truncate(2**25)
    with pytest.raises(EmgIoError, match="split list is too large"):
        read_lists(tmp_path / "huge.json")


def test_gaddy_lists_utterances(tmp_path):
    rows = [(0, "dev"), (1, "test"), (2, "other"), (-1, "clip")]
    people = [recording(1, "5-4", f"silent/{n}", metadata={"book": "b", "sentence_index": n}) for n, _ in rows]
    people = dataset("gaddy", people)
    (tmp_path / "lists.json").write_text('{"dev": [["b", 0]], "test": [["b", 1]]}')
    found = members(protocol("gaddy/published").split(people, lists=tmp_path / "lists.json"), people, "task")
    assert found == {"train": {("silent/2",)}, "val": {("silent/0",)}, "test": {("silent/1",)}}
    (tmp_path / "lists.json").write_text('{"dev": [["b", 0]], "test": [["b", 9]]}')
    with pytest.raises(EmgIoError, match=r"not whole: get the utterance.*found no b 9"):
        protocol("gaddy/published").split(people, lists=tmp_path / "lists.json")
    (tmp_path / "lists.json").write_text('{"dev": [["b", 0]], "test": [["b", 0]]}')
    with pytest.raises(EmgIoError, match=r"test: utterance is listed twice: found b 0"):
        protocol("gaddy/published").split(people, lists=tmp_path / "lists.json")
    (tmp_path / "lists.json").write_text('{"dev": 1}')
    with pytest.raises(EmgIoError, match="not a split list"):
        protocol("gaddy/published").split(people, lists=tmp_path / "lists.json")


def test_another_data_set_is_refused(uci):
    with pytest.raises(EmgIoError, match="db5/tinymyo: protocol of another data set: expected ninapro-db5, found uci"):
        protocol("db5/tinymyo").split(uci)


NEEDS = {  # what no small forgery has: people 31 to 36, an eleventh repetition, a second session
    "uci/tinymyo",
    "epn612/tinymyo",
    "csl-hdemg/inter-session",
}


@pytest.mark.parametrize("name", sorted(set(PROTOCOLS) - NEEDS))
def test_protocols_split_forged_data(name, forged, tmp_path):
    """On a small forgery in the real layout every protocol finds its fields and makes parts that are disjoint."""
    entry = PROTOCOLS[name]
    people = open_dataset(forged(entry.format), entry.format)
    lists = forged_lists(people, tmp_path) if entry.needs_lists else None
    folds = entry.folds(people)
    split = entry.split(people, folds[0] if folds else None, lists=lists, partial=True)
    assert split.parts["train"]
    assert split.parts["test"]
    if entry.windows is not None:
        assert set(split.windows(people, entry.windows)) == {"train", "val", "test"}


def forged_lists(people, folder):
    """A list file for whatever was forged: the last goes to test."""
    path = folder / "lists.json"
    if people.format == "gaddy":
        sentences = [(r.metadata["book"], r.metadata["sentence_index"]) for r in people]
        last = next(s for s in reversed(sentences) if s[1] != -1)
        path.write_text(f'{{"dev": [], "test": [["{last[0]}", {last[1]}]]}}')
    else:
        pairs = [f'["{r.subject}", "{r.session}"]' for r in people]
        path.write_text(f'{{"train": [{", ".join(pairs[:-1])}], "val": [], "test": [{pairs[-1]}]}}')
    return path
