"""All objectives by name."""

from emg_distill._errors import unknown_name

from ._classification import cross_entropy
from ._distillation import logit_distillation
from ._objective import Objective
from ._reconstruction import masked_reconstruction

_OBJECTIVES = {
    objective.name: objective
    for objective in (
        Objective("cross_entropy", cross_entropy, ("finetune", "distill")),
        Objective("logit_distillation", logit_distillation, ("distill",)),
        Objective("masked_reconstruction", masked_reconstruction, ("pretrain",)),
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
