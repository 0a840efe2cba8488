"""The console script `emg-models`: list, info, check, export, convert. Torch is imported by who needs it."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from ._errors import EmgModelsError

__all__ = ["app", "main"]

app = typer.Typer(help="TinyMyo and the field's other sEMG architectures.", no_args_is_help=True, add_completion=False)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Folder = Annotated[Path, typer.Argument(help="Model folder, as written by save_pretrained.")]
Task = Annotated[str | None, typer.Option(help="One of the model's tasks.")]
Chans = Annotated[int | None, typer.Option(help="Channels of a window; as published by default.")]
Times = Annotated[int | None, typer.Option(help="Samples of a window; as published by default.")]
Outputs = Annotated[int | None, typer.Option(help="Classes or other outputs; as published by default.")]
Rate = Annotated[float | None, typer.Option(help="Sampling rate in Hz; as published by default.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Any field of the configuration, KEY=VALUE in JSON.")]
EXIT_USAGE, EXIT_DATA = 2, 3


@app.command(name="list")
def list_(as_json: Json = False) -> None:
    """List the models."""
    from ._registry import REGISTRY, list_models

    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "tasks": list(REGISTRY[name].tasks),
            "summary": REGISTRY[name].summary,
            "source": REGISTRY[name].source,
            "licence": REGISTRY[name].licence,
        }
        for name in list_models()
    ]
    if as_json:
        _print_json(rows)
    else:
        cells = [[row["name"], ", ".join(row["tasks"]), row["summary"]] for row in rows]
        _print_table("Models", ["name", "tasks", "summary"], cells)


@app.command()
def info(
    name: str,
    task: Task = None,
    n_chans: Chans = None,
    n_times: Times = None,
    n_outputs: Outputs = None,
    sfreq: Rate = None,
    fields: Set = None,
    as_json: Json = False,
) -> None:
    """Show parameters, multiply-accumulates and activations per input, source and licence of NAME."""
    from ._registry import model_info

    with _exit_with(EXIT_USAGE):
        sizes = _settings(fields, n_chans=n_chans, n_times=n_times, n_outputs=n_outputs, sfreq=sfreq)
        result = model_info(name, task=task, **sizes)
    _show(name, result, as_json)


@app.command()
def check(folder: Folder, as_json: Json = False) -> None:
    """Load everything in FOLDER as strictly as the library does, and say what it is."""
    from ._costs import count_costs
    from ._folder import from_pretrained, load_evaluation, load_labels, load_preprocessing

    with _exit_with(EXIT_DATA):
        model = from_pretrained(folder)
        record, labels, evaluation = load_preprocessing(folder), load_labels(folder), load_evaluation(folder)
    costs = count_costs(model)
    result = {
        "path": str(folder),
        "model": type(model).__name__,
        "task": model.task,
        "parameters": costs.parameters,
        "macs": costs.macs,
        "input": [1, *model.config.input_shape],
        "output": [1, *model.output_shape],
        "labels": labels,
        "preprocessing": record,
        "evaluation": evaluation,
        "config": model.config.to_dict(),
    }
    _show(str(folder), result, as_json)


@app.command()
def export(
    folder: Folder,
    out: Annotated[Path, typer.Argument(help="ONNX file to write.")],
    opset: Annotated[int, typer.Option(min=18, max=23, help="ONNX operator set.")] = 20,
    batch: Annotated[int, typer.Option(min=1, max=4096, help="Fixed batch size.")] = 1,
    as_json: Json = False,
) -> None:
    """Write the model in FOLDER as one ONNX file with emg.* metadata."""
    from ._costs import count_parameters
    from ._folder import from_pretrained, load_labels, load_preprocessing
    from ._onnx import export_onnx

    with _exit_with(EXIT_DATA):
        model, record, labels = from_pretrained(folder), load_preprocessing(folder), load_labels(folder)
        export_onnx(model, out, preprocessing=record, labels=labels, opset=opset, batch=batch)
    result = {
        "path": str(out),
        "bytes": out.stat().st_size,
        "model": type(model).__name__,
        "parameters": count_parameters(model),
        "input": [batch, *model.config.input_shape],
        "output": [batch, *model.output_shape],
        "opset": opset,
    }
    _show(str(out), result, as_json)


@app.command()
def convert(
    published: Annotated[Path, typer.Argument(help="Published TinyMyo safetensors file, from your disk.")],
    out: Annotated[Path, typer.Argument(help="Model folder to write; it must not be published (CC BY-ND 4.0).")],
    preprocessing: Annotated[Path, typer.Option(help="JSON file: the signal path these weights are used with.")],
    labels: Annotated[Path | None, typer.Option(help="JSON file: an object whose `labels` names the outputs.")] = None,
    task: Task = None,
    n_times: Times = None,
    sfreq: Rate = None,
    fields: Set = None,
    as_json: Json = False,
) -> None:
    """Turn a published TinyMyo checkpoint into a model folder: every key matched, or nothing is written."""
    from ._files import parse_json, read_small
    from ._folder import save_pretrained
    from ._tinymyo.loading import describe_published, load_published

    with _exit_with(EXIT_USAGE):
        sizes = _settings(fields, n_times=n_times, sfreq=sfreq)
    with _exit_with(EXIT_DATA):
        found = describe_published(published)
        model = load_published(published, task=task, **sizes)
        record = parse_json(read_small(preprocessing), str(preprocessing))
        names = [] if labels is None else parse_json(read_small(labels), str(labels)).get("labels", [])
        save_pretrained(model, out, preprocessing=record, labels=names, licence="cc-by-nd-4.0")
    parts = found["keys"] if model.task == found["task"] else {"encoder": found["keys"]["encoder"]}
    result = {
        "path": str(out),
        "model": type(model).__name__,
        "release": found["release"],
        "loaded": parts,
        "left_out": {part: count for part, count in found["keys"].items() if part not in parts},
        "config": model.config.to_dict(),
    }
    _show(str(out), result, as_json)


def _settings(fields: list[str] | None, **sizes: float | None) -> dict[str, Any]:
    """Return the sizes that were given, and the fields of ``--set KEY=VALUE``."""
    given: dict[str, Any] = {key: value for key, value in sizes.items() if value is not None}
    for field in fields or []:
        key, equals, text = field.partition("=")
        if not equals or not key.isidentifier() or key in given:
            raise EmgModelsError(f"--set {field}: KEY=VALUE is required, each key once, such as --set n_blocks=4")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = text
        given[key] = tuple(value) if isinstance(value, list) else value
    return given


@contextmanager
def _exit_with(code: int) -> Iterator[None]:
    """Print what is wrong with arguments or data, and end with `code`."""
    try:
        yield
    except (EmgModelsError, OSError) as error:
        _fail(error, code)


def _show(title: str, result: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(result)
    else:
        _print_table(title, ["", ""], [[key, _text(value)] for key, value in result.items() if value != title])


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _print_json(value: Any) -> None:  # noqa: ANN401  any JSON value
    sys.stdout.write(json.dumps(value, indent=2) + "\n")  # ASCII: file names may hold bytes that are no text


def _print_table(title: str, headings: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, show_header=any(headings))
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading == "name")
    for row in rows:
        table.add_row(*row)
    Console(markup=False, emoji=False).print(table)


def _fail(error: Exception, code: int) -> NoReturn:
    sys.stderr.write(f"emg-models: {error}\n")
    raise typer.Exit(code)


def main() -> None:
    """Run the console script; what the terminal cannot show is printed as an escape."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    app()
