"""Names of the face, imported when first used, so that a command line starts without torch."""

import importlib

_MODULES = {
    "_data.load": ("load_protocol",),
    "_data.protocols": ("list_protocols",),
    "_data.store": ("prepare_protocol",),
    "_distributed.fabric": ("make_fabric",),
    "_distributed.planner": (
        "TrainingPlan",
        "plan_training",
    ),
    "_distributed.workload": (
        "Workload",
        "workload_of",
    ),
    "_errors": ("EmgDistillError",),
    "_evaluate": (
        "Verification",
        "evaluate",
        "export_onnx",
        "verify",
    ),
    "_examples.batch": ("Batch",),
    "_examples.examples": ("Examples",),
    "_examples.protocol_data": ("ProtocolData",),
    "_examples.windows": ("WindowSet",),
    "_loop.board": ("BoardWriter",),
    "_loop.curve": ("draw_curve",),
    "_loop.events": (
        "TrainEvent",
        "combine_callbacks",
    ),
    "_loop.progress": ("RichProgress",),
    "_loop.run": ("FitResult",),
    "_loop.schedule": (
        "CosineSchedule",
        "LinearSchedule",
        "MultistepSchedule",
    ),
    "_masks": ("random_patch_mask",),
    "_metrics.statistics": (
        "bootstrap",
        "mcnemar",
        "over_seeds",
        "paired_bootstrap",
    ),
    "_recipe.read": (
        "list_recipes",
        "load_recipe",
    ),
    "_recipe.schema": ("Recipe",),
    "_text.alphabet": (
        "Alphabet",
        "get_alphabet",
    ),
    "_text.arpa": (
        "read_arpa",
        "write_arpa",
    ),
    "_text.beam": (
        "BeamStream",
        "Fusion",
        "Hypothesis",
        "prefix_beam_search",
    ),
    "_text.ngram": ("NGram",),
    "_text.ngram_fit": ("fit_ngram",),
    "_training": (
        "TrainResult",
        "distill",
        "finetune",
        "pretrain",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'emg_distill' has no attribute {name!r}")
    return getattr(importlib.import_module(f"emg_distill.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOME)
