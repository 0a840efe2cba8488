"""Classical gesture recognition: hand-crafted features, linear discriminant analysis and a random forest.

Reads the UCI gestures below ``EMG_DATA`` where that is set, else forges a small set of the same layout
(easier: muscles of one model). Subjects of the test part are in no other part.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import emg_dsp
import emg_io

SFREQ, LENGTH, HOP = 100.0, 0.4, 0.1  # the armband sends about 100 new values a second, whatever its log says
GESTURES = range(1, 7)


def windows_of(recording: emg_io.Recording) -> tuple[np.ndarray, np.ndarray]:
    """Filter a recording whole, then cut each run of one gesture: windows (n, channels, time) and their labels."""
    even = recording.resample(SFREQ)
    filtered = emg_dsp.bandpass(5, 45, SFREQ)(even.signal())
    cut, labels = [np.empty((0, even.n_chans, round(LENGTH * SFREQ)), np.float32)], []
    for start, stop, gesture in even.segments():
        if gesture in GESTURES and stop - start >= LENGTH * SFREQ:
            cut.append(emg_dsp.windows(filtered[:, start:stop], LENGTH, HOP, SFREQ))
            labels += [gesture] * len(cut[-1])
    return np.concatenate(cut), np.array(labels, int)


def part_of(dataset: emg_io.Dataset, split: emg_io.Split, part: str) -> tuple[np.ndarray, np.ndarray]:
    """All windows of one part of the split."""
    pairs = [windows_of(dataset[span.recording]) for span in split.parts[part]]
    return np.concatenate([windows for windows, _ in pairs]), np.concatenate([labels for _, labels in pairs])


def main(out: Path) -> None:
    real = Path(os.environ.get("EMG_DATA", "")) / "uci_emg_gestures.zip"
    source = real if real.is_file() else emg_io.synthesize(out / "uci", format="uci", n_subjects=4, seed=0)
    dataset = emg_io.open_dataset(source)
    split = emg_io.split_by_subject(dataset, test=0.25, seed=0)
    (x, y), (x_test, y_test) = (part_of(dataset, split, part) for part in ("train", "test"))
    print(f"{len(x)} training and {len(x_test)} test windows of {x.shape[1]} channels x {x.shape[2]} samples")
    for name, model in {
        "LDA on HTD": make_pipeline(
            emg_dsp.FeatureTransformer(("HTD",), SFREQ), StandardScaler(), LinearDiscriminantAnalysis()
        ),
        "random forest on HTD + AR": make_pipeline(
            emg_dsp.FeatureTransformer(("HTD", "AR(order=4)"), SFREQ), RandomForestClassifier(100, random_state=0)
        ),
    }.items():
        guess = model.fit(x, y).predict(x_test)
        print(
            f"{name}: accuracy {np.mean(guess == y_test):.3f}, macro F1 {f1_score(y_test, guess, average='macro'):.3f}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/05"))
    main(parser.parse_args().out)
