"""Laws that every registered objective keeps, the registry itself, and weighted sums."""

import importlib.util
import inspect
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch.autograd import gradcheck

import emg_distill.objectives as face
from emg_distill import EmgDistillError
from emg_distill.objectives import Combination, get_objective, list_objectives
from emg_distill.objectives._context import CONTEXT

NAMES = list_objectives()
ROW_WISE = [name for name in NAMES if not get_objective(name).coupled]
CTC = ("ctc", "ctc_distillation", "ctc_sequence_distillation")
BATCH, FRAMES = 4, 6


@pytest.fixture(scope="module")
def oracles() -> ModuleType:
    path = Path(__file__).with_name("distill_oracles_objectives.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def forge(name: str, seed: int = 0) -> dict[str, torch.Tensor]:
    """Make a context of four rows, float64, with everything optional in it."""
    g = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(BATCH, *shape, generator=g, dtype=torch.float64)

    def integers(high: int, *shape: int) -> torch.Tensor:
        return torch.randint(high, (BATCH, *shape), generator=g)

    lengths = torch.tensor([6, 4, 5, 2])
    weight = torch.rand(BATCH, FRAMES, 3, generator=g, dtype=torch.float64).sub(0.3).clamp(min=0)
    channels = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 1, 0], [1, 1, 0]]).bool()
    hidden = torch.rand(BATCH, 12, generator=g) < 0.5
    over_time = {"prediction": normal(FRAMES, 3), "target": normal(FRAMES, 3), "weight": weight}
    over_time |= {"teacher_prediction": normal(FRAMES, 3), "input_lengths": lengths}
    classes = {"prediction": normal(5), "teacher_prediction": normal(5), "target": integers(5)}
    text = {"prediction": normal(5, 4).log_softmax(-1), "input_lengths": torch.tensor([5, 3, 4, 5])}
    taught = {**text, "teacher_prediction": (2 * normal(5, 4)).log_softmax(-1)}
    features = {"feature_lengths": lengths, "projected": normal(FRAMES, 4), "teacher_features": normal(FRAMES, 4)}
    forged = {
        "cross_entropy": classes,
        "logit_distillation": classes,
        "soft_labels": classes,
        "ctc": {**text, "target": integers(3, 2), "target_lengths": torch.tensor([2, 0, 1, 2])},
        "ctc_distillation": taught,
        "ctc_sequence_distillation": {
            **taught,
            "teacher_target": integers(3, 2, 2),
            "teacher_target_lengths": torch.tensor([[2, 1], [0, 1], [1, 2], [2, 2]]),
            "teacher_target_weight": torch.tensor([[0.5, 0.1], [1.0, 0.0], [0.2, 0.6], [0.3, 0.3]]).double(),
        },
        "events": {**over_time, "target": integers(2, FRAMES, 3).double()},
        "speech": {
            "prediction": normal(FRAMES, 5),
            "target": normal(FRAMES, 3),
            "phonemes": integers(2, FRAMES),
            "weight": weight[..., 0],
            "input_lengths": lengths,
        },
        "masked_reconstruction": {
            "prediction": normal(3, 11),
            "target": normal(3, 11),
            "patch_mask": hidden,
            "patch_size": torch.tensor(3),
            "channel_mask": channels,
        },
        "feature_prediction": {
            "projected": normal(12, 4),
            "teacher_features": normal(12, 4),
            "patch_mask": hidden,
            "channel_mask": channels,
        },
        "feature_distillation": features,
        "attention_transfer": {**features, "features": normal(FRAMES, 3)},
        "relation_distillation": {**features, "features": normal(FRAMES, 12), "teacher_features": normal(FRAMES, 24)},
        "info_nce": {"views": normal(5), "other_views": normal(5)},
        "nt_xent": {"views": normal(5), "other_views": normal(5)},
        "time_frequency_consistency": {
            "time_views": normal(2, 5),
            "frequency_views": normal(2, 6),
            "time_projected": normal(2, 4),
            "frequency_projected": normal(2, 4),
        },
    }
    objective = get_objective(name)
    context = forged.get(name, over_time)
    return {key: context[key] for key in (*objective.needs, *objective.accepts)}


def value(name: str, context: dict[str, torch.Tensor], **options: object) -> torch.Tensor:
    return get_objective(name).evaluate(context, options)[0]


def rows(context: dict[str, torch.Tensor], index: torch.Tensor | slice) -> dict[str, torch.Tensor]:
    return {key: tensor[index] if tensor.ndim else tensor for key, tensor in context.items()}


def student(name: str) -> str:
    return get_objective(name).needs[0]


def dead(name: str, context: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return, by tensor, the entries that must not matter."""
    objective = get_objective(name)
    shape = context[student(name)].shape
    gone = torch.zeros(shape[:2], dtype=torch.bool)
    for key in ("input_lengths", "feature_lengths"):
        if key in context:
            gone = torch.arange(shape[1]) >= context[key][:, None]
    if name == "feature_prediction":
        gone = ~(context["patch_mask"] & context["channel_mask"].repeat_interleave(4, 1))
    elif "channel_mask" in context:
        gone = ~context["channel_mask"]
    entries = gone.reshape(*gone.shape, *[1] * (len(shape) - 2))
    if name == "speech":
        entries = entries | (context["weight"] == 0)[..., None]
    elif "weight" in context:
        entries = entries | (context["weight"] == 0)
    found = {
        key: entries.broadcast_to(context[key].shape)
        for key in (*objective.needs, *objective.accepts)
        if key in {"prediction", "teacher_prediction", "projected", "features", "teacher_features"}
        or (key == "target" and name not in {"ctc", "cross_entropy", "logit_distillation"})
    }
    if name == "speech":
        found["phonemes"] = entries[..., 0]
    if name == "ctc":
        found["target"] = torch.arange(2) >= context["target_lengths"][:, None]
    if name == "ctc_sequence_distillation":
        ends = context["teacher_target_lengths"].where(context["teacher_target_weight"] > 0, 0)
        found["teacher_target"] = torch.arange(2) >= ends[..., None]
    return found


def poisoned(context: dict[str, torch.Tensor], entries: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    def fill(key: str) -> torch.Tensor:
        bad = torch.nan if context[key].is_floating_point() else -7
        return context[key].masked_fill(entries[key], bad)

    return {key: fill(key) if key in entries else tensor for key, tensor in context.items()}


@pytest.mark.parametrize("name", NAMES)
def test_equals_the_slow_form(name: str, oracles: ModuleType) -> None:
    for seed in range(3):
        context = forge(name, seed)
        arrays = {key: tensor.numpy() for key, tensor in context.items()}
        needed = {key: arrays[key] for key in (*get_objective(name).needs, "patch_size") if key in arrays}
        for options in ({}, *oracles.OPTIONS.get(name, [])):
            expected = oracles.evaluate(name, arrays, options)
            assert value(name, context, **options).item() == pytest.approx(expected, rel=1e-9, abs=1e-12), options
        if name != "speech":
            tensors = {key: context[key] for key in needed}
            assert value(name, tensors).item() == pytest.approx(oracles.evaluate(name, needed), rel=1e-9)


@pytest.mark.parametrize("name", ROW_WISE)
def test_loss_of_a_batch_is_the_mean_of_its_rows_losses(name: str, oracles: ModuleType) -> None:
    context = forge(name)
    for options in ({}, *oracles.OPTIONS.get(name, [])):
        each = [value(name, rows(context, slice(i, i + 1)), **options).item() for i in range(BATCH)]
        assert value(name, context, **options).item() == pytest.approx(sum(each) / BATCH, rel=1e-12)
        halves = [value(name, rows(context, part), **options).item() for part in (slice(0, 3), slice(3, 4))]
        assert value(name, context, **options).item() == pytest.approx((3 * halves[0] + halves[1]) / 4, rel=1e-12)


def test_coupled_objectives_are_not_such_means() -> None:
    coupled = [name for name in NAMES if get_objective(name).coupled]
    assert coupled == ["info_nce", "nt_xent", "time_frequency_consistency"]
    for name in coupled:
        context = forge(name)
        halves = [value(name, rows(context, part)).item() for part in (slice(0, 2), slice(2, 4))]
        assert abs(value(name, context).item() - sum(halves) / 2) > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_order_of_rows_does_not_matter(name: str) -> None:
    context = forge(name)
    shuffled = rows(context, torch.tensor([2, 0, 3, 1]))
    assert value(name, shuffled).item() == pytest.approx(value(name, context).item(), rel=1e-12)


@pytest.mark.parametrize("name", ROW_WISE)
def test_what_does_not_count_is_inert(name: str, oracles: ModuleType) -> None:
    context = forge(name)
    entries = dead(name, context) if name not in {"cross_entropy", "logit_distillation", "soft_labels"} else {}
    bad = poisoned(context, entries)
    for options in ({}, *oracles.OPTIONS.get(name, [])):
        leaf = bad[student(name)].clone().requires_grad_()
        loss = value(name, {**bad, student(name): leaf}, **options)
        assert loss.item() == pytest.approx(value(name, context, **options).item(), rel=1e-12)
        loss.backward()
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()
        if entries:
            assert (leaf.grad[entries[student(name)]] == 0).all()
    if entries:
        assert entries[student(name)].any()


@pytest.mark.parametrize("name", NAMES)
def test_gradient(name: str, oracles: ModuleType) -> None:
    context = rows(forge(name, seed=5), slice(0, 2))

    def loss(leaf: torch.Tensor, **options: object) -> torch.Tensor:
        return value(name, {**context, student(name): leaf.log_softmax(-1) if name in CTC else leaf}, **options)

    leaf = context[student(name)].clone().requires_grad_()
    for options in ({}, *oracles.OPTIONS.get(name, [])):
        assert gradcheck(lambda x, o=options: loss(x, **o), (leaf,))


@pytest.mark.parametrize("name", NAMES)
def test_no_gradient_reaches_teacher_or_target(name: str) -> None:
    context = forge(name)
    taught = [key for key in context if key.startswith("teacher") and context[key].is_floating_point()]
    for key in taught:
        context[key] = context[key].clone().requires_grad_()
    context[student(name)] = context[student(name)].clone().requires_grad_()
    value(name, context).backward()
    assert all(context[key].grad is None for key in taught)
    assert context[student(name)].grad is not None


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_is_summed_in_single(name: str) -> None:
    context = forge(name)
    half = {key: x.bfloat16() if x.is_floating_point() else x for key, x in context.items()}
    loss = value(name, half)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(value(name, context).item(), rel=0.05, abs=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_autocast_changes_nothing(name: str) -> None:
    context = {key: x.float() if x.is_floating_point() else x for key, x in forge(name).items()}
    with torch.autocast("cpu", torch.bfloat16):
        inside = value(name, context)
    assert torch.equal(inside, value(name, context))


@pytest.mark.parametrize("name", NAMES)
def test_contract_of_every_objective(name: str) -> None:
    objective = get_objective(name)
    assert name == objective.name == objective.function.__name__
    assert getattr(face, name) is objective.function
    documentation = inspect.getdoc(objective.function) or ""
    assert ".. math::" in documentation
    for heading in ("Parameters\n", "Returns\n", "Raises\n", "References\n"):
        assert heading in documentation
    for parameter in inspect.signature(objective.function).parameters:
        assert parameter in documentation
    assert {*objective.needs, *objective.accepts} <= set(CONTEXT)
    assert objective.tasks
    assert set(objective.tasks) <= {"pretrain", "finetune", "distill"}
    with pytest.raises(EmgDistillError, match=f"unknown option of objective '{name}' 'alhpa'"):
        objective.bind({"alhpa": 1.0})
    for option, default in objective.options.items():
        objective.bind({option: default})
        with pytest.raises(EmgDistillError, match=f"objective option {option}="):
            objective.bind({option: "nonsense" if not isinstance(default, str) else 1})
        if isinstance(default, float):
            with pytest.raises(EmgDistillError, match=f"objective option {option}=True: a number is required"):
                objective.bind({option: True})
            with pytest.raises(EmgDistillError, match=f"objective option {option}=nan: a finite number is required"):
                objective.bind({option: float("nan")})


def test_registry_is_complete() -> None:
    helpers = {"blank_divergence", "feature_target", "get_objective", "greedy_texts", "list_objectives"}
    functions = {name for name in face.__all__ if inspect.isfunction(getattr(face, name))}
    assert functions - helpers == set(NAMES)
    assert sorted(NAMES) == NAMES
    used = {key for name in NAMES for key in (*get_objective(name).needs, *get_objective(name).accepts)}
    assert used == set(CONTEXT)


def test_options_keep_their_kind() -> None:
    assert get_objective("cross_entropy").bind({"label_smoothing": 0}).keywords == {"label_smoothing": 0.0}
    assert get_objective("relation_distillation").bind({"heads": 4}).keywords == {"heads": 4}
    with pytest.raises(EmgDistillError, match=r"heads=4[.]0: a whole number is required"):
        get_objective("relation_distillation").bind({"heads": 4.0})
    with pytest.raises(EmgDistillError, match="zero_infinity=1: true or false is required"):
        get_objective("ctc").bind({"zero_infinity": 1})
    with pytest.raises(EmgDistillError, match="loss='l3': choose one of 'smooth_l1', 'l1', 'l2'"):
        get_objective("masked_reconstruction").bind({"loss": "l3"})


def test_unknown_objective_names_the_nearest() -> None:
    with pytest.raises(EmgDistillError, match="unknown objective 'cross_entropi': did you mean 'cross_entropy'"):
        get_objective("cross_entropi")


def part(name: str, weight: float = 1.0, **options: object) -> SimpleNamespace:
    return SimpleNamespace(name=name, weight=weight, options=options)


def test_combination_is_the_weighted_sum() -> None:
    context = {**forge("soft_labels"), **forge("cross_entropy"), "unused": torch.ones(BATCH)}
    both = Combination([part("cross_entropy", 0.3, label_smoothing=0.1), part("soft_labels", 2, temperature=4)])
    leaf = context["prediction"].clone().requires_grad_()
    total, values = both({**context, "prediction": leaf})
    hard, soft = value("cross_entropy", context, label_smoothing=0.1), value("soft_labels", context, temperature=4.0)
    assert total.item() == pytest.approx(0.3 * hard.item() + 2 * soft.item())
    assert {name: x.item() for name, x in values.items()} == {"cross_entropy": hard.item(), "soft_labels": soft.item()}
    assert not any(x.requires_grad for x in values.values())
    assert total.dtype == torch.float64
    total.backward()
    assert leaf.grad is not None
    assert both.needs == {"prediction", "target", "teacher_prediction"}
    assert not both.coupled


def test_combination_logs_details_and_knows_what_it_accepts() -> None:
    context = {**forge("ctc"), **forge("ctc_distillation")}
    both = Combination([part("ctc"), part("ctc_distillation", 0.5, temperature=2.0)])
    total, values = both({**context, "prediction": context["prediction"].clone().requires_grad_()})
    assert total.requires_grad
    assert both.accepts == {"input_lengths", "target_lengths"}
    details = ("blank", "spikes", "spike_share")
    assert set(values) == {"ctc", "ctc_distillation", *(f"ctc_distillation.{name}" for name in details)}
    parts = values["ctc_distillation.blank"] + values["ctc_distillation.spikes"]
    assert parts.item() == pytest.approx(values["ctc_distillation"].item())
    assert not any(x.requires_grad for x in values.values())


def test_combination_is_coupled_where_a_part_is() -> None:
    assert Combination([part("nt_xent"), part("masked_reconstruction")]).coupled


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "objective: at least one is required"),
        ([part("l1"), part("mse"), part("l1")], "objective 'l1' stands 2 times"),
        ([part("l2")], "unknown objective 'l2'"),
        ([part("smooth_l1", beta="x")], "objective option beta='x': a number is required"),
    ],
)
def test_bad_combinations_raise(parts: list[SimpleNamespace], message: str) -> None:
    with pytest.raises(EmgDistillError, match=message):
        Combination(parts)


def test_a_context_that_lacks_a_tensor_is_refused() -> None:
    context = {"prediction": torch.zeros(2, 3), "target": torch.zeros(2, dtype=torch.int64)}
    message = "'soft_labels' needs teacher_prediction; the task gives prediction, target: choose an objective"
    with pytest.raises(EmgDistillError, match=message):
        Combination([part("cross_entropy"), part("soft_labels")])(context)
