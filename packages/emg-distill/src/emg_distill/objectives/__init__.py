"""Training objectives: pure functions of tensors, and their registry."""

from ._classification import cross_entropy, events
from ._combination import Combination
from ._contrastive import info_nce, nt_xent
from ._ctc import ctc
from ._ctc_distillation import blank_divergence, ctc_distillation
from ._ctc_sequences import ctc_sequence_distillation, greedy_texts
from ._distillation import logit_distillation, soft_labels
from ._hints import attention_transfer, feature_distillation, relation_distillation
from ._objective import Objective
from ._prediction import feature_prediction, feature_target
from ._reconstruction import masked_reconstruction
from ._registry import get_objective, list_objectives
from ._regression import angular, l1, mse, smooth_l1
from ._soft import soft_events, soft_values
from ._speech import speech
from ._time_frequency import time_frequency_consistency

__all__ = [
    "Combination",
    "Objective",
    "angular",
    "attention_transfer",
    "blank_divergence",
    "cross_entropy",
    "ctc",
    "ctc_distillation",
    "ctc_sequence_distillation",
    "events",
    "feature_distillation",
    "feature_prediction",
    "feature_target",
    "get_objective",
    "greedy_texts",
    "info_nce",
    "l1",
    "list_objectives",
    "logit_distillation",
    "masked_reconstruction",
    "mse",
    "nt_xent",
    "relation_distillation",
    "smooth_l1",
    "soft_events",
    "soft_labels",
    "soft_values",
    "speech",
    "time_frequency_consistency",
]
