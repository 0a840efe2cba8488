"""Every protocol on forged recordings of its data set: shapes, labels, disjoint parts, votes, digests, signal paths."""

from __future__ import annotations

import importlib.util
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import emg_models
from emg_distill import EmgDistillError, ProtocolData, list_protocols, load_protocol
from emg_distill._data import gestures, hd, local, pretraining, protocols
from emg_distill._data.protocol import DataProtocol, PoolProtocol
from emg_distill._data.protocols import get_protocol
from emg_distill._data.splits import Ask, SubjectShares
from emg_distill._data.targets import ClassTarget

if TYPE_CHECKING:
    from types import ModuleType

emg_io = pytest.importorskip("emg_io", reason="the extra emg-distill[data] is not installed")
pytest.importorskip("emg_dsp", reason="the extra emg-distill[data] is not installed")

OURS = [protocol.name for file in (gestures, hd, local, pretraining) for protocol in file.PROTOCOLS]
Loader = Callable[..., ProtocolData]


def oracles_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "distill_oracles_data", Path(__file__).with_name("distill_oracles_data.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def oracles() -> ModuleType:
    return oracles_module()


@pytest.fixture(scope="session")
def folder_of(forged: ModuleType, forged_root: Path) -> Callable[[str], Path]:
    """Give the folder of a protocol's forged data, made once."""
    return lambda name: forged.forge_protocol(forged_root, name)


@pytest.fixture(scope="session")
def load(forged: ModuleType, folder_of: Callable[[str], Path]) -> Loader:
    """Load a protocol's forged data, once unless asked otherwise; protocols with folds take their first."""
    known: dict[str, ProtocolData] = {}

    def loaded(name: str, **options: object) -> ProtocolData:
        if name in known and not options:
            return known[name]
        data = load_protocol(
            name, folder_of(name), **{"fold": forged.first_fold(name, folder_of(name)), "partial": True, **options}
        )
        return data if options else known.setdefault(name, data)

    return loaded


@pytest.mark.parametrize("name", OURS)
def test_examples(name: str, load: Loader) -> None:
    data, protocol = load(name), get_protocol(name)
    assert data.name == name
    assert data.kind == protocol.kind
    assert "train" in data.parts
    assert "test" in data.parts
    for part in data.parts:
        examples = data.part(part)
        rows = np.unique(np.linspace(0, len(examples) - 1, 7).astype(np.int64))
        batch = examples.read(rows)
        assert tuple(batch.x.shape) == (len(rows), *data.train.shape)
        assert np.isfinite(batch.x.numpy()).all()
        assert batch.x.std() > 0
        assert len(examples.subject) == len(examples)
        again = examples.read(rows[::-1].copy())
        assert np.array_equal(again.x.numpy(), batch.x.numpy()[::-1])
        if data.kind == "classification":
            assert examples.classes is not None
            assert batch.y is not None
            assert np.array_equal(batch.y.numpy(), examples.classes[rows])
            assert 0 <= examples.classes.min() <= examples.classes.max() < len(data.labels)
    if data.rest is not None:
        assert 0 <= data.rest < len(data.labels)
    assert len(set(data.labels)) == len(data.labels)


@pytest.mark.parametrize("name", OURS)
def test_no_sample_lies_in_two_parts(name: str, load: Loader) -> None:
    data = load(name)
    owner: dict[int, np.ndarray] = {}
    for number, part in enumerate(data.parts, 1):
        table = data.part(part).windows  # type: ignore[attr-defined]
        for recording, start, valid, room in np.unique(table.rows()[:, :4], axis=0).tolist():
            owned = owner.setdefault(recording, np.zeros(10**6, np.uint8))[start : start + valid + room]
            assert not ((owned != 0) & (owned != number)).any()
            owned[:] = number


@pytest.mark.parametrize("name", OURS)
def test_the_signal_path_describes_a_models_input(name: str, load: Loader) -> None:
    data = load(name)
    record = json.loads(json.dumps(data.preprocessing))
    assert record == data.preprocessing
    assert record["window"]["length"] == data.n_times
    assert len(record["channels"]) == data.n_chans

    class Config:
        sfreq, n_chans, n_times = data.sfreq, data.n_chans, data.n_times

    class Images(Config):
        rows, cols = data.train.shape
        input_shape = data.train.shape

    emg_models.check_preprocessing(record, Images() if data.is_image else Config())


@pytest.mark.parametrize("name", OURS)
def test_votes_go_over_trials_of_one_class(name: str, load: Loader) -> None:
    data = load(name)
    if data.vote is None:
        return
    for part in data.parts:
        examples = data.part(part)
        assert examples.trial is not None
        assert examples.classes is not None
        for trial in np.unique(examples.trial):
            rows = examples.trial == trial
            assert len(set(examples.subject[rows])) == 1
            assert len(set(examples.classes[rows])) == 1
        assert (np.diff(examples.trial) >= 0).all()


@pytest.mark.parametrize("name", ["db1/geng", "3dc/held-out", "longterm-8ch/next-day", "capgmyo-a/held-out"])
def test_digests_repeat_and_examples_pickle(name: str, load: Loader, folder_of: Callable[[str], Path]) -> None:
    data = load(name)
    again = load(name, split_seed=0)
    assert (again.digest, again.split_hash) == (data.digest, data.split_hash)
    copy = pickle.loads(pickle.dumps(data.train))  # noqa: S301  our own bytes
    assert copy.digest == data.train.digest
    assert np.array_equal(copy.x, data.train.x)


def test_the_registry_is_complete() -> None:
    files = [protocol.name for file in protocols._FILES for protocol in file.PROTOCOLS]
    assert sorted(files) == list_protocols()
    assert len(set(files)) == len(files)
    known = {info.name for info in emg_io.formats()}
    for name in files:
        protocol = get_protocol(name)
        members = [m for _, m in protocol.members] if isinstance(protocol, PoolProtocol) else [protocol]
        assert all(member.format in known for member in members)
        assert protocol.source
        assert protocol.metrics
        if protocol.strict:
            strict = get_protocol(protocol.strict)
            assert protocol.flaw, f"{name} names a strict form, but not why"
            assert not strict.strict, f"{name}: {strict.name} is no strict form"
            assert strict.kind == protocol.kind


def test_protocols_that_are_not_strict_say_so(load: Loader) -> None:
    notes = load("db5/tinymyo").notes
    assert any("zero-phase" in note for note in notes)
    assert "the strict form of this protocol is db5/subject-disjoint" in notes
    assert not any("strict form" in note for note in load("db5/subject-disjoint").notes)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("db5/tinymyo", "db5/tinymyo"),
        ("epn612/tinymyo", "epn612/tinymyo"),
        ("epn612/user-independent", "epn612/user-independent"),
        ("capgmyo-a/intra-subject", "capgmyo-a/intra-subject"),
        ("db1/geng", "db1/geng"),
    ],
)
def test_windows_are_those_of_emg_io(
    name: str, rule: str, load: Loader, forged: ModuleType, folder_of: Callable[[str], Path], oracles: ModuleType
) -> None:
    """Where recordings keep their clock, our windows and labels are those that emg-io lists for its protocol."""
    protocol, data = get_protocol(name), load(name)
    dataset = emg_io.open_dataset(folder_of(name), format=protocol.format)
    split = emg_io.protocol(rule).split(dataset, forged.first_fold(name, folder_of(name)), partial=True)
    assert data.split_hash == split.hash
    windows = emg_io.protocol(rule).windows
    used = sorted({span.recording for spans in split.parts.values() for span in spans})
    for part in data.parts:
        table = data.part(part).windows  # type: ignore[attr-defined]
        places = zip(*(getattr(table, key).tolist() for key in ("recording", "start", "valid", "label")), strict=True)
        found = sorted((used[r], start, valid, protocol.target.classes[label]) for r, start, valid, label in places)
        wanted = oracles.slow_windows(dataset, split, part, windows)
        assert found == [row for row in wanted if row[3] in protocol.target.classes]
        assert found


def test_db5_by_the_slow_path(load: Loader, folder_of: Callable[[str], Path], oracles: ModuleType) -> None:
    """Whole recording: zero-phase filter, z-score with ddof 1, then windows, the short ones filled up with 0."""
    data = load("db5/tinymyo")
    sections = data.preprocessing["filter"]["sos"]
    assert data.preprocessing["filter"]["causal"] is False
    assert len(sections) == 5
    dataset = emg_io.open_dataset(folder_of("db5/tinymyo"), format="ninapro-db5")
    test = data.test
    signals = []
    for recording in dataset:
        wide = oracles.slow_filter(sections, recording.signal(), causal=False)
        signals.append((wide - wide.mean(1, keepdims=True)) / wide.std(1, ddof=1, keepdims=True))
    for row in range(0, len(test), 5):
        number, start, valid = (int(getattr(test.windows, key)[row]) for key in ("recording", "start", "valid"))
        expected = np.zeros((16, 200))
        expected[:, :valid] = signals[number][:, start : start + valid]
        assert np.allclose(test.x[row], expected, atol=2e-4)
        assert int(test.read(np.array([row])).x_lengths[0]) == valid
    assert (test.windows.valid < 200).any()


def test_uci_as_published_by_the_slow_path(load: Loader, folder_of: Callable[[str], Path], oracles: ModuleType) -> None:
    """Unmarked rows deleted, the rest filtered as if it came at 200 Hz, windows of rows inside runs of one label."""
    data = load("uci/tinymyo")
    assert data.sfreq == 200.0
    assert "stored rows are taken for samples at 200 Hz" in data.preprocessing["note"]
    assert "rows with labels [0] are deleted before filtering" in data.preprocessing["note"]
    dataset = emg_io.open_dataset(folder_of("uci/tinymyo"), format="uci")
    expected, classes = [], []
    for recording in dataset:
        if recording.subject != "31":
            continue
        labels = recording.labels()
        signal = recording.signal()[:, labels != 0]
        labels = labels[labels != 0]
        wide = oracles.slow_filter(data.preprocessing["filter"]["sos"], signal, causal=False)
        wide = (wide - wide.mean(1, keepdims=True)) / wide.std(1, ddof=1, keepdims=True)
        edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
        for begin, end in pairwise(edges):
            for start in range(begin, end - 1000 + 1, 500):
                expected.append(wide[:, start : start + 1000])
                classes.append(labels[start] - 1)
    assert np.allclose(data.test.x, np.array(expected), atol=2e-4)
    assert data.test.classes.tolist() == classes


def test_epn_takes_one_filled_window_a_trial(
    load: Loader, folder_of: Callable[[str], Path], oracles: ModuleType
) -> None:
    data = load("epn612/tinymyo")
    dataset = emg_io.open_dataset(folder_of("epn612/tinymyo"), format="epn-612")
    recording = dataset[0]
    start, stop, _ = recording.segments("trial")[1]
    wide = oracles.slow_filter(data.preprocessing["filter"]["sos"], recording.signal()[:, start:stop], causal=False)
    wide = (wide - wide.mean(1, keepdims=True)) / wide.std(1, ddof=1, keepdims=True)
    assert np.allclose(data.train.x[1, :, : stop - start], wide, atol=2e-4)
    assert (data.train.x[1, :, stop - start :] == 0).all()
    assert len(np.unique(data.train.trial)) == len(data.train)


def test_images_lie_as_the_electrodes_do(load: Loader, folder_of: Callable[[str], Path]) -> None:
    data = load("capgmyo-a/intra-subject")
    dataset = emg_io.open_dataset(folder_of("capgmyo-a/intra-subject"), format="capgmyo-a")
    recording = next(r for r in dataset if r.repetition == 1 and not r.task.startswith("mvc"))
    image = data.train.x[3]
    assert np.allclose(image, recording.signal()[:, 3].reshape(16, 8) * 0.4)
    assert np.allclose(image, recording.raw()[:, 3].reshape(16, 8), atol=1e-6)
    places = data.preprocessing["grid"]["places"]
    assert all(image[tuple(places[k])] == np.float32(recording.signal()[k, 3] * np.float32(0.4)) for k in range(128))
    row = load("db1/du").train
    assert row.shape == (1, 10)


def test_csl_keeps_the_active_stretch_of_a_trial(
    load: Loader, forged: ModuleType, folder_of: Callable[[str], Path], oracles: ModuleType
) -> None:
    import emg_dsp

    data = load("csl-hdemg/intra-session")
    whole = load("csl-hdemg/intra-session-held-out")
    assert len(whole.test) > len(data.test)
    dataset = emg_io.open_dataset(folder_of("csl-hdemg/intra-session"), format="csl-hdemg")
    fold = forged.first_fold("csl-hdemg/intra-session", folder_of("csl-hdemg/intra-session"))
    split = emg_io.protocol("csl-hdemg/intra-session").split(dataset, fold, partial=True)
    recording = dataset[split.parts["test"][0].recording]
    grid = emg_dsp.Grid.custom(np.arange(168).reshape(24, 7))
    signal = oracles.slow_filter(data.preprocessing["filter"]["sos"], recording.signal(), causal=True)
    smooth = emg_dsp.SpatialMedian(grid)(signal)
    assert np.allclose(whole.test.x[5], smooth[:, 5].reshape(24, 7), atol=1e-6 * np.abs(smooth).max())
    start, stop = grid.active_segment(smooth, 150)
    first = data.test.windows.recording[0]
    rows = data.test.windows.start[data.test.windows.recording == first]
    assert (rows[0], rows[-1] + 1) == (start, stop)
    assert "found off-line" in data.preprocessing["note"]


@pytest.mark.parametrize("name", ["tinymyo/pretraining", "tinymyo/pretraining-causal"])
def test_pools_mask_the_channels_that_a_set_lacks(name: str, load: Loader) -> None:
    data = load(name)
    rows = np.linspace(0, len(data.train) - 1, 40).astype(np.int64)
    batch = data.train.read(rows)
    assert batch.channel_mask is not None
    assert set(batch.channel_mask.sum(1).tolist()) == {12, 14, 16}
    x, mask = batch.x.numpy(), batch.channel_mask.numpy()
    assert (x[~mask] == 0).all()
    assert np.allclose(x[mask].min(axis=-1), -1.0)
    assert np.allclose(x[mask].max(axis=-1), 1.0, atol=1e-4)
    assert data.labels == []
    causal = name.endswith("causal")
    assert data.preprocessing["filter"]["causal"] is causal
    people = [set(data.part(part).subject) for part in data.parts]
    assert bool(people[0] & people[2]) is not causal


def test_windows_slide_inside_their_run_and_in_training_alone(load: Loader) -> None:
    data = load("db5/causal")
    rows = np.arange(len(data.train))
    table = data.train.windows
    still, slid = data.train.read(rows), data.train.read(rows, np.full(len(rows), 0.999))
    assert np.array_equal(still.x.numpy(), data.train.read(rows, np.zeros(len(rows))).x.numpy())
    assert table.room.max() == 49
    for row in rows[table.room > 0][::7].tolist():
        shift = int(np.floor(0.999 * (table.room[row] + 1)))
        assert 0 < shift <= table.room[row]
        assert np.array_equal(still.x[row, :, shift:], slid.x[row, :, :-shift])
    assert not data.test.windows.room.any()
    assert not data.val.windows.room.any()


def test_gaps_start_new_segments(tmp_path: Path, folder_of: Callable[[str], Path], load: Loader) -> None:
    """No window holds a reading that is missing, and a filter starts anew behind it."""
    name = "emgflow/unlabelled"
    dataset = emg_io.open_dataset(folder_of(name), format="emgflow")
    holes = [~np.isfinite(recording.signal()).all(axis=0) for recording in dataset]
    assert any(hole.any() for hole in holes)
    data = load(name)
    for part in data.parts:
        table = data.part(part).windows
        for recording, start in zip(table.recording.tolist(), table.start.tolist(), strict=True):
            assert not holes[recording][start : start + 1000].any()


def test_unknown_folds_are_refused(folder_of: Callable[[str], Path]) -> None:
    with pytest.raises(EmgDistillError, match=r"fold=None of db1/geng: one of 1, 2"):
        load_protocol("db1/geng", folder_of("db1/geng"), partial=True)
    with pytest.raises(EmgDistillError, match=r"fold='9' of db1/geng: one of"):
        load_protocol("db1/geng", folder_of("db1/geng"), fold="9", partial=True)
    with pytest.raises(EmgDistillError, match=r"fold='1' of db5/tinymyo: it has none"):
        load_protocol("db5/tinymyo", folder_of("db5/tinymyo"), fold="1", partial=True)
    with pytest.raises(EmgDistillError, match=r"lists=x.json: this protocol has neither"):
        load_protocol("db5/subject-disjoint", folder_of("db5/tinymyo"), lists="x.json")


def test_sets_that_are_not_whole_are_refused(folder_of: Callable[[str], Path]) -> None:
    with pytest.raises(emg_io.EmgIoError, match="the data set is not whole"):
        load_protocol("db5/tinymyo", folder_of("db5/tinymyo"))


def test_pools_need_a_folder_a_set(folder_of: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(EmgDistillError, match=r"ninapro-db6 does not exist: tinymyo/pretraining needs one folder"):
        load_protocol("tinymyo/pretraining", tmp_path)


def test_another_rate_is_refused(folder_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    change(monkeypatch, "db1/exercise-1", path=replace(get_protocol("db1/exercise-1").path, sfreq=200.0))
    with pytest.raises(EmgDistillError, match=r"100 Hz, the protocol is for 200 Hz and does not resample"):
        load_protocol("db1/exercise-1", folder_of("db1/exercise-1"))


def change(monkeypatch: pytest.MonkeyPatch, name: str, **fields: object) -> DataProtocol:
    changed = replace(get_protocol(name), **fields)
    monkeypatch.setitem(protocols._PROTOCOLS, name, changed)
    return changed


def test_labels_that_nobody_named_are_refused(
    folder_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    change(monkeypatch, "db1/exercise-1", target=ClassTarget((0, 1), (2,)))
    with pytest.raises(EmgDistillError, match=r"sample \d+: label 3 is neither a class \(0, 1\) nor excluded \(2,\)"):
        load_protocol("db1/exercise-1", folder_of("db1/exercise-1"))


def test_parts_without_windows_are_refused(folder_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    cut = replace(get_protocol("db1/exercise-1").cut, length=10**6)
    change(monkeypatch, "db1/exercise-1", cut=cut)
    with pytest.raises(EmgDistillError, match="part 'train' of db1/exercise-1 has no window of 1000000 samples"):
        load_protocol("db1/exercise-1", folder_of("db1/exercise-1"))


def test_nothing_to_hold_out_is_refused(tmp_path: Path) -> None:
    folder = emg_io.synthesize(tmp_path / "flex", format="flexemg", n_subjects=1, segment_s=0.3)
    with pytest.raises(EmgDistillError, match="nothing that trains was done twice"):
        load_protocol("flexemg/held-out", folder, fold="001")


REAL = {
    "db1/community": ("ninapro_db1", None),
    "db1/geng": ("ninapro_db1", "7"),
    "db1/exercise-1": ("ninapro_db1", None),
    "flexemg/held-out": ("flexemg", "002"),
    "flexemg/frames": ("flexemg", "001"),
    "3dc/held-out": ("dataset_3dc", "1"),
    "myo-readings/subject-disjoint": ("myo_readings", None),
    "myo-armband/subject-disjoint": ("myo_armband_dataset", None),
    "longterm-8ch/next-day": ("longterm_semg_8ch", None),
    "one-subject-myo/trials": ("libemg_one_subject_myo", None),
    "openhdemg/unlabelled": ("openhdemg_sample", None),
    "emgflow/unlabelled": ("emgflow_facial", None),
    "biosppy/unlabelled": ("biosppy_emg", None),
}


@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
def test_real_recordings(name: str, real_data: Path) -> None:
    folder, fold = REAL[name]
    data = load_protocol(name, real_data / folder, fold=fold, partial=True)
    assert {"train", "test"} <= set(data.parts)
    for part in data.parts:
        examples = data.part(part)
        rows = np.unique(np.linspace(0, len(examples) - 1, 50).astype(np.int64))
        x = examples.read(rows).x.numpy()
        assert np.isfinite(x).all()
        assert 0 < x.std() < 20
        if examples.classes is not None:
            counts = np.bincount(examples.classes, minlength=len(data.labels))
            occurring = {"db1/community": slice(1, 13), "db1/geng": slice(0, 12)}.get(name, slice(None))
            assert (counts[occurring] > 0).all()
            assert counts[occurring].sum() == len(examples)
    if isinstance(get_protocol(name).split, SubjectShares):
        people = [set(data.part(part).subject) for part in data.parts]
        assert not people[0] & people[1]
        assert not people[2] & (people[0] | people[1])


@pytest.mark.parametrize("name", ["capgmyo-a", "csl-hdemg/universal-sessions", "csl-hdemg/universal-trials"])
def test_universal_stages_join_the_folds(name: str, folder_of: Callable[[str], Path]) -> None:
    """Everybody's training part trains, everybody's test part tests; a fold leaves the same number out everywhere."""
    stage = name if "/" in name else f"{name}/universal"
    rule = get_protocol(stage).split
    dataset = emg_io.open_dataset(folder_of(stage), format=get_protocol(stage).format)
    fold = next(iter(rule.folds(dataset)), None)
    split = rule.split(dataset, Ask(fold, partial=True), "here")
    published = emg_io.protocol(rule.name)
    ones = [one for one in published.folds(dataset) if fold is None or one.endswith(f"/{fold}")]
    joined: dict[str, set[tuple[int, ...]]] = {"train": set(), "val": set(), "test": set()}
    for one in ones:
        for part, spans in published.split(dataset, one, partial=True).parts.items():
            joined[part].update(map(tuple, spans))
    assert len(ones) == (1 if name.endswith("sessions") else 2)
    assert {part: set(map(tuple, spans)) for part, spans in split.parts.items()} == joined
