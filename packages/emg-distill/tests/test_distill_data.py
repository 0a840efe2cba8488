"""The UCI protocol on forged and on real recordings: nothing leaks, filters see no splice, statistics see no test."""

import builtins
import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from emg_distill import EmgDistillError, ProtocolData, WindowSet, load_protocol
from emg_distill._data.protocols import get_protocol
from emg_distill._examples.protocol_data import PARTS

NAME = "uci/subject-disjoint"
emg_dsp = pytest.importorskip("emg_dsp", reason="the extra emg-distill[data] is not installed")
emg_io = pytest.importorskip("emg_io", reason="the extra emg-distill[data] is not installed")


def test_shapes_and_subjects(uci: ProtocolData) -> None:
    assert uci.n_times % 20 == 0
    assert uci.labels == ["rest", "fist", "wrist flexion", "wrist extension", "radial deviation", "ulnar deviation"]
    subjects = [set(uci.part(part).subject) for part in PARTS]
    assert [len(names) for names in subjects] == [3, 1, 1]
    assert not subjects[0] & subjects[1]
    assert not subjects[2] & (subjects[0] | subjects[1])
    for part in PARTS:
        windows = uci.part(part)
        assert windows.x.shape == (len(windows), 8, 100)
        assert windows.x.dtype == np.float32
        assert set(windows.y) == set(range(6))
    assert "label 7 (extended palm) left out" in uci.notes


def test_training_part_alone_is_standardised(uci: ProtocolData) -> None:
    assert np.abs(uci.train.x.mean(axis=(0, 2), dtype=np.float64)).max() < 1e-4
    assert np.abs(uci.train.x.std(axis=(0, 2), dtype=np.float64) - 1).max() < 1e-4
    assert np.abs(uci.test.x.std(axis=(0, 2), dtype=np.float64) - 1).max() > 1e-3


def test_windows_equal_the_slow_obvious_path(uci: ProtocolData, uci_folder: Path) -> None:
    """Filter the whole recording, then cut by hand, then normalise by the stored numbers (defect D9)."""
    from scipy.signal import butter, sosfilt

    plan, path = get_protocol(NAME), uci.preprocessing
    filters = plan.path.filters
    sos = butter(filters.order, (filters.low, filters.high), "bandpass", fs=plan.path.sfreq, output="sos")
    assert np.allclose(sos, path["filter"]["sos"])
    mean, std = (np.array(path["normalisation"][key])[:, None] for key in ("mean", "std"))
    expected = []
    for recording in emg_io.open_dataset(uci_folder, format="uci"):
        if recording.subject not in set(uci.test.subject):
            continue
        uniform = recording.resample(100.0)
        signal = sosfilt(sos, uniform.signal(dtype=np.float64), axis=-1)
        labels = uniform.labels()
        start = 0
        while start < len(labels):
            stop = start
            while stop < len(labels) and labels[stop] == labels[start]:
                stop += 1
            if labels[start]:
                expected += [
                    (signal[:, at : at + 100] - mean) / std for at in range(start, stop - 100 + 1, plan.cut.hop)
                ]
            start = stop
    assert np.allclose(np.array(expected), uci.test.x, atol=1e-3)


def test_split_and_windows_repeat(uci: ProtocolData, uci_folder: Path) -> None:
    again = load_protocol(NAME, uci_folder)
    assert (again.split_hash, again.digest) == (uci.split_hash, uci.digest)
    hashes = {load_protocol(NAME, uci_folder, split_seed=seed).split_hash for seed in range(4)}
    assert len(hashes) > 1


def test_stored_preprocessing_is_used(uci: ProtocolData, uci_folder: Path) -> None:
    stored = json.loads(json.dumps(uci.preprocessing))
    same = load_protocol(NAME, uci_folder, preprocessing=stored)
    assert same.digest == uci.digest
    stored["normalisation"]["std"] = [2 * value for value in stored["normalisation"]["std"]]
    half = load_protocol(NAME, uci_folder, preprocessing=stored)
    assert np.allclose(half.test.x, uci.test.x / 2, atol=1e-5)
    assert half.preprocessing["normalisation"]["std"] == stored["normalisation"]["std"]
    stored["window"]["length"] = 200
    with pytest.raises(EmgDistillError, match="stored preprocessing is not one of uci/subject-disjoint"):
        load_protocol(NAME, uci_folder, preprocessing=stored)


def copy_of(folder: Path, out: Path, n_subjects: int) -> Path:
    """Copy the first people of a set."""

    def others(where: str, names: list[str]) -> list[str]:
        return [name for name in names if name.isdigit() and int(name) > n_subjects]

    return Path(shutil.copytree(folder, out, ignore=others))


def relabel(folder: Path, old: int, new: int) -> None:
    path = next(folder.rglob("*_raw_data_*.txt"))
    lines = path.read_bytes().split(b"\r\n")
    end = b"\t%d" % old
    path.write_bytes(b"\r\n".join(line[: -len(end)] + b"\t%d" % new if line.endswith(end) else line for line in lines))


def test_class_seven_is_left_out_and_no_other_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uci: ProtocolData, uci_folder: Path
) -> None:
    import dataclasses

    from emg_distill._data import protocols

    folder = copy_of(uci_folder, tmp_path / "set", 5)
    relabel(folder, 6, 7)
    less = load_protocol(NAME, folder)
    assert sum(len(less.part(p)) for p in PARTS) < sum(len(uci.part(p)) for p in PARTS)
    protocol = get_protocol(NAME)
    narrow = dataclasses.replace(protocol, target=dataclasses.replace(protocol.target, excluded=(0,)))
    monkeypatch.setitem(protocols._PROTOCOLS, NAME, narrow)
    with pytest.raises(EmgDistillError, match=r"raw_data.*sample \d+: label 7 is neither a class"):
        load_protocol(NAME, folder)


def test_too_few_subjects(tmp_path: Path, uci_folder: Path) -> None:
    folder = copy_of(uci_folder, tmp_path / "set", 3)
    with pytest.raises(EmgDistillError, match=r"holds 3 subjects; .* needs at least 4"):
        load_protocol(NAME, folder)


def test_a_negative_split_seed_is_refused(uci_folder: Path) -> None:
    with pytest.raises(EmgDistillError, match="split_seed=-1: it must be >= 0"):
        load_protocol(NAME, uci_folder, split_seed=-1)


def test_four_subjects_are_enough(tmp_path: Path, uci_folder: Path) -> None:
    data = load_protocol(NAME, copy_of(uci_folder, tmp_path / "set", 4))
    assert [len(set(data.part(part).subject)) for part in PARTS] == [2, 1, 1]


def test_damaged_files_are_named(tmp_path: Path, uci_folder: Path) -> None:
    folder = copy_of(uci_folder, tmp_path / "set", 4)
    path = sorted(folder.rglob("*_raw_data_*.txt"))[2]
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(emg_io.EmgIoError, match=path.name):
        load_protocol(NAME, folder)


def test_absent_packages_name_the_install_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: object, **keywords: object) -> object:
        if name == "emg_dsp":
            raise ModuleNotFoundError(name=name)
        return real(name, *arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(EmgDistillError, match=r"emg_dsp, which is not installed: pip install emg-distill\[data\]"):
        load_protocol(NAME, tmp_path)


def test_a_broken_sibling_is_not_called_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = builtins.__import__

    def broken(name: str, *arguments: object, **keywords: object) -> object:
        if name == "emg_dsp":
            raise ModuleNotFoundError("No module named 'numba'", name="numba")
        return real(name, *arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(ModuleNotFoundError, match="numba"):
        load_protocol(NAME, tmp_path)


def test_unknown_protocol_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(EmgDistillError, match="unknown protocol 'uci/subject': did you mean 'uci/subject-disjoint'"):
        load_protocol("uci/subject", tmp_path)


def test_bad_windows_raise(toy: ProtocolData) -> None:
    x, y, who = toy.test.x, toy.test.y, toy.test.subject
    for arguments, message in (
        ((x[0], y, who), r"\(n, channels, time\) float32 is required"),
        ((x, y.astype(np.int32), who), "int64 classes .*are required"),
        ((x, y, who[:3]), "one row for each of 18 windows"),
        (
            (np.where(np.arange(18)[:, None, None] == 4, np.nan, x).astype(np.float32), y, who),
            "window 4 of subject 'c'",
        ),
    ):
        with pytest.raises(EmgDistillError, match=message):
            WindowSet(*arguments)
    for part, labels, message in (
        (WindowSet(x[:0], y[:0], who[:0]), toy.labels, "part 'val' has no window"),
        (WindowSet(x[:, :2], y, who), toy.labels, r"windows of 'val' are \(2, 40\)"),
        (toy.val, ["one"], "holds class 2, but there are 1 labels"),
    ):
        with pytest.raises(EmgDistillError, match=message):
            ProtocolData("toy", toy.train, part, toy.test, labels, 100.0, toy.preprocessing, "h")
    with pytest.raises(EmgDistillError, match="part='all': choose one of train, val, test"):
        toy.part("all")


@pytest.mark.real
def test_real_recordings(real_data: Path) -> None:
    started = time.process_time()
    data = load_protocol(NAME, real_data)
    assert time.process_time() - started < 60
    counts = [len(set(data.part(part).subject)) for part in PARTS]
    assert sum(counts) == 27
    assert counts == [18, 4, 5]
    assert 1200 < len(data.train) < 2500
    assert all(np.bincount(data.part(part).y, minlength=6).min() > 20 for part in PARTS)
    assert load_protocol(NAME, real_data / "uci_emg_gestures.zip").digest == data.digest
