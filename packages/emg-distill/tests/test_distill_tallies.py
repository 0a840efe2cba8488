"""Every kind of output is measured as its metric says, on windows and on joined recordings."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import emg_models
from emg_distill import Batch, EmgDistillError, ProtocolData, WindowSet, finetune, get_alphabet, load_protocol
from emg_distill._examples.timeline import Timeline
from emg_distill._metrics.regression import error_sums, regression_metrics
from emg_distill._recipe.decode import DecodeRecipe
from emg_distill._tasks.learner import feature_lengths, targets_of
from emg_distill._tasks.measure import TALLIES, measure
from emg_distill._tasks.supervised import SupervisedTask
from emg_distill._tasks.tallies import Measured, SpeechTally
from emg_distill._tasks.tallies_events import EventTally
from emg_distill._tasks.tallies_text import TextTally

Make = Callable[..., Any]


def part(examples: Any, data: Any, model: nn.Module | None = None, **decode: Any) -> Measured:
    return Measured(data, examples, model or nn.Identity(), DecodeRecipe(**decode))


def test_every_kind_has_a_tally_whose_monitors_it_returns() -> None:
    assert set(TALLIES) == {"classification", "regression", "events", "ctc", "speech"}


def test_values_equal_their_metric(rng: np.random.Generator) -> None:
    y = rng.standard_normal((7, 40, 2)).astype(np.float32)
    windows = WindowSet(rng.standard_normal((7, 3, 40)).astype(np.float32), y, np.array([*"aaabbbb"]))
    data = SimpleNamespace(kind="regression", labels=["u", "v"])
    model = emg_models.create_model("tinymyo", task="regression", n_chans=3, n_times=40, n_outputs=2, embed_dim=16,
                                    n_blocks=1, n_heads=2).eval()  # fmt: skip
    found = measure(model, windows, data, DecodeRecipe())
    with torch.no_grad():
        said = model(torch.from_numpy(windows.x)).numpy()
    wanted = regression_metrics(error_sums(y, said), windows.subject, ["u", "v"])
    assert found["mae"] == pytest.approx(wanted["mae"], rel=1e-6)
    assert found["loss"] == pytest.approx(np.abs(said - y).mean(), rel=1e-5)
    assert found["n"] == 7


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def spelled(symbols: list[int], frames: int, n_classes: int) -> torch.Tensor:
    """Log-probabilities of a text with a blank after each symbol."""
    path = [n_classes - 1] * frames
    for place, symbol in enumerate(symbols):
        path[2 * place] = symbol
    return nn.functional.one_hot(torch.tensor(path), n_classes).float().clamp_min(1e-6).log()


def context(texts: list[list[int]], heard: list[list[int]], frames: int, n_classes: int) -> dict[str, torch.Tensor]:
    longest = max(map(len, texts))
    return {
        "prediction": torch.stack([spelled(row, frames, n_classes) for row in heard]),
        "target": torch.tensor([[*row, *[0] * (longest - len(row))] for row in texts]),
        "target_lengths": torch.tensor([len(row) for row in texts]),
        "input_lengths": torch.tensor([frames] * len(texts)),
    }


def test_text_on_windows_counts_edits_of_each_person() -> None:
    examples = SimpleNamespace(subject=np.array(["a", "b"]), timeline=None)
    tally = TextTally(part(examples, None))
    tally.add(np.arange(2), context([[1, 2, 3, 4], [5, 6]], [[1, 2, 3], [5, 6]], 12, 10))
    result = tally.result()
    assert result["cer"] == pytest.approx((25.0 + 0.0) / 2)
    assert result["unit"] == "window"
    assert "wer" not in result


def test_text_with_an_alphabet_has_words() -> None:
    alphabet = get_alphabet("gaddy")
    texts = [alphabet.encode("a cat sat").tolist()]
    heard = [alphabet.encode("a bat sat").tolist()]
    examples = SimpleNamespace(subject=np.array(["a"]), timeline=None)
    tally = TextTally(part(examples, None, alphabet="gaddy"))
    tally.add(np.arange(1), context(texts, heard, 30, len(alphabet) + 1))
    assert tally.result()["wer"] == pytest.approx(100 / 3)


def test_text_on_recordings_is_joined_without_context() -> None:
    """Two windows of four frames between one frame of context each: the context says something else."""
    n_classes, hop = 10, 10
    whole = spelled([1, 2, 3, 4], 8, n_classes)
    noise = spelled([7], 1, n_classes)
    windows = torch.stack([torch.cat([noise, piece, noise]) for piece in whole.split(4)])
    zeros = np.zeros(2, np.int64)
    timeline = Timeline(zeros, np.array([0, 40]), np.array([40, 40]), past=10, whole=True)
    examples = SimpleNamespace(subject=np.array(["a", "a"]), timeline=timeline)
    model = nn.Identity()
    model.config = SimpleNamespace(hop=hop)
    tally = TextTally(part(examples, None, model))
    given = {"prediction": windows, "target": torch.tensor([[1, 2], [3, 4]]), "target_lengths": torch.tensor([2, 2])}
    tally.add(np.arange(2), given)
    result = tally.result()
    assert result["cer"] == 0.0
    assert result["n"] == 1
    assert result["unit"] == "recording"
    blind = TextTally(part(examples, None))
    blind.add(np.arange(2), given)
    with pytest.raises(EmgDistillError, match="Identity has no hop between frames: whole recordings cannot be joined"):
        blind.result()


@pytest.fixture(scope="module")
def gestures(forged: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> ProtocolData:
    pytest.importorskip("emg_io", reason="the extra emg-distill[data] is not installed")
    folder = forged.forge_protocol(tmp_path_factory.mktemp("forged"), "neuromotor-gestures/official")
    return load_protocol("neuromotor-gestures/official", folder, partial=True)


def test_perfect_pulses_are_perfect_events(gestures: ProtocolData) -> None:
    rows = np.arange(len(gestures.test))
    y = gestures.test.read(rows).y
    tally = EventTally(part(gestures.test, gestures))
    tally.add(rows, {"prediction": y * 20.0 - 10.0, "target": y})
    result = tally.result()
    assert result["cler"] == 0.0
    assert result["recall"] == 1.0
    assert result["false_per_hour"] == 0.0
    assert set(result["per_subject"]) == set(gestures.test.subject)
    silent = EventTally(part(gestures.test, gestures))
    silent.add(rows, {"prediction": torch.full_like(y, -10.0), "target": y})
    assert (silent.result()["cler"], silent.result()["recall"]) == (1.0, 0.0)


def test_windows_without_a_timeline_stand_for_themselves() -> None:
    y = torch.zeros(2, 100, 9)
    y[0, 20:28, 4] = 1.0
    data = SimpleNamespace(sfreq=2000.0, n_times=1000)
    examples = SimpleNamespace(subject=np.array(["a", "b"]), timeline=None)
    tally = EventTally(part(examples, data))
    logits = y * 20.0 - 10.0
    logits[1, 50:54, 5] = 10.0
    tally.add(np.arange(2), {"prediction": logits, "target": y})
    result = tally.result()
    assert (result["cler"], result["recall"], result["n_recordings"]) == (0.0, 1.0, 2)
    assert result["false_per_hour"] == pytest.approx(3600.0, rel=1e-6)
    assert result["per_subject"] == {"a": 0.0, "b": None}


def test_speech_is_squared_error_and_phonemes() -> None:
    tally = SpeechTally(part(None, None))
    target = torch.zeros(1, 4, 2)
    prediction = torch.zeros(1, 4, 5)
    prediction[0, :, 0] = 2.0
    prediction[0, :, 3] = 1.0
    weight = torch.ones(1, 4, 2)
    weight[0, 3] = 0.0
    target[0, 3] = torch.nan
    phonemes = torch.tensor([[1, 1, 0, 1]])
    tally.add(np.arange(1), {"prediction": prediction, "target": target, "weight": weight, "phonemes": phonemes})
    assert tally.result() == {"mse": 2.0, "phoneme_accuracy": pytest.approx(2 / 3)}
    without = SpeechTally(part(None, None))
    without.add(np.arange(1), {"prediction": prediction[:, :3], "target": target[:, :3]})
    assert without.result() == {"mse": 2.0, "phoneme_accuracy": None}


def test_votes_and_rest_are_reported_where_the_protocol_says_so(toy: ProtocolData, recipe: Make) -> None:
    x, y = toy.test.x, toy.test.y
    order = np.argsort(y, kind="stable")
    test = WindowSet(x[order], y[order], toy.test.subject, trial=y[order])
    data = SimpleNamespace(labels=toy.labels, kind="classification", rest=0, vote=-1)
    model = emg_models.create_model("tinymyo", n_chans=4, n_times=40, n_outputs=3, embed_dim=16, n_blocks=1, n_heads=2)
    found = measure(model, test, data, DecodeRecipe())
    assert found["vote"]["n"] == 3
    assert found["without_rest"]["n"] == int((y != 0).sum())


def test_a_run_on_text_selects_by_its_error_rate(recipe: Make, rng: np.random.Generator, tmp_path: Path) -> None:
    def windows(n: int) -> WindowSet:
        x = rng.standard_normal((n, 4, 400)).astype(np.float32)
        y = rng.integers(0, 5, (n, 3))
        return WindowSet(x, y, np.array(["a"] * n), y_lengths=np.full(n, 3), x_lengths=np.full(n, 400))

    record = {
        "sfreq": 2000.0, "unit": "V", "channels": ["a", "b", "c", "d"], "resample": None, "filter": None,
        "normalisation": None, "window": {"length": 400, "hop": 400, "unit": "samples"},
    }  # fmt: skip
    labels = [*"abcde", "<blank>"]
    data = ProtocolData("toy", windows(8), windows(4), windows(4), labels, 2000.0, record, "5" * 64, kind="ctc")
    model = {"name": "scaled-transformer-tiny", "embed_dim": 32, "n_heads": 4, "n_blocks": 1, "mask_vector": True}
    plan = recipe(model=model, objective={"name": "ctc"}, train={"epochs": 2, "monitor": "cer"},
                  augment={"frame_mask": 0.3, "frame_mask_span": 2})  # fmt: skip
    result = finetune(plan, data, tmp_path)
    assert {"cer", "insertions", "loss"} <= set(result.metrics["test"])
    assert result.fit.best_step == min(result.fit.history, key=lambda entry: entry["cer"])["step"]


def test_networks_with_context_are_asked_at_their_own_instants() -> None:
    model = emg_models.create_model("neuropose", n_chans=16, n_times=4000, n_outputs=20)
    frames = model.frames(4000 - 7)
    y = torch.arange(3993.0).reshape(1, -1, 1).expand(1, -1, 20)
    batch = Batch(torch.zeros(1, 16, 3993), y)
    given = targets_of(model, batch, torch.zeros(1, frames, 20))
    assert torch.equal(given["target"][0, :, 0], torch.arange(float(frames)))


def test_features_with_the_prediction_s_frames_share_its_lengths() -> None:
    lengths = torch.tensor([3, 2])
    made = {"prediction": torch.zeros(2, 4, 5), "features": torch.zeros(2, 4, 8), "input_lengths": lengths}
    assert feature_lengths(made) == {"feature_lengths": lengths}
    assert feature_lengths({**made, "features": torch.zeros(2, 9, 8)}) == {}
    assert feature_lengths({"prediction": made["prediction"]}) == {}


class Typing:
    """Windows of 400 samples with 100 of past and 100 of future, as a protocol with context gives them."""

    def __init__(self, windows: WindowSet) -> None:
        self._windows = windows
        n = len(windows)
        place = np.arange(n, dtype=np.int64)
        self.timeline = Timeline(place, 0 * place, np.full(n, 200), past=100)
        self.subject, self.classes, self.trial = windows.subject, None, None
        self.shape, self.digest = windows.shape, windows.digest

    def __len__(self) -> int:
        return len(self._windows)

    def read(self, rows: np.ndarray, offsets: np.ndarray | None = None) -> Batch:
        return self._windows.read(rows, offsets)


def test_central_frames_alone_are_trained_and_decoded(recipe: Make, rng: np.random.Generator) -> None:
    x = rng.standard_normal((4, 4, 400)).astype(np.float32)
    windows = WindowSet(x, rng.integers(0, 5, (4, 2)), np.array(["a"] * 4), y_lengths=np.full(4, 2))
    typing = Typing(windows)
    data = SimpleNamespace(kind="ctc", labels=[*"abcde", "-"], train=typing, val=None, sfreq=2000.0)
    options = {"embed_dim": 32, "n_heads": 4, "n_blocks": 1, "n_chans": 4, "n_times": 400, "n_outputs": 6}
    model = emg_models.create_model("scaled-transformer-tiny", task="ctc", **options).eval()
    plan = recipe(objective={"name": "ctc"}, decode={"frames": "central"})
    task = SupervisedTask(model, plan, data)
    rows = np.arange(4)
    loss, _ = task.loss(task.module, task.read(rows, 0), rows, 0)
    central = model(torch.from_numpy(x))[:, 5:15]
    wanted = nn.functional.ctc_loss(
        central.transpose(0, 1), torch.from_numpy(windows.y), torch.full((4,), 10), torch.full((4,), 2), blank=5
    )
    assert torch.allclose(loss, wanted, rtol=1e-5)
    assert measure(model, typing, data, plan.decode)["loss"] == pytest.approx(wanted.item(), rel=1e-5)
    whole, _ = SupervisedTask(model, recipe(objective={"name": "ctc"}), data).loss(
        task.module, task.read(rows, 0), rows, 0
    )
    assert not torch.allclose(whole, loss)


def test_central_frames_need_a_hop_and_places(toy: ProtocolData, recipe: Make) -> None:
    model = emg_models.create_model("tinymyo", n_chans=4, n_times=40, n_outputs=3, embed_dim=16, n_blocks=1, n_heads=2)
    message = (
        "decode.frames='central': TinyMyoClassifier has hop None between frames, and the windows do not know where"
    )
    with pytest.raises(EmgDistillError, match=message):
        SupervisedTask(model, recipe(decode={"frames": "central"}), toy)
