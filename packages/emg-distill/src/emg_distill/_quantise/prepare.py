"""From a float network to one that computes as the integer program does, and back."""

import copy
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emg_distill._errors import EmgDistillError
from emg_distill._recipe.quantise import QuantiseRecipe
from emg_models._layers.dropout import Dropout
from emg_models._layers.linear import Linear

from .grid import Grid
from .layers import (
    ACTIVATIONS,
    Activation,
    Layer,
    QuantisedConv1d,
    QuantisedConv2d,
    QuantisedLayerNorm,
    QuantisedLinear,
    Reader,
)
from .networks import NETWORKS, Identity
from .phase import Phase
from .traced import OnGrid

VERSION = 1
SWAPS: dict[type[nn.Module], type[Reader]] = {
    nn.Linear: QuantisedLinear,
    Linear: QuantisedLinear,
    nn.Conv1d: QuantisedConv1d,
    nn.Conv2d: QuantisedConv2d,
    nn.LayerNorm: QuantisedLayerNorm,
    **dict.fromkeys((nn.Dropout, nn.Dropout1d, nn.Dropout2d, Dropout), Identity),
    **dict.fromkeys(ACTIVATIONS, Activation),
    **NETWORKS,
}


def prepare(model: nn.Module, example: Tensor, recipe: QuantiseRecipe) -> nn.Module:
    """Make a network compute with grids, in place; its parameters, their names and its type stay.

    The network must be calibrated before it computes in integers; until then it is the float network. Dropout, dropped
    branches and attention dropout are off from now on.

    Parameters
    ----------
    model
        Built of Linear, Conv1d, Conv2d, LayerNorm, ReLU, GELU, SiLU, Sigmoid and Tanh modules (each used once, with
        nothing but movement between them), or a TinyMyo classifier, or an All-ConvNet without batch normalisation.
    example
        Inputs ``(n, ...)`` of the shape that it will be given; n >= 1.
    recipe
        How grids are chosen.

    Returns
    -------
    Module
        `model`. Its state dict has the float entries and those of the grids (``....out.scale`` and others).

    Raises
    ------
    EmgDistillError
        When a part has no integer form; the network is left as it was.
    """
    if is_prepared(model):
        raise EmgDistillError("the network is prepared already; call restore first")
    phase = Phase()
    try:
        for name, module in reversed(list(model.named_modules())):
            _swap(module, name, phase, recipe)
        source = Grid(phase, recipe, symmetric=True).to(example.device)
        source.is_input = True
        _trace(model, example, source)
        _first_reader(model, source).add_module("source", source)
        for grid in list(_grids(model).values()):
            grid.settle_width()
    except Exception:
        restore(model)
        raise
    phase.stage = "observe"
    return model


def is_prepared(model: nn.Module) -> bool:
    """Whether `prepare` has changed the network."""
    return any(isinstance(module, Grid) for module in model.modules())


def calibrate(model: nn.Module, batches: Iterable[Tensor]) -> None:
    """Choose every grid from what the float network computes on some batches; from then on it computes in integers.

    Parameters
    ----------
    model
        Prepared.
    batches
        Inputs ``(n, ...)`` of the training part, preprocessed as for training; some hundred windows of all classes.

    Raises
    ------
    EmgDistillError
        When there is no batch, or a value is not finite.
    """
    phase, was = _phase(model), model.training
    phase.stage = "observe"
    grids = _grids(model)
    for grid in grids.values():
        grid.sample = None
    model.eval()
    try:
        with torch.no_grad():
            for x in batches:
                model(x)
            for grid in grids.values():
                grid.choose()
    finally:
        model.train(was)
    phase.stage, phase.follow = "run", next(iter(grids.values())).recipe.freeze_step > 0


def advance(model: nn.Module, step: int) -> None:
    """Let the grids follow what the step saw; to be called after every optimiser step, in every process.

    Pieces of a batch and parts of it on several processes give the grids of the whole batch.

    Parameters
    ----------
    model
        Calibrated.
    step
        Steps done, this one included; from ``freeze_step`` of the recipe on the grids stand still.
    """
    phase = _phase(model)
    grids = _grids(model).values()
    if not phase.follow:
        return
    for grid in grids:
        grid.advance()
    if step >= next(iter(grids)).recipe.freeze_step:
        freeze(model)


def freeze(model: nn.Module) -> None:
    """Let the grids stand still from now on."""
    _phase(model).follow = False


def follow(model: nn.Module, step: int) -> None:
    """Set, after a checkpoint was loaded behind `step` steps, whether the grids still move."""
    phase = _phase(model)
    phase.follow = step < next(iter(_grids(model).values())).recipe.freeze_step


def restore(model: nn.Module) -> nn.Module:
    """Make the network what it was before `prepare`, with the weights that it has now; in place."""
    for module in list(model.modules()):
        kept = module.__dict__.get("_float_form")
        if kept is not None:
            kind, names, children, buffers = kept
            for table, known in ((module._modules, children), (module._buffers, buffers), (module.__dict__, names)):  # noqa: SLF001
                for name in set(table) - known:
                    del table[name]
            module.__class__ = kind
    return model


def integer_codes(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Return the codes of every grid for inputs ``(n, ...)``, int64, by its name in ``model.named_modules()``."""
    phase, names = _phase(model), {grid: name for name, grid in _grids(model).items()}
    _require_calibrated(phase)
    phase.record = {}
    try:
        with torch.no_grad():
            model(x)
        return {names[grid]: codes for grid, codes in phase.record.items()}
    finally:
        phase.record = None


def scheme(model: nn.Module) -> dict[str, Any]:
    """Return every grid as JSON-able values: ``{"version", "grids": {name: {"dtype", "scale", "zero_point"}}}``."""
    _require_calibrated(_phase(model))
    grids = {
        name: {
            "dtype": grid.width,
            "scale": [float(v) for v in grid.scale],
            "zero_point": [int(v) for v in grid.zero],
        }
        for name, grid in _grids(model).items()
    }
    return {"version": VERSION, "grids": grids}


def apply_scheme(model: nn.Module, values: Mapping[str, Any]) -> None:
    """Give a prepared network the grids that `scheme` returned, which stand still from then on.

    Raises
    ------
    EmgDistillError
        When the grids are not those of this network.
    """
    phase, grids = _phase(model), _grids(model)
    given = values.get("grids", {})
    if values.get("version") != VERSION or set(given) != set(grids):
        odd = sorted(set(given) ^ set(grids))[:3]
        raise EmgDistillError(
            f"scheme of version {values.get('version')!r} with {len(given)} grids, need version {VERSION} with "
            f"{len(grids)} (they differ in {odd}); give the scheme that was stored with this network"
        )
    for name, grid in grids.items():
        entry = given[name]
        if entry["dtype"] != grid.width or len(entry["scale"]) != grid.groups or min(entry["scale"]) <= 0:
            raise EmgDistillError(f"scheme, grid {name!r}: {entry} does not fit {grid.groups} scales of {grid.width}")
        grid.scale.copy_(torch.tensor(entry["scale"]))
        grid.zero.copy_(torch.tensor(entry["zero_point"]))
    phase.stage, phase.follow = "run", False


def exportable(model: nn.Module) -> nn.Module:
    """Return a copy that exporters can write: the float network, its grids as pairs of quantise and dequantise nodes.

    ``emg_models.export_onnx(exportable(model), ..., opset=21)`` and ``torch.onnx.export`` take it.
    """
    _require_calibrated(_phase(model))
    still = copy.deepcopy(model).cpu().eval()
    for module in still.modules():
        if isinstance(module, Grid | Layer):
            module.settle_marks()
    _phase(still).stage = "export"
    return still


def _swap(module: nn.Module, name: str, phase: Phase, recipe: QuantiseRecipe) -> None:
    """Give a module the class of its integer form."""
    kind = type(module)
    form = SWAPS.get(kind)
    if form is None:
        return
    state = module.__dict__
    kept = kind, {*state, "_float_form"}, set(module._modules), set(module._buffers)  # noqa: SLF001
    state["_float_form"] = kept
    function = ACTIVATIONS.get(kind)
    if function is F.gelu:
        function = partial(F.gelu, approximate=cast("nn.GELU", module).approximate)
    module.__class__ = form
    quantised = cast("Reader", module)
    try:
        quantised.join(phase, recipe)
    except EmgDistillError as error:
        raise EmgDistillError(f"{name or 'the network'}: {error}") from None
    if isinstance(quantised, Activation) and function is not None:
        quantised.function = function


def _trace(model: nn.Module, example: Tensor, source: Grid) -> None:
    was = model.training
    model.eval()
    try:
        with torch.no_grad():
            result = model(OnGrid.wrap(example, source))
    finally:
        model.train(was)
    if not isinstance(result, OnGrid):
        raise EmgDistillError(f"the network returns {type(result).__name__}; integers need one tensor on a grid")
    if result.grid is source:
        raise EmgDistillError("the network computes nothing; give one with a layer")
    result.grid.readers.add("output")


def _first_reader(model: nn.Module, source: Grid) -> Reader:
    """Return the part that the input's grid becomes a child of."""
    readers = (module for module in model.modules() if isinstance(module, Reader))
    return next(reader for reader in readers if source in reader.reads.values())


def _grids(model: nn.Module) -> dict[str, Grid]:
    return {name: module for name, module in model.named_modules() if isinstance(module, Grid)}


def _phase(model: nn.Module) -> Phase:
    grid = next((module for module in model.modules() if isinstance(module, Grid)), None)
    if grid is None:
        raise EmgDistillError("the network is not prepared for quantised training; call prepare first")
    return grid.phase


def _require_calibrated(phase: Phase) -> None:
    if phase.stage != "run":
        raise EmgDistillError("the network has no grids yet; call calibrate first, or load them")
