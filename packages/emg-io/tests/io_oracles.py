"""Slow, obvious versions of what the package does fast; loaded by conftest.py."""

import io
import zipfile
from pathlib import Path

import numpy as np


def loadtxt_uci(data: bytes):
    """Time, counts and classes of a UCI file by numpy's own text reader."""
    table = np.loadtxt(io.BytesIO(data), skiprows=1, ndmin=2)
    counts = np.rint(table[:, 1:9] * 1e5)
    assert np.allclose(counts / 1e5, table[:, 1:9], rtol=0, atol=1e-12)
    return table[:, 0].astype(int), counts.T.astype(int), table[:, 9].astype(int)


def hold(stamps, values, sfreq):
    """Resample by asking, for every tick, which reading was the last at or before it."""
    out, k = [], 0
    while stamps[0] + k / sfreq <= stamps[-1] + 1e-9:
        tick = stamps[0] + k / sfreq + 1e-9
        out.append(values[max(i for i, stamp in enumerate(stamps) if stamp <= tick)])
        k += 1
    return np.array(out)


def runs(values):
    """Maximal runs, one sample at a time."""
    out = []
    for i, value in enumerate(values):
        if out and out[-1][2] == value:
            out[-1] = (out[-1][0], i + 1, value)
        else:
            out.append((i, i + 1, value))
    return out


def shared_samples(parts, recordings):
    """Content and sample pairs that occur in more than one part, as a set of sets would find them."""
    seen = {}
    for part, spans in parts.items():
        for span in spans:
            for sample in range(span.start, span.stop):
                seen.setdefault((recordings[span.recording].content, sample), set()).add(part)
    return [key for key, owners in seen.items() if len(owners) > 1]


def nearest_centroid(train, train_labels, test, test_labels):
    """Accuracy of the nearest class mean."""
    classes = np.unique(train_labels)
    means = np.array([train[train_labels == c].mean(axis=0) for c in classes])
    distance = ((test[:, None] - means) ** 2).sum(axis=2)
    return float((classes[distance.argmin(axis=1)] == test_labels).mean())


def rms_windows(recordings, classes, sfreq, length=100, hop=25):
    """RMS per channel of windows inside runs of one label, their labels and subjects."""
    rows, labels, subjects = [], [], []
    for recording in recordings:
        uniform = recording if recording.uniform else recording.resample(sfreq)
        signal = uniform.signal(dtype=np.float64)
        for start, stop, value in uniform.segments():
            for at in range(start, stop - length + 1, hop) if value in classes else ():
                rows.append(np.sqrt((signal[:, at : at + length] ** 2).mean(axis=1)))
                labels.append(value)
                subjects.append(recording.subject)
    return np.array(rows), np.array(labels), np.array(subjects)


def zip_folder(folder: Path, archive: Path) -> Path:
    """Pack a folder the way the set is distributed."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                out.write(file, file.relative_to(folder).as_posix())
    return archive


def windows(labels, trials, spans, rule):
    """Windows of one recording, one start after another, every rule asked anew."""
    out = []
    for start, stop in spans:
        pieces, begin = [], start
        for i in range(start + 1, stop + 1):
            ends = i == stop or trials[i] != trials[i - 1] or (rule.label == "constant" and labels[i] != labels[i - 1])
            if ends:
                pieces.append((begin, i))
                begin = i
        for first, last in pieces:
            at, covered = first, first
            while at + rule.length <= last:
                out.append((at, rule.length))
                covered = at + rule.length
                at += rule.hop
            if rule.pad and covered < last and at < last:
                out.append((at, last - at))
    rows = []
    for at, valid in out:
        values = list(labels[at : at + valid])
        label = {
            "none": lambda _: 0,
            "constant": lambda v: v[0],
            "first": lambda v: v[0],
            "centre": lambda v: v[len(v) // 2],
            "majority": lambda v: min(set(v), key=lambda x: (-v.count(x), x)),
        }[rule.label](values)
        if rule.classes is None or label in rule.classes:
            rows.append((at, valid, int(label)))
    return rows
