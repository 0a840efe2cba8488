"""Protocols with a time axis on forged data in the published layout: text, events, angles, speech."""

import json
import pickle
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import emg_models
from emg_distill import EmgDistillError, ProtocolData, load_protocol, prepare_protocol
from emg_distill._data import kinematics, speech, wrist
from emg_distill._data.protocols import get_protocol
from emg_distill._examples.instants import central_frames
from emg_distill._text.alphabet import get_alphabet

emg_io = pytest.importorskip("emg_io", reason="the extra emg-distill[data] is not installed")
pytest.importorskip("emg_dsp", reason="the extra emg-distill[data] is not installed")

PARTIAL = {"emg2qwerty/generic", "emg2qwerty/generic-whole", "emg2qwerty/personal", "emg2qwerty/personal-whole"}
PARTIAL |= {"db8/tinymyo", "db8/tinymyo-200"}
OURS = {p.name: p for file in (wrist, kinematics, speech) for p in file.PROTOCOLS if p.kind != "speech"}
Load = Callable[[str], ProtocolData]


@pytest.fixture(scope="session")
def folder_of(forged: ModuleType, forged_root: Path) -> Callable[[str], Path]:
    """Give the folder of a format's forged data, made once."""
    return lambda name: forged.forge_set(forged_root, name)


@pytest.fixture(scope="module")
def load(forged: ModuleType, folder_of: Callable[[str], Path]) -> Load:
    """Protocols on forged data, each loaded once."""
    made: dict[str, ProtocolData] = {}

    def loaded(name: str) -> ProtocolData:
        if name not in made:
            folder = folder_of(OURS[name].format)
            made[name] = load_protocol(name, folder, lists=forged.list_file(name, folder), partial=name in PARTIAL)
        return made[name]

    return loaded


def everything(data: ProtocolData, part: str) -> Any:
    examples = data.part(part)
    return examples.read(np.arange(len(examples)))


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_protocol_keeps_the_contract(name: str, load: Load) -> None:
    data, protocol = load(name), OURS[name]
    assert data.kind == protocol.kind
    assert protocol.source
    assert protocol.metrics
    if protocol.strict:
        assert get_protocol(protocol.strict).strict == ""
    assert {"train", "test"} <= set(data.parts)
    for part in data.parts:
        examples = data.part(part)
        rows = np.arange(min(3, len(examples)))
        batch, again = examples.read(rows), pickle.loads(pickle.dumps(examples)).read(rows)  # noqa: S301  our own
        assert all(torch.equal(value, again.columns()[key]) for key, value in batch.columns().items())
        assert torch.isfinite(batch.x).all()
        assert 0.05 < float(batch.x.std()) < 20.0
        assert batch.y is not None
        assert torch.isfinite(batch.y.float()).all()
        alone = examples.read(rows[-1:])
        assert torch.equal(alone.x[0], batch.x[-1][:, : alone.x.shape[2]])
    assert pickle.loads(pickle.dumps(data.train)).digest == data.train.digest  # noqa: S301  our own
    slid = data.train.read(np.arange(1), np.array([0.999]))
    assert slid.x.shape == data.train.read(np.arange(1)).x.shape


@pytest.mark.parametrize("name", sorted(OURS))
def test_no_sample_lies_in_two_parts_and_the_path_describes_a_models_input(name: str, load: Load) -> None:
    data = load(name)
    owner: dict[int, Any] = {}
    for number, part in enumerate(data.parts, 1):
        table = data.part(part).windows  # type: ignore[attr-defined]  of a stored set
        columns = (table.recording, table.start, table.valid, table.room)
        for recording, start, valid, room in zip(*(column.tolist() for column in columns), strict=True):
            owned = owner.setdefault(recording, np.zeros(10**5, np.uint8))[start : start + valid + room]
            assert not ((owned != 0) & (owned != number)).any()
            owned[:] = number
    assert json.loads(json.dumps(data.preprocessing)) == data.preprocessing
    config = SimpleNamespace(sfreq=data.sfreq, n_chans=data.n_chans, n_times=data.n_times)
    emg_models.check_preprocessing(data.preprocessing, config)


@pytest.mark.parametrize(
    "name", ["emg2qwerty/zero-shot", "neuromotor-gestures/official", "db8/tinymyo-200", "gaddy/recognition"]
)
def test_a_store_on_disk_gives_the_same_bits(
    name: str, load: Load, forged: ModuleType, folder_of: Callable[[str], Path], tmp_path: Path
) -> None:
    folder, data = folder_of(OURS[name].format), load(name)
    lists = forged.list_file(name, folder)
    stored = prepare_protocol(name, folder, tmp_path / "store", lists=lists, partial=name in PARTIAL)
    assert stored.digest == data.digest
    for part in data.parts:
        rows = np.arange(min(3, len(data.part(part))))
        offsets = np.full(len(rows), 0.7)
        there, here = (found.part(part).read(rows, offsets).columns() for found in (stored, data))
        assert all(torch.equal(value, here[key]) for key, value in there.items())


@pytest.mark.parametrize("name", [name for name, rule in OURS.items() if "SubjectShares" in repr(rule.split)])
def test_nobody_is_in_two_parts_of_a_strict_protocol(name: str, load: Load) -> None:
    data = load(name)
    people = [set(data.part(part).subject.tolist()) for part in data.parts]
    assert len(people) == 3
    assert sum(map(len, people)) == len(set.union(*people))
    assert (OURS[name].flaw, OURS[name].strict) == ("", "")


def keys_of(recording: Any) -> list[tuple[float, int]]:
    alphabet = get_alphabet("emg2qwerty")
    strokes = [event for event in recording.events if event.kind == "keystroke"]
    return [(e.onset, int(c)) for e in strokes for c in alphabet.encode_keys([e.value])]


def test_typing_windows_hold_the_keys_pressed_between_their_ends(load: Load, folder_of: Callable[[str], Path]) -> None:
    data = load("emg2qwerty/generic")
    recordings = list(emg_io.open_dataset(folder_of("emg2qwerty"), format="emg2qwerty"))[:4]
    batch, row = everything(data, "train"), 0
    for recording in recordings:
        times = recording.timestamps
        for start in range(0, recording.n_samples - 7999, 8000):
            wanted = [c for onset, c in keys_of(recording) if times[start] <= onset <= times[start + 7999]]
            assert batch.y[row, : batch.y_lengths[row]].tolist() == wanted
            row += 1
    assert row == len(data.train)
    assert batch.y_lengths.sum() == 20


def test_typing_windows_bring_their_context(load: Load, folder_of: Callable[[str], Path]) -> None:
    data = load("emg2qwerty/generic")
    recording = emg_io.open_dataset(folder_of("emg2qwerty"), format="emg2qwerty")[0]
    scale = data.preprocessing["normalisation"]
    raw = (recording.signal(0, 18000) - np.array(scale["mean"])[:, None]) / np.array(scale["std"])[:, None]
    x = data.train.read(np.array([0, 1])).x.numpy()
    assert x.shape == (2, 32, 10000)
    assert not x[0, :, :1800].any()
    assert np.allclose(x[0, :, 1800:], raw[:, :8200], atol=1e-4)
    assert np.allclose(x[1], raw[:, 8000 - 1800 : 16200], atol=1e-4)


@pytest.mark.parametrize("name", ["emg2qwerty/generic-whole", "emg2qwerty/zero-shot"])
def test_windows_of_whole_recordings_share_out_every_key_and_every_frame(
    name: str, load: Load, folder_of: Callable[[str], Path]
) -> None:
    data = load(name)
    people = set(data.part("test").subject.tolist())
    recordings = list(emg_io.open_dataset(folder_of("emg2qwerty"), format="emg2qwerty"))
    chosen = [r for r in recordings if r.subject in people] if "zero" in name else recordings[6:]
    batch = everything(data, "test")
    typed = [symbol for row, n in zip(batch.y, batch.y_lengths, strict=True) for symbol in row[:n].tolist()]
    assert typed == [symbol for recording in chosen for _, symbol in keys_of(recording)]
    model = emg_models.create_model("scaled-transformer-tiny", n_blocks=1)
    assert model.frames(data.n_times) >= central_frames(1800, 8000, 20).stop
    assert len(data.part("test")) == sum(-(-recording.n_samples // 8000) for recording in chosen)


def test_pulses_follow_the_stamps_of_the_recording(load: Load, folder_of: Callable[[str], Path]) -> None:
    data = load("neuromotor-gestures/official")
    recording = emg_io.open_dataset(folder_of("neuromotor-gestures"), format="neuromotor-gestures")[0]
    batch, times = everything(data, "train"), recording.timestamps
    wanted = np.zeros((1598, 9), np.float32)
    for event in recording.events:
        if event.kind == "gesture":
            at = times[20 + 10 * np.arange(1598)] - event.onset
            wanted[(at >= 0.08) & (at < 0.12), data.labels.index(event.value)] = 1.0
    assert np.array_equal(batch.y[0].numpy(), wanted)
    assert wanted.sum() > 20
    assert batch.weight[0, :, 0].all()
    raw = recording.signal(0, 16000) * np.float32(1e6)
    assert np.allclose(batch.x[0].numpy(), raw, rtol=1e-6)
    places, channels = data.train.targets.events(0)  # type: ignore[attr-defined]  of a stored set
    gestures = [event for event in recording.events if event.kind == "gesture"]
    assert [data.labels[channel] for channel in channels] == [event.value for event in gestures]
    assert np.allclose(np.interp(places, np.arange(len(times)), times), [event.onset for event in gestures], atol=1e-9)


def test_a_short_last_window_of_gestures_counts_where_it_is_real(load: Load) -> None:
    data = load("neuromotor-gestures/official")
    batch = everything(data, "test")
    last = int(batch.x_lengths[-1])
    frames = (last - 21) // 10 + 1
    assert 0 < frames < 1598
    assert batch.weight[-1, :frames, 0].all()
    assert not batch.weight[-1, frames:].any()


def test_angles_are_those_of_the_glove_in_degrees(load: Load, folder_of: Callable[[str], Path]) -> None:
    data = load("db8/tinymyo-200")
    recording = emg_io.open_dataset(folder_of("ninapro-db8"), format="ninapro-db8")[0]
    d = recording.aux("glove").values
    angles = np.stack(
        [
            0.639 * d[0] + 0.383 * d[1] - 0.639 * d[3] - 0.19 * d[16],
            d[2],
            0.4 * d[4] + 0.6 * d[5],
            0.4 * d[6] + 0.6 * d[7],
            0.1667 * (d[9] + d[12]) + 0.3333 * (d[10] + d[13]),
        ]
    )
    edges = [-1, *np.flatnonzero(~np.isfinite(angles).all(0)).tolist(), recording.n_samples]
    valid = [start for a, b in pairwise(edges) for start in range(a + 1, b - 199, 50)]
    y = data.train.read(np.arange(len(valid))).y
    assert y is not None
    assert valid[0] > 0  # the forger leaves three samples of the glove out near the start
    assert set(np.diff(valid).tolist()) == {50}
    assert np.allclose(y.numpy(), [angles[:, s : s + 200].T for s in valid], atol=1e-3)
    assert data.labels == list(kinematics.DB8_ANGLES)


def test_published_filters_of_db8_act_where_the_flaw_says(load: Load) -> None:
    import emg_dsp

    sos = np.array(load("db8/tinymyo").preprocessing["filter"]["sos"])
    freqs = np.array([90.0, 36.0, 162.0, 75.0])
    gain = np.abs(emg_dsp.Filter(sos, 2000.0).response(freqs))
    assert gain[0] < 0.05  # the notch, meant for 50 Hz
    assert np.allclose(gain[1:3], np.sqrt(0.5), atol=0.03)  # the edges, meant for 20 and 90 Hz
    assert gain[3] > 0.95
    strict = load("db8/subject-disjoint").preprocessing["filter"]
    assert strict["causal"]
    assert np.abs(emg_dsp.Filter(np.array(strict["sos"]), 2000.0).response(np.array([50.0])))[0] < 0.05


def test_poses_are_the_recorded_ones_and_lost_ones_are_in_no_window(
    load: Load, folder_of: Callable[[str], Path]
) -> None:
    data = load("emg2pose/published")
    wanted = []
    for recording in emg_io.open_dataset(folder_of("emg2pose"), format="emg2pose"):
        angles, tracked = recording.aux("joint_angles").values, recording.labels("tracked")
        if recording.metadata["split"] == "train":
            edges = [-1, *np.flatnonzero(tracked == 0).tolist(), recording.n_samples]
            starts = [start for a, b in pairwise(edges) for start in range(a + 1, b - 11789, 10000)]
            wanted += [angles[:, start : start + 11790].T for start in starts]
    y = everything(data, "train").y
    assert wanted
    assert np.allclose(y.numpy(), wanted, atol=1e-6)
    assert all((everything(data, part).y != 0).any(2).all() for part in data.parts)


def test_turns_of_the_wrist_are_those_between_features(load: Load, folder_of: Callable[[str], Path]) -> None:
    data = load("neuromotor-wrist/official")
    recording = emg_io.open_dataset(folder_of("neuromotor-wrist"), format="neuromotor-wrist")[0]
    angle = recording.aux("wrist_angles").values[0]
    batch = everything(data, "train")
    assert np.allclose(batch.y[0, 1:, 0], np.diff(angle[253:8000:40]), atol=1e-6)
    assert batch.weight[0, :, 0].tolist() == [0.0] + [1.0] * 193
    front = emg_models.MultivariatePowerFrequency(window=200, neighbours=3)
    model = emg_models.create_model("neuromotor-wrist", width=8, n_layers=1)
    assert model(front(batch.x[:1])).shape == batch.y[:1].shape


def test_sentences_are_those_that_were_read(load: Load, folder_of: Callable[[str], Path]) -> None:
    data = load("gaddy/recognition")
    texts = {
        recording.metadata["text"]
        for recording in emg_io.open_dataset(folder_of("gaddy"), format="gaddy")
        if recording.metadata["sentence_index"] == 201
    }
    batch = everything(data, "test")
    alphabet = get_alphabet("gaddy")
    rows = zip(batch.y, batch.y_lengths.tolist(), strict=True)
    assert {alphabet.decode(row[:n].numpy()) for row, n in rows} == texts
    assert len(batch.x) == 3  # silently mouthed, spoken in parallel, spoken alone
    assert (batch.x_lengths > 0).all()


MODELS: list[tuple[str, str, dict[str, Any]]] = [
    ("emg2qwerty/generic", "scaled-transformer-tiny", {"n_blocks": 1}),
    ("emg2qwerty/generic", "tds-emg2qwerty", {}),
    ("neuromotor-gestures/official", "neuromotor-gestures", {"width": 8, "n_layers": 1}),
    ("neuromotor-gestures/official", "tinymyo-neuromotor", {"n_blocks": 1, "embed_dim": 8, "n_heads": 1}),
    ("db8/tinymyo-200", "tinymyo", {"n_blocks": 1, "embed_dim": 8, "n_heads": 1, "task": "regression"}),
    ("gaddy/recognition", "tinymyo-speech-recognition", {"n_blocks": 1, "embed_dim": 8, "n_heads": 1}),
]


@pytest.mark.parametrize(("protocol", "name", "options"), MODELS, ids=[f"{p}-{m}" for p, m, _ in MODELS])
def test_networks_answer_on_the_grid_of_the_targets(
    protocol: str, name: str, options: dict[str, Any], load: Load
) -> None:
    data = load(protocol)
    model = emg_models.create_model(
        name, n_chans=data.n_chans, n_times=data.n_times, n_outputs=len(data.labels), sfreq=data.sfreq, **options
    ).eval()
    batch = data.train.read(np.arange(1))
    with torch.no_grad():
        out = model(batch.x)
    assert batch.y is not None
    assert out.shape[1:] == (model.frames(batch.x.shape[2]), len(data.labels))
    if data.kind == "ctc":
        assert batch.y_lengths is not None
        assert 2 * int(batch.y_lengths.max()) + 1 <= out.shape[1]
        assert int(batch.y.max()) < len(data.labels) - 1
    else:
        assert out.shape == batch.y.shape


def test_lists_are_asked_for_and_whole_sets_too(folder_of: Callable[[str], Path]) -> None:
    with pytest.raises(ValueError, match="authors' list file"):
        load_protocol("emg2qwerty/generic", folder_of("emg2qwerty"))
    with pytest.raises(ValueError, match="the data set is not whole"):
        load_protocol("db8/tinymyo", folder_of("ninapro-db8"))
    with pytest.raises(EmgDistillError, match="neither"):
        load_protocol("emg2qwerty/zero-shot", folder_of("emg2qwerty"), lists="some.json")
