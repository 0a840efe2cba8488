"""Where data sets are published: addresses, and sizes and digests where the publisher gives them.

Addresses are the publishers' own. Sizes and digests marked here come from the publishers' records; a set without any is
checked by length and, after the first download, against the digest taken then.
"""

from __future__ import annotations

from dataclasses import dataclass

from emg_io._errors import EmgIoError

_NINAPRO = "https://ninapro.hevs.ch/files"
_CAPGMYO = "http://zju-capg.org/myo/data"
_META = "https://fb-ctrl-oss.s3.amazonaws.com"


@dataclass(frozen=True)
class Remote:
    """One file to download.

    Attributes
    ----------
    url
        Address, ``https://`` or ``http://``.
    name
        Relative path below the target folder.
    size
        Bytes, or None where not published.
    digest
        ``"sha256:..."`` or ``"md5:..."`` as published, or "".
    """

    url: str
    name: str
    size: int | None = None
    digest: str = ""


@dataclass(frozen=True)
class Publication:
    """What there is to download for one data set.

    Attributes
    ----------
    name
        Name for ``get``; a format's name, or that and a part of the set.
    format
        Format whose licence holds.
    homepage
        Where the publisher describes the set.
    files
        The files, or empty where only the publisher's pages lead to them, or where ``sums`` lists them.
    sums
        Address of a ``SHA256SUMS.txt`` whose lines name all files, relative to it.
    unpack
        Whether tar archives must be unpacked before `open_dataset` reads them.
    """

    name: str
    format: str
    homepage: str
    files: tuple[Remote, ...] = ()
    sums: str = ""
    unpack: bool = False


def _ninapro(base: int, pattern: str, *numbers: range) -> Publication:
    """List the archives of one NinaPro data base; ``pattern`` has one place a range."""
    names = [pattern.format(*index) for index in _product(*numbers)]
    files = tuple(Remote(f"{_NINAPRO}/{name}", name.rsplit("/", 1)[-1]) for name in names)
    return Publication(f"ninapro-db{base}", f"ninapro-db{base}", "https://ninapro.hevs.ch", files)


def _product(*numbers: range) -> list[tuple[int, ...]]:
    """Return all combinations, the last number running fastest."""
    found: list[tuple[int, ...]] = [()]
    for values in numbers:
        found = [(*head, value) for head in found for value in values]
    return found


def _capgmyo(part: str, n_files: int) -> Publication:
    """List the archives of one CapgMyo part; the publisher offers no https."""
    names = [f"db{part}-preprocessed-{number:03d}.zip" for number in range(1, n_files + 1)]
    files = tuple(Remote(f"{_CAPGMYO}/{name}", name) for name in names)
    return Publication(f"capgmyo-{part}", f"capgmyo-{part}", f"{_CAPGMYO}/", files)


_DB6 = tuple(
    Remote(f"{_NINAPRO}/DB6_Preproc/DB6_s{subject}_{half}.zip", f"DB6_s{subject}_{half}.zip")
    for subject in range(1, 11)
    for half in "ab"
)

_ENTRIES = (
    Publication(
        "uci",
        "uci",
        "https://archive.ics.uci.edu/dataset/481",
        (
            Remote(
                "https://archive.ics.uci.edu/static/public/481/emg+data+for+gestures.zip",
                "EMG_data_for_gestures.zip",
            ),
        ),
    ),
    _ninapro(1, "DB1/Preprocessed/s{}.zip", range(1, 28)),
    _ninapro(2, "DB2_Preproc/DB2_s{}.zip", range(1, 41)),
    _ninapro(3, "db3_Preproc/s{}_0.zip", range(1, 12)),
    _ninapro(4, "DB4_Preproc/s{}.zip", range(1, 11)),
    _ninapro(5, "DB5_Preproc/s{}.zip", range(1, 11)),
    Publication("ninapro-db6", "ninapro-db6", "https://ninapro.hevs.ch", _DB6),
    _ninapro(7, "DB7_Preproc/Subject_{}.zip", range(1, 23)),
    _ninapro(8, "DB8/S{}_E1_A{}.mat", range(1, 13), range(1, 4)),
    Publication(
        "epn-612",
        "epn-612",
        "https://zenodo.org/records/4421500",
        (
            Remote(
                "https://zenodo.org/records/4421500/files/EMG-EPN612%20Dataset.zip",
                "EMG-EPN612 Dataset.zip",
                5_483_385_161,
                "md5:98bd3c315efab607cc54b2ed2f8f3ada",
            ),
        ),
    ),
    _capgmyo("a", 18),
    _capgmyo("b", 20),
    _capgmyo("c", 10),
    Publication(
        "hyser",
        "hyser",
        "https://physionet.org/content/hd-semg/1.0.0/",
        sums="https://physionet.org/files/hd-semg/1.0.0/SHA256SUMS.txt",
    ),
    Publication(
        "grabmyo",
        "grabmyo",
        "https://physionet.org/content/grabmyo/1.0.2/",
        sums="https://physionet.org/files/grabmyo/1.0.2/SHA256SUMS.txt",
    ),
    Publication(
        "emg2qwerty",
        "emg2qwerty",
        "https://github.com/facebookresearch/emg2qwerty",
        (Remote(f"{_META}/emg2qwerty/emg2qwerty-data-2021-08.tar.gz", "emg2qwerty-data-2021-08.tar.gz"),),
        unpack=True,
    ),
    Publication(
        "emg2pose",
        "emg2pose",
        "https://github.com/facebookresearch/emg2pose",
        (Remote(f"{_META}/emg2pose/emg2pose_dataset.tar", "emg2pose_dataset.tar"),),
        unpack=True,
    ),
    Publication(
        "emg2pose-mini",
        "emg2pose",
        "https://github.com/facebookresearch/emg2pose",
        (Remote(f"{_META}/emg2pose/emg2pose_dataset_mini.tar", "emg2pose_dataset_mini.tar"),),
        unpack=True,
    ),
    Publication(
        "gaddy",
        "gaddy",
        "https://zenodo.org/records/4064409",
        (
            Remote(
                "https://zenodo.org/records/4064409/files/emg_data.tar.gz",
                "emg_data.tar.gz",
                3_919_507_637,
                "md5:7f97d2182b896652999b1b2d0c69fd7b",
            ),
        ),
        unpack=True,
    ),
)

CATALOGUE: dict[str, Publication] = {entry.name: entry for entry in _ENTRIES}


def find(name: str) -> Publication:
    """Return what there is to download; an unknown name raises `EmgIoError` with those that exist."""
    if name not in CATALOGUE:
        raise EmgIoError("no download is known", place="name", expected=", ".join(sorted(CATALOGUE)), found=name)
    return CATALOGUE[name]
