"""An ONNX file in, integer C out: compile TinyMyo, check every bit, see what it would cost on GAP9."""

import argparse
from pathlib import Path

import numpy as np
import torch

import emg_edge
import emg_models

PREPROCESSING = {
    "sfreq": 200.0,
    "unit": "V",
    "channels": [f"ch{i + 1}" for i in range(8)],
    "resample": None,
    "filter": None,
    "normalisation": None,
    "window": {"length": 200, "hop": 50, "unit": "samples"},
}


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    model = emg_models.create_model("tinymyo", n_chans=8, n_times=200, n_outputs=6, sfreq=200.0, n_blocks=2).eval()
    labels = ["rest", "fist", "flexion", "extension", "radial", "ulnar"]
    path = emg_models.export_onnx(model, out / "model.onnx", preprocessing=PREPROCESSING, labels=labels)

    windows = np.random.default_rng(0).normal(size=(96, 8, 200)).astype(np.float32)
    compiled = emg_edge.compile_model(path, windows[:64], target="gap9", out=out)
    comparison = compiled.compare(windows[64:72])
    print(f"{comparison.layers} layers, {comparison.elements:,} values, C equals the reference: {comparison.equal}")

    with torch.no_grad():
        expected = model(torch.from_numpy(windows[64:])).numpy()
    noise = compiled.run(windows[64:]) - expected
    print(f"int8 logits keep {10 * np.log10((expected**2).mean() / (noise**2).mean()):.1f} dB of the float ones")

    cost = compiled.simulate()
    worst = max(compiled.layers, key=lambda layer: layer["cycles"])
    print(f"modelled on GAP9: {cost['latency_ms']:.1f} ms, {cost['energy_mj']:.2f} mJ; most cycles in {worst['name']}")
    print(f"report {compiled.report(out / 'report.html', command='examples/04_onnx_to_c.py')}, C project {out / 'c'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/04"))
    main(parser.parse_args().out)
