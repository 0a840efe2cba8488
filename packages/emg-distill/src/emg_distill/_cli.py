"""The console script: train, evaluate, verify. Torch is imported when a command runs."""

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Pre-train, fine-tune and distil sEMG models, resume exactly, and prove every number.",
)

_USAGE, _BAD_DATA = 2, 3
_PACKAGES = ("emg_distill", "emg_io", "emg_dsp", "emg_models")
_Recipe = Annotated[str, typer.Argument(metavar="RECIPE", help="TOML file, or the name of a shipped recipe.")]
_Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one value of the recipe.")]
_Data = Annotated[Path, typer.Option("--data", envvar="EMG_DATA", help="Folder or archive of recordings.")]
_Out = Annotated[Path | None, typer.Option("--out", help="Run folder; runs/RECIPE by default.")]
_Init = Annotated[Path | None, typer.Option("--init", help="Pre-trained model whose encoder is the start.")]
_Fresh = Annotated[bool, typer.Option("--fresh", help="Start again instead of resuming what lies in --out.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
_Folder = Annotated[Path, typer.Argument(help="Model folder, or the run folder that holds it.")]


@app.command()
def pretrain(
    recipe: _Recipe, data: _Data, set_: _Set = None, out: _Out = None, fresh: _Fresh = False, as_json: _Json = False
) -> None:
    """Train an encoder by masked reconstruction."""
    _train("pretrain", recipe, set_, data, out, fresh, as_json, {})


@app.command()
def finetune(
    recipe: _Recipe,
    data: _Data,
    set_: _Set = None,
    out: _Out = None,
    init: _Init = None,
    fresh: _Fresh = False,
    as_json: _Json = False,
) -> None:
    """Train a classifier on labels."""
    _train("finetune", recipe, set_, data, out, fresh, as_json, {"init": init})


@app.command()
def distill(
    recipe: _Recipe,
    data: _Data,
    teacher: Annotated[Path, typer.Option("--teacher", help="Model folder of the teacher.")],
    set_: _Set = None,
    out: _Out = None,
    init: _Init = None,
    fresh: _Fresh = False,
    as_json: _Json = False,
) -> None:
    """Train a student on labels and on a teacher's logits."""
    _train("distill", recipe, set_, data, out, fresh, as_json, {"teacher": teacher, "init": init})


@app.command()
def evaluate(
    folder: _Folder,
    data: _Data,
    protocol: Annotated[str, typer.Option("--protocol", help="Name of the protocol.")],
    part: Annotated[str, typer.Option("--part", help="train, val or test.")] = "test",
    as_json: _Json = False,
) -> None:
    """Measure a stored model on one part of a protocol."""
    with _own_errors(_USAGE):
        from ._data.protocols import get_protocol
        from ._examples.protocol_data import check_part

        get_protocol(protocol)
        check_part(part)
    with _own_errors():
        from ._evaluate import evaluate as run

        _show(run(folder, data, protocol, part), as_json)


@app.command()
def verify(
    folder: _Folder,
    data: _Data,
    tolerance: Annotated[float, typer.Option("--tolerance", min=0.0, help="Largest difference that agrees.")] = 1e-6,
    as_json: _Json = False,
) -> None:
    """Measure a model folder again; exit 3 and a diff when its stored number does not hold."""
    with _own_errors():
        from ._evaluate import verify as run

        outcome = run(folder, data, tolerance=tolerance)
        _show(vars(outcome), as_json)
    if not outcome.holds:
        for difference in outcome.differences:
            typer.echo(difference, err=True)
        raise typer.Exit(_BAD_DATA)


def main() -> None:
    """Run the console script."""
    app()


def _train(
    task: str,
    recipe_name: str,
    overrides: list[str] | None,
    data_dir: Path,
    out: Path | None,
    fresh: bool,
    as_json: bool,
    sources: dict[str, Path | None],
) -> None:
    with _own_errors(_USAGE):
        from ._data.protocols import get_protocol
        from ._recipe.read import load_recipe

        recipe = load_recipe(recipe_name, overrides or ())
        recipe.require_task(task)
        get_protocol(recipe.protocol)
    with _own_errors():
        from . import _training
        from ._data.load import load_protocol
        from ._loop.progress import RichProgress

        run = getattr(_training, task)
        folder = out or Path("runs") / recipe.name
        command = shlex.join(["emg-distill", *sys.argv[1:]])
        with RichProgress() as progress:
            data = load_protocol(recipe.protocol, data_dir)
            result = run(recipe, data, folder, callback=progress, resume=not fresh, command=command, **sources)
        _show(
            {
                "folder": str(result.folder),
                "metrics": result.metrics,
                "split_hash": data.split_hash,
                "recipe_hash": recipe.hash,
                "seed": recipe.seed,
                "resumed_from": result.fit.resumed_from,
                "warnings": result.fit.warnings,
            },
            as_json,
        )


@contextmanager
def _own_errors(code: int = _BAD_DATA) -> Iterator[None]:
    """Turn the packages' own errors and unreadable files into one line and an exit code; others are our defects."""
    try:
        yield
    except (ValueError, OSError) as error:
        package = type(error).__module__.partition(".")[0]
        if not isinstance(error, OSError) and package not in _PACKAGES:
            raise
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(code) from None


def _show(content: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(content, allow_nan=False))
        return
    from rich.console import Console

    Console().print_json(json.dumps(content, allow_nan=False))
