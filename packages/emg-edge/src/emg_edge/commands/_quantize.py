"""``emg-edge quantize``: an integer program and the layers that hurt, ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._show import plain, table

if TYPE_CHECKING:
    from pathlib import Path

    from ._show import Result

_RANKED = 20  # layers shown to people


def quantize(
    model: Path, calibration: Path, out: Path, target: str, name: str | None, choices: dict[str, Any]
) -> Result:
    """Quantise a model to a folder and rank its layers."""
    from emg_edge._quantize import quantize_model
    from emg_edge.quantiser._options import QuantiseOptions

    found = quantize_model(model, calibration, out=out, target=target, name=name, options=QuantiseOptions(**choices))
    ranked = [
        [r["layer"], r["what"], f"{r['now']} -> {r['then']}", f"{r['gain_db']:+.1f}", f"{r['nbytes']:+,}", r["advice"]]
        for r in found["layers"]
    ]
    outputs = ", ".join(f"{port} {value:.1f} dB" for port, value in found["outputs"].items())
    cycles = "" if found["cycles"] is None else f", {found['cycles']:,} cycles on {target} (modelled)"
    title = f"{out}: {outputs}, {found['bytes']:,} bytes{cycles}; int16 for {found['chosen']['wide'] or 'nothing more'}"
    shown = table(
        title, ["layer", "what", "change", "dB", "bytes", "advice"], ranked[:_RANKED], "; ".join(found["warnings"])
    )
    return plain({**found, "folder": str(out)}), shown
