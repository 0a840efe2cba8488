"""The console script ``emg-edge``: exit codes 0 ok, 1 bits differ, 2 usage, 3 bad data, 4 budget exceeded."""

from __future__ import annotations

import json
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from . import commands

app = typer.Typer(
    name="emg-edge",
    help="From an ONNX file to integer C for GAP9 and friends, bit-exact.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
Folder = Annotated[Path, typer.Argument(help="Folder that `compile` wrote.")]
Backend = Annotated[Literal["reference", "c", "rv32"], typer.Option(help="Who computes; all give the same bits.")]
TargetName = Literal["host", "rv32", "pulp-open", "gap9"]
Method = Literal["mse", "percentile", "minmax", "entropy"]


@app.command()
def inspect(model: Annotated[Path, typer.Argument(help="ONNX file.")], as_json: AsJson = False) -> None:
    """Say what a model consists of, or everything in it that cannot be compiled."""
    _finish(commands.inspect, as_json, model)


Wide = Annotated[str | None, typer.Option(help="Values that products read in int16: names with commas, or auto.")]
GoalDb = Annotated[float | None, typer.Option(help="dB at the outputs at which --wide auto stops; 30.")]
BudgetBytes = Annotated[
    int | None, typer.Option(help="Constants and activations; weights get four bits until it fits.")
]
BudgetCycles = Annotated[int | None, typer.Option(help="Modelled cycles that the target may take.")]
WeightBits = Annotated[int | None, typer.Option(help="8, or 4 for every product.")]
Recode = Annotated[
    bool, typer.Option("--requantise-weights", help="Round quantised weights again that have no symmetric form.")
]
Ranges = Annotated[Method | None, typer.Option(help="How ranges of activations are chosen; mse.")]


@app.command()
def quantize(
    model: Annotated[Path, typer.Argument(help="ONNX file.")],
    calibration: Annotated[Path, typer.Option(help=".npz of training samples, first axis samples.")],
    out: Annotated[Path, typer.Option(help="Folder to write; `compile` takes it.")],
    target: Annotated[TargetName, typer.Option(help="The device whose cycles are counted.")] = "gap9",
    name: Annotated[str | None, typer.Option(help="Start of C symbols and file names.")] = None,
    method: Ranges = None,
    wide: Wide = None,
    goal_db: GoalDb = None,
    budget_bytes: BudgetBytes = None,
    budget_cycles: BudgetCycles = None,
    weight_bits: WeightBits = None,
    requantise_weights: Recode = False,
    as_json: AsJson = False,
) -> None:
    """Quantise a model to an integer program and rank the layers that hurt."""
    choices = _choices(method, wide, goal_db, budget_bytes, budget_cycles, weight_bits, requantise_weights)
    _finish(commands.quantize, as_json, model, calibration, out, target, name, choices)


@app.command("compile")
def compile_(
    model: Annotated[Path, typer.Argument(help="ONNX file, or a folder that `quantize` wrote.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    calibration: Annotated[Path | None, typer.Option(help=".npz of training samples; for an ONNX file.")] = None,
    target: Annotated[TargetName, typer.Option(help="The device.")] = "gap9",
    name: Annotated[str | None, typer.Option(help="Start of C symbols and file names.")] = None,
    l1: Annotated[int | None, typer.Option(help="Bytes of L1 to use.")] = None,
    l2: Annotated[int | None, typer.Option(help="Bytes of L2 to use.")] = None,
    l3: Annotated[int | None, typer.Option(help="Bytes of L3 to use.")] = None,
    method: Ranges = None,
    wide: Wide = None,
    goal_db: GoalDb = None,
    budget_bytes: BudgetBytes = None,
    budget_cycles: BudgetCycles = None,
    weight_bits: WeightBits = None,
    requantise_weights: Recode = False,
    raw: Annotated[
        Path | None, typer.Option(help="JSON of the converter's codes; then the C gets a push call.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Quantise a model and write C, plan and tables to a folder."""
    budgets = {level: value for level, value in (("l1", l1), ("l2", l2), ("l3", l3)) if value is not None}
    choices = _choices(method, wide, goal_db, budget_bytes, budget_cycles, weight_bits, requantise_weights)
    _finish(commands.compile_, as_json, model, calibration, out, target, name, budgets, choices, raw)


@app.command()
def run(
    folder: Folder,
    input: Annotated[Path, typer.Option(help=".npz of samples, first axis samples.")],  # noqa: A002  the option's name
    output: Annotated[Path, typer.Option(help=".npz to write: the integers of every output.")],
    expect: Annotated[Path | None, typer.Option(help=".npz to compare with; exit 1 on the first bit.")] = None,
    backend: Backend = "c",
    trace: Annotated[bool, typer.Option(help="Write the integers of every layer, not of the outputs alone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run samples and write the outputs, optionally comparing them bit for bit."""
    _finish(commands.run, as_json, folder, input, output, expect, backend, trace)


@app.command()
def stream(
    folder: Folder,
    input: Annotated[Path, typer.Option(help=".npz of raw codes (channels, time), integers.")],  # noqa: A002  the option's name
    output: Annotated[Path, typer.Option(help=".npz to write: sample, label and outputs of every event.")],
    expect: Annotated[
        Path | None, typer.Option(help=".npz of events to compare with; exit 1 on the first bit.")
    ] = None,
    backend: Backend = "c",
    chunk: Annotated[int, typer.Option(min=1, help="Frames of one push.")] = 64,
    as_json: AsJson = False,
) -> None:
    """Push a raw recording through front end and network and write the events."""
    _finish(commands.stream, as_json, folder, input, output, expect, backend, chunk)


@app.command()
def evaluate(
    folder: Folder,
    data: Annotated[Path, typer.Option(help=".npz of samples.")],
    labels: Annotated[Path, typer.Option(help=".npy of class numbers.")],
    backend: Backend = "c",
    model: Annotated[Path | None, typer.Option(help="ONNX file that was compiled, to evaluate in float, too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure accuracy on labelled samples."""
    _finish(commands.evaluate, as_json, folder, data, labels, backend, model)


@app.command()
def simulate(folder: Folder, as_json: AsJson = False) -> None:
    """Model cycles, latency and energy on the target; nothing is measured."""
    _finish(commands.simulate, as_json, folder)


@app.command()
def report(
    folder: Folder,
    output: Annotated[Path | None, typer.Option(help="HTML file; DIR/report.html where absent.")] = None,
    evaluation: Annotated[
        list[Path] | None, typer.Option(help="JSON that `evaluate --json` printed; once for each backend.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the self-contained HTML report, and the same as JSON beside it."""
    _finish(commands.report, as_json, folder, output, evaluation or [])


def _choices(
    method: str | None,
    wide: str | None,
    goal_db: float | None,
    budget_bytes: int | None,
    budget_cycles: int | None,
    weight_bits: int | None,
    requantise_weights: bool,
) -> dict[str, Any]:
    """Return the fields of QuantiseOptions that were given."""
    given = {
        "method": method,
        "wide": tuple(wide.split(",")) if wide is not None and wide != "auto" else wide,
        "goal_db": goal_db,
        "budget_bytes": budget_bytes,
        "budget_cycles": budget_cycles,
        "weight_bits": weight_bits,
        "requantise_weights": requantise_weights or None,
    }
    return {key: value for key, value in given.items() if value is not None}


def main() -> None:
    """Entry point of the console script."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  for as long as the process lives
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without µ is no reason to fail
    app()


def _finish(command: Any, as_json: bool, *arguments: Any) -> None:  # noqa: ANN401  any command
    """Run a command, print its result as JSON or for people, and exit with its code."""
    code = 0
    try:
        with commands.waiting():
            result, text = command(*arguments)
        code = 1 if result.get("equal") is False else 0
    except (ValueError, OSError, MemoryError, KeyboardInterrupt) as error:
        result, text, code = _failed(error)
    try:
        if as_json:
            sys.stdout.write(json.dumps(result, allow_nan=False) + "\n")
        elif code in {0, 1}:
            commands.show(text)
        else:
            sys.stderr.write(f"emg-edge: {text}\n")
        sys.stdout.flush()
    except OSError as error:
        sys.stderr.write(f"emg-edge: the answer cannot be written ({error.strerror}); what was computed is done\n")
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  the interpreter flushes it when it ends
        code = 3
    raise typer.Exit(code)


def _failed(error: BaseException) -> tuple[dict[str, Any], str, int]:
    """Return what a command answers to an error, as JSON and for people, and its exit code; others are raised."""
    from ._errors import BudgetError, EmgEdgeError, UnsupportedError

    match error:
        case UnsupportedError():
            listed = [entry.to_dict() for entry in error.unsupported]
            return {"error": str(error), "unsupported": listed}, str(error), 3
        case EmgEdgeError():
            text, code = str(error), 4 if isinstance(error, BudgetError) else 3
        case OSError():
            text = f"{error.filename or 'a file'}: {error.strerror or error}; give a path that can be read and written"
            code = 3
        case MemoryError():
            text, code = "memory does not suffice; give fewer samples or a smaller model", 3
        case KeyboardInterrupt():
            text, code = "interrupted; what was written before is whole", 130
        case _:
            raise error
    return {"error": text}, text, code
