"""A compiled model: a folder with its program, plan and C, and what can be done with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arrays import by_input, check_real
from ._artifact import read_document, read_program
from ._cost import simulate
from ._errors import EmgEdgeError
from ._summary import check_summary
from .execute._compare import Comparison, compare
from .execute._evaluate import float_logits, score
from .execute._execute import get_executor
from .frontend._frontend import from_dict
from .graph._graph import sample_shape
from .plan._memory import MemoryPlan, plan_memory
from .targets import get_target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .execute._stream import Stream
    from .frontend._frontend import FrontEnd
    from .graph._graph import Graph
    from .program._program import Program
    from .targets import Target

    Samples = NDArray[Any] | Mapping[str, NDArray[Any]]


class CompiledModel:
    """What `compile_model` returns and `load_compiled` reads.

    Parameters
    ----------
    folder
        The artefact.
    program
        Its integer program.
    summary
        The content of ``layers.json``.
    front
        The streaming front end, where there is one.
    """

    def __init__(
        self, folder: Path, program: Program, summary: Mapping[str, Any], front: FrontEnd | None = None
    ) -> None:
        self.folder = folder
        self.program = program
        self.summary = dict(summary)
        self.front = front

    @property
    def target(self) -> Target:
        """The device, with the budgets that it was compiled for."""
        return get_target(self.summary["target"]).with_budgets(self.summary["budgets"])

    @property
    def plan(self) -> MemoryPlan:
        """Where everything lives."""
        beside = () if self.front is None else (self.front.state_bytes, self.front.constant_bytes)
        return plan_memory(self.program, self.target, *beside)

    @property
    def memory(self) -> dict[str, int]:
        """Bytes by memory: ``l1``, ``l2``, ``l3``, ``stack``."""
        return dict(self.summary["memory"])

    @property
    def layers(self) -> list[dict[str, Any]]:
        """One row per layer: name, op, shape, macs, cycles, energy_uj, sqnr_db, saturated."""
        return [dict(row) for row in self.summary["layers"]]

    @property
    def warnings(self) -> list[str]:
        """What a reader should know before trusting the numbers."""
        return list(self.summary["warnings"])

    def quantise(self, x: Samples, source: str = "input") -> dict[str, NDArray[Any]]:
        """Return the inputs as the program stores them.

        Parameters
        ----------
        x
            Real samples ``(n, channels, time)``, or one array per input name.
        source
            For messages.
        """
        given = dict(x) if not isinstance(x, np.ndarray) else {"array": x}
        arrays = by_input(given, self.program.inputs, source)
        tensors = self.program.tensors
        return {
            name: tensors[name].quantise(check_real(array, tensors[name], source)) for name, array in arrays.items()
        }

    def run(self, x: Samples, backend: str = "c") -> NDArray[np.float32]:
        """Return the first output, dequantised.

        Parameters
        ----------
        x
            Real samples ``(n, channels, time)``, preprocessed as for training, or one array per input name.
        backend
            ``"reference"``, ``"c"`` or ``"rv32"``; all give the same bits.

        Returns
        -------
        ndarray
            float32 ``(n, *shape of the output)``, for a classifier ``(n, classes)``.
        """
        name = self.program.outputs[0]
        return self.program.tensors[name].dequantise(self.run_integers(self.quantise(x), backend)[name])

    def run_integers(self, feeds: Mapping[str, NDArray[Any]], backend: str = "c") -> dict[str, NDArray[Any]]:
        """Return every output as stored integers ``(n, *shape)`` for quantised inputs."""
        return get_executor(backend, self.program, self.folder / "c").run(feeds)

    def stream(self, backend: str = "c") -> Stream:
        """Return the model at work on a live signal: ``push`` codes ``(channels, n)``, get events.

        Parameters
        ----------
        backend
            ``"reference"``, ``"c"`` (``<name>_push``, loaded into this process) or ``"rv32"`` (replays from the start
            at every push); all give the same bits.

        Raises
        ------
        EmgEdgeError
            The model was compiled without a raw input.
        """
        from .execute._stream import get_stream

        if self.front is None:
            raise EmgEdgeError(
                f"{self.folder} has no front end; compile the model with raw=RawInput(scale=...), or `emg-edge compile "
                "--raw`, from a file that declares its preprocessing"
            )
        return get_stream(backend, self.program, self.front, self.folder / "c")

    def compare(self, x: Samples, backend: str = "c") -> Comparison:
        """Compare every layer of a backend with the integer reference, bit for bit."""
        feeds = self.quantise(x)
        expected = get_executor("reference", self.program, self.folder / "c").trace(feeds)
        return compare(self.program, expected, get_executor(backend, self.program, self.folder / "c").trace(feeds))

    def evaluate(
        self, x: Samples, y: NDArray[Any], backend: str = "c", *, model: Path | str | None = None
    ) -> dict[str, Any]:
        """Return the accuracy on labelled samples, beside that of the float model where it is given.

        Parameters
        ----------
        x
            Real samples ``(n, channels, time)``.
        y
            Class numbers ``(n,)``.
        backend
            As for `run`.
        model
            The ONNX file that was compiled; computed in float on the same samples.

        Returns
        -------
        dict
            ``accuracy``, ``interval`` (95 %), ``macro_f1``, ``correct``, ``n``, ``backend``; with ``model`` also
            ``float`` (the same of the float model) and ``points_lost`` (percentage points, < 0 where integers win).

        Raises
        ------
        EmgEdgeError
            Samples, labels or ``model`` do not fit the program.
        """
        given = None if model is None else self._float_graph(model)
        found = {**score(self.run(x, backend), y), "backend": backend}
        if given is None:
            return found
        arrays = by_input({"array": x} if isinstance(x, np.ndarray) else x, given.inputs, "input")
        exact = {**score(float_logits(given, arrays), y), "backend": "float"}
        return {**found, "float": exact, "points_lost": 100.0 * (exact["accuracy"] - found["accuracy"])}

    def _float_graph(self, model: Path | str) -> Graph:
        """Return the canonical float graph of a file whose ports are those of the program."""
        from .onnx_reader._onnx import load_onnx
        from .passes import canonicalise

        graph, tensors = canonicalise(load_onnx(model)), self.program.tensors
        ports = {name: sample_shape(graph.shape(name)) for name in (*graph.inputs, *graph.outputs)}
        compiled = {name: tensors[name].shape for name in (*self.program.inputs, *self.program.outputs)}
        if list(ports.items()) != list(compiled.items()):
            raise EmgEdgeError(
                f"{model} reads and writes {ports}, {self.folder} {compiled}; give the file that was compiled"
            )
        return graph

    def simulate(self) -> dict[str, Any]:
        """Return modelled cycles, latency and energy; see `emg_edge.simulate`."""
        return simulate(self.program, self.plan, self.target, self.front)

    def report(self, path: Path | str, **facts: Any) -> Path:  # noqa: ANN401  free facts for the reproducibility block
        """Write the HTML report and, beside it, the same as JSON and the layers as CSV.

        Parameters
        ----------
        path
            Of the HTML file; the others have the same name and the suffixes ``.json`` and ``.csv``.
        **facts
            ``accuracy`` (dict from ``"float"``, ``"reference"``, ``"c"`` to a fraction or to what `evaluate`
            returned), ``command`` (how it was made), ``model`` (what it is), and anything else worth keeping.

        Returns
        -------
        Path
            Of the HTML file.
        """
        from .report import write_report

        return write_report(self, Path(path), facts)


def load_compiled(folder: Path | str) -> CompiledModel:
    """Load a folder that `compile_model` wrote, checking every file against its manifest.

    Raises
    ------
    EmgEdgeError
        Naming the file that is missing or changed.
    """
    folder = Path(folder)
    program = read_program(folder)
    summary = read_document(folder, "layers.json")
    check_summary(summary, program, folder / "layers.json")
    front = from_dict(read_document(folder, "frontend.json")) if "frontend" in summary else None
    return CompiledModel(folder, program, summary, front)
