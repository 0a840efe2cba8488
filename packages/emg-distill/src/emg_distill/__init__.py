"""Pre-train, fine-tune and distil sEMG models, resume exactly, and prove every number."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._data import load_protocol
    from ._errors import EmgDistillError
    from ._evaluate import Verification, evaluate, verify
    from ._events import TrainEvent
    from ._loop import FitResult, make_fabric
    from ._masks import random_patch_mask
    from ._progress import RichProgress
    from ._protocols import list_protocols
    from ._recipe import Recipe
    from ._recipe_file import list_recipes, load_recipe
    from ._schedule import CosineSchedule
    from ._training import TrainResult, distill, finetune, pretrain
    from ._windows import ProtocolData, WindowSet
else:
    from ._lazy import __dir__ as __dir__
    from ._lazy import __getattr__ as __getattr__

__all__ = [
    "CosineSchedule",
    "EmgDistillError",
    "FitResult",
    "ProtocolData",
    "Recipe",
    "RichProgress",
    "TrainEvent",
    "TrainResult",
    "Verification",
    "WindowSet",
    "distill",
    "evaluate",
    "finetune",
    "list_protocols",
    "list_recipes",
    "load_protocol",
    "load_recipe",
    "make_fabric",
    "pretrain",
    "random_patch_mask",
    "verify",
]
