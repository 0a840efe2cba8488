"""Objectives against numbers worked out by hand, their invariances, and what they refuse."""

import math
from collections.abc import Callable

import pytest
import torch

from emg_distill import EmgDistillError
from emg_distill.objectives import (
    angular,
    attention_transfer,
    blank_divergence,
    cross_entropy,
    ctc,
    ctc_distillation,
    ctc_sequence_distillation,
    events,
    feature_distillation,
    feature_prediction,
    feature_target,
    greedy_texts,
    info_nce,
    l1,
    logit_distillation,
    masked_reconstruction,
    mse,
    nt_xent,
    relation_distillation,
    smooth_l1,
    soft_events,
    soft_labels,
    soft_values,
    speech,
    time_frequency_consistency,
)

approx = pytest.approx


def two_patches(error_masked: float, error_visible: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    target = torch.zeros(1, 1, 8)
    prediction = torch.tensor([error_masked] * 4 + [error_visible] * 4).reshape(1, 1, 8)
    return prediction, target, torch.tensor([[True, False]])


def test_masked_reconstruction_is_quadratic_inside_and_linear_outside() -> None:
    assert masked_reconstruction(*two_patches(0.5, 0.0)).item() == approx(0.5 * 0.25)
    assert masked_reconstruction(*two_patches(3.0, 0.0)).item() == approx(2.5)
    assert masked_reconstruction(*two_patches(0.0, 2.0)).item() == approx(0.1 * 1.5)
    assert masked_reconstruction(*two_patches(0.0, 2.0), visible_weight=1.0).item() == approx(1.5)
    assert masked_reconstruction(*two_patches(2.0, 0.0), beta=2.0).item() == approx(1.0)
    assert masked_reconstruction(*two_patches(3.0, 2.0), loss="l1").item() == approx(3.2)
    assert masked_reconstruction(*two_patches(3.0, 2.0), loss="l2").item() == approx(9.4)


def test_masked_reconstruction_means_are_over_samples_of_a_row_then_over_rows() -> None:
    prediction = torch.zeros(2, 1, 8)
    prediction[0, 0, :4], prediction[1, 0] = 1.0, 3.0
    mask = torch.tensor([[True, False], [True, True]])
    assert masked_reconstruction(prediction, torch.zeros(2, 1, 8), mask).item() == approx((0.5 + 2.5) / 2)


def test_short_last_patch_counts_by_its_samples() -> None:
    prediction = torch.zeros(1, 1, 5)
    prediction[..., 3:] = 2.0
    both = torch.ones(1, 2, dtype=torch.bool)
    loss = masked_reconstruction(prediction, torch.zeros(1, 1, 5), both, patch_size=torch.tensor(3), loss="l1")
    assert loss.item() == approx(2 * 2 / 5)


def test_padding_with_channels_changes_nothing() -> None:
    prediction, target = torch.randn(2, 3, 8), torch.randn(2, 3, 8)
    mask = torch.rand(2, 12) < 0.5
    padded = torch.cat([prediction, torch.full((2, 2, 8), 1e6)], 1), torch.cat([target, torch.zeros(2, 2, 8)], 1)
    wide = torch.cat([mask, torch.ones(2, 8, dtype=torch.bool)], 1)
    real = torch.tensor([[True, True, True, False, False]] * 2)
    loss = masked_reconstruction(*padded, wide, channel_mask=real)
    assert loss.item() == approx(masked_reconstruction(prediction, target, mask).item(), rel=1e-6)


def test_nothing_masked_leaves_the_visible_part() -> None:
    prediction, target, mask = two_patches(1.0, 1.0)
    assert masked_reconstruction(prediction, target, ~mask | mask).item() == approx(0.5)
    assert masked_reconstruction(prediction, target, mask & ~mask).item() == approx(0.05)


def test_cross_entropy_closed_forms() -> None:
    uniform = torch.zeros(2, 4)
    target = torch.tensor([1, 3])
    assert cross_entropy(uniform, target).item() == approx(math.log(4))
    assert cross_entropy(uniform, target, label_smoothing=0.3).item() == approx(math.log(4))
    logits = torch.tensor([[math.log(3.0), 0.0]])
    expected = -(0.9 * math.log(0.75) + 0.05 * math.log(0.75) + 0.05 * math.log(0.25))
    assert cross_entropy(logits, torch.tensor([0]), label_smoothing=0.1).item() == approx(expected)


def test_events_closed_forms() -> None:
    logits, target = torch.tensor([[[0.0, math.log(3.0)]]]), torch.tensor([[[1.0, 0.0]]])
    assert events(logits, target).item() == approx((math.log(2) + math.log(4)) / 2)
    assert events(logits, target, positive_weight=2.0).item() == approx((2 * math.log(2) + math.log(4)) / 2)
    assert events(logits, target, torch.tensor([[[1.0, 3.0]]])).item() == approx((math.log(2) + 3 * math.log(4)) / 4)
    assert events(logits, target, torch.zeros(1, 1, 2)).item() == 0.0


def test_regression_closed_forms() -> None:
    prediction, target = torch.tensor([[1.0, 4.0]]), torch.tensor([[0.5, 1.0]])
    assert l1(prediction, target).item() == approx((0.5 + 3) / 2)
    assert mse(prediction, target).item() == approx((0.25 + 9) / 2)
    assert smooth_l1(prediction, target).item() == approx((0.125 + 2.5) / 2)
    assert soft_values(prediction, target, loss="l1").item() == approx((0.5 + 3) / 2)


def test_angles_come_round() -> None:
    target = torch.tensor([[10.0, 20.0, 350.0]])
    assert angular(target + 360.0, target).item() == approx(0.0, abs=1e-6)
    assert angular(target + 180.0, target).item() == approx(2.0)
    assert angular(target + 60.0, target).item() == approx(0.5, rel=1e-5)
    small = torch.tensor([[0.01]])
    assert angular(small, torch.zeros(1, 1), unit="radians").item() == approx(0.5e-4, rel=1e-2)


def test_ctc_closed_forms() -> None:
    p = torch.tensor([[[0.5, 0.2, 0.3], [0.1, 0.6, 0.3]]], dtype=torch.float64)  # two symbols and the blank
    one = torch.tensor([[0]])
    total = 0.5 * 0.3 + 0.3 * 0.1 + 0.5 * 0.1
    assert ctc(p.log(), one).item() == approx(-math.log(total))
    assert ctc(p.log(), torch.tensor([[0, 1]])).item() == approx(-math.log(0.5 * 0.6) / 2)
    assert ctc(p.log(), torch.tensor([[0, 1]]), reduction="sum").item() == approx(-math.log(0.5 * 0.6))
    empty = ctc(p.log(), one, target_lengths=torch.tensor([0]))
    assert empty.item() == approx(-math.log(0.3 * 0.3))


def test_ctc_text_that_does_not_fit() -> None:
    p = torch.full((2, 2, 3), 1 / 3).log().requires_grad_()
    texts = torch.tensor([[0, 0], [0, 1]])  # a repeat needs a blank between, hence three frames
    assert ctc(p, texts).item() == math.inf
    loss = ctc(p, texts, zero_infinity=True)
    assert loss.item() == approx(math.log(9) / 2 / 2)
    loss.backward()
    assert p.grad is not None
    assert p.grad.isfinite().all()
    assert (p.grad[0] == 0).all()


def test_ctc_equals_torch_mean_up_to_its_rule() -> None:
    g = torch.Generator().manual_seed(0)
    log_p = torch.randn(3, 50, 99, generator=g).log_softmax(-1)
    target = torch.randint(98, (3, 12), generator=g)
    frames, symbols = torch.tensor([50, 40, 33]), torch.tensor([12, 9, 4])
    expected = torch.nn.CTCLoss(blank=98)(log_p.transpose(0, 1), target, frames, symbols)
    assert ctc(log_p, target, frames, symbols).item() == approx(expected.item(), rel=1e-6)


def test_speech_closed_forms() -> None:
    prediction = torch.tensor([[[3.0, 4.0, 0.0, 0.0], [0.0, 0.0, math.log(3.0), 0.0]]])
    target, phonemes = torch.zeros(1, 2, 2), torch.tensor([[0, 0]])
    ce = (math.log(2) - math.log(0.75)) / 2
    assert speech(prediction, target, phonemes).item() == approx(2.5 + 0.5 * ce)
    assert speech(prediction, target, phonemes, distance="l1").item() == approx(3.5 / 2 + 0.5 * ce)
    assert speech(prediction[..., :2], target).item() == approx(2.5)
    per_entry = torch.tensor([[[1.0, 1.0], [0.0, 2.0]]])
    assert speech(prediction[..., :2], target, weight=per_entry).item() == approx(2.5)
    assert speech(prediction[..., :2], target, weight=torch.tensor([[1.0, 0.0]])).item() == approx(5.0)


def test_speech_at_its_goal_has_a_finite_gradient() -> None:
    prediction = torch.zeros(1, 3, 2, requires_grad=True)
    speech(prediction, torch.zeros(1, 3, 2)).backward()
    assert prediction.grad is not None
    assert (prediction.grad == 0).all()


def test_distillation_closed_forms() -> None:
    student, teacher = torch.tensor([[0.0, 0.0]]), torch.tensor([[2 * math.log(3.0), 0.0]])
    target = torch.tensor([0])
    soft = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert soft_labels(student, teacher).item() == approx(4 * soft)
    assert logit_distillation(student, teacher, target, temperature=2.0, alpha=1.0).item() == approx(4 * soft)
    assert logit_distillation(student, teacher, target, temperature=2.0, alpha=0.0).item() == approx(math.log(2))
    mixed = logit_distillation(student, teacher, target, temperature=2.0, alpha=0.25).item()
    assert mixed == approx(0.25 * 4 * soft + 0.75 * math.log(2))
    assert logit_distillation(teacher, teacher, target, alpha=1.0).item() == approx(0.0, abs=1e-7)
    one = soft_events(student[:, :1, None], teacher[:, :1, None], temperature=2.0)
    assert one.item() == approx(4 * soft)


def test_divergences_do_not_see_a_shift_of_logits() -> None:
    student, teacher = torch.randn(3, 5).double(), torch.randn(3, 5).double()
    shift = torch.tensor([[2.0], [-7.0], [100.0]]).double()
    expected = soft_labels(student, teacher).item()
    assert soft_labels(student + shift, teacher - 2 * shift).item() == approx(expected)
    assert ctc_distillation((student + shift)[None], teacher[None]).item() == approx(
        ctc_distillation(student[None], teacher[None]).item()
    )
    assert soft_labels(teacher + shift, teacher).item() == approx(0.0, abs=1e-12)


def test_soft_gradient_keeps_its_scale_over_temperatures() -> None:
    teacher = torch.tensor([[0.4, -0.1, 0.2]])
    norms = []
    for temperature in (20.0, 40.0):
        student = torch.zeros(1, 3, requires_grad=True)
        soft_labels(student, teacher, temperature=temperature).backward()
        assert student.grad is not None
        norms.append(student.grad.norm().item())
    assert norms[0] == approx(norms[1], rel=0.02)


def test_classes_impossible_for_the_teacher_add_nothing() -> None:
    teacher = torch.tensor([[0.0, 0.0, -math.inf]])
    student = torch.zeros(1, 3, requires_grad=True)
    loss = soft_labels(student, teacher, temperature=1.0)
    assert loss.item() == approx(math.log(1.5))
    loss.backward()
    assert student.grad is not None
    assert student.grad.tolist() == [approx([1 / 3 - 1 / 2, 1 / 3 - 1 / 2, 1 / 3])]


def spikes(at: list[int], frames: int = 12) -> torch.Tensor:
    """Log-probabilities that are sure of blank, but of symbol 0, 1, ... at the given frames."""
    p = torch.full((1, frames, 4), 0.01, dtype=torch.float64)
    p[..., 3] = 0.97
    for symbol, frame in enumerate(at):
        p[0, frame] = torch.tensor([0.97 if k == symbol else 0.01 for k in range(4)])
    return p.log()


def test_a_late_student_is_forgiven_by_alignment() -> None:
    teacher, late = spikes([2, 5, 8]), spikes([4, 7, 10])
    assert ctc_distillation(teacher, teacher).item() == approx(0.0, abs=1e-12)
    strict = ctc_distillation(late, teacher).item()
    assert strict > 1.0
    assert ctc_distillation(late, teacher, alignment="shift", max_shift=2).item() == approx(0.0, abs=1e-12)
    assert ctc_distillation(late, teacher, alignment="shift", max_shift=1).item() > 1.0
    assert ctc_distillation(late, teacher, alignment="window", max_shift=2).item() == approx(0.0, abs=1e-12)
    uneven = spikes([3, 4, 10])
    assert ctc_distillation(uneven, teacher, alignment="shift", max_shift=2).item() > 0.5
    assert ctc_distillation(uneven, teacher, alignment="window", max_shift=2).item() == approx(0.0, abs=1e-12)


def test_a_student_that_never_spikes_is_not_forgiven() -> None:
    teacher, silent = spikes([2, 5, 8]), spikes([])
    expected = ctc_distillation(silent, teacher).item()
    assert ctc_distillation(silent, teacher, alignment="window", max_shift=3).item() == approx(expected)


def test_blank_frames_weigh_what_is_asked() -> None:
    teacher, silent = spikes([2, 5, 8]), spikes([])
    even, spiky = (ctc_distillation(silent, teacher, blank_weight=w).item() for w in (1.0, 0.0))
    per_spike = 0.96 * math.log(97.0)
    assert even == approx(per_spike * 3 / 12)
    assert spiky == approx(per_spike * 3 * 0.99 / (3 * 0.99 + 9 * 0.03))


def test_divergence_of_blank_and_spikes_apart() -> None:
    teacher, silent = spikes([2, 5, 8]), spikes([])
    lengths = torch.tensor([6])
    parts = blank_divergence(silent, teacher, lengths)
    assert parts["spike_share"].item() == approx(2 / 6)
    assert parts["spikes"].item() == approx(0.96 * math.log(97.0) * 2 / 6)
    assert parts["blank"].item() == approx(0.0, abs=1e-12)


def test_greedy_texts_merge_repeats_and_drop_blanks() -> None:
    best = torch.tensor([[0, 0, 3, 0, 1, 3], [3, 3, 3, 3, 3, 3], [2, 2, 2, 1, 0, 0]])
    logits = torch.nn.functional.one_hot(best, 4).float()
    texts, lengths = greedy_texts(logits, torch.tensor([6, 6, 4]))
    assert lengths.tolist() == [3, 0, 2]
    assert texts.tolist() == [[0, 0, 1], [0, 0, 0], [2, 1, 0]]
    texts, lengths = greedy_texts(logits[1:2])
    assert (texts.tolist(), lengths.tolist()) == ([[0]], [0])
    assert greedy_texts(logits)[1].tolist() == [3, 0, 3]


def test_sequence_distillation_of_one_text_is_ctc() -> None:
    log_p = torch.randn(2, 7, 4).double().log_softmax(-1)
    texts, lengths = greedy_texts(torch.randn(2, 9, 4))  # a teacher at another frame rate
    expected = ctc(log_p, texts, target_lengths=lengths, zero_infinity=True).item()
    assert ctc_sequence_distillation(log_p, log_p, texts, lengths, zero_infinity=True).item() == approx(expected)
    same = log_p.roll(1, 0)
    read = greedy_texts(same, torch.tensor([7, 5]))
    given = ctc_sequence_distillation(log_p, same, *read, input_lengths=torch.tensor([7, 5]), zero_infinity=True)
    own = ctc_sequence_distillation(log_p, same, input_lengths=torch.tensor([7, 5]), zero_infinity=True)
    assert own.item() == given.item()
    full = ctc_sequence_distillation(log_p, same[:, :6], input_lengths=torch.tensor([7, 7]), zero_infinity=True)
    read = greedy_texts(same[:, :6])
    assert full.item() == ctc_sequence_distillation(log_p, same, *read, zero_infinity=True).item()
    several = torch.stack([texts, texts], 1), torch.stack([lengths, lengths], 1)
    assert ctc_sequence_distillation(log_p, log_p, *several, zero_infinity=True).item() == approx(expected)


def test_feature_distances() -> None:
    x, y = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]]), torch.tensor([[[0.0, 3.0], [0.0, 5.0]]])
    assert feature_distillation(x, y).item() == approx((10 / 2 + 9 / 2) / 2)
    assert feature_distillation(x, y, distance="cosine").item() == approx(0.5)
    assert feature_distillation(7 * x, y, distance="cosine").item() == approx(0.5)
    assert feature_distillation(x, y, torch.tensor([1])).item() == approx(5.0)


def test_attention_transfer_sees_where_not_how_much() -> None:
    x = torch.tensor([[[3.0, 0.0], [0.0, 0.0]]])
    y = torch.tensor([[[0.0], [5.0]]])
    assert attention_transfer(x, y).item() == approx(math.sqrt(2))
    assert attention_transfer(10 * x, -x).item() == approx(0.0, abs=1e-7)


def test_relations_do_not_see_a_rotation_of_features() -> None:
    qkv = torch.randn(2, 5, 12).double()
    turn = torch.linalg.qr(torch.randn(4, 4).double())[0]
    turned = (qkv.reshape(2, 5, 3, 4) @ turn).reshape(2, 5, 12)
    assert relation_distillation(turned, qkv).item() == approx(0.0, abs=1e-12)
    assert relation_distillation(turned, qkv, heads=2).item() > 1e-3


def test_feature_target_is_the_mean_of_normalised_layers() -> None:
    layers = [torch.randn(2, 3, 8).double().requires_grad_() for _ in range(3)]
    target = feature_target(layers, 2)
    for b, i in ((0, 0), (1, 2)):
        normal = [(x[b, i] - x[b, i].mean()) / (x[b, i].var(correction=0) + 1e-5).sqrt() for x in layers[1:]]
        torch.testing.assert_close(target[b, i], torch.stack(normal).mean(0))
    assert not target.requires_grad
    torch.testing.assert_close(feature_target([5 * x + 3 for x in layers], 2), target, rtol=1e-4, atol=1e-4)


def test_feature_prediction_counts_hidden_tokens_alone() -> None:
    x, y = torch.zeros(1, 2, 2), torch.tensor([[[1.0, 3.0], [9.0, 9.0]]])
    assert feature_prediction(x, y, torch.tensor([[True, False]])).item() == approx((0.5 + 2.5) / 2)
    assert feature_prediction(x, y, torch.zeros(1, 2, dtype=torch.bool)).item() == 0.0


def test_contrast_of_orthogonal_rows() -> None:
    rows = torch.eye(3)
    e = math.exp(1 / 0.5)
    assert nt_xent(rows, rows, temperature=0.5).item() == approx(-math.log(e / (e + 4)))
    assert info_nce(rows, rows, temperature=0.5).item() == approx(-math.log(e / (e + 2)))
    assert nt_xent(5 * rows, 0.1 * rows, temperature=0.5).item() == approx(-math.log(e / (e + 4)))
    other = torch.randn(3, 3)
    assert info_nce(rows, other).item() == approx(info_nce(other, rows).item())


def test_time_frequency_consistency_when_all_agree() -> None:
    same = torch.randn(4, 1, 5).repeat(1, 2, 1)
    within = nt_xent(same[:, 0], same[:, 0]).item()
    loss = time_frequency_consistency(same, same, same, same, balance=0.25, margin=2.0)
    assert loss.item() == approx(0.25 * 2 * within + 0.75 * 3 * 2.0, rel=1e-5)


A, B, C = torch.zeros(2, 5, 4), torch.zeros(2, 5), torch.zeros(2, dtype=torch.int64)
MASK = torch.ones(2, 4, dtype=torch.bool)
X = torch.zeros(2, 2, 8)
TEXT = torch.zeros(2, 3, dtype=torch.int64)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: masked_reconstruction(X, X[:, :1], MASK), "must both be .batch, channels, time."),
        (lambda: masked_reconstruction(X, X, MASK[:, :3]), "does not cut .* into equal patches"),
        (lambda: masked_reconstruction(X[..., :7], X[..., :7], MASK), "patch_size is needed"),
        (lambda: masked_reconstruction(X, X, MASK, None, torch.tensor(3)), "into patches of 3 samples"),
        (lambda: masked_reconstruction(X, X, MASK, None, torch.tensor(0)), "into patches of 0 samples"),
        (lambda: masked_reconstruction(X[:, :0], X[:, :0], MASK[:, :0]), "does not cut"),
        (lambda: masked_reconstruction(X, X, MASK, MASK), r"channel_mask .2, 4. must be .batch, channels. = .2, 2."),
        (lambda: masked_reconstruction(X, X, MASK, visible_weight=-1.0), "visible_weight=-1.0"),
        (lambda: masked_reconstruction(X, X, MASK, beta=0.0), "beta=0.0 must be > 0"),
        (lambda: cross_entropy(A, C), r"must be \(batch, classes\)"),
        (lambda: cross_entropy(B, C, label_smoothing=1.0), "label_smoothing=1.0"),
        (lambda: events(A, B), "must be of one shape: .batch, instants, events."),
        (lambda: events(A, A, B), "weight .2, 5. must be of the target's shape = .2, 5, 4."),
        (lambda: events(A, A, positive_weight=0.0), "positive_weight=0.0 must be > 0"),
        (lambda: l1(A, B), "must be of one shape: .batch, ..., outputs."),
        (lambda: l1(A, A, A[:, 0]), "weight"),
        (lambda: l1(A, A, None, torch.tensor([5, 6])), r"input_lengths=\[5, 6\]: each must lie between 0 and the 5"),
        (lambda: l1(A, A, None, torch.tensor([5])), r"input_lengths .1,. must be .batch,. = .2,."),
        (lambda: smooth_l1(A, A, beta=-1.0), "beta=-1.0 must be > 0"),
        (lambda: ctc(B, TEXT), r"must be .batch, frames, symbols \+ 1. and .batch, longest."),
        (lambda: ctc(A, TEXT + 3), "target holds symbol 3: 3 symbols, 0 to 2, come before the blank"),
        (lambda: ctc(A, TEXT - 1), "target holds symbol -1"),
        (lambda: ctc(A, TEXT, torch.tensor([5, -1])), "input_lengths"),
        (lambda: ctc(A, TEXT, None, torch.tensor([4, 1])), "target_lengths=.4, 1.: each must lie between 0 and the 3"),
        (lambda: speech(A, A[:, :4]), r"features \+ kinds"),
        (
            lambda: speech(A, A[..., :3]),
            "no phonemes were given, and a prediction of 4 outputs for 3 features leaves 1",
        ),
        (lambda: speech(A, A, C), "phonemes were given, .* leaves 0 kinds"),
        (lambda: speech(A[..., :3], A), "leaves -1 kinds"),
        (lambda: speech(A, A[..., :2], TEXT), r"phonemes .2, 3. must be .batch, frames. = .2, 5."),
        (lambda: speech(A, A, None, B[:, :3]), r"weight .2, 3. must be .batch, frames."),
        (lambda: speech(A, A, None, A[..., :3]), r"weight .2, 5, 3. must be .batch, frames, features."),
        (lambda: speech(A, A, phoneme_weight=-0.5), "phoneme_weight=-0.5 must be >= 0"),
        (lambda: logit_distillation(B, B[:, :2], C), "same labels in the same order"),
        (lambda: logit_distillation(B, B, C, temperature=0.0), "temperature=0.0"),
        (lambda: logit_distillation(B, B, C, alpha=1.5), r"alpha=1.5 must lie in \[0, 1\]"),
        (lambda: soft_labels(A, A), r"logits .2, 5, 4. must be .batch, classes."),
        (lambda: soft_events(A, A[:1]), "same outputs in the same order"),
        (lambda: soft_events(A, A, temperature=0.0), "temperature=0.0"),
        (lambda: ctc_distillation(A, A[:, :4]), "one frame rate, one window and one alphabet"),
        (lambda: ctc_distillation(B, B), r"prediction .2, 5. must be .batch, frames, symbols \+ 1."),
        (lambda: ctc_distillation(A, A, blank_weight=-0.1), "blank_weight=-0.1 must be >= 0"),
        (lambda: ctc_distillation(A, A, temperature=-1.0), "temperature=-1.0"),
        (lambda: ctc_distillation(A, A, max_shift=2), "max_shift=2 has no effect with alignment='frames'"),
        (lambda: ctc_distillation(A, A, alignment="shift"), "max_shift=0: alignment='shift' needs at least 1"),
        (lambda: ctc_distillation(A, A, alignment="window", max_shift=5), "less than the 5 frames"),
        (lambda: ctc_sequence_distillation(A, A, TEXT), "teacher_target needs teacher_target_lengths"),
        (lambda: ctc_sequence_distillation(A, A, C, C), r"teacher_target .2,. must be .batch, longest. or"),
        (lambda: ctc_sequence_distillation(A, A, TEXT, C[:1]), r"teacher_target_lengths .1, 1. must be .batch, texts."),
        (lambda: ctc_sequence_distillation(A, A, TEXT, C, B), r"teacher_target_weight .2, 5. must be .batch, texts."),
        (lambda: ctc_sequence_distillation(A, A, TEXT, C, B[:, :1]), "at least one text above 0 in every row"),
        (lambda: ctc_sequence_distillation(A, A, TEXT, C, B[:, :1] - 1), "must be >= 0"),
        (
            lambda: ctc_sequence_distillation(A, A[:, :4], input_lengths=torch.tensor([5, 3])),
            "has other frames than prediction .2, 5, 4., and rows end early: give teacher_target",
        ),
        (lambda: feature_distillation(A, A[..., :3]), "must be of one shape: .batch, frames, width."),
        (lambda: attention_transfer(A, A[:, :3]), "choose layers of one frame rate"),
        (lambda: attention_transfer(A, A, power=0.5), "power=0.5 must be >= 1"),
        (lambda: relation_distillation(A, A), "heads=1: it must be at least 1 and divide a third of both 4 and 4"),
        (lambda: relation_distillation(A, A, heads=0), "heads=0"),
        (lambda: relation_distillation(A[..., :3], A[..., :3], temperature=0.0), "temperature=0.0"),
        (lambda: feature_prediction(A, B, MASK), "must be of one shape: .batch, tokens, width."),
        (lambda: feature_prediction(A, A, MASK), r"patch_mask .2, 4. must be .batch, tokens. = .2, 5."),
        (lambda: feature_prediction(X, X, MASK[:, :2], MASK[:, :0]), "does not fit n_tokens=2"),
        (lambda: feature_prediction(A, A, B.bool(), MASK), "does not fit n_tokens=5"),
        (lambda: feature_target([A], 2), "top=2: between 1 and 1 layers"),
        (lambda: feature_target([A, A], 0), "top=0"),
        (lambda: feature_target([A[:1], A], 2), "a layer .1, 5, 4. and the last one"),
        (lambda: nt_xent(B[:1], B[:1]), "at least two rows"),
        (lambda: nt_xent(B, B, temperature=0.0), "temperature=0.0"),
        (lambda: info_nce(A, A), "views .2, 5, 4. and other_views .2, 5, 4. must be of one shape .batch, width."),
        (lambda: time_frequency_consistency(A, A, A, A), "must be .batch, 2, width. of at least two"),
        (lambda: time_frequency_consistency(X, X, X, X[..., :4]), "the two projections of one width"),
        (lambda: time_frequency_consistency(X, X, X, X, balance=2.0), "balance=2.0"),
        (lambda: time_frequency_consistency(X, X, X, X, margin=-1.0), "margin=-1.0"),
        (lambda: time_frequency_consistency(X, X, X, X, temperature=0.0), "temperature=0.0"),
    ],
)
def test_bad_input_raises(call: Callable[[], torch.Tensor], message: str) -> None:
    with pytest.raises(EmgDistillError, match=message):
        call()
