"""All objectives by name."""

from emg_distill._errors import unknown_name

from ._classification import cross_entropy, events
from ._contrastive import info_nce, nt_xent
from ._ctc import ctc
from ._ctc_distillation import blank_divergence, ctc_distillation
from ._ctc_sequences import ctc_sequence_distillation
from ._distillation import logit_distillation, soft_labels
from ._hints import attention_transfer, feature_distillation, relation_distillation
from ._objective import Objective, TaskName
from ._prediction import feature_prediction
from ._reconstruction import masked_reconstruction
from ._regression import angular, l1, mse, smooth_l1
from ._soft import soft_events, soft_values
from ._speech import speech
from ._time_frequency import time_frequency_consistency

_SUPERVISED: tuple[TaskName, ...] = ("finetune", "distill")

_OBJECTIVES = {
    objective.name: objective
    for objective in (
        Objective("angular", angular, _SUPERVISED),
        Objective("attention_transfer", attention_transfer, ("distill",)),
        Objective("events", events, _SUPERVISED),
        Objective("cross_entropy", cross_entropy, _SUPERVISED),
        Objective("ctc", ctc, _SUPERVISED),
        Objective("ctc_distillation", ctc_distillation, ("distill",), details=blank_divergence),
        Objective("ctc_sequence_distillation", ctc_sequence_distillation, ("distill",)),
        Objective("feature_distillation", feature_distillation, ("distill",)),
        Objective("feature_prediction", feature_prediction, ("pretrain",)),
        Objective("info_nce", info_nce, ("pretrain",), coupled=True),
        Objective("l1", l1, _SUPERVISED),
        Objective("logit_distillation", logit_distillation, ("distill",)),
        Objective("masked_reconstruction", masked_reconstruction, ("pretrain",)),
        Objective("mse", mse, _SUPERVISED),
        Objective("nt_xent", nt_xent, ("pretrain",), coupled=True),
        Objective("relation_distillation", relation_distillation, ("distill",)),
        Objective("smooth_l1", smooth_l1, _SUPERVISED),
        Objective("soft_events", soft_events, ("distill",)),
        Objective("soft_labels", soft_labels, ("distill",)),
        Objective("soft_values", soft_values, ("distill",)),
        Objective("speech", speech, _SUPERVISED),
        Objective("time_frequency_consistency", time_frequency_consistency, ("pretrain",), coupled=True),
    )
}


def list_objectives() -> list[str]:
    """Return the names of all objectives, sorted."""
    return sorted(_OBJECTIVES)


def get_objective(name: str) -> Objective:
    """Return an objective by name; an unknown one raises `EmgDistillError` with the nearest names."""
    if name not in _OBJECTIVES:
        raise unknown_name("objective", name, _OBJECTIVES)
    return _OBJECTIVES[name]
