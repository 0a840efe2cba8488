"""Write the speed of emg-dsp as Markdown from the JSON of its benchmarks, two runs or more side by side.

``nox -s "bench(emg-dsp)" -- --benchmark-json=1.json``, again into ``2.json`` at another hour, then
``python tools/speed_table.py 1.json 2.json``: first the jobs that have a target, then every peer of every benchmark.
Values of the runs are separated by commas. Ratios are of best wall times within one run; in brackets, of CPU times.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Info = dict[str, Any]
NO_PEERS = {"ours", "copy", "new_copy", "one_thread", "alone", "abreast"}
WIDE = ["ns per value", "over a bare copy", "over a copy into new memory", "peer", "peer, ns per value", "peer / ours"]
TARGETS = [
    ("causal band-pass + notch", "test_causal", "sosfilt_float32_over_ours", "3x scipy's sosfilt, float32"),
    ("the same", "test_libemg_filter_a[causal]", "libemg_over_ours", "60x LibEMG's filter"),
    ("zero-phase", "test_zero_phase", "sosfiltfilt_over_ours", "3x scipy's sosfiltfilt"),
    ("windows, HTD + RMS", "test_libemg_htd_rms_with_windows[a]", "libemg_over_ours", "25x LibEMG"),
    ("the same, ns per value", "test_libemg_htd_rms_with_windows[a]", "ns_per_value", "at most 2.0"),
    ("sample entropy", "test_libemg_feature[SAMPEN]", "libemg_over_ours", "200x LibEMG"),
    ("fuzzy entropy", "test_libemg_feature[FUZZYEN]", "libemg_over_ours", "200x LibEMG"),
    ("HD images, time last", "test_images", "over_new_copy", "at most 2 copies"),
    ("HD images, frames", "test_frames", "over_new_copy", "at most 2 copies"),
    ("stream, band-pass + notch + RMS, p99 in µs", "test_chunk[bandpass+notch|RMS-view-2]", "p99_us", "at most 100"),
    ("two threads, causal filter", "test_two_threads[causal filter]", "one_thread_over_ours", "1.7x one thread"),
    ("two threads, features", "test_two_threads[windows and five features]", "one_thread_over_ours", "1.7x one thread"),
    ("import in s", "test_import", "emg_dsp_s", "at most 0.45"),
]


def main(*sources: str) -> None:
    """Print the tables of the runs given."""
    reports = [json.loads(Path(source).read_text(encoding="utf-8")) for source in sources]
    runs: list[dict[str, Info]] = [{row["name"]: row["extra_info"] for row in run["benchmarks"]} for run in reports]
    for report in reports:
        print(conditions(report), end="\n\n")
    names = list(dict.fromkeys(name for run in runs for name in run))
    found = {name: [run.get(name, {}) for run in runs] for name in names}
    print(table(["job", "measured", "over a copy into new memory", "target"], targets(found)))
    print(table(["benchmark", *WIDE], (line for name, infos in found.items() for line in peers(name, infos))))
    print(table(["feature", "least of peer / ours"], slowest(found)))
    latencies = {"p50, µs": "p50_us", "p99, µs": "p99_us", "p99.9, µs": "p99.9_us", "p99 of CPU time, µs": "p99_cpu_us"}
    print(plain("latency of one call", latencies, found))
    print(plain("two threads", {"gain": "one_thread_over_ours", "gain of the machine": "machine_scaling"}, found))
    print(plain("import, s", {"numpy": "numpy_s", "emg-dsp": "emg_dsp_s"}, found))
    print(plain("warm-up, s", {"empty cache": "empty_cache_s", "filled cache": "filled_cache_s"}, found))
    print(plain("cost", {"slope": "slope", "fitted from": "fitted_from"}, found))


def table(head: list[str], lines: Iterator[list[str]]) -> str:
    """Return a Markdown table."""
    rows = [f"| {' | '.join(cells)} |" for cells in lines]
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *rows, ""])


def plain(name: str, columns: dict[str, str], found: dict[str, list[Info]]) -> str:
    """Return a table of the benchmarks that hold the last of the named values."""
    last = list(columns.values())[-1]
    chosen = {test: infos for test, infos in found.items() if any(last in info for info in infos)}
    lines = ([title(test), *(several(infos, key) for key in columns.values())] for test, infos in chosen.items())
    return table([name, *columns], lines)


def targets(found: dict[str, list[Info]]) -> Iterator[list[str]]:
    """Yield the jobs that have a target."""
    for job, name, key, target in TARGETS:
        infos = found.get(name, [{}])
        yield [job, several(infos, key), several(infos, "over_new_copy"), target]


def peers(name: str, infos: list[Info]) -> Iterator[list[str]]:
    """Yield one line for each peer of a benchmark, or one alone where it has none."""
    jobs = next((info["jobs"] for info in infos if "jobs" in info), None)
    if jobs is None or "alone" in jobs:
        return
    ours = [title(name), *(several(infos, key) for key in ("ns_per_value", "over_copy", "over_new_copy"))]
    for peer in [name for name in jobs if name not in NO_PEERS] or [""]:
        ratio = f"{several(infos, f'{peer}_over_ours')} ({several(infos, f'{peer}_over_ours_cpu')})"
        beside = [peer.replace("_", " "), several(infos, f"{peer}_ns_per_value"), ratio]
        yield [*ours, *(beside if peer else ["none", "", ""])]


def slowest(found: dict[str, list[Info]]) -> Iterator[list[str]]:
    """Yield the features that are less than three times as fast as LibEMG's in any run, slowest first."""
    least: dict[str, float] = {}
    for name, infos in found.items():
        ratios = [info["libemg_over_ours"] for info in infos if "libemg_over_ours" in info]
        if name.startswith("test_libemg_feature") and ratios and min(ratios) < 3:
            least[name] = min(ratios)
    yield from (
        [title(name), several(found[name], "libemg_over_ours")] for name in sorted(least, key=least.__getitem__)
    )


def title(name: str) -> str:
    """Return a test's name as words that a table can hold."""
    return name.removeprefix("test_").replace("_", " ").replace("|", " then ")


def several(infos: list[Info], key: str) -> str:
    """Return the values of the runs, rounded to what is meaningful."""
    return ", ".join(short(info[key]) if key in info else "-" for info in infos)


def short(value: float | list[float]) -> str:
    """Return a number with two or three digits that count; best and worst of several."""
    if isinstance(value, list):
        return " to ".join(f"{part:.2f}" for part in value)
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


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
