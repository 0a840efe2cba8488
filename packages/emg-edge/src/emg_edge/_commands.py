"""What the console script's commands do: each returns a JSON-able result and something to show."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from ._errors import EmgEdgeError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from numpy.typing import NDArray

    from ._model import CompiledModel

    Result = tuple[dict[str, Any], Any]

_RANKED = 20  # layers shown to people
_MEASURED = ("accuracy", "interval", "macro_f1", "correct", "n", "backend")


def inspect(model: Path) -> Result:
    """Describe a model after canonicalisation."""
    from .onnx_reader._onnx import load_onnx
    from .passes import canonicalise

    graph = canonicalise(load_onnx(model))
    nodes = [{"name": node.name, "op": node.op, "shape": list(graph.values[node.output].shape)} for node in graph.nodes]
    ports = {
        kind: [{"name": name, "shape": list(graph.values[name].shape)} for name in names]
        for kind, names in (("inputs", graph.inputs), ("outputs", graph.outputs))
    }
    result = {
        "name": graph.name,
        **ports,
        "layers": nodes,
        "parameters": sum(int(array.size) for array in graph.constants.values()),
        "metadata": graph.metadata,
        "unsupported": [],
    }
    rows = [[n.name, n.op, _shape(graph.values[n.output].shape)] for n in graph.nodes]
    return _plain(result), _table(f"{graph.name}: {result['parameters']:,} constants", ["layer", "op", "shape"], rows)


def compile_(
    model: Path,
    calibration: Path | None,
    out: Path,
    target: str,
    name: str | None,
    budgets: dict[str, int],
    choices: dict[str, Any],
    raw: Path | None = None,
) -> Result:
    """Compile a model, or a folder that `quantize` wrote, to a folder."""
    from ._compile import compile_model
    from ._quantize import compile_quantized
    from .frontend._raw import read_raw
    from .quantiser._options import QuantiseOptions

    if model.is_dir():
        given = sorted(choices) + (["raw"] if raw else []) + (["calibration"] if calibration else [])
        if given:
            raise EmgEdgeError(
                f"{model} is quantised already; give {given} to `emg-edge quantize`, or compile the model"
            )
        compiled = compile_quantized(model, target=target, out=out, name=name, budgets=budgets)
        return _plain({**compiled.summary, "folder": str(out)}), _layer_table(compiled)
    if calibration is None:
        raise EmgEdgeError(f"{model} needs --calibration X.npz; only a folder of `emg-edge quantize` does without")
    options = QuantiseOptions(**choices)
    codes = None if raw is None else read_raw(raw)
    compiled = compile_model(
        model, calibration, target=target, out=out, name=name, options=options, budgets=budgets, raw=codes
    )
    return _plain({**compiled.summary, "folder": str(out)}), _layer_table(compiled)


def quantize(
    model: Path, calibration: Path, out: Path, target: str, name: str | None, choices: dict[str, Any]
) -> Result:
    """Quantise a model to a folder and rank its layers."""
    from ._quantize import quantize_model
    from .quantiser._options import QuantiseOptions

    found = quantize_model(model, calibration, out=out, target=target, name=name, options=QuantiseOptions(**choices))
    ranked = [
        [r["layer"], r["what"], f"{r['now']} -> {r['then']}", f"{r['gain_db']:+.1f}", f"{r['nbytes']:+,}", r["advice"]]
        for r in found["layers"]
    ]
    outputs = ", ".join(f"{port} {value:.1f} dB" for port, value in found["outputs"].items())
    cycles = "" if found["cycles"] is None else f", {found['cycles']:,} cycles on {target} (modelled)"
    title = f"{out}: {outputs}, {found['bytes']:,} bytes{cycles}; int16 for {found['chosen']['wide'] or 'nothing more'}"
    table = _table(title, ["layer", "what", "change", "dB", "bytes", "advice"], ranked[:_RANKED])
    table.caption = "; ".join(found["warnings"])
    return _plain({**found, "folder": str(out)}), table


def run(folder: Path, source: Path, output: Path, expect: Path | None, backend: str, trace: bool) -> Result:
    """Run samples; compare when asked."""
    import numpy as np

    from ._arrays import by_input, load_npz
    from ._files import write_whole
    from ._model import load_compiled
    from .execute._compare import compare
    from .execute._execute import get_executor

    compiled = load_compiled(folder)
    feeds = compiled.quantise(by_input(load_npz(source), compiled.program.inputs, str(source)), str(source))
    samples = len(next(iter(feeds.values())))
    wanted = {} if expect is None else _expected(expect, compiled, samples)
    executor = get_executor(backend, compiled.program, compiled.folder / "c")
    values = executor.trace(feeds) if trace else executor.run(feeds)
    packed = io.BytesIO()
    np.savez(packed, **values)  # type: ignore[arg-type]  # keyword arrays
    write_whole(output, packed.getvalue())
    result: dict[str, Any] = {
        "output": str(output),
        "backend": backend,
        "samples": samples,
        "outputs": {name: {"scale": t.scale, "zero_point": t.zero_point} for name, t in _outputs(compiled).items()},
    }
    if expect is None:
        return result, f"{samples} samples by {backend} -> {output}"
    found = compare(compiled.program, wanted, values if set(wanted) <= set(values) else executor.trace(feeds))
    return {**result, **found.to_dict()}, "equal" if found.equal else str(found.difference)


def _expected(path: Path, compiled: CompiledModel, samples: int) -> dict[str, NDArray[Any]]:
    """Return the integers to compare with, every one of which some layer writes in this shape and dtype."""
    from ._arrays import load_npz

    arrays, program = load_npz(path), compiled.program
    written = {op.output: program.tensors[op.output] for op in program.ops}
    unknown = sorted(set(arrays) - set(written))
    if unknown or not arrays:
        raise EmgEdgeError(
            f"{path} holds {sorted(arrays)}; need what layers write, at least {list(program.outputs)}, and not "
            f"{unknown or 'nothing'}; write it with `emg-edge run`"
        )
    for name, array in arrays.items():
        tensor = written[name]
        if array.shape != (samples, *tensor.shape) or array.dtype != tensor.dtype:
            raise EmgEdgeError(
                f"{path}: {name!r} is {array.dtype} {array.shape}; need {tensor.dtype} {(samples, *tensor.shape)}; "
                "write it with `emg-edge run` from the same samples"
            )
    return arrays


def stream(folder: Path, source: Path, output: Path, expect: Path | None, backend: str, chunk: int) -> Result:
    """Push raw codes chunk by chunk; compare the events when asked."""
    import numpy as np

    from ._arrays import by_input, load_npz
    from ._files import write_whole
    from ._model import load_compiled
    from .execute._events import first_difference, pack_events

    compiled = load_compiled(folder)
    codes = by_input(load_npz(source), ["codes"], str(source))["codes"]
    wanted = None if expect is None else load_npz(expect)
    with compiled.stream(backend) as live:
        cuts = range(chunk, codes.shape[-1] if codes.ndim else 0, chunk) if backend != "rv32" else []
        events = [event for part in np.split(codes, cuts, axis=-1) for event in live.push(part)]
    arrays = pack_events(compiled.program, events)
    packed = io.BytesIO()
    np.savez(packed, **arrays)  # type: ignore[arg-type]  # keyword arrays
    write_whole(output, packed.getvalue())
    frames = codes.shape[-1]
    result = {"output": str(output), "backend": backend, "frames": frames, "events": len(events)}
    if wanted is None:
        return result, f"{frames} frames, {len(events)} events by {backend} -> {output}"
    first = first_difference(wanted, arrays, str(expect))
    return {**result, "equal": first is None, "first": first}, first or "equal"


def evaluate(folder: Path, data: Path, labels: Path, backend: str) -> Result:
    """Measure accuracy."""
    from ._arrays import by_input, load_npz
    from ._model import load_compiled

    compiled = load_compiled(folder)
    x = by_input(load_npz(data), compiled.program.inputs, str(data))
    compiled.quantise(x, str(data))
    y = _labels(labels)
    result = compiled.evaluate(x, y, backend)
    low, high = result["interval"]
    text = f"accuracy {result['accuracy']:.4f} (95 %: {low:.4f} to {high:.4f}) on {result['n']} samples by {backend}"
    return _plain(result), text


def _labels(path: Path) -> NDArray[Any]:
    """Return the one array of a file."""
    from ._arrays import load_npz

    arrays = load_npz(path)
    if len(arrays) != 1:
        raise EmgEdgeError(f"{path} holds {sorted(arrays)}; need exactly one array, the class numbers")
    return next(iter(arrays.values()))


def simulate(folder: Path) -> Result:
    """Model the target."""
    from ._model import load_compiled

    result = load_compiled(folder).simulate()
    rows = [
        [r["name"], r["op"], f"{r['macs']:,}", f"{r['cycles']:,}", f"{r['dma_cycles']:,}", f"{r['l3_cycles']:,}"]
        for r in result["layers"]
    ]
    title = f"{result['target']}, modelled: {result['cycles']:,} cycles" + _time_and_energy(result)
    table = _table(title, ["layer", "op", "MAC", "modelled cycles", "DMA", "L3"], rows)
    table.caption = _stream_text(result.get("frontend"))
    return _plain(result), table


def report(folder: Path, output: Path | None, evaluation: Path | None) -> Result:
    """Write the report."""
    from ._model import load_compiled

    facts: dict[str, Any] = {}
    if evaluation is not None:
        try:
            measured = json.loads(evaluation.read_bytes())
            facts["accuracy"] = {str(measured["backend"]): {key: measured[key] for key in _MEASURED}}
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise EmgEdgeError(
                f"{evaluation}: not what `emg-edge evaluate --json` prints ({type(error).__name__}: {error}); "
                "write it with that command"
            ) from error
    path = load_compiled(folder).report(output or folder / "report.html", **facts)
    return {"report": str(path), "json": str(path.with_suffix(".json"))}, f"wrote {path}"


def waiting() -> AbstractContextManager[Any]:
    """Show on stderr, where that is a terminal, that something is going on."""
    from rich.console import Console

    return Console(stderr=True).status("working")


def show(renderable: Any) -> None:  # noqa: ANN401  whatever rich prints
    """Print for people."""
    from rich.console import Console

    Console().print(renderable, highlight=False)


def _outputs(compiled: CompiledModel) -> dict[str, Any]:
    return {name: compiled.program.tensors[name] for name in compiled.program.outputs}


def _layer_table(compiled: CompiledModel) -> Any:  # noqa: ANN401  a rich table
    """Return the layers with the totals on top and the warnings below."""
    rows = [
        [
            row["name"],
            row["op"],
            _shape(row["shape"]),
            f"{row['macs']:,}",
            _number(row["cycles"], ",d"),
            _number(row["energy_uj"], ".1f"),
            _number(row["sqnr_db"], ".1f"),
        ]
        for row in compiled.layers
    ]
    memory = ", ".join(f"{name} {nbytes:,}" for name, nbytes in compiled.memory.items())
    title = f"{compiled.folder} for {compiled.summary['target']}: {memory} bytes" + _time_and_energy(compiled.summary)
    table = _table(title, ["layer", "op", "shape", "MAC", "modelled cycles", "modelled µJ", "SQNR dB"], rows)
    table.caption = "; ".join(compiled.warnings)
    return table


def _stream_text(facts: dict[str, Any] | None) -> str:
    """Return what a stream costs, where there is one."""
    if facts is None:
        return ""
    real = "" if facts["load"] is None else f", {facts['real_time_factor']:,.1f} x real time"
    spent = f"{facts['cycles_per_frame']:,} cycles a frame, {facts['cycles_per_second']:,} a second"
    return f"stream: {spent}{real} (modelled)"


def _time_and_energy(facts: dict[str, Any]) -> str:
    """Return modelled latency and energy where there are any."""
    if facts["latency_ms"] is None:
        return ""
    energy = "" if facts["energy_mj"] is None else f", {facts['energy_mj']:.3g} mJ"
    return f", {facts['latency_ms']:.3g} ms{energy} (modelled)"


def _table(title: str, columns: list[str], rows: list[list[str]]) -> Any:  # noqa: ANN401  a rich table
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left", caption_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column in {"layer", "op", "shape"} else "right")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def _number(value: float | None, spec: str) -> str:
    return "-" if value is None else format(value, spec)


def _shape(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape))


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """Return the same through JSON, so that numbers that are not finite become null."""
    from ._artifact import to_json

    plain: dict[str, Any] = json.loads(to_json(value))
    return plain
