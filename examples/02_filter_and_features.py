"""Filter a recording on-line and off-line with the same numbers, and take features of its windows."""

import argparse
from pathlib import Path

import numpy as np

import emg_dsp


def main(out: Path) -> None:
    sfreq, rng = 2000.0, np.random.default_rng(0)
    hum = 0.3 * np.sin(2 * np.pi * 50 * np.arange(20_000) / sfreq)
    x = (rng.normal(size=(8, 20_000)) + hum).astype(np.float32)

    clean = emg_dsp.bandpass(20, 450, sfreq) + emg_dsp.notch(50, sfreq)
    whole = clean(x)
    stream = clean.stream(n_chans=8)
    pieces = np.concatenate([stream.push(chunk) for chunk in np.array_split(x, 37, axis=1)], axis=1)
    print(f"streamed in 37 chunks equals the whole at once, bit for bit: {np.array_equal(whole, pieces)}")

    windows = emg_dsp.windows(whole, 0.2, 0.05, sfreq=sfreq)
    print(f"windows: {windows.shape} (n, channels, time), a view: {np.shares_memory(windows, whole)}")
    rms, mav = emg_dsp.rms(windows), emg_dsp.mav(windows)
    print(f"RMS {rms.mean():.3f}, MAV {mav.mean():.3f}, per window and channel: {rms.shape}")
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "rms.npy", rms)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/02"))
    main(parser.parse_args().out)
