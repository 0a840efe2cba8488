"""Recordings in, verified integer C out: the whole path through the five packages.

Reads the UCI gesture recordings, filters and cuts them into windows, pre-trains and fine-tunes a small TinyMyo, distils
a smaller student, exports it to ONNX, quantises it to int8, writes a C project, builds and runs it, compares every
layer with the integer reference bit for bit, and models its cost on GAP9. With ``--data DIR`` (or ``EMG_DATA``) it runs
on the real recordings, without on synthetic EMG. Writes ``report.html`` and ``c/`` below ``--out``.
"""

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import emg_distill
import emg_edge
import emg_io
import emg_models

PROTOCOL = "uci/subject-disjoint"
console = Console()


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Show a spinner while a stage runs, and how long it took."""
    start = time.perf_counter()
    with console.status(name):
        yield
    console.print(f"[green]✓[/green] {name} [dim]{time.perf_counter() - start:.1f} s[/dim]")


def recordings(data: Path | None, out: Path, seed: int) -> Path:
    """Return the UCI recordings to read: the given ones, or forged ones of the same layout."""
    if data is not None:
        return data
    with stage("no --data and no EMG_DATA: forging UCI recordings with the synthetic EMG source"):
        return emg_io.synthesize(out / "synthetic", format="uci", n_subjects=7, seed=seed)


def train(
    data: emg_distill.ProtocolData, out: Path, seed: int
) -> tuple[emg_distill.TrainResult, emg_distill.TrainResult]:
    """Pre-train by masked reconstruction, fine-tune the teacher, distil the student; a second call resumes."""
    names = ("uci-pretrain", "uci-finetune", "uci-distill")
    recipes = [emg_distill.load_recipe(name, [f"seed={seed}"]) for name in names]
    runs = out / "runs" / "-".join(hash_[:6] for hash_ in (data.digest, *(recipe.hash for recipe in recipes)))
    with emg_distill.RichProgress(console) as progress:
        start = emg_distill.pretrain(recipes[0], data, runs / "pretrained", callback=progress)
        teacher = emg_distill.finetune(recipes[1], data, runs / "teacher", init=start.folder, callback=progress)
        student = emg_distill.distill(recipes[2], data, runs / "student", teacher=teacher.folder, callback=progress)
    return teacher, student


def compile_student(student: Path, data: emg_distill.ProtocolData, out: Path) -> emg_edge.CompiledModel:
    """Export the student with its preprocessing and compile it for GAP9, calibrated on training windows."""
    path = emg_models.export_onnx(
        emg_models.from_pretrained(student),
        out / "student.onnx",
        preprocessing=emg_models.load_preprocessing(student),
        labels=emg_models.load_labels(student),
    )
    return emg_edge.compile_model(path, data.train.x[:512], target="gap9", out=out)


def table(
    title: str,
    teacher: emg_distill.TrainResult,
    student: emg_distill.TrainResult,
    compiled: emg_edge.CompiledModel,
    integer: dict[str, Any],
    cost: dict[str, Any],
) -> Table:
    """Return the closing table: what was learnt, what it costs, what is only modelled."""
    rows = Table(title=f"{title}; test subjects never seen in training", show_header=False, title_justify="left")
    sizes = {name: sum(p.numel() for p in run.model.parameters()) for name, run in (("t", teacher), ("s", student))}
    rows.add_row("teacher, float", f"{teacher.metrics['test']['accuracy']:.1%} accuracy, {sizes['t']:,} parameters")
    rows.add_row("student, float", f"{student.metrics['test']['accuracy']:.1%} accuracy, {sizes['s']:,} parameters")
    low, high = integer["interval"]
    rows.add_row("student, int8, compiled C", f"{integer['accuracy']:.1%} accuracy (95 %: {low:.1%} to {high:.1%})")
    used = ", ".join(f"{level.upper()} {size:,}" for level, size in compiled.memory.items())
    rows.add_row("bytes on GAP9", used)
    latency, energy = cost["interval"]["latency_ms"], cost["interval"]["energy_mj"]
    rows.add_row("latency, modelled", f"{cost['latency_ms']:.2f} ms ({latency[0]:.2f} to {latency[1]:.2f})")
    rows.add_row("energy, modelled", f"{cost['energy_mj']:.3f} mJ ({energy[0]:.3f} to {energy[1]:.3f})")
    return rows


def main(data: Path | None, out: Path, seed: int) -> None:
    begun = time.perf_counter()
    source = recordings(data, out, seed)
    with stage(f"read {source.name}, band-pass, window, normalise"):
        windows = emg_distill.load_protocol(PROTOCOL, source)
    test = windows.test
    console.print(f"  {len(windows.train)} training, {len(windows.val)} validation, {len(test)} test windows")
    teacher, student = train(windows, out, seed)
    with stage("export, calibrate, quantise to int8, write C"):
        compiled = compile_student(student.folder, windows, out)
    with stage("build the C and compare every layer with the integer reference"):
        equality = compiled.compare(test.x[:64])
    if not equality.equal:
        raise SystemExit(f"the compiled C is wrong: {equality.difference}")
    console.print(f"  {equality.layers} layers, {equality.samples} windows, {equality.elements:,} values: all equal")
    with stage("run the compiled C on the whole test split"):
        integer = compiled.evaluate(test.x, test.y, backend="c")
    with stage("model GAP9, write the report"):
        cost = compiled.simulate()
        accuracy = {"float": student.metrics["test"]["accuracy"], "c": integer}
        report = compiled.report(
            out / "report.html", accuracy=accuracy, command=f"examples/end_to_end.py --seed {seed}"
        )
    title = "Forged recordings in the layout of UCI gestures" if data is None else "UCI gestures"
    console.print(table(title, teacher, student, compiled, integer, cost))
    console.print(f"report {report}, C project {out / 'c'}, {time.perf_counter() - begun:.0f} s in all")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    given = os.environ.get("EMG_DATA")
    parser.add_argument("--data", type=Path, default=Path(given) if given else None, help="UCI archive, or its folder")
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    main(arguments.data, arguments.out, arguments.seed)
