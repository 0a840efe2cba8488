"""Pre-train, fine-tune and distil sEMG models, resume exactly, and prove every number."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._data.load import load_protocol
    from ._data.protocols import list_protocols
    from ._data.store import prepare_protocol
    from ._distributed.fabric import make_fabric
    from ._errors import EmgDistillError
    from ._evaluate import Verification, evaluate, verify
    from ._examples.protocol_data import ProtocolData
    from ._examples.windows import WindowSet
    from ._loop.board import BoardWriter
    from ._loop.curve import draw_curve
    from ._loop.events import TrainEvent, combine_callbacks
    from ._loop.progress import RichProgress
    from ._loop.run import FitResult
    from ._loop.schedule import CosineSchedule, LinearSchedule, MultistepSchedule
    from ._masks import random_patch_mask
    from ._recipe.read import list_recipes, load_recipe
    from ._recipe.schema import Recipe
    from ._training import TrainResult, distill, finetune, pretrain
else:
    from ._lazy import __dir__ as __dir__
    from ._lazy import __getattr__ as __getattr__

__all__ = [
    "BoardWriter",
    "CosineSchedule",
    "EmgDistillError",
    "FitResult",
    "LinearSchedule",
    "MultistepSchedule",
    "ProtocolData",
    "Recipe",
    "RichProgress",
    "TrainEvent",
    "TrainResult",
    "Verification",
    "WindowSet",
    "combine_callbacks",
    "distill",
    "draw_curve",
    "evaluate",
    "finetune",
    "list_protocols",
    "list_recipes",
    "load_protocol",
    "load_recipe",
    "make_fabric",
    "prepare_protocol",
    "pretrain",
    "random_patch_mask",
    "verify",
]
