"""From a grid recording to features, off-line and live alike: filter, repair, onsets, windows, features."""

import argparse
from pathlib import Path

import numpy as np

import emg_dsp

SFREQ = 2000.0
FEATURES = ("HTD", "RMS", "MNF", "AR(order=4)")


def forge() -> np.ndarray:
    """Ten seconds of a 4 x 4 grid: a burst every other second, mains hum, and electrode 6 loose."""
    rng, time = np.random.default_rng(0), np.arange(20_000) / SFREQ
    active = (time % 2 >= 1) * 1.0
    muscle = rng.standard_normal(20_000) * active
    x = np.stack([muscle * (0.5 + 0.1 * (n % 4)) for n in range(16)]) + 0.02 * rng.standard_normal((16, 20_000))
    x += 0.3 * np.sin(2 * np.pi * 50 * time)
    x[6] = 20 * rng.standard_normal(20_000)
    return x.astype(np.float32)


def main(out: Path) -> None:
    x = forge()
    clean = emg_dsp.bandpass(20, 450, SFREQ) + emg_dsp.notch(50, SFREQ)
    y = clean(x)

    grid = emg_dsp.Grid.custom(np.arange(16).reshape(4, 4), pitch_mm=(10, 10))
    bad = grid.bad_channels(y, SFREQ)
    print(f"bad channels: {bad}")
    chain = clean | emg_dsp.Repair(grid, tuple(bad)) | emg_dsp.Features(0.2, 0.05, FEATURES, SFREQ)

    whole = chain(x)
    stream = chain.stream(n_chans=16)
    live = np.concatenate([stream.push(chunk) for chunk in np.array_split(x, 137, axis=1)])
    print(f"features {whole.shape} (windows, channels, columns); live equals whole: {np.array_equal(whole, live)}")
    print(f"columns: {emg_dsp.feature_columns(FEATURES, SFREQ)}")

    activity = emg_dsp.onset_double_threshold(y[:1], SFREQ, rest=(0.3, 0.9), min_active=0.3)
    print(f"onsets at {np.round(activity.onset_times[0], 2)} s; at 0 s it is the filter that sets in")

    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "features.npy", whole)
    stream.save(out / "stream.npz")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/02"))
    main(parser.parse_args().out)
