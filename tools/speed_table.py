"""Write the speed of emg-dsp as Markdown from the JSON of its benchmarks, two runs or more side by side.

``nox -s "bench(emg-dsp)" -- --benchmark-json=1.json``, again into ``2.json`` at another hour, then
``python tools/speed_table.py 1.json 2.json``. One line for every peer of every benchmark; values of the runs are
separated by commas. Ratios are of best wall times within one run; in brackets, of CPU times.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

COLUMNS = (
    "benchmark",
    "ns per value",
    "times a bare copy",
    "times a copy into new memory",
    "peer",
    "peer, ns per value",
    "peer / ours",
)
NO_PEERS = {"ours", "copy", "new_copy", "one_thread", "alone", "abreast"}


def main(*sources: str) -> None:
    """Print the tables of the runs given."""
    reports = [json.loads(Path(source).read_text(encoding="utf-8")) for source in sources]
    runs = [{row["name"]: row["extra_info"] for row in report["benchmarks"]} for report in reports]
    for report in reports:
        print(conditions(report), end="\n\n")
    names = list(dict.fromkeys(name for run in runs for name in run))
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    for name in names:
        infos = [run[name] for run in runs if name in run]
        if "jobs" in infos[0] and "machine_scaling" not in infos[0]:
            print("\n".join(rows(name, infos)))
    print("\n| latency of one call | p50, µs | p99, µs | p99.9, µs | p99 of CPU time, µs |\n|---|---|---|---|---|")
    for name in names:
        infos = [run[name] for run in runs if name in run]
        if "p99_us" in infos[0]:
            keys = ("p50_us", "p99_us", "p99.9_us", "p99_cpu_us")
            print(f"| {title(name)} | {' | '.join(several([info.get(key) for info in infos]) for key in keys)} |")
    print("\n| two threads | gain over one | gain of bare arithmetic in the same rounds |\n|---|---|---|")
    for name in names:
        infos = [run[name] for run in runs if name in run]
        if "machine_scaling" in infos[0]:
            keys = ("one_thread_over_ours", "machine_scaling")
            print(f"| {title(name)} | {' | '.join(several([info.get(key) for info in infos]) for key in keys)} |")
    print("\n| start | seconds, best to worst |\n|---|---|")
    for key in ("numpy_s", "emg_dsp_s", "empty_cache_s", "filled_cache_s"):
        found = [info[key] for run in runs for info in run.values() if key in info]
        print(f"| {key.removesuffix('_s').replace('_', ' ')} | {'; '.join(spread(value) for value in found)} |")


def spread(value: float | list[float]) -> str:
    """Return seconds, or the best and worst of several."""
    return f"{value:.2f}" if isinstance(value, float) else " to ".join(f"{part:.2f}" for part in value)


def rows(name: str, infos: list[dict[str, Any]]) -> list[str]:
    """Return one line for each peer of a benchmark, or one alone where it has none."""
    ours = [several([info.get(key) for info in infos]) for key in ("ns_per_value", "over_copy", "over_new_copy")]
    peers = [peer for peer in infos[0]["jobs"] if peer not in NO_PEERS]
    lines = []
    for peer in peers or [""]:
        cells = ["none", "", ""]
        if peer:
            ratios = [(info.get(f"{peer}_over_ours"), info.get(f"{peer}_over_ours_cpu")) for info in infos]
            ratio = f"{several([wall for wall, _ in ratios])} ({several([cpu for _, cpu in ratios])})"
            cells = [peer.replace("_", " "), several([info.get(f"{peer}_ns_per_value") for info in infos]), ratio]
        lines.append(f"| {' | '.join([title(name), *ours, *cells])} |")
    return lines


def title(name: str) -> str:
    """Return a test's name as words."""
    return name.removeprefix("test_").replace("_", " ")


def several(values: list[float | None]) -> str:
    """Return the values of the runs, rounded to what is meaningful."""
    return ", ".join("-" if value is None else short(value) for value in values)


def short(value: float) -> str:
    """Return a number with two or three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2g}"


def conditions(report: dict[str, Any]) -> str:
    """Return when, where and with what a run was made."""
    setups = [row["extra_info"]["setup"] for row in report["benchmarks"] if "setup" in row["extra_info"]]
    loads = [setup["load_before"][0] for setup in setups if setup["load_before"]] or [float("nan")]
    versions = ", ".join(f"{name} {version}" for name, version in setups[0]["versions"].items())
    return (
        f"{report['datetime'][:16]} UTC, {report['machine_info']['cpu'].get('brand_raw', 'unknown processor')}, "
        f"{setups[0]['cores']} cores, load {min(loads):.1f} to {max(loads):.1f}, "
        f"OMP_NUM_THREADS {setups[0]['threads']}, Python {setups[0]['python']}, {versions}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
