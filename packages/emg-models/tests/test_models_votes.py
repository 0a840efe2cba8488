"""Single-frame decisions and majority votes: exact rules, ties, laws, and the live form."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_models import (
    EmgModelsError,
    VoteAccuracy,
    VoteStream,
    create_model,
    majority_vote,
    predict_frames,
    vote_accuracy,
)
from emg_models._hdsemg import votes as votes_module

ORACLE = "models_oracles_hdsemg"

TIES = ("lowest", "latest")
trial_of = st.lists(st.integers(0, 4), min_size=1, max_size=40)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(trial=trial_of, window=st.sampled_from([-1, 1, 2, 3, 4, 7, 40, 100]), tie=st.sampled_from(TIES))
def test_votes_equal_counting_every_window(slow, trial, window, tie):
    assert majority_vote(np.array(trial), window, tie).tolist() == slow.vote(trial, window, tie)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    trial=trial_of, window=st.integers(1, 45), tie=st.sampled_from(TIES), cuts=st.lists(st.integers(0, 40), max_size=5)
)
def test_live_votes_equal_those_of_the_whole_trial(trial, window, tie, cuts):
    stream = VoteStream(window, 5, tie)
    for _ in range(2):  # the second trial starts from an empty histogram
        bounds = [0, *sorted(min(cut, len(trial)) for cut in cuts), len(trial)]
        live = [stream.push(trial[a:b]) for a, b in pairwise(bounds)]
        voted = np.concatenate([*live, stream.finish()])
        assert voted.dtype == np.int64
        assert np.array_equal(voted, majority_vote(np.array(trial), window, tie))


def test_live_votes_wait_for_a_full_window_and_forget_on_reset():
    stream = VoteStream(3, 4)
    assert stream.push([2, 2]).tolist() == []
    stream.reset()
    assert stream.push([1, 1]).tolist() == []
    assert stream.push(np.array([0, 0, 0])).tolist() == [1, 0, 0]
    assert stream.finish().tolist() == []
    assert stream.finish().tolist() == []
    assert stream.push([]).tolist() == []


def test_ties_by_both_rules():
    trial = np.array([3, 1, 1, 3, 2, 0])
    assert majority_vote(trial, 4).tolist() == [1, 1, 0]
    assert majority_vote(trial, 4, "latest").tolist() == [3, 1, 0]
    assert majority_vote(trial, 2, "lowest").tolist() == [1, 1, 1, 2, 0]
    assert majority_vote(trial, 2, "latest").tolist() == [1, 1, 3, 2, 0]


def test_windows_of_one_and_of_the_whole_trial():
    trial = np.random.default_rng(0).integers(0, 6, 1000)
    assert np.array_equal(majority_vote(trial, 1), trial)
    for window in (-1, 1000, 5000):
        assert majority_vote(trial, window).tolist() == [np.bincount(trial).argmax()]
    assert [len(majority_vote(trial, window)) for window in (40, 150)] == [961, 851]


def test_long_trials_are_voted_in_blocks(slow, monkeypatch):
    trial = np.random.default_rng(1).integers(-3, 4, 300)
    whole = {tie: majority_vote(trial, 17, tie) for tie in TIES}
    monkeypatch.setattr(votes_module, "CELLS", 7 * 50)
    for tie in TIES:
        assert np.array_equal(majority_vote(trial, 17, tie), whole[tie])
        assert whole[tie].tolist() == slow.vote(trial.tolist(), 17, tie)


def test_kind_and_dtype_are_kept():
    for dtype in (np.int64, np.uint8):
        assert majority_vote(np.array([1, 1, 2], dtype), 2).dtype == dtype
    voted = majority_vote(torch.tensor([1, 1, 2], dtype=torch.int32), 3)
    assert torch.equal(voted, torch.tensor([1], dtype=torch.int32))


def test_accuracy_pools_windows_or_balances_gestures():
    trials = [np.array([0, 0, 0, 1]), torch.tensor([1, 0]), np.array([1, 1])]
    labels = [0, 1, 1]
    frames = vote_accuracy(trials, labels, 1)
    assert frames == VoteAccuracy(6 / 8, (3 / 4 + 3 / 4) / 2, 8, "majority of 1 frames, ties to the lowest label")
    pairs = vote_accuracy(trials, labels, 2)
    assert (pairs.pooled, pairs.balanced, pairs.n_windows) == (4 / 5, (3 / 3 + 1 / 2) / 2, 5)
    trial_means = np.mean(
        [(majority_vote(np.asarray(t), 2) == label).mean() for t, label in zip(trials, labels, strict=True)]
    )
    assert pairs.pooled != pytest.approx(trial_means)
    latest = vote_accuracy(trials, labels, 2, "latest")
    assert latest.rule == "majority of 2 frames, ties to the latest label"
    assert latest.pooled == 3 / 5
    assert vote_accuracy(trials, labels, -1).rule == "majority of the whole trial, ties to the lowest label"


def test_a_stream_carries_the_name_of_its_rule():
    assert VoteStream(40, 8, "latest").rule == vote_accuracy([np.array([0])], [0], 40, "latest").rule


@pytest.mark.parametrize("name", ["allconvnet", "gengnet"])
def test_single_frame_predictions_ignore_the_batch_and_leave_the_mode(name):
    model = create_model(name, rows=4, cols=4, n_outputs=3).train()
    frames = torch.randn(7, 4, 4)
    found = predict_frames(model, frames, batch=3)
    assert model.training
    assert torch.equal(found, model.eval()(frames).argmax(1))
    assert torch.equal(found, predict_frames(model, frames))
    assert predict_frames(model, frames[:0]).shape == (0,)
    assert not model.training


def test_equal_logits_go_to_the_lowest_class():
    model = create_model("sconvnet", rows=4, cols=4, n_outputs=5)
    torch.nn.init.zeros_(model.head.weight)
    with torch.no_grad():
        model.head.bias.copy_(torch.tensor([0.0, 1.0, 0.0, 1.0, 1.0]))
    assert predict_frames(model, torch.randn(2, 4, 4)).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("predictions", "arguments", "message"),
    [
        (np.zeros(3, int), (0,), "window=0: an integer >= 1 is required"),
        (np.zeros(3, int), (-2,), "window=-2: an integer >= 1 is required"),
        (np.zeros(3, int), (2, "first"), "tie='first': one of lowest, latest is required"),
        (np.zeros(3), (2,), r"predictions of shape \(3,\) and float64: at least one integer label on one axis"),
        (np.zeros(0, int), (2,), r"predictions of shape \(0,\)"),
        (np.zeros((2, 2), int), (2,), r"predictions of shape \(2, 2\)"),
        (torch.zeros(3), (2,), r"predictions of shape \(3,\) and float32"),
        ([1, 2], (2,), "predictions of type list: an ndarray or a Tensor is required"),
    ],
)
def test_votes_that_make_no_sense_are_refused(predictions, arguments, message):
    with pytest.raises(EmgModelsError, match=message):
        majority_vote(predictions, *arguments)


def test_trials_without_labels_are_refused():
    with pytest.raises(EmgModelsError, match="0 trials and 0 labels: one label for each trial is required"):
        vote_accuracy([], [], 1)
    with pytest.raises(EmgModelsError, match="1 trials and 2 labels"):
        vote_accuracy([np.zeros(2, int)], [0, 1], 1)


def test_labels_outside_the_classes_are_refused_and_change_nothing():
    stream = VoteStream(2, 3)
    stream.push([1])
    for wrong in ([0, 3], [-1], [0.5], [[0, 1]]):
        with pytest.raises(EmgModelsError, match="integer labels from 0 to 2 on one axis are required"):
            stream.push(wrong)
    assert stream.push([1]).tolist() == [1]
    for arguments, message in (((-1, 3), "window=-1"), ((2, 0), "n_classes=0"), ((2, 3, "x"), "tie='x'")):
        with pytest.raises(EmgModelsError, match=message):
            VoteStream(*arguments)


def test_frames_at_a_time_must_be_a_count():
    with pytest.raises(EmgModelsError, match="batch=0: an integer >= 1"):
        predict_frames(create_model("sconvnet", rows=4, cols=4), torch.zeros(1, 4, 4), batch=0)


def test_labels_are_integers_of_any_library():
    trials = [np.array([-1, -1, 2])]
    for label in (-1, np.int64(-1), torch.tensor(-1)):
        assert vote_accuracy(trials, [label], 1).pooled == 2 / 3
    for label in (1.5, float("nan"), "1", [1]):
        with pytest.raises(EmgModelsError, match=r"label .*: an integer is required, the true class of a trial"):
            vote_accuracy(trials, [label], 1)
    assert majority_vote(np.array([3, 3, 1]), 2**40).tolist() == [3]


def test_predictions_without_labels_are_refused():
    for predictions in (torch.zeros(3, dtype=torch.bfloat16), torch.zeros(3, dtype=torch.long, device="meta")):
        with pytest.raises(EmgModelsError, match=r"predictions of shape \(3,\) and .*integer labels are required"):
            majority_vote(predictions, 2)
        with pytest.raises(EmgModelsError, match="predictions "):
            VoteStream(2, 3).push(predictions)
    with pytest.raises(EmgModelsError, match="predictions are no labels on one axis"):
        VoteStream(2, 3).push([[1], [1, 2]])
    assert VoteStream(1, 3).push(torch.tensor([2, 0])).tolist() == [2, 0]


def test_predicting_leaves_every_module_in_its_mode():
    model = create_model("gengnet", rows=6, cols=5, n_outputs=4).train()
    model.get_submodule("input_norm").eval()  # a frozen part stays frozen
    before = {name: module.training for name, module in model.named_modules()}
    assert len(set(before.values())) == 2
    predict_frames(model, torch.randn(3, 6, 5))
    assert {name: module.training for name, module in model.named_modules()} == before
    for frames, message in (
        (torch.full((2, 6, 5), float("nan")), "NaN among them"),
        (np.zeros((2, 6, 5)), "frames of type ndarray: a Tensor is required"),
    ):
        with pytest.raises(EmgModelsError, match=message):
            predict_frames(model, frames)
        assert {name: module.training for name, module in model.named_modules()} == before
