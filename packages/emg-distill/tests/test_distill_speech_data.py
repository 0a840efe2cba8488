"""Audible speech as a target: coefficients, phonemes, and the frames of windows."""

import importlib.util
import pickle
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import emg_models
from emg_distill import EmgDistillError, load_protocol
from emg_distill._data.cepstra import cepstra, cosines, decode_audio, mel_bands
from emg_distill._data.targets_speech import SpeechTable, SpeechTarget, standardised
from emg_distill._data.textgrid import PHONEMES, SILENCE, phones_at, read_phones


def load_beside(name: str) -> Any:
    path = Path(__file__).with_name(name)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ORACLES, FORGED = load_beside("distill_oracles_sequence.py"), load_beside("distill_forged.py")
grid = FORGED.text_grid
soundfile = pytest.importorskip("soundfile", reason="the extra emg-distill[speech] is not installed")
emg_io = pytest.importorskip("emg_io", reason="the extra emg-distill[data] is not installed")


@pytest.mark.parametrize("sfreq", [16000.0, 8000.0, 22050.0])
def test_coefficients_equal_the_slow_form(sfreq: float) -> None:
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, int(0.05 * sfreq))
    found = cepstra(audio, sfreq, 5, 0.01)
    assert found.shape == (5, 26)
    assert found.dtype == np.float32
    for frame in (0, 3, 4):
        assert np.allclose(found[frame], ORACLES.cepstra_frame(audio, sfreq, frame * 0.01), atol=1e-4)


def test_coefficients_of_silence_and_of_no_frame_are_finite() -> None:
    silent = cepstra(np.zeros(1), 16000.0, 3, 0.008)
    assert np.allclose(silent[:, 0], np.sqrt(80) * np.log(1e-10))
    assert np.allclose(silent[:, 1:], 0.0, atol=1e-4)
    assert cepstra(np.zeros(1), 16000.0, 0, 0.008).shape == (0, 26)


def test_a_tone_moves_power_into_the_band_where_it_lies() -> None:
    bands, bins = mel_bands(16000.0, 512), np.fft.rfftfreq(512, 1 / 16000.0)
    for hertz in (300.0, 1000.0, 5000.0):
        weight = bands[:, np.abs(bins - hertz).argmin()]
        middle = 2595 * np.log10(1 + hertz / 700) / (2595 * np.log10(1 + 8000 / 700)) * 81 - 1
        assert abs(int(weight.argmax()) - middle) < 2
    assert np.allclose(cosines() @ cosines().T, np.eye(26), atol=1e-12)


def test_phonemes_lose_their_stress_and_pauses_are_silence() -> None:
    phones = read_phones(grid((0.0, 0.5, "HH"), (0.5, 1.0, "AH0"), (1.0, 1.25, "sp"), (1.25, 2.0, "")), "x.TextGrid")
    assert [PHONEMES[number] for _, _, number in phones] == ["hh", "ah", "sil", "sil"]
    assert phones_at(phones, np.array([0.0, 0.25, 0.5, 0.99, 1.1, 5.0])).tolist() == [
        PHONEMES.index(name) for name in ("hh", "hh", "ah", "ah", "sil", "sil")
    ]
    assert (len(PHONEMES), len(set(PHONEMES)), SILENCE) == (48, 48, 47)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 47)), max_size=12))
def test_phonemes_of_any_frames_equal_the_slow_form(steps: list[tuple[int, int]]) -> None:
    edges = np.cumsum([0, *(length for length, _ in steps)])
    phones = [(edges[k] / 8, edges[k + 1] / 8, number) for k, (_, number) in enumerate(steps)]
    times = np.arange(30) / 16
    slow = [next((number for a, b, number in phones if a <= time < b), SILENCE) for time in times]
    assert phones_at(phones, times).tolist() == slow


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (grid((0.0, 1.0, "AH"), tier="other"), "x.TextGrid: no intervals of a tier 'phones'"),
        ("", "x.TextGrid: no intervals of a tier 'phones'"),
        (grid((0.5, 1.0, "AH"), (0.2, 0.5, "B")), "interval 0.2 to 0.5 s comes out of order"),
        (grid((0.5, 0.1, "AH")), "interval 0.5 to 0.1 s comes out of order"),
        (grid((0.0, 1.0, "QQ")), "unknown phoneme 'qq' in x.TextGrid"),
    ],
)
def test_alignments_that_cannot_be_are_refused(text: str, message: str) -> None:
    with pytest.raises(EmgDistillError, match=message):
        read_phones(text, "x.TextGrid")


def test_features_are_standardised_over_an_utterance_and_constant_ones_are_0() -> None:
    found = standardised(np.array([[1.0, 5.0], [3.0, 5.0]], np.float32))
    assert found.tolist() == [[-1.0, 0.0], [1.0, 0.0]]


def speech_table(n_samples: int, rows: list[tuple[int, int]]) -> SpeechTable:
    frames = -(-n_samples // 8)
    plan = {
        "features": np.tile(np.arange(frames, dtype=np.float32)[:, None], 26),
        "phonemes": np.arange(frames, dtype=np.int64) % 48,
    }
    valid = np.array([valid for _, valid in rows], np.int64)
    return SpeechTable((plan,), np.zeros(len(rows), np.int64), valid, 8, 1600)


@given(st.integers(1, 400), st.data())
def test_windows_have_the_frames_nearest_to_their_samples(n_samples: int, data: Any) -> None:
    start = data.draw(st.integers(0, n_samples - 1))
    valid = data.draw(st.integers(1, n_samples - start))
    fields = speech_table(n_samples, [(start, valid)]).read(np.array([0]), np.array([start]))
    assert fields["y"].shape == (1, 200, 26)
    model_frames = -(-valid // 8)
    for frame in range(200):
        nearest = int(np.floor(start / 8 + 0.5)) + frame
        real = frame < model_frames and nearest < -(-n_samples // 8)
        assert fields["weight"][0, frame].tolist() == [float(real)] * 26
        assert fields["y"][0, frame, 0] == (nearest if real else 0)
        assert fields["phonemes"][0, frame] == (nearest % 48 if real else 0)


def test_frames_are_those_of_the_network() -> None:
    config = emg_models.TinyMyoSpeechProductionConfig(n_blocks=1)
    model = emg_models.TinyMyoSpeechProduction(config)
    assert speech_table(1600, [(0, 1600)]).read(np.array([0]), np.array([0]))["y"].shape[1] == model.frames(1600)
    assert len(SpeechTarget().labels({})) == config.n_outputs
    assert config.n_phonemes == len(PHONEMES)


def test_tables_pickle_and_tell_themselves_apart() -> None:
    one, other = speech_table(1600, [(0, 1600)]), speech_table(1592, [(0, 1600)])
    assert pickle.loads(pickle.dumps(one)).digest == one.digest  # noqa: S301  our own object
    assert one.digest != other.digest


@pytest.fixture
def folder(forged_root: Path, tmp_path: Path) -> Path:
    """A copy of a forged set without audio and alignments."""
    without = shutil.ignore_patterns("*.flac", "*.TextGrid")
    return Path(shutil.copytree(FORGED.forge_set(forged_root, "gaddy"), tmp_path / "set", ignore=without))


def lists_of(folder: Path) -> Path:
    return Path(FORGED.list_file("gaddy/production", folder))


def test_production_has_spoken_utterances_alone_frame_by_frame(folder: Path) -> None:
    FORGED.speak(folder)
    data = load_protocol("gaddy/production", folder, lists=lists_of(folder))
    assert (data.kind, len(data.labels), data.train.shape) == ("speech", 74, (8, 1600))
    batch = data.train.read(np.arange(len(data.train)))
    assert batch.x_lengths is not None
    assert batch.y is not None
    assert batch.weight is not None
    assert batch.phonemes is not None
    assert batch.y.shape == (len(data.train), 200, 26)
    assert batch.weight[:, :, 0].sum(1).tolist() == (-(-batch.x_lengths // 8)).tolist()
    assert set(batch.phonemes[0, :62].tolist()) == {PHONEMES.index("hh")}
    assert batch.phonemes[0, 63] == PHONEMES.index("ay")
    assert batch.phonemes[0, 125] == SILENCE
    slid = data.train.read(np.arange(len(data.train)), np.full(len(data.train), 0.99)).y
    assert slid is not None
    longer = torch.from_numpy(data.train.windows.room > 0)  # type: ignore[attr-defined]  of a stored set
    assert longer.any()
    assert [torch.equal(*rows) for rows in zip(slid, batch.y, strict=True)] == (~longer).tolist()


def test_the_uncleaned_audio_does_where_no_other_is_there(folder: Path) -> None:
    FORGED.speak(folder, audio="audio")
    assert len(load_protocol("gaddy/production", folder, lists=lists_of(folder)).train)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alignments": False}, r"1_emg.npy has no alignment: .*_audio.TextGrid: cannot be read.*; put the publisher"),
        (
            {"audio": "other"},
            "1_emg.npy has no audio beside it, neither _audio_clean.flac nor _audio.flac: get the who",
        ),
        ({"seconds": 0.6}, r"s of EMG beside \d.\d\d s of audio; they must agree within 0.5 s"),
    ],
)
def test_utterances_without_what_a_target_needs_are_refused(
    folder: Path, options: dict[str, Any], message: str
) -> None:
    FORGED.speak(folder, **options)
    with pytest.raises(EmgDistillError, match=message):
        load_protocol("gaddy/production", folder, lists=lists_of(folder))


def test_channels_of_audio_are_averaged(tmp_path: Path) -> None:
    file = tmp_path / "two.flac"
    soundfile.write(file, np.tile([[0.5, -0.25]], (40, 1)), 8000)
    audio, sfreq = decode_audio(file.read_bytes(), "two.flac")
    assert sfreq == 8000.0
    assert np.allclose(audio, np.full(40, 0.125), atol=1e-4)


def test_bytes_that_are_no_audio_and_audio_without_a_sample_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EmgDistillError, match=r"x.flac: not audio that can be read: .*; get the file again"):
        decode_audio(b"no audio at all", "x.flac")
    file = tmp_path / "none.wav"
    soundfile.write(file, np.zeros(0), 8000)
    with pytest.raises(EmgDistillError, match=r"none.wav: the audio has no sample; get the file again"):
        decode_audio(file.read_bytes(), "none.wav")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(EmgDistillError, match=r"needs soundfile, which is not installed: pip install emg-distill\[sp"):
        decode_audio(b"", "x.flac")


def test_silent_utterances_have_no_sound_of_their_own() -> None:
    silent = SimpleNamespace(task="silent_parallel/3")
    plan = SpeechTarget().plan(silent, silent)  # type: ignore[arg-type]  all that is looked at
    assert plan["features"].shape == (0, 26)
    assert SpeechTarget().kind == "speech"
