"""What the console script's commands do, a file a command: each returns a JSON-able result and something to show."""

from ._compile import compile_
from ._evaluate import evaluate
from ._inspect import inspect
from ._quantize import quantize
from ._report import report
from ._run import run
from ._show import show, waiting
from ._simulate import simulate
from ._stream import stream

__all__ = [
    "compile_",
    "evaluate",
    "inspect",
    "quantize",
    "report",
    "run",
    "show",
    "simulate",
    "stream",
    "waiting",
]
