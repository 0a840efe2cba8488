"""Open a public data set as typed recordings, and split it so that nothing leaks.

Reads the UCI gestures below ``EMG_DATA`` where that is set, else forges a small set of the same layout.
"""

import argparse
import os
from pathlib import Path

import emg_io


def main(out: Path) -> None:
    real = Path(os.environ.get("EMG_DATA", "")) / "uci_emg_gestures.zip"
    source = real if real.is_file() else emg_io.synthesize(out / "uci", format="uci", n_subjects=4, seed=0)
    dataset = emg_io.open_dataset(source)
    print(f"{dataset.format}: {len(dataset)} recordings of {len(dataset.subjects)} subjects")

    recording = dataset[0]
    print(f"first: subject {recording.subject}, {recording.n_chans} channels, {recording.n_samples} stamped rows")
    print(f"clock: uniform={recording.uniform}, effective rate {recording.sfreq:.1f} Hz, unit {recording.unit}")
    even = recording.resample(100.0)
    print(f"on a 100 Hz grid: {even.signal().shape} (channels, time), {len(even.segments())} labelled runs")

    split = emg_io.split_by_subject(dataset, test=0.25, seed=0)
    print(f"split {split.hash[:12]}: parts {sorted(split.parts)}, disjoint by construction")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/01"))
    main(parser.parse_args().out)
