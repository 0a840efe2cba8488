"""Commands that look: recipes, protocols, and what a run would take."""

from typing import Annotated, Literal

import typer

from ._show import USAGE, Json, own_errors, show, table


def recipes(as_json: Json = False) -> None:
    """List the shipped recipes."""
    from emg_distill._recipe.read import list_recipes, load_recipe

    found = [load_recipe(name) for name in list_recipes()]
    rows = [
        {"name": recipe.name, "task": recipe.task, "protocol": recipe.protocol, "model": recipe.model.name}
        for recipe in found
    ]
    table(rows, as_json)


def protocols(as_json: Json = False) -> None:
    """List the protocols and the strict ones beside them; with --json also the sources, and in what they flatter."""
    from emg_distill._data.protocols import get_protocol, list_protocols

    found = [get_protocol(name) for name in list_protocols()]
    rows = [
        {"name": one.name, "kind": one.kind, "strict": one.strict, "source": one.source, "flaw": one.flaw}
        for one in found
    ]
    table(rows if as_json else [{key: row[key] for key in ("name", "kind", "strict")} for row in rows], as_json)


def plan(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="TOML file, or the name of a shipped recipe.")],
    windows: Annotated[int, typer.Option("--windows", min=1, help="Training windows of the data set.")],
    n_chans: Annotated[int, typer.Option("--n-chans", min=1, help="Channels of a window.")],
    n_times: Annotated[int, typer.Option("--n-times", min=1, help="Samples of a window.")],
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe.")] = None,
    gpus: Annotated[int, typer.Option("--gpus", min=1, help="GPUs in all.")] = 8,
    gpu: Annotated[str, typer.Option("--gpu", help="Kind of GPU.")] = "h100-80gb",
    strategy: Annotated[Literal["ddp", "fsdp"], typer.Option("--strategy", help="How GPUs share the work.")] = "ddp",
    mfu: Annotated[float | None, typer.Option("--mfu", help="Share of the peak that your runs reach.")] = None,
    price: Annotated[float | None, typer.Option("--price", help="Of a GPU for an hour.")] = None,
    as_json: Json = False,
) -> None:
    """Model memory, time and cost of a run on GPUs: figures are computed, not measured."""
    with own_errors(USAGE):
        from emg_distill._distributed.plan_page import render_plan
        from emg_distill._distributed.planner import plan_training
        from emg_distill._distributed.workload import workload_of
        from emg_distill._recipe.read import load_recipe

        run = load_recipe(recipe, set_ or ())
        settings = {**run.model.options, "n_chans": n_chans, "n_times": n_times}
        found = plan_training(
            run.model.name,
            workload_of(run, windows),
            gpus=gpus,
            gpu=gpu,
            strategy=strategy,
            settings=settings,
            mfu=mfu,
            price=price,
        )
    if as_json:
        show(found.to_dict(), as_json)
    else:
        typer.echo(render_plan(found))
