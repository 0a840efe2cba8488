"""Pre-train, fine-tune and distil sEMG models, resume exactly, and prove every number."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._data.load import load_protocol
    from ._data.protocols import list_protocols
    from ._data.store import prepare_protocol
    from ._distributed.fabric import make_fabric
    from ._distributed.planner import TrainingPlan, plan_training
    from ._distributed.workload import Workload, workload_of
    from ._errors import EmgDistillError
    from ._evaluate import Verification, evaluate, export_onnx, verify
    from ._examples.batch import Batch
    from ._examples.examples import Examples
    from ._examples.protocol_data import ProtocolData
    from ._examples.windows import WindowSet
    from ._loop.board import BoardWriter
    from ._loop.curve import draw_curve
    from ._loop.events import TrainEvent, combine_callbacks
    from ._loop.progress import RichProgress
    from ._loop.run import FitResult
    from ._loop.schedule import CosineSchedule, LinearSchedule, MultistepSchedule
    from ._masks import random_patch_mask
    from ._metrics.statistics import bootstrap, mcnemar, over_seeds, paired_bootstrap
    from ._recipe.read import list_recipes, load_recipe
    from ._recipe.schema import Recipe
    from ._text.alphabet import Alphabet, get_alphabet
    from ._text.arpa import read_arpa, write_arpa
    from ._text.beam import BeamStream, Fusion, Hypothesis, prefix_beam_search
    from ._text.ngram import NGram
    from ._text.ngram_fit import fit_ngram
    from ._training import TrainResult, distill, finetune, pretrain
else:
    from ._lazy import __dir__ as __dir__
    from ._lazy import __getattr__ as __getattr__

__all__ = [
    "Alphabet",
    "Batch",
    "BeamStream",
    "BoardWriter",
    "CosineSchedule",
    "EmgDistillError",
    "Examples",
    "FitResult",
    "Fusion",
    "Hypothesis",
    "LinearSchedule",
    "MultistepSchedule",
    "NGram",
    "ProtocolData",
    "Recipe",
    "RichProgress",
    "TrainEvent",
    "TrainResult",
    "TrainingPlan",
    "Verification",
    "WindowSet",
    "Workload",
    "bootstrap",
    "combine_callbacks",
    "distill",
    "draw_curve",
    "evaluate",
    "export_onnx",
    "finetune",
    "fit_ngram",
    "get_alphabet",
    "list_protocols",
    "list_recipes",
    "load_protocol",
    "load_recipe",
    "make_fabric",
    "mcnemar",
    "over_seeds",
    "paired_bootstrap",
    "plan_training",
    "prefix_beam_search",
    "prepare_protocol",
    "pretrain",
    "random_patch_mask",
    "read_arpa",
    "verify",
    "workload_of",
    "write_arpa",
]
