"""Training objectives: pure functions of tensors, and their registry."""

from ._classification import cross_entropy
from ._distillation import logit_distillation
from ._objective import Objective
from ._reconstruction import masked_reconstruction
from ._registry import get_objective, list_objectives

__all__ = [
    "Objective",
    "cross_entropy",
    "get_objective",
    "list_objectives",
    "logit_distillation",
    "masked_reconstruction",
]
