"""Pre-train, fine-tune, distil: one recipe and one protocol in, one model folder out."""

import copy
import shutil
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from ._distributed.fabric import make_fabric
from ._errors import EmgDistillError
from ._examples.protocol_data import ProtocolData
from ._files import write_json
from ._folder import check_record, package_versions, write_model_folder
from ._integers import in_integers
from ._loop.events import Callback
from ._loop.run import FitResult, fit
from ._models import as_teacher, build_model, load_initial_weights, weights_digest
from ._recipe.read import load_recipe
from ._recipe.schema import Recipe, canonical_hash
from ._tasks.contrastive import ContrastiveTask, TimeFrequencyTask
from ._tasks.embedding import embedding_metrics
from ._tasks.measure import measure
from ._tasks.prediction import FeaturePredictionTask
from ._tasks.pretrain import PretrainTask
from ._tasks.reconstruction import ReconstructionTask
from ._tasks.supervised import SupervisedTask
from ._tasks.task import Task
from ._tasks.teacher import Teacher
from ._tasks.teacher_cache import TeacherCache
from ._text.ngram import NGram


@dataclass(frozen=True)
class TrainResult:
    """What a run leaves behind.

    Attributes
    ----------
    model
        Trained model on the CPU, in eval mode, with the selected weights.
    folder
        Model folder, readable by ``emg_models.from_pretrained``.
    history
        One entry per validated epoch.
    metrics
        Metrics of the validation and the test part, ``{"val": {...}, "test": {...}}``.
    fit
        Steps, resumption and warnings of the run.
    """

    model: nn.Module
    folder: Path
    history: list[dict[str, float]]
    metrics: dict[str, dict[str, Any]]
    fit: FitResult


def pretrain(
    recipe: Recipe | str | Path,
    data: ProtocolData,
    out: str | Path,
    *,
    callback: Callback | None = None,
    resume: bool = True,
    command: str | None = None,
    fabric: Fabric | None = None,
) -> TrainResult:
    """Train an encoder by masked reconstruction.

    Parameters
    ----------
    recipe
        A recipe whose task is ``"pretrain"``, its name or its file.
    data
        Protocol data; labels are not looked at.
    out
        Run folder: ``model/``, ``checkpoints/``, ``metrics.jsonl`` and ``recipe.json`` lie in it.
    callback
        Called with a `TrainEvent` for everything that happens.
    resume
        Go on from the newest checkpoint of the same run in `out`; False deletes the checkpoints first.
    command
        Command that repeats the run, for the record; None records the call.
    fabric
        A launched Fabric, for more than one process.

    Returns
    -------
    TrainResult
        Metrics are ``{"loss": ...}`` under masks fixed by the seed.

    Raises
    ------
    EmgDistillError
        When recipe, data or checkpoints do not fit.
    """
    recipe = _checked(recipe, data, "pretrain")
    task = _pretraining(recipe, data)
    return _run(task, recipe, data, Path(out), {}, callback, resume, command, fabric)


def finetune(
    recipe: Recipe | str | Path,
    data: ProtocolData,
    out: str | Path,
    *,
    init: nn.Module | str | Path | None = None,
    callback: Callback | None = None,
    resume: bool = True,
    command: str | None = None,
    fabric: Fabric | None = None,
) -> TrainResult:
    """Train a classifier on labels, from random or pre-trained weights.

    Parameters
    ----------
    recipe, data, out, callback, resume, command, fabric
        As in `pretrain`, with the task ``"finetune"``.
    init
        Pre-trained model, or its folder, whose encoder is the start; None starts from the seed.

    Returns
    -------
    TrainResult
        Metrics: accuracy, macro_f1, n, confusion, per_subject.

    Raises
    ------
    EmgDistillError
        When recipe, data, initial weights or checkpoints do not fit.
    """
    recipe = _checked(recipe, data, "finetune")
    model = build_model(recipe, data)
    if init is not None:
        load_initial_weights(model, init)
    if recipe.quantise.on:
        in_integers(model, data.train, recipe.quantise)
    return _run(SupervisedTask(model, recipe, data), recipe, data, Path(out), {}, callback, resume, command, fabric)


def distill(
    recipe: Recipe | str | Path,
    data: ProtocolData,
    out: str | Path,
    *,
    teacher: nn.Module | str | Path,
    init: nn.Module | str | Path | None = None,
    callback: Callback | None = None,
    resume: bool = True,
    command: str | None = None,
    fabric: Fabric | None = None,
) -> TrainResult:
    """Train a student on labels and on a teacher's logits.

    Parameters
    ----------
    recipe, data, out, callback, resume, command, fabric
        As in `pretrain`, with the task ``"distill"``.
    teacher
        Classifier with the same windows and labels, or its folder. It runs in eval mode. ``distill.teacher_view``
        says whether it sees the student's augmented view or the clean window, whose logits are computed once.
    init
        Pre-trained model, or its folder, of the student's size.

    Returns
    -------
    TrainResult
        Metrics: accuracy, macro_f1, n, confusion, per_subject.

    Raises
    ------
    EmgDistillError
        When recipe, data, teacher or checkpoints do not fit.
    """
    recipe = _checked(recipe, data, "distill")
    model = build_model(recipe, data)
    if init is not None:
        load_initial_weights(model, init)
    if recipe.quantise.on:
        in_integers(model, data.train, recipe.quantise)
    if isinstance(teacher, nn.Module):
        teacher = copy.deepcopy(teacher)
    guide = Teacher(as_teacher(teacher, model), recipe.distill.teacher_layer)
    inputs = {"teacher": weights_digest(guide.model)}
    fabric = fabric or make_fabric(recipe)
    guide.to(fabric.device)
    if recipe.distill.teacher_view == "clean":
        cache = _cache(recipe, data, inputs["teacher"], Path(out))
        with fabric.rank_zero_first() if cache else nullcontext():  # one process writes it, the others find it written
            guide.remember(data.train, cache)
    task = SupervisedTask(model, recipe, data, guide)
    return _run(task, recipe, data, Path(out), inputs, callback, resume, command, fabric)


def _pretraining(recipe: Recipe, data: ProtocolData) -> PretrainTask:
    """Return the task that the recipe's objective asks for."""
    names = {part.name for part in recipe.objective}
    if names == {"masked_reconstruction"}:
        return ReconstructionTask(build_model(recipe, data), recipe, data)
    model = build_model(recipe, data, task="tokens")
    if names == {"feature_prediction"}:
        return FeaturePredictionTask(model, recipe, data)
    if names == {"time_frequency_consistency"}:
        spectra = build_model(recipe, data, task="tokens", n_times=data.n_times // 2 + 1)
        return TimeFrequencyTask(model, recipe, data, spectra)
    if names <= {"nt_xent", "info_nce"}:
        return ContrastiveTask(model, recipe, data)
    raise EmgDistillError(
        f"recipe {recipe.name!r}: {', '.join(sorted(names))} cannot be pre-trained together; give one of them"
    )


def _cache(recipe: Recipe, data: ProtocolData, teacher: str, out: Path) -> TeacherCache | None:
    """Return where the teacher's answers are kept, None for memory."""
    if recipe.distill.cache == "memory":
        return None
    identity = canonical_hash([teacher, data.train.digest, recipe.distill.teacher_layer])
    return TeacherCache(out / "teacher", identity)


def _checked(recipe: Recipe | str | Path, data: ProtocolData, task: str) -> Recipe:
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe)
    recipe.require_task(task)
    if recipe.protocol != data.name:
        raise EmgDistillError(
            f"recipe {recipe.name!r} is for protocol {recipe.protocol!r}, the data are {data.name!r}; "
            "set protocol= in the recipe"
        )
    if task != "pretrain" and data.kind == "unlabelled":
        raise EmgDistillError(f"protocol {data.name!r} has no labels: it serves pre-training only")
    return recipe


def _run(
    task: Task,
    recipe: Recipe,
    data: ProtocolData,
    out: Path,
    inputs: dict[str, str],
    callback: Callback | None,
    resume: bool,
    command: str | None,
    fabric: Fabric | None,
) -> TrainResult:
    command = f"emg_distill.{recipe.task}({recipe.name!r}, protocol={data.name!r})" if command is None else command
    check_record(task.model, data, command)
    identity = {"recipe": recipe.hash, "data": data.digest, "start": weights_digest(task.model), **inputs}
    fabric = fabric or make_fabric(recipe)
    if fabric.is_global_zero and not resume:
        shutil.rmtree(out / "checkpoints", ignore_errors=True)
    fabric.barrier()
    fitted = fit(task, recipe, out, canonical_hash(identity), fabric=fabric, callback=callback)
    model = task.model.cpu().eval()
    metrics: dict[str, dict[str, Any]] = {
        part: measure_part(model, data, part, recipe) for part in data.parts if part != "train"
    }
    proven = next(reversed(metrics), "train")
    if fabric.is_global_zero:
        numbers = metrics.get(proven) or measure_part(model, data, proven, recipe)
        write_model_folder(out / "model", model, recipe, data, numbers, part=proven, command=command)
        record = {"metrics": metrics, "versions": package_versions(), "threads": torch.get_num_threads()}
        write_json(out / "result.json", {**record, "identity": identity, "fit": vars(fitted)})
    fabric.barrier()
    return TrainResult(model, out / "model", fitted.history, metrics, fitted)


def measure_part(
    model: nn.Module, data: ProtocolData, part: str, recipe: Recipe, lm: NGram | None = None
) -> dict[str, Any]:
    """Return the metrics of a trained model on one part.

    They are those of the data's kind; after pre-training the loss of the reconstruction, or, of an encoder alone, how
    it spreads windows.
    """
    examples = data.part(part)
    if recipe.task == "pretrain" and getattr(model, "task", "") == "tokens":
        return embedding_metrics(model, examples, recipe, data.sfreq)
    if recipe.task == "pretrain":
        return {"loss": ReconstructionTask(model, recipe, data).loss_of(examples), "n": len(examples)}
    return measure(model, examples, data, recipe.decode, lm)
