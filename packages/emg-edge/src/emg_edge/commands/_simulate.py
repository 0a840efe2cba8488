"""``emg-edge simulate``: modelled cycles, time and energy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._show import plain, table, time_and_energy

if TYPE_CHECKING:
    from pathlib import Path

    from ._show import Result


def simulate(folder: Path) -> Result:
    """Model the target."""
    from emg_edge._model import load_compiled

    result = load_compiled(folder).simulate()
    rows = [
        [r["name"], r["op"], f"{r['macs']:,}", f"{r['cycles']:,}", f"{r['dma_cycles']:,}", f"{r['l3_cycles']:,}"]
        for r in result["layers"]
    ]
    title = f"{result['target']}, modelled: {result['cycles']:,} cycles" + time_and_energy(result)
    columns = ["layer", "op", "MAC", "modelled cycles", "DMA", "L3"]
    return plain(result), table(title, columns, rows, _stream_text(result.get("frontend")))


def _stream_text(facts: dict[str, Any] | None) -> str:
    """Return what a stream costs, where there is one."""
    if facts is None:
        return ""
    real = "" if facts["load"] is None else f", {facts['real_time_factor']:,.1f} x real time"
    spent = f"{facts['cycles_per_frame']:,} cycles a frame, {facts['cycles_per_second']:,} a second"
    return f"stream: {spent}{real} (modelled)"
