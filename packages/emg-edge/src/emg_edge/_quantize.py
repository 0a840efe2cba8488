"""Quantising apart from compiling: a folder with the integer program, its ranked layers, and what compiling needs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._artifact import read_document, read_program, write_artifact
from ._compile import (
    SQNR_SAMPLES,
    VECTORS,
    calibration_windows,
    compile_program,
    few_samples,
    front_end_of,
    named,
    price_of,
)
from ._errors import EmgEdgeError
from ._summary import check_ranking
from .targets import get_target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ._model import CompiledModel
    from .frontend._raw import RawInput
    from .quantiser._options import QuantiseOptions

DOCUMENT = "quantised.json"


def quantize_model(
    onnx_path: Path | str,
    calibration: NDArray[Any] | Mapping[str, NDArray[Any]] | Path | str,
    *,
    out: Path | str,
    target: str = "gap9",
    name: str | None = None,
    options: QuantiseOptions | None = None,
) -> dict[str, Any]:
    """Quantise a model and write the integer program to a folder that `compile_quantized` takes.

    Parameters
    ----------
    onnx_path, calibration, name
        As for `compile_model`.
    out
        Folder, created when absent.
    target
        Whose modelled cycles are counted.
    options
        Of the quantiser.

    Returns
    -------
    dict
        ``layers``: each change of precision with what it gains, ranked; ``chosen``: the precision that was taken;
        ``sqnr_db`` by operator and ``outputs`` of the program; ``bytes`` of constants and activations; ``cycles``,
        modelled, or None; ``warnings``.
    """
    from .onnx_reader._onnx import load_onnx
    from .passes import canonicalise
    from .quantiser._quantise import quantised
    from .quantiser._sqnr import layer_noise
    from .quantiser._superseded import grid_warnings

    graph, price = canonicalise(load_onnx(onnx_path)), price_of(get_target(target))
    feeds = calibration_windows(graph, calibration)
    found = quantised(graph, feeds, options, price, ranked=True)
    program = named(found.program, name, Path(onnx_path))
    noise = layer_noise(found.graph, program, {port: array[:SQNR_SAMPLES] for port, array in feeds.items()})
    writers = {op.output: op.name for op in program.ops}
    document = {
        "layers": [row.to_dict() for row in found.rows],
        "chosen": {"wide": list(found.options.named), "weight_bits": _bits(found.options)},
        "sqnr_db": {layer: figures.sqnr_db for layer, figures in noise.items()},
        "outputs": {port: noise[writers[port]].sqnr_db for port in program.outputs if port in writers},
        "bytes": price.nbytes(program),
        "cycles": None if price.cycles is None else price.cycles(program),
        "target": target,
        "warnings": [*few_samples(feeds), *graph.notes, *grid_warnings(graph)],
    }
    samples = {port: np.asarray(array[:VECTORS], np.float64).tolist() for port, array in feeds.items()}
    inner = {"noise": {layer: asdict(figures) for layer, figures in noise.items()}, "samples": samples}
    write_artifact(Path(out), program, {DOCUMENT: {**document, **inner}}, {})
    return document


def check_quantized(folder: Path) -> None:
    """Raise where a folder is not one of `quantize_model`."""
    if not (folder / DOCUMENT).is_file():
        raise EmgEdgeError(
            f"{folder} holds no {DOCUMENT}: it is compiled already, or not from `emg-edge quantize`; "
            "give such a folder, or an ONNX file"
        )


def _bits(options: QuantiseOptions) -> int | dict[str, int]:
    return options.weight_bits if isinstance(options.weight_bits, int) else dict(options.weight_bits)


def compile_quantized(
    folder: Path | str,
    *,
    target: str = "gap9",
    out: Path | str,
    name: str | None = None,
    budgets: Mapping[str, int] | None = None,
    raw: RawInput | None = None,
) -> CompiledModel:
    """Compile a folder that `quantize_model` wrote.

    Parameters
    ----------
    folder
        With the program.
    target, out, name, budgets, raw
        As for `compile_model`.

    Raises
    ------
    EmgEdgeError
        When the folder is not one of `quantize_model`, or was changed.
    """
    from .quantiser._sqnr import LayerNoise

    folder = Path(folder)
    check_quantized(folder)
    program = read_program(folder)
    document = read_document(folder, DOCUMENT)
    try:
        noise = {
            layer: LayerNoise(**{**figures, "codes": tuple(figures["codes"])})
            for layer, figures in document["noise"].items()
        }
        samples = {port: np.array(document["samples"][port], np.float32) for port in program.inputs}
        warnings = [str(warning) for warning in document["warnings"]]
        ranking = check_ranking(document["layers"], folder / DOCUMENT)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EmgEdgeError(f"{folder / DOCUMENT} is not whole ({error}); quantize the model again") from error
    device = get_target(target).with_budgets(dict(budgets or {}))
    program = named(program, name, folder)
    return compile_program(
        program,
        samples,
        target=device,
        out=out,
        noise=noise,
        ranking=ranking,
        warnings=warnings,
        budgets=dict(budgets or {}),
        front=None if raw is None else front_end_of(program, raw),
    )
