"""``emg-edge compile``: a folder with C, plan and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emg_edge._errors import EmgEdgeError

from ._show import extents, number, plain, table, time_and_energy

if TYPE_CHECKING:
    from pathlib import Path

    from emg_edge._model import CompiledModel
    from emg_edge.frontend._raw import RawInput

    from ._show import Result

_COLUMNS = ["layer", "op", "shape", "MAC", "modelled cycles", "modelled µJ", "SQNR dB"]


def compile_(
    model: Path,
    calibration: Path | None,
    out: Path,
    target: str,
    name: str | None,
    budgets: dict[str, int],
    choices: dict[str, Any],
    raw: Path | None = None,
) -> Result:
    """Compile a model, or a folder that `quantize` wrote, to a folder."""
    from emg_edge._compile import compile_model
    from emg_edge.frontend._raw import read_raw
    from emg_edge.quantiser._options import QuantiseOptions

    codes = None if raw is None else read_raw(raw)
    if model.is_dir():
        given = sorted(choices) + (["calibration"] if calibration else [])
        return _finished(_from_folder(model, given, out, target, name, budgets, codes))
    if calibration is None:
        raise EmgEdgeError(f"{model} needs --calibration X.npz; only a folder of `emg-edge quantize` does without")
    options = QuantiseOptions(**choices)
    return _finished(
        compile_model(
            model, calibration, target=target, out=out, name=name, options=options, budgets=budgets, raw=codes
        )
    )


def _from_folder(
    folder: Path,
    given: list[str],
    out: Path,
    target: str,
    name: str | None,
    budgets: dict[str, int],
    raw: RawInput | None,
) -> CompiledModel:
    """Compile what `quantize` wrote; its choices are taken already."""
    from emg_edge._quantize import check_quantized, compile_quantized

    check_quantized(folder)
    if given:
        raise EmgEdgeError(f"{folder} is quantised already; give {given} to `emg-edge quantize`, or compile the model")
    if out.resolve() == folder.resolve():
        raise EmgEdgeError(f"--out {out} is the quantised folder itself; give another, so that this one stays")
    return compile_quantized(folder, target=target, out=out, name=name, budgets=budgets, raw=raw)


def _finished(compiled: CompiledModel) -> Result:
    """Return the summary, and the layers with the totals on top and the warnings below."""
    rows = [
        [
            row["name"],
            row["op"],
            extents(row["shape"]),
            f"{row['macs']:,}",
            number(row["cycles"], ",d"),
            number(row["energy_uj"], ".1f"),
            number(row["sqnr_db"], ".1f"),
        ]
        for row in compiled.layers
    ]
    memory = ", ".join(f"{name} {nbytes:,}" for name, nbytes in compiled.memory.items())
    title = f"{compiled.folder} for {compiled.summary['target']}: {memory} bytes" + time_and_energy(compiled.summary)
    result = plain({**compiled.summary, "folder": str(compiled.folder)})
    return result, table(title, _COLUMNS, rows, "; ".join(compiled.warnings))
