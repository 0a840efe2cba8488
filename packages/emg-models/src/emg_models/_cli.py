"""The console script `emg-models`: list, info, export. Torch is imported by the command that needs it."""

import json
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from ._errors import EmgModelsError

__all__ = ["app", "main"]

app = typer.Typer(help="TinyMyo and the field's other sEMG architectures.", no_args_is_help=True, add_completion=False)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
EXIT_USAGE, EXIT_DATA = 2, 3


@app.command(name="list")
def list_(as_json: Json = False) -> None:
    """List the models."""
    from ._registry import REGISTRY, list_models

    rows = [
        {
            "name": name,
            "summary": REGISTRY[name].summary,
            "source": REGISTRY[name].source,
            "licence": REGISTRY[name].licence,
        }
        for name in list_models()
    ]
    if as_json:
        _print_json(rows)
    else:
        _print_table(
            "Models", ["name", "summary", "source"], [[row["name"], row["summary"], row["source"]] for row in rows]
        )


@app.command()
def info(
    name: str,
    task: Annotated[str | None, typer.Option(help="One of the model's tasks.")] = None,
    n_chans: Annotated[int | None, typer.Option(help="Channels of a window; as published by default.")] = None,
    n_times: Annotated[int | None, typer.Option(help="Samples of a window; as published by default.")] = None,
    n_outputs: Annotated[int | None, typer.Option(help="Classes or other outputs; as published by default.")] = None,
    sfreq: Annotated[float | None, typer.Option(help="Sampling rate in Hz; as published by default.")] = None,
    as_json: Json = False,
) -> None:
    """Show parameters, multiply-accumulates per window, source and licence of NAME."""
    from ._registry import model_info

    try:
        sizes = {"n_chans": n_chans, "n_times": n_times, "n_outputs": n_outputs, "sfreq": sfreq}
        result = model_info(name, task=task, **{key: value for key, value in sizes.items() if value is not None})
    except EmgModelsError as error:
        _fail(error, EXIT_USAGE)
    if as_json:
        _print_json(result)
    else:
        _print_table(name, ["", ""], [[key, _text(value)] for key, value in result.items() if key != "name"])


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Model folder, as written by save_pretrained.")],
    out: Annotated[Path, typer.Argument(help="ONNX file to write.")],
    opset: Annotated[int, typer.Option(min=18, max=23, help="ONNX operator set.")] = 20,
    as_json: Json = False,
) -> None:
    """Write the classifier in FOLDER as one ONNX file with emg.* metadata."""
    from ._costs import count_parameters
    from ._folder import from_pretrained, load_labels, load_preprocessing
    from ._onnx import export_onnx

    try:
        model = from_pretrained(folder)
        export_onnx(model, out, preprocessing=load_preprocessing(folder), labels=load_labels(folder), opset=opset)
    except (EmgModelsError, OSError) as error:
        _fail(error, EXIT_DATA)
    result = {
        "path": str(out),
        "bytes": out.stat().st_size,
        "model": type(model).__name__,
        "parameters": count_parameters(model),
        "input": [1, *model.config.input_shape],
        "output": [1, *model.output_shape],
        "opset": opset,
    }
    if as_json:
        _print_json(result)
    else:
        _print_table(str(out), ["", ""], [[key, _text(value)] for key, value in result.items()])


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _print_json(value: Any) -> None:  # noqa: ANN401  any JSON value
    sys.stdout.write(json.dumps(value, indent=2) + "\n")  # ASCII: file names may hold bytes that are no text


def _print_table(title: str, headings: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, show_header=any(headings))
    for heading in headings:
        table.add_column(heading, overflow="fold")
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
