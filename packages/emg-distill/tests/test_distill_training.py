"""The three tasks: what they need, what they write, what they refuse."""

import json
from pathlib import Path

import pytest
import torch

import emg_models
from emg_distill import EmgDistillError, ProtocolData, WindowSet, distill, finetune, pretrain
from emg_distill._folder import write_model_folder
from emg_distill._models import build_model, weights_digest
from emg_distill._tasks.predict import contexts

ONE = {"epochs": 1}


@pytest.fixture(scope="module")
def teacher(toy, recipe, tmp_path_factory: pytest.TempPathFactory):
    plan = recipe(train={"epochs": 20}, model={"embed_dim": 24})
    return finetune(plan, toy, tmp_path_factory.mktemp("teacher"))


def test_model_folder_holds_all_that_proves_the_number(toy, recipe, tmp_path: Path) -> None:
    plan = recipe(train=ONE)
    result = finetune(plan, toy, tmp_path, command="emg-distill finetune tiny.toml")
    back = emg_models.from_pretrained(result.folder).eval()
    x = torch.from_numpy(toy.test.x)
    assert torch.equal(back(x), result.model(x))
    assert emg_models.load_preprocessing(result.folder)["window"]["length"] == 40
    stored = json.loads((result.folder / "eval.json").read_text())
    assert {"protocol", "split_hash", "part", "metrics", "seed", "recipe_hash", "versions", "command"} <= set(stored)
    assert stored["recipe_hash"] == plan.hash
    assert stored["metrics"] == result.metrics["test"]
    assert stored["command"] == "emg-distill finetune tiny.toml"
    assert stored["versions"]["torch"] == torch.__version__
    assert json.loads((tmp_path / "recipe.json").read_text())["hash"] == plan.hash


@pytest.mark.parametrize("missing", ["preprocessing", "split_hash", "command"])
def test_a_number_that_cannot_be_proved_is_not_written(missing: str, toy, recipe, tmp_path: Path) -> None:
    data = ProtocolData(
        "toy", toy.train, toy.val, toy.test, toy.labels, toy.sfreq,
        {} if missing == "preprocessing" else toy.preprocessing,
        "" if missing == "split_hash" else toy.split_hash,
    )  # fmt: skip
    command = " " if missing == "command" else "x"
    with pytest.raises(EmgDistillError, match=f"not written: {missing} missing"):
        write_model_folder(tmp_path / "m", build_model(recipe(), toy), recipe(), data, {}, part="test", command=command)
    assert not (tmp_path / "m").exists()


def test_what_cannot_be_written_is_refused_before_the_first_step(toy, recipe, tmp_path: Path) -> None:
    steps: list[object] = []
    with pytest.raises(EmgDistillError, match="not written: command missing"):
        finetune(recipe(), toy, tmp_path, command="", callback=steps.append)
    wrong = {**toy.preprocessing, "window": {"length": 20, "hop": 20, "unit": "samples"}}
    data = ProtocolData("toy", toy.train, toy.val, toy.test, toy.labels, toy.sfreq, wrong, toy.split_hash)
    with pytest.raises(EmgDistillError, match=r"'toy' do not describe the model's input: .*window length is 20"):
        finetune(recipe(), data, tmp_path, callback=steps.append)
    assert steps == []


def test_pretrained_encoder_is_the_start(toy, recipe, tmp_path: Path) -> None:
    first = pretrain(recipe("pretrain", train=ONE), toy, tmp_path / "p")
    frozen = recipe(train=ONE, optimizer={"lr": 1e-30}, schedule={"warmup": 0, "floor_lr": 0.0})
    for init in (first.folder, tmp_path / "p", first.model):
        tuned = finetune(frozen, toy, tmp_path / "f", init=init, resume=False)
        for name, value in first.model.encoder.state_dict().items():
            assert torch.allclose(value, tuned.model.encoder.state_dict()[name], atol=1e-6), name


def test_an_encoder_of_another_size_is_refused(toy, recipe, tmp_path: Path) -> None:
    """Defect D11: a checkpoint that does not fit never trains silently from scratch."""
    first = pretrain(recipe("pretrain", train=ONE), toy, tmp_path / "p")
    with pytest.raises(EmgDistillError, match=r"init does not fit the recipe's model.*missing 'blocks.1"):
        finetune(recipe(model={"n_blocks": 2}), toy, tmp_path / "f", init=first.folder)
    with pytest.raises(EmgDistillError, match="Linear into TinyMyoClassifier"):
        finetune(recipe(), toy, tmp_path / "f", init=torch.nn.Linear(1, 1))
    with pytest.raises(EmgDistillError, match="is no model folder"):
        finetune(recipe(), toy, tmp_path / "f", init=tmp_path / "absent")


@pytest.mark.parametrize("view", ["augmented", "clean"])
def test_a_student_follows_its_teacher_without_labels(view: str, teacher, toy, recipe, tmp_path: Path) -> None:
    """Labels are wrong on purpose and alpha is 1: what the student knows, it has from the teacher."""
    wrong = WindowSet(toy.train.x, (toy.train.y + 1) % 3, toy.train.subject)
    data = ProtocolData("toy", wrong, toy.val, toy.test, toy.labels, toy.sfreq, toy.preprocessing, toy.split_hash)
    plan = recipe(
        "distill",
        train={"epochs": 30, "select": "last"},
        optimizer={"lr": 1e-2},
        objective={"alpha": 1.0},
        augment={"gain": 0.1},
        distill={"teacher_view": view},
    )
    student = distill(plan, data, tmp_path, teacher=teacher.folder)
    student_says, teacher_says = (logits(m, toy.train).argmax(1) for m in (student.model, teacher.model))
    assert (student_says == teacher_says).float().mean() >= 0.9


def test_the_teacher_is_not_touched(teacher, toy, recipe, tmp_path: Path) -> None:
    before = weights_digest(teacher.model)
    trainable = [p.requires_grad for p in teacher.model.parameters()]
    distill(recipe("distill", train=ONE), toy, tmp_path, teacher=teacher.model)
    assert weights_digest(teacher.model) == before
    assert [p.requires_grad for p in teacher.model.parameters()] == trainable


def test_a_resumed_student_needs_the_same_teacher(teacher, toy, recipe, tmp_path: Path) -> None:
    plan = recipe("distill", train=ONE)
    distill(plan, toy, tmp_path, teacher=teacher.folder)
    with pytest.raises(EmgDistillError, match="belongs to another run"):
        distill(plan, toy, tmp_path, teacher=build_model(recipe(), toy))


def test_wrong_partners_are_refused(teacher, toy, recipe, uci, tmp_path: Path) -> None:
    with pytest.raises(EmgDistillError, match="recipe 'tiny' is for 'finetune'; distill needs"):
        distill(recipe(), toy, tmp_path, teacher=teacher.folder)
    with pytest.raises(EmgDistillError, match="for protocol 'toy', the data are 'uci/subject-disjoint'"):
        finetune(recipe(), uci, tmp_path)
    with pytest.raises(EmgDistillError, match=r"teacher has .*\(4, 40\), \(3,\)\), the student .*\(8, 100\), \(6,\)\)"):
        distill(recipe("distill", protocol=uci.name), uci, tmp_path, teacher=teacher.folder)
    with pytest.raises(EmgDistillError, match="model 'nothing' is unknown"):
        pretrain(recipe("pretrain", model={"name": "nothing"}), toy, tmp_path)


def logits(model, examples) -> torch.Tensor:
    return torch.cat([context["prediction"] for _, context in contexts(model, examples)])


def test_predicting_keeps_the_mode_and_the_order(teacher, toy) -> None:
    teacher.model.train()
    said = logits(teacher.model, toy.test)
    assert teacher.model.training
    teacher.model.eval()
    assert torch.allclose(said, teacher.model(torch.from_numpy(toy.test.x)), atol=1e-5)


def test_data_without_labels_serve_pre_training_only(toy, recipe, tmp_path: Path) -> None:
    bare = WindowSet(toy.train.x, None, toy.train.subject)
    data = ProtocolData("toy", bare, None, None, [], toy.sfreq, toy.preprocessing, toy.split_hash, kind="unlabelled")
    with pytest.raises(EmgDistillError, match="protocol 'toy' has no labels: it serves pre-training only"):
        finetune(recipe(), data, tmp_path)
    result = pretrain(recipe("pretrain", train={"epochs": 1, "select": "last"}), data, tmp_path)
    assert result.metrics == {}
    stored = json.loads((result.folder / "eval.json").read_text())
    assert (stored["part"], set(stored["metrics"])) == ("train", {"loss", "n"})


def test_a_student_starts_from_weights_and_reads_its_teacher_from_disk(teacher, toy, recipe, tmp_path: Path) -> None:
    plan = recipe("distill", train=ONE, distill={"teacher_view": "clean", "cache": "disk"}, model={"embed_dim": 24})
    first = distill(plan, toy, tmp_path, teacher=teacher.folder, init=teacher.folder)
    written = (tmp_path / "teacher" / "cache.json").stat().st_mtime_ns
    again = distill(plan, toy, tmp_path, teacher=teacher.folder, init=teacher.folder)
    assert again.fit.resumed_from == first.fit.step
    assert (tmp_path / "teacher" / "cache.json").stat().st_mtime_ns == written
    assert weights_digest(again.model) == weights_digest(first.model)


def test_a_student_copies_features_through_a_learned_map(teacher, toy, recipe, tmp_path: Path) -> None:
    from emg_distill._recipe.read import recipe_from_dict

    base = recipe("distill", train={"epochs": 4}, model={"embed_dim": 16}).to_dict()
    layers = {"student_layer": "encoder.blocks.0", "teacher_layer": "encoder.blocks.0"}
    parts = [{"name": "cross_entropy"}, {"name": "feature_distillation", "weight": 0.5}]
    plan = recipe_from_dict({**base, "objective": parts, "distill": {**base["distill"], **layers}}, "both")
    result = distill(plan, toy, tmp_path, teacher=teacher.folder)
    losses = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    copied = [entry["parts"]["feature_distillation"] for entry in losses if "parts" in entry]
    assert copied[-1] < copied[0]
    assert set(result.model.state_dict()) == set(build_model(plan, toy).state_dict())


def test_weights_of_one_class_are_copied_whole_and_blocks_where_there_is_no_encoder(toy, recipe) -> None:
    from emg_distill._models import load_initial_weights

    one, other = build_model(recipe(), toy), build_model(recipe(seed=9), toy)
    load_initial_weights(other, one)
    assert weights_digest(one) == weights_digest(other)
    size = {"embed_dim": 16, "n_blocks": 1, "n_heads": 2}
    speech = emg_models.create_model("tinymyo-speech-recognition", n_chans=4, n_times=80, n_outputs=5, **size)
    load_initial_weights(speech, one)
    block = one.encoder.blocks[0].state_dict()
    assert all(torch.equal(block[name], value) for name, value in speech.blocks[0].state_dict().items())
    small = {"n_chans": 4, "n_times": 400, "embed_dim": 32, "n_heads": 4, "n_blocks": 1}
    tokens = emg_models.create_model("scaled-transformer-tiny", task="tokens", n_outputs=None, **small)
    text = emg_models.create_model("scaled-transformer-tiny", task="ctc", n_outputs=6, **small)
    load_initial_weights(text, tokens)
    assert all(torch.equal(v, text.encoder.state_dict()[k]) for k, v in tokens.state_dict().items())
    with pytest.raises(EmgDistillError, match="AllConvNet into ScaledTransformerCTC: they share no encoder"):
        load_initial_weights(text, emg_models.create_model("allconvnet"))


def test_a_batch_larger_than_the_data_is_said(toy, recipe, tmp_path: Path) -> None:
    result = finetune(recipe(train={"epochs": 1, "batch_size": 1000}), toy, tmp_path)
    assert result.fit.step == 1
    assert any("train.batch_size=1000: there are 48 training examples" in text for text in result.fit.warnings)
