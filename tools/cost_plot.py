"""Draw the cost of emg-dsp against length and channels from the JSON of its benchmarks, as a small SVG.

``nox -s "bench(emg-dsp)" -- -k scaling --benchmark-json=cost.json``, then
``python tools/cost_plot.py cost.json packages/emg-dsp/docs/cost.svg`` with matplotlib installed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"]
NAMES = {"samples": "samples (of {channels} channels)", "channels": "channels (of {samples:,} samples)"}


def main(source: str, target: str) -> None:
    """Read the benchmark's JSON and write the picture."""
    report = json.loads(Path(source).read_text(encoding="utf-8"))
    rows = [row["extra_info"] for row in report["benchmarks"] if "slope" in row["extra_info"]]
    if not rows:
        sys.exit(f"{source} holds no row of bench_dsp_scaling.py")
    note = describe(report, rows[0])
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "emg-dsp", "font.size": 8}):
        figure = Figure(figsize=(8.0, 3.9), layout="constrained")
        axes = figure.subplots(1, 2, sharey=True)
        for ax, axis in zip(axes, NAMES, strict=True):
            draw(ax, axis, [row for row in rows if row["axis"] == axis])
        axes[0].set_ylabel("CPU time of one call (s), best of 7")
        figure.supxlabel(note, fontsize=6, color="0.4")
        figure.savefig(target, metadata={"Date": None, "Title": "Cost of emg-dsp", "Description": note})
    for row in rows:
        print(f"{row['job']:32s} {row['axis']:9s} slope {row['slope']:.2f} from {row['fitted_from']}")


def draw(ax: Any, axis: str, rows: list[dict[str, Any]]) -> None:  # noqa: ANN401  matplotlib's own types vary
    """Draw one line for each job, and a dotted one for what is linear."""
    for colour, row in zip(COLOURS, rows, strict=False):
        label = f"{row['job']}: slope {row['slope']:.2f}"
        ax.loglog(row["sizes"], row["seconds"], marker="o", markersize=3, linewidth=1, color=colour, label=label)
    first, last = rows[0]["sizes"][0], rows[0]["sizes"][-1]
    cheapest = min(row["seconds"][-1] for row in rows) / 2
    ax.loglog([first, last], [cheapest * first / last, cheapest], ":", color="0.6", linewidth=1, label="linear")
    ax.set_xlabel(NAMES[axis].format(**rows[0]["fixed"]))
    ax.legend(fontsize=6)
    ax.minorticks_off()
    ax.grid(linewidth=0.3)


def describe(report: dict[str, Any], row: dict[str, Any]) -> str:
    """Return date, machine, versions and seed in one line."""
    cpu = report["machine_info"]["cpu"]
    versions = row["setup"]["versions"]
    kinds = ", ".join(f"{name} {versions[name]}" for name in ("emg-dsp", "numpy", "numba"))
    return (
        f"{report['datetime'][:16]} UTC, {cpu.get('brand_raw', 'unknown processor')}, {row['setup']['cores']} cores, "
        f"one thread, float32, Python {row['setup']['python']}, {kinds}, seed {row['seed']}; slopes from "
        "2^14 samples and from 32 channels"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
