"""Forged recordings of every data set, in the published layout, and the lists and folds that protocols ask for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

SIZES: dict[str, tuple[int, dict[str, float]]] = {
    "ninapro-db5": (4, {"segment_s": 1.2, "gap_s": 0.5}),
    "ninapro-db1": (4, {"segment_s": 0.3, "gap_s": 0.1}),
    "uci": (4, {"segment_s": 1.6, "gap_s": 0.3}),
    "epn-612": (2, {"repetitions": 11, "segment_s": 0.3}),
    "capgmyo-a": (2, {"n_trials": 10, "segment_s": 0.05}),
    "capgmyo-b": (2, {"n_trials": 2, "segment_s": 0.05}),
    "capgmyo-c": (2, {"n_trials": 2, "segment_s": 0.05}),
    "csl-hdemg": (1, {"segment_s": 0.2}),
    "ninapro-db6": (4, {"segment_s": 0.55, "gap_s": 0.02}),
    "ninapro-db7": (4, {"segment_s": 0.55, "gap_s": 0.02}),
    "emg2pose": (4, {"segment_s": 2.8, "gap_s": 0.2}),
    "flexemg": (1, {"segment_s": 0.3, "gap_s": 0.1}),
    "3dc": (1, {"segment_s": 0.3}),
    "myo-readings": (4, {"segment_s": 1.1, "n_blocks": 2}),
    "myo-armband": (5, {"segment_s": 1.1}),
    "longterm-8ch": (1, {"segment_s": 1.5}),
    "one-subject-myo": (6, {"segment_s": 1.1}),
    "openhdemg": (1, {"segment_s": 8.0}),
    "emgflow": (2, {"segment_s": 8.0}),
    "biosppy": (2, {"segment_s": 10.0}),
    "emg2qwerty": (4, {"segment_s": 1.0, "gap_s": 0.6}),
    "neuromotor-gestures": (3, {"segment_s": 2.0, "gap_s": 1.0}),
    "neuromotor-wrist": (3, {"segment_s": 1.5, "gap_s": 1.0}),
    "ninapro-db8": (4, {}),
    "gaddy": (2, {"segment_s": 0.5}),
}


def forge_set(root: Path, name: str) -> Path:
    """Forge a small set of a format below `root`, once, in a folder of its name."""
    folder = root / name
    if not folder.exists():
        people, options = SIZES[name]
        folder.mkdir(parents=True)
        _forge(name, folder, people, 0, options)
        _AFTERWARDS.get(name, _leave)(folder, root)
    return folder


def forge_protocol(root: Path, name: str) -> Path:
    """Forge the data of a protocol; of a pool all its sets, a folder each."""
    from emg_distill._data.protocol import PoolProtocol
    from emg_distill._data.protocols import get_protocol

    protocol = get_protocol(name)
    if not isinstance(protocol, PoolProtocol):
        return forge_set(root, protocol.format)
    for member, _ in protocol.members:
        forge_set(root, member)
    return root


def first_fold(name: str, folder: Path) -> str | None:
    """Return the first fold of a protocol, None where it has none."""
    import emg_io
    from emg_distill._data.protocol import PoolProtocol
    from emg_distill._data.protocols import get_protocol

    protocol = get_protocol(name)
    if isinstance(protocol, PoolProtocol):
        return None
    return next(iter(protocol.split.folds(emg_io.open_dataset(folder, format=protocol.format))), None)


def list_file(name: str, folder: Path) -> Path | None:
    """Write a list file in the authors' form for a protocol that needs one; else return None."""
    import emg_io

    out = folder.parent / f"{name.replace('/', '-')}.json"
    if name.startswith("gaddy"):
        out.write_text(json.dumps({"dev": [["a book.txt", 101]], "test": [["a book.txt", 201]]}))
        return out
    if not name.startswith(("emg2qwerty/generic", "emg2qwerty/personal")):
        return None
    pairs = [(r.subject, r.session) for r in emg_io.open_dataset(folder, format="emg2qwerty")]
    if "personal" in name:
        out.write_text(json.dumps({"train": pairs[:1], "test": pairs[1:2]}))
    else:
        out.write_text(json.dumps({"train": pairs[:4], "val": pairs[4:6], "test": pairs[6:]}))
    return out


def _forge(name: str, folder: Path, people: int, seed: int, options: dict[str, float]) -> None:
    from emg_io.formats import REGISTRY

    REGISTRY[name].forge(folder, people, seed, **options)


def _leave(folder: Path, root: Path) -> None:
    """Leave a set as it was forged."""


def _two_sessions(folder: Path, root: Path) -> None:
    """Give the subject of CSL-HDEMG a second session."""
    people, options = SIZES["csl-hdemg"]
    other = root / "other-csl"
    other.mkdir()
    _forge("csl-hdemg", other, people, 1, options)
    shutil.move(other / "subject1" / "session1", folder / "subject1" / "session2")


def _two_trials(folder: Path, root: Path) -> None:
    """Give flexemg's recordings a second trial."""
    people, options = SIZES["flexemg"]
    other = root / "other-flexemg"
    other.mkdir()
    _forge("flexemg", other, people, 1, options)
    for path in sorted(other.rglob("*001.mat")):
        target = folder / path.relative_to(other).parent / path.name.replace("001.mat", "002.mat")
        shutil.move(path, target)


def _numbers_of_all_parts(folder: Path, root: Path) -> None:
    """Number UCI's last two people as validation and test people of the published split."""
    for old, new in (("03", "25"), ("04", "31")):
        found = next(path for path in folder.rglob(old) if path.is_dir())
        found.rename(found.with_name(new))


def speak(folder: Path, *, audio: str = "audio_clean", alignments: bool = True, seconds: float = 0.0) -> None:
    """Put audio, `seconds` longer than the EMG, and alignments beside the spoken utterances of Gaddy's set."""
    import soundfile

    import emg_io

    rng, sfreq = np.random.default_rng(0), 16_000
    for recording in emg_io.open_dataset(folder, format="gaddy"):
        if recording.task.startswith("silent") or recording.metadata["reference"]:
            continue
        path = Path(recording.source)
        number, length = path.name.split("_")[0], recording.n_samples / 1000.0 + seconds
        sound = rng.uniform(-0.3, 0.3, int(sfreq * length))
        soundfile.write(path.with_name(f"{number}_{audio}.flac"), sound, sfreq)
        if alignments:
            place = folder / "text_alignments" / recording.session
            place.mkdir(parents=True, exist_ok=True)
            text = text_grid((0.0, 0.5, "HH"), (0.5, 1.0, "AY1"))
            (place / f"{recording.session}_{number}_audio.TextGrid").write_text(text)


def text_grid(*intervals: tuple[float, float, str], tier: str = "phones") -> str:
    """Return a TextGrid: a tier of one word, and one of (start, end, text), s."""
    rows = "".join(
        f'        intervals [{n}]:\n            xmin = {a}\n            xmax = {b}\n            text = "{said}"\n'
        for n, (a, b, said) in enumerate(intervals, start=1)
    )
    words = (
        '        class = "IntervalTier"\n        name = "words"\n        xmin = 0\n        xmax = 9\n'
        '        intervals [1]:\n            xmin = 0\n            xmax = 9\n            text = "hello"\n'
    )
    head = 'File type = "ooTextFile"\nObject class = "TextGrid"\nxmin = 0\nxmax = 9\nitem []:\n'
    return f'{head}    item [1]:\n{words}    item [2]:\n        class = "IntervalTier"\n        name = "{tier}"\n{rows}'


def _spoken_aloud(folder: Path, root: Path) -> None:
    """Put audio and alignments beside Gaddy's spoken utterances."""
    speak(folder)


_AFTERWARDS = {
    "csl-hdemg": _two_sessions,
    "flexemg": _two_trials,
    "gaddy": _spoken_aloud,
    "uci": _numbers_of_all_parts,
}
