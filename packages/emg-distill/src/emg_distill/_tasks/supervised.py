"""Training on labels, and on a teacher's outputs where there is a teacher."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emg_distill._augment.masking import span_masks
from emg_distill._augment.spectrogram import masked_spectrograms
from emg_distill._errors import EmgDistillError
from emg_distill._examples.batch import Batch
from emg_distill._examples.protocol_data import ProtocolData
from emg_distill._quantise.prepare import advance, follow, is_prepared
from emg_distill._recipe.schema import Recipe
from emg_distill._seeds import Purpose, SampleDraws
from emg_distill.objectives import Combination

from .frames import counted_frames, crop
from .learner import Context, Learner, feature_lengths, inputs_of, takes, targets_of
from .measure import measure, monitors_of
from .task import Losses
from .teacher import Teacher
from .training_view import TrainingView


class SupervisedTask:
    """Examples with labels.

    Parameters
    ----------
    model
        A model of emg-models whose task is the data's kind.
    recipe
        Its seed, objectives, augmentation and frame mask are used.
    data
        Its training part trains, its validation part, if any, validates.
    teacher
        Whom the student copies; None trains on labels alone.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, data: ProtocolData, teacher: Teacher | None = None) -> None:
        if teacher is not None:
            _check_frames(teacher, recipe)
        self.model: nn.Module = model
        self.objective = Combination(recipe.objective)
        self.module: nn.Module = _learner(model, recipe, data, self.objective, teacher)
        self.n_samples = len(data.train)
        self.classes: NDArray[np.int64] | None = data.train.classes
        self.coupled = self.objective.coupled
        self.monitors: tuple[str, ...] = monitors_of(data.kind) if data.val is not None else ()
        self._recipe, self._data, self._teacher = recipe, data, teacher
        self._frames = counted_frames(model, data.train, recipe.decode)
        remembers = teacher is not None and teacher.remembers
        self._view = TrainingView(data.train, recipe, data.sfreq, slide=not remembers)

    def read(self, rows: NDArray[np.int64], epoch: int) -> Batch:
        """Return training examples, augmented."""
        return self._view.read(rows, epoch)

    def loss(self, module: nn.Module, batch: Batch, rows: NDArray[np.int64], epoch: int) -> Losses:
        """Return the objectives of a batch; the teacher runs in evaluation mode and without gradient."""
        inputs = inputs_of(batch)
        if self._recipe.augment.frame_mask:
            inputs["frame_mask"] = self._frame_mask(batch, rows, epoch)
        with masked_spectrograms(self.model, self._recipe.augment, self._draws(rows, epoch)):
            context: Context = module(**inputs)
        context |= targets_of(self.model, batch, context["prediction"])
        context |= feature_lengths(context)
        if self._teacher is not None:
            context |= self._teacher.answer(batch, rows)
        return self.objective(crop(context, self._frames))

    def _frame_mask(self, batch: Batch, rows: NDArray[np.int64], epoch: int) -> torch.Tensor:
        """Hide spans of frames inside the model; models that take no such mask are refused."""
        if not takes(self.model, "frame_mask"):
            raise EmgDistillError(
                f"augment.frame_mask={self._recipe.augment.frame_mask}: {type(self.model).__name__} has no frames to "
                "hide; set it to 0, or use augment.time_mask"
            )
        recipe, frames = self._recipe.augment, int(self.model.frames(batch.x.shape[-1]))  # type: ignore[operator]
        draws = self._draws(rows, epoch)
        mask = span_masks("frame_mask", recipe.frame_mask, draws, n=frames, span=recipe.frame_mask_span)
        return mask.to(batch.x.device)

    def _draws(self, rows: NDArray[np.int64], epoch: int) -> SampleDraws:
        return SampleDraws(self._recipe.seed, Purpose.AUGMENT, epoch, rows)

    def after_step(self, step: int, total_steps: int) -> None:  # noqa: ARG002  one signature for all tasks
        """Let the grids of a model that computes in integers follow what the step saw."""
        if is_prepared(self.model):
            follow(self.model, step - 1)
            advance(self.model, step)

    def validate(self) -> dict[str, float]:
        """Return loss and metrics of the validation part."""
        if self._data.val is None:
            return {}
        metrics = measure(self.model, self._data.val, self._data, self._recipe.decode)
        return {name: float("nan") if metrics[name] is None else float(metrics[name]) for name in self.monitors}


def _check_frames(teacher: Teacher, recipe: Recipe) -> None:
    """Refuse changes that move a window's frames away from those that a teacher remembers."""
    moving = [key for key in ("shift", "time_warp") if getattr(recipe.augment, key)]
    if teacher.framewise and moving:
        raise EmgDistillError(
            f"augment.{moving[0]}={getattr(recipe.augment, moving[0])} moves frames, and distill.teacher_view='clean' "
            "compares them with the clean window's: set it to 0, or teacher_view to 'augmented'"
        )


def _learner(
    model: nn.Module, recipe: Recipe, data: ProtocolData, objective: Combination, teacher: Teacher | None
) -> Learner:
    """Return the student with the features, and the map to the teacher's, that the objectives ask for."""
    wanted = objective.needs & {"features", "projected", "teacher_features"}
    if not wanted:
        return Learner(model)
    if teacher is None or not recipe.distill.student_layer:
        raise EmgDistillError(
            f"recipe {recipe.name!r}: the objectives compare {', '.join(sorted(wanted))}; set "
            "distill.student_layer and distill.teacher_layer to names of modules, and give a teacher"
        )
    example = data.train.read(np.arange(1))
    width = Learner(model, recipe.distill.student_layer).width(example)
    projected = teacher.width(example) if "projected" in wanted else 0
    return Learner(model, recipe.distill.student_layer, width=width, projected=projected)
