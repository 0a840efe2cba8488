"""The console script ``emg-distill``. Exit codes: 0 ok, 2 usage, 3 bad data. Torch is imported when a command runs."""

import typer

from . import _look, _prepare, _prove, _train

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Pre-train, fine-tune and distil sEMG models, resume exactly, and prove every number.",
)
for _command in (
    _look.recipes,
    _look.protocols,
    _look.plan,
    _prepare.prepare,
    _train.pretrain,
    _train.finetune,
    _train.distill,
    _prove.evaluate,
    _prove.verify,
    _prove.export,
):
    app.command()(_command)


def main() -> None:
    """Run the console script."""
    app()
