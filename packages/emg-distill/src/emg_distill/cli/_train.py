"""Commands that train."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ._show import USAGE, Data, Json, Lists, Partial, Store, own_errors, show

if TYPE_CHECKING:
    from emg_distill._examples.protocol_data import ProtocolData
    from emg_distill._loop.events import Callback
    from emg_distill._recipe.schema import Recipe
    from emg_distill._training import TrainResult

_Recipe = Annotated[str, typer.Argument(metavar="RECIPE", help="TOML file, or the name of a shipped recipe.")]
_Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one value of the recipe.")]
_Out = Annotated[Path | None, typer.Option("--out", help="Run folder; runs/RECIPE by default.")]
_Init = Annotated[Path | None, typer.Option("--init", help="Trained model whose weights, or encoder, are the start.")]
_Fresh = Annotated[bool, typer.Option("--fresh", help="Start again instead of resuming what lies in --out.")]
_Strategy = Annotated[
    Literal["auto", "ddp", "fsdp"], typer.Option("--strategy", help="Under torchrun: how processes share the work.")
]
_Board = Annotated[bool, typer.Option("--board", help="Write TensorBoard events too (emg-distill[board]).")]


def pretrain(
    recipe: _Recipe,
    data: Data,
    set_: _Set = None,
    out: _Out = None,
    lists: Lists = None,
    store: Store = None,
    partial: Partial = False,
    strategy: _Strategy = "auto",
    fresh: _Fresh = False,
    board: _Board = False,
    as_json: Json = False,
) -> None:
    """Train an encoder without labels."""
    _train("pretrain", recipe, set_, data, out, lists, store, partial, strategy, fresh, board, as_json, {})


def finetune(
    recipe: _Recipe,
    data: Data,
    set_: _Set = None,
    out: _Out = None,
    init: _Init = None,
    lists: Lists = None,
    store: Store = None,
    partial: Partial = False,
    strategy: _Strategy = "auto",
    fresh: _Fresh = False,
    board: _Board = False,
    as_json: Json = False,
) -> None:
    """Train a model on labels, from scratch or from trained weights."""
    sources = {"init": init}
    _train("finetune", recipe, set_, data, out, lists, store, partial, strategy, fresh, board, as_json, sources)


def distill(
    recipe: _Recipe,
    data: Data,
    teacher: Annotated[Path, typer.Option("--teacher", help="Model folder of the teacher.")],
    set_: _Set = None,
    out: _Out = None,
    init: _Init = None,
    lists: Lists = None,
    store: Store = None,
    partial: Partial = False,
    strategy: _Strategy = "auto",
    fresh: _Fresh = False,
    board: _Board = False,
    as_json: Json = False,
) -> None:
    """Train a student on labels and on a teacher's outputs."""
    sources: dict[str, Path | None] = {"teacher": teacher, "init": init}
    _train("distill", recipe, set_, data, out, lists, store, partial, strategy, fresh, board, as_json, sources)


@contextmanager
def _watchers(folder: Path, board: bool) -> Iterator["Callback"]:
    """Show a live table on stderr and, where asked for, write TensorBoard's events."""
    from emg_distill._loop.board import BoardWriter
    from emg_distill._loop.events import combine_callbacks
    from emg_distill._loop.progress import RichProgress

    with ExitStack() as stack:
        watchers: list[Callback] = [stack.enter_context(RichProgress())]
        if board:
            watchers.append(stack.enter_context(BoardWriter(folder / "board")))
        yield combine_callbacks(*watchers)


def _train(
    task: str,
    recipe_name: str,
    overrides: list[str] | None,
    data_dir: Path,
    out: Path | None,
    lists: Path | None,
    store: Path | None,
    partial: bool,
    strategy: Literal["auto", "ddp", "fsdp"],
    fresh: bool,
    board: bool,
    as_json: bool,
    sources: dict[str, Path | None],
) -> None:
    recipe = _read_recipe(task, recipe_name, overrides)
    with own_errors():
        from emg_distill import _training
        from emg_distill._data.load import load_protocol
        from emg_distill._distributed.fabric import make_fabric

        folder, fold = out or Path("runs") / recipe.name, recipe.fold or None
        protocol = load_protocol(recipe.protocol, data_dir, fold=fold, lists=lists, partial=partial, store=store)
        fabric = make_fabric(recipe, strategy=strategy)
        run = {"resume": not fresh, "command": shlex.join(["emg-distill", *sys.argv[1:]]), "fabric": fabric}
        with _watchers(folder, board and fabric.is_global_zero) as watch:
            result = getattr(_training, task)(recipe, protocol, folder, callback=watch, **run, **sources)
    if fabric.is_global_zero:
        show(_report(result, protocol, recipe), as_json)


def _read_recipe(task: str, name: str, overrides: list[str] | None) -> "Recipe":
    """Read a recipe, and refuse what no data could mend, as wrong usage."""
    with own_errors(USAGE):
        from emg_distill._data.protocols import get_protocol
        from emg_distill._recipe.read import load_recipe

        recipe = load_recipe(name, overrides or ())
        recipe.require_task(task)
        get_protocol(recipe.protocol)
        return recipe


def _report(result: "TrainResult", data: "ProtocolData", recipe: "Recipe") -> dict[str, Any]:
    return {
        "folder": str(result.folder),
        "metrics": result.metrics,
        "split_hash": data.split_hash,
        "recipe_hash": recipe.hash,
        "seed": recipe.seed,
        "resumed_from": result.fit.resumed_from,
        "warnings": result.fit.warnings,
    }
