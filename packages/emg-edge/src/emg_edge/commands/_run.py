"""``emg-edge run``: the integers of every output, compared bit for bit where asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emg_edge._errors import EmgEdgeError

from ._outputs import check_output, write_npz

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from emg_edge._model import CompiledModel

    from ._show import Result


def run(folder: Path, source: Path, output: Path, expect: Path | None, backend: str, trace: bool) -> Result:
    """Run samples; compare when asked."""
    from emg_edge._arrays import by_input, load_npz
    from emg_edge._model import load_compiled
    from emg_edge.execute._compare import compare
    from emg_edge.execute._execute import get_executor

    compiled = load_compiled(folder)
    check_output(output, folder, source, expect)
    feeds = compiled.quantise(by_input(load_npz(source), compiled.program.inputs, str(source)), str(source))
    samples = len(next(iter(feeds.values())))
    wanted = {} if expect is None else _expected(expect, compiled, samples)
    executor = get_executor(backend, compiled.program, compiled.folder / "c")
    values = executor.trace(feeds) if trace else executor.run(feeds)
    write_npz(output, values)
    tensors = {name: compiled.program.tensors[name] for name in compiled.program.outputs}
    result: dict[str, Any] = {
        "output": str(output),
        "backend": backend,
        "samples": samples,
        "outputs": {name: {"scale": t.scale, "zero_point": t.zero_point} for name, t in tensors.items()},
    }
    if expect is None:
        return result, f"{samples} samples by {backend} -> {output}"
    found = compare(compiled.program, wanted, values if set(wanted) <= set(values) else executor.trace(feeds))
    return {**result, **found.to_dict()}, "equal" if found.equal else str(found.difference)


def _expected(path: Path, compiled: CompiledModel, samples: int) -> dict[str, NDArray[Any]]:
    """Return the integers to compare with, every one of which some layer writes in this shape and dtype."""
    from emg_edge._arrays import load_npz

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
