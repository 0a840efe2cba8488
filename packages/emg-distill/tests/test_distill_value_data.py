"""Values beside the EMG: on the model's clock, only where they are valid, and at a network's instants."""

import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

import emg_models
from emg_distill import EmgDistillError
from emg_distill._data.clock import PartSpan
from emg_distill._data.path import SignalPath
from emg_distill._data.prepare import Rule, prepare_recording
from emg_distill._data.targets_values import ChangeTarget, ValueTarget, held_rows
from emg_distill._data.windows import Cut, cut
from emg_distill._examples.instants import central_frames, model_instants, spread_instants, values_at


def recording(values: Any, stamps: Any = None, tracked: Any = None, sfreq: float = 1000.0) -> Any:
    aux = SimpleNamespace(values=np.asarray(values))
    return SimpleNamespace(
        aux=lambda _name: aux,
        labels=lambda _name: np.asarray(tracked),
        n_samples=aux.values.shape[1],
        sfreq=sfreq,
        timestamps=stamps,
        source="file.mat",
    )


def table_of(target: Any, values: Any, rule: Cut, **more: Any) -> Any:
    plan = target.plan(*[recording(values, **more)] * 2)
    windows = target.keep(cut(rule, plan["stretches"].tolist(), None), plan, "file.mat")
    return target.table([plan], windows), windows


def test_values_are_read_sample_by_sample_from_where_a_window_slid_to() -> None:
    values = np.arange(60.0).reshape(3, 20)
    table, windows = table_of(ValueTarget("doa", ("a", "b")), values, Cut(4, 4, "none", slide=True))
    y = table.read(np.array([2, 0]), np.array([9, 0]))["y"]
    assert len(windows) == 5
    assert y.dtype == torch.float32
    assert torch.equal(y, torch.from_numpy(np.stack([values[:2, 9:13].T, values[:2, :4].T])).float())
    assert "weight" not in table.read(np.array([0]), np.array([0]))


def test_a_window_that_is_filled_up_counts_where_it_is_real() -> None:
    table, windows = table_of(ValueTarget("doa", ("a",)), np.arange(6.0)[None], Cut(4, 4, "none", pad=True))
    fields = table.read(np.array([0, 1]), windows.start)
    assert fields["y"][:, :, 0].tolist() == [[0, 1, 2, 3], [4, 5, 0, 0]]
    assert fields["weight"][:, :, 0].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]


@given(st.lists(st.booleans(), min_size=8, max_size=40), st.data())
def test_windows_are_cut_anew_between_gaps_in_signal_and_values(wrong: list[bool], data: st.DataObject) -> None:
    emg_io = pytest.importorskip("emg_io", reason="the extra emg-distill[data] is not installed")
    values, raw = np.where(np.array(wrong), np.nan, 1.0), np.ones((1, len(wrong)))
    lost = data.draw(st.integers(0, len(wrong) - 1))
    raw[0, lost] = np.nan
    rule = Cut(data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4)), "none", slide=data.draw(st.booleans()))
    stored = emg_io.Recording.from_array(raw, 1000.0)
    part = PartSpan("train", data.draw(st.integers(0, 4)), len(wrong))

    class Beside(ValueTarget):
        def plan(self, *_: object) -> Any:
            return super().plan(*[recording(values[None])] * 2)

    how = Rule(SignalPath(1000.0), rule, rule, Beside("doa", ("a",)), None)
    entry, _ = prepare_recording(how, stored, [part])
    wanted, begin = [], part.start
    for end in range(part.start, len(wrong) + 1):
        if end == len(wrong) or end == lost or wrong[end]:
            starts = range(begin, end - rule.length + 1, rule.hop)
            wanted += [(at, min(end - rule.length - at, rule.hop - 1) if rule.slide else 0) for at in starts]
            begin = end + 1
    found = entry.windows["train"]
    assert list(zip(found.start.tolist(), found.room.tolist(), strict=True)) == wanted


def test_samples_without_a_pose_are_not_valid() -> None:
    target = ValueTarget("joint_angles", ("a",), track="tracked")
    plan = target.plan(*[recording(np.ones((1, 6)), tracked=[1, 1, 0, 1, 1, 1])] * 2)
    assert np.isnan(plan["values"][:, 0]).tolist() == [False, False, True, False, False, False]
    assert plan["stretches"].tolist() == [[0, 2], [3, 6]]
    none = target.plan(*[recording(np.ones((1, 6)), tracked=[0] * 6)] * 2)
    assert none["stretches"].shape == (0, 2)


def test_values_are_held_onto_the_models_clock_like_the_signal() -> None:
    stamps = np.array([0.0, 0.0011, 0.0019, 0.0045])
    stored = recording(np.array([[10.0, 11.0, 12.0, 13.0]]), stamps)
    uniform = SimpleNamespace(n_samples=5, sfreq=1000.0, timestamps=None)
    plan = ValueTarget("x", ("a",)).plan(stored, uniform)  # type: ignore[arg-type]  what a plan looks at
    assert plan["values"][:, 0].tolist() == [10.0, 10.0, 12.0, 12.0, 12.0]
    assert held_rows(stamps, stamps).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("shape", [(1, 20), (2, 19)])
def test_too_few_rows_or_samples_beside_the_emg_are_refused(shape: tuple[int, int]) -> None:
    stored = recording(np.zeros(shape))
    stored.n_samples = 20
    with pytest.raises(EmgDistillError, match=r"file.mat: doa is \(\d, \d+\); 2 rows of 20 samples are required"):
        ValueTarget("doa", ("a", "b")).plan(stored, stored)


def test_changes_are_differences_at_the_features_last_samples() -> None:
    values = np.cumsum(np.random.default_rng(0).standard_normal(900))
    table, _ = table_of(ChangeTarget(), values[None], Cut(800, 800, "none"), sfreq=2000.0)
    fields = table.read(np.array([0]), np.array([5]))
    wide = values.astype(np.float32)
    wanted = [wide[5 + 253 + 40 * t] - wide[5 + 253 + 40 * (t - 1)] for t in range(14)]
    assert torch.allclose(fields["y"][0, :, 0], torch.tensor(np.array(wanted)), atol=1e-6)
    assert fields["weight"][0, :, 0].tolist() == [0.0] + [1.0] * 13
    front = emg_models.MultivariatePowerFrequency(window=200, neighbours=3)
    assert fields["y"].shape[1] == front.frames(800)


def test_changes_in_a_window_that_is_filled_up_do_not_count() -> None:
    table, windows = table_of(ChangeTarget(), np.ones((1, 1500)), Cut(800, 800, "none", pad=True), sfreq=2000.0)
    fields = table.read(np.array([1]), windows.start[[1]])
    frames = 253 + 40 * np.arange(14)
    assert fields["weight"][0, :, 0].tolist() == [float(t > 0 and frames[t] < 700) for t in range(14)]


def test_tables_pickle_and_tell_themselves_apart() -> None:
    tables = [table_of(target, np.ones((1, 900)) * n, Cut(800, 800, "none"))[0]
              for target in (ValueTarget("x", ("a",)), ChangeTarget()) for n in (1, 2)]  # fmt: skip
    assert len({table.digest for table in tables}) == 4
    assert pickle.loads(pickle.dumps(tables[3])).digest == tables[3].digest  # noqa: S301  our own object
    assert ValueTarget("x", ("a", "b")).labels({}) == ["a", "b"]
    assert ChangeTarget().labels({}) == list(ChangeTarget().outputs)
    assert (ChangeTarget().kind, ValueTarget("x", ()).kind) == ("regression", "regression")


@pytest.mark.parametrize("frames", [1, 5, 25, 50])
def test_instants_lie_where_the_regressor_gives_its_values(frames: int) -> None:
    config = emg_models.TinyMyoConfig(
        n_chans=2, n_times=100, n_outputs=1, sfreq=1000.0, embed_dim=8, n_heads=2, n_blocks=1, output_times=frames
    )
    model = emg_models.TinyMyoRegressor(config)
    place = model.before + model.share[:, 0]  # in patches
    middles = (place.double().numpy() + 0.5) * config.patch_size - 0.5
    inside = np.clip(spread_instants(100, frames), 0.5 * config.patch_size - 0.5, 99.5 - 0.5 * config.patch_size)
    assert np.allclose(middles, inside, atol=1e-5)


@given(st.integers(2, 40), st.integers(1, 50))
def test_values_at_spread_instants_are_those_of_linear_interpolation(n_times: int, frames: int) -> None:
    y = torch.randn(2, n_times, 3, generator=torch.Generator().manual_seed(n_times))
    wanted = functional.interpolate(y.transpose(1, 2), size=frames, mode="linear").transpose(1, 2)
    assert torch.allclose(values_at(y, spread_instants(n_times, frames)), wanted, atol=1e-5)
    place = np.linspace(0, n_times - 1, frames)
    slow = [[np.interp(place, np.arange(n_times), column) for column in row.T] for row in y.numpy()]
    assert np.allclose(values_at(y, place).transpose(1, 2).numpy(), slow, atol=1e-5)


def test_poses_lie_behind_the_left_context_or_in_whole_frames() -> None:
    rollout = emg_models.create_model("emg2pose", n_times=2000, width=16, hidden=8, block_channels=4)
    assert model_instants(rollout, 2000).tolist() == list(range(1790, 2000))
    images = emg_models.create_model("neuropose", n_times=700)
    assert model_instants(images, 700).tolist() == list(range(640))
    config = emg_models.TinyMyoConfig(
        n_chans=2, n_times=100, n_outputs=1, sfreq=1000.0, embed_dim=8, n_heads=2, n_blocks=1, output_times=5
    )
    assert model_instants(emg_models.TinyMyoRegressor(config), 100).tolist() == [9.5, 29.5, 49.5, 69.5, 89.5]
    y = torch.randn(1, 2000, 20)
    assert torch.equal(values_at(y, model_instants(rollout, 2000)), y[:, 1790:])


def test_one_instant_a_sample_is_the_values_themselves() -> None:
    y = torch.randn(2, 7, 3)
    assert values_at(y, spread_instants(7, 7)) is y
    assert values_at(y, []).shape == (2, 0, 3)


@pytest.mark.parametrize("instants", [[-0.6], [6.6], [0.0, 99.0]])
def test_instants_outside_a_window_are_refused(instants: list[float]) -> None:
    with pytest.raises(EmgDistillError, match=r"instants .* lie outside a window of 7 samples"):
        values_at(torch.zeros(1, 7, 1), instants)


@pytest.mark.parametrize(("n_times", "frames"), [(0, 1), (1, 0)])
def test_no_instants_are_refused(n_times: int, frames: int) -> None:
    with pytest.raises(EmgDistillError, match="both must be >= 1"):
        spread_instants(n_times, frames)


def test_central_frames_are_those_of_the_window_without_its_context() -> None:
    model = emg_models.create_model("scaled-transformer-tiny", n_blocks=1)
    assert central_frames(1800, 8000, 20) == slice(90, 490)
    assert model.frames(10000) == 498
    assert central_frames(0, 8000, 20, first=2047) == slice(0, 298)


@given(st.integers(0, 60), st.integers(0, 90), st.integers(1, 9), st.integers(0, 30))
def test_central_frames_equal_the_slow_form(past: int, length: int, hop: int, first: int) -> None:
    wanted = [frame for frame in range(200) if past <= first + hop * frame < past + length]
    assert list(range(200))[central_frames(past, length, hop, first)] == wanted


def test_central_frames_of_no_hop_are_refused() -> None:
    with pytest.raises(EmgDistillError, match=r"hop=0: >= 0, and hop >= 1"):
        central_frames(0, 1, 0)
