"""The whole way from an ONNX file and calibration samples to a folder with verified C."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arrays import by_input, check_real, load_npz
from ._artifact import write_artifact
from ._cost import simulate, speed_up, work_cycles
from ._errors import EmgEdgeError
from ._model import CompiledModel
from ._serialise import program_hash
from .emit import check_name, emit_project
from .graph._graph import sample_shape
from .plan._memory import plan_memory
from .program._tensor import Tensor
from .report import worst_layers
from .targets import get_target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .frontend._frontend import FrontEnd
    from .frontend._raw import RawInput
    from .graph._graph import Graph
    from .plan._memory import MemoryPlan
    from .program._op import Op
    from .program._program import Program
    from .quantiser._options import QuantiseOptions
    from .quantiser._sqnr import LayerNoise
    from .quantiser.precision import Price
    from .targets import Target

VECTORS = 2
SQNR_SAMPLES = 16
FEW_SAMPLES = 64


def compile_model(
    onnx_path: Path | str,
    calibration: NDArray[Any] | Mapping[str, NDArray[Any]] | Path | str,
    *,
    target: str = "gap9",
    out: Path | str,
    name: str | None = None,
    options: QuantiseOptions | None = None,
    budgets: Mapping[str, int] | None = None,
    raw: RawInput | None = None,
) -> CompiledModel:
    """Import, quantise, plan, print C and write everything to a folder.

    Parameters
    ----------
    onnx_path
        A float model, batch size one.
    calibration
        Real samples ``(n, channels, time)`` from the training part, preprocessed as for training; as an array, one
        array per input name, or the path of an ``.npz`` or ``.npy`` file with them.
    target
        ``"host"``, ``"rv32"``, ``"pulp-open"`` or ``"gap9"``.
    out
        Folder, created when absent.
    name
        Start of C symbols and file names; the model's own name where None.
    options
        Of the quantiser.
    budgets
        Bytes by memory (``"l1"``, ``"l2"``, ``"l3"``) instead of the target's.
    raw
        What the converter's codes are; then the preprocessing that the model declares becomes ``<name>_push``.

    Returns
    -------
    CompiledModel
        Loaded from ``out``.

    Raises
    ------
    UnsupportedError
        Listing every node that cannot be compiled.
    BudgetError
        When the target's memory does not hold it.
    EmgEdgeError
        For everything else that is wrong with the files or the arguments.
    """
    from .onnx_reader._onnx import load_onnx
    from .passes import canonicalise
    from .quantiser._quantise import quantised
    from .quantiser._sqnr import layer_noise
    from .quantiser._superseded import grid_warnings

    device = get_target(target).with_budgets(dict(budgets or {}))
    graph = canonicalise(load_onnx(onnx_path))
    feeds = calibration_windows(graph, calibration)
    found = quantised(graph, feeds, options, price_of(device))
    program = named(found.program, name, Path(onnx_path))
    noise = layer_noise(graph, program, {port: array[:SQNR_SAMPLES] for port, array in feeds.items()})
    warnings = [*few_samples(feeds), *graph.notes, *grid_warnings(graph)]
    return compile_program(
        program,
        feeds,
        target=device,
        out=out,
        noise=noise,
        ranking=[row.to_dict() for row in found.rows],
        warnings=warnings,
        budgets=dict(budgets or {}),
        front=None if raw is None else front_end_of(program, raw),
    )


def compile_program(
    program: Program,
    samples: NDArray[Any] | Mapping[str, NDArray[Any]],
    *,
    target: Target,
    out: Path | str,
    noise: Mapping[str, LayerNoise] | None = None,
    ranking: list[dict[str, Any]] | None = None,
    warnings: list[str] | None = None,
    budgets: Mapping[str, int] | None = None,
    front: FrontEnd | None = None,
) -> CompiledModel:
    """Plan, print and write a program that is already quantised.

    Parameters
    ----------
    program
        A verified program.
    samples
        Real samples ``(n, *shape)``, one array per input name where there are several; the first become test vectors.
    target
        The device.
    out
        Folder.
    noise
        What quantisation does at each operator, by name.
    ranking
        What each change of precision would do, the most harmful layer first, where it was measured.
    warnings
        Carried into the summary.
    budgets
        What was overridden on the target.
    front
        Of ``<name>_push``, where there is one.
    """
    program.verify()
    memory = plan_memory(program, target, *(() if front is None else (front.state_bytes, front.constant_bytes)))
    arrays = {program.inputs[0]: samples} if isinstance(samples, np.ndarray) else samples
    feeds = {name: program.tensors[name].quantise(arrays[name][:VECTORS]) for name in program.inputs}
    project = emit_project(program, memory.arena, feeds, front, memory.placement)
    summary = summarise(program, memory, target, noise or {}, front)
    summary["warnings"] = [*(warnings or []), *([] if front is None else front.facts["warnings"]), *target.notes]
    summary["budgets"] = dict(budgets or {})
    if ranking:
        summary["ranking"] = ranking
    documents = {"plan.json": memory.to_dict(program), "layers.json": summary}
    if front is not None:
        documents["frontend.json"] = front.to_dict()
    write_artifact(Path(out), program, documents, project)
    return CompiledModel(Path(out), program, summary, front)


def summarise(
    program: Program,
    memory: MemoryPlan,
    target: Target,
    noise: Mapping[str, LayerNoise],
    front: FrontEnd | None = None,
) -> dict[str, Any]:
    """Return the totals and one row per layer; cycles and energy are None where the target models none."""
    model = simulate(program, memory, target, front) if target.cycles is not None else None
    rows = []
    for index, op in enumerate(program.ops):
        tensors, out = program.operands(op)
        cost = {} if model is None else model["layers"][index]
        rows.append(
            {
                "name": op.name,
                "op": op.kind,
                "shape": list(out.shape),
                "macs": op.macs(tensors, out),
                "cycles": cost.get("cycles"),
                "energy_uj": cost.get("energy_uj"),
                "sqnr_db": noise[op.name].sqnr_db if op.name in noise else None,
                "saturated": noise[op.name].saturated if op.name in noise else None,
            }
        )
    return {
        "name": program.name,
        "hash": program_hash(program),
        "target": target.name,
        "memory": {**memory.used, "stack": memory.stack},
        "budget": memory.budget,
        "layers": rows,
        "worst": worst_layers(program, noise),
        "macs": program.macs,
        "constant_bytes": program.constant_bytes,
        "cycles": None if model is None else model["cycles"],
        "latency_ms": None if model is None else model["latency_ms"],
        "energy_mj": None if model is None else model["energy_mj"],
        "interval": None if model is None else model["interval"],
        "modelled": True,
        **({} if front is None else {"frontend": summarise_front(front, model)}),
    }


def summarise_front(front: FrontEnd, model: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a streaming front end does and costs; nothing is modelled where the target models nothing."""
    cost = {} if model is None else model["frontend"]
    return {
        "sfreq": front.sfreq,
        "channels": front.n_chans,
        "sections": front.n_sections,
        "window": front.n_times,
        "hop": front.hop,
        "state_bytes": front.state_bytes,
        "constant_bytes": front.constant_bytes,
        "filter_error_codes": front.facts["noise"] + front.facts["drift"],
        **cost,
    }


def front_end_of(program: Program, raw: RawInput) -> FrontEnd:
    """Return the front end of a program with one input."""
    from .frontend._declaration import read_declaration
    from .frontend._design import design_frontend

    if len(program.inputs) != 1:
        raise EmgEdgeError(f"a front end feeds one input, the model has {list(program.inputs)}; compile it without raw")
    return design_frontend(read_declaration(program.metadata), raw, program.tensors[program.inputs[0]])


def price_of(target: Target) -> Price:
    """Return how a target counts what mixed precision costs."""
    from .quantiser.precision import Price

    model = target.cycles
    if model is None:
        return Price()

    def op_cycles(op: Op, tensors: list[Tensor], out: Tensor) -> float:
        work = op.work(tensors, out)
        return work_cycles(work, model) / speed_up(work.pieces, target.n_cores)

    return Price(
        cycles=lambda program: int(simulate(program, plan_memory(program, target), target)["cycles"]),
        op_cycles=op_cycles,
    )


def few_samples(feeds: Mapping[str, NDArray[Any]]) -> list[str]:
    """Return a warning where there are few calibration samples."""
    n = len(next(iter(feeds.values())))
    return [f"only {n} calibration samples; some hundred of all classes are better"] if n < FEW_SAMPLES else []


def calibration_windows(
    graph: Graph, given: NDArray[Any] | Mapping[str, NDArray[Any]] | Path | str
) -> dict[str, NDArray[Any]]:
    """Return the calibration samples ``(n, *sample)`` by input, wherever they come from."""
    source = str(given) if isinstance(given, str | Path) else "calibration"
    arrays = load_npz(given) if isinstance(given, str | Path) else given
    if isinstance(arrays, np.ndarray):
        arrays = {"array": arrays}
    feeds = {}
    for name, array in by_input(graph.titled(arrays), graph.inputs, source).items():
        wanted = Tensor(name=name, shape=sample_shape(graph.shape(name)), dtype="int16", scale=1.0)
        feeds[name] = check_real(array, wanted, source)
    if not any(samples.any() for samples in feeds.values()):
        raise EmgEdgeError(
            f"{source}: {list(feeds)} are all zero; give recorded windows, preprocessed as for inference"
        )
    return feeds


def named(program: Program, name: str | None, path: Path) -> Program:
    """Give the program a name that C accepts: the one asked for, its own, or the file's."""
    if name is not None:
        return replace(program, name=check_name(name))
    try:
        return replace(program, name=check_name(program.name))
    except EmgEdgeError:
        stem = re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_")
        return replace(program, name=check_name(f"net_{stem}"[:32]))
