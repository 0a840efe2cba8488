"""All models and their costs; TinyMyo as released and as corrected, shuffled in time; an ONNX file of the second."""

import argparse
from pathlib import Path

import torch

import emg_models


def shuffled_change(name: str) -> float:
    """Return how far the logits of a fresh model move when the patches of every channel are shuffled in time."""
    torch.manual_seed(0)
    model = emg_models.create_model(name, n_chans=8, n_times=1000, n_outputs=6, sfreq=200.0, n_blocks=2).eval()
    x = torch.randn(1, 8, 1000)
    order = torch.randperm(50)
    shuffled = x.unflatten(-1, (50, 20))[:, :, order].flatten(-2)
    with torch.no_grad():
        return float((model(x) - model(shuffled)).abs().max())


def main(out: Path) -> None:
    for name in emg_models.list_models():
        info = emg_models.model_info(name)
        window = " x ".join(map(str, info["input_shape"][1:]))
        print(
            f"{name:26s} {info['task']:14s} {info['parameters']:>11,} parameters "
            f"{info['macs'] / 1e9:6.3f} GMAC per input of {window}"
        )
    for name in ("tinymyo", "tinymyo-released"):
        print(f"{name:26s} logits move by {shuffled_change(name):.1e} when time is shuffled")

    model = emg_models.create_model("tinymyo", n_chans=8, n_times=200, n_outputs=6, sfreq=200.0, n_blocks=1)
    labels = ["rest", "fist", "flexion", "extension", "radial", "ulnar"]
    preprocessing = {
        "sfreq": 200.0,
        "unit": "V",
        "channels": [f"ch{i + 1}" for i in range(8)],
        "resample": None,
        "filter": {"kind": "sos", "causal": True, "sos": [[1.0, 0.0, 0.0, 1.0, 0.0, 0.0]]},
        "normalisation": {"kind": "zscore", "mean": [0.0] * 8, "std": [1.0] * 8},
        "window": {"length": 200, "hop": 50, "unit": "samples"},
    }
    emg_models.save_pretrained(model, out / "model", preprocessing=preprocessing, labels=labels)
    path = emg_models.export_onnx(model, out / "tinymyo.onnx", preprocessing=preprocessing, labels=labels)
    print(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/03"))
    main(parser.parse_args().out)
