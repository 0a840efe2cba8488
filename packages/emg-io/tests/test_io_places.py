"""Where a data set may lie: every format as an archive, under any name, behind a link, by a relative path."""

import zipfile

import pytest

from emg_io import open_dataset
from emg_io.formats import REGISTRY


def told(dataset):
    """Keys of all recordings, contents of some."""
    some = dataset[:: max(1, len(dataset) // 3)]
    contents = [(found.content_hash(), sorted(found.tracks), found.aux_names) for found in some]
    return dataset.format, [found.key for found in dataset], contents


@pytest.mark.parametrize("name", REGISTRY)
def test_every_format_reads_the_same_from_an_archive(name, forged, tmp_path):
    folder, archive = forged(name), tmp_path / "données d'essai 数据.ZIP"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            made.write(file, f"a set/ünïcode 1/{file.relative_to(folder).as_posix()}")
    wrapped = tmp_path / "a set" / "ünïcode 1"
    wrapped.parent.mkdir()
    wrapped.symlink_to(folder, target_is_directory=True)
    inside = told(open_dataset(archive))
    assert inside[0] == name
    assert inside[2] == told(open_dataset(wrapped, name))[2]


@pytest.mark.parametrize("name", ["uci", "myo-armband", "putemg"])
def test_a_folder_is_the_same_by_any_path(name, forged, tmp_path, monkeypatch):
    want = told(open_dataset(forged(name)))
    assert told(open_dataset(f"{forged(name)}/")) == want
    monkeypatch.chdir(forged(name))
    assert told(open_dataset(".")) == want
    monkeypatch.chdir(forged(name).parent)
    assert told(open_dataset(forged(name).name)) == want


@pytest.mark.parametrize("name", ["3dc", "epn-612", "longterm-8ch", "myo-readings", "ninapro-db1", "uci", "putemg"])
def test_extensions_may_be_in_capitals(name, forged, tmp_path):
    for file in forged(name).rglob("*"):
        if file.is_file():
            copy = tmp_path / file.relative_to(forged(name)).with_name(file.stem + file.suffix.upper())
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    assert told(open_dataset(tmp_path))[1:] == told(open_dataset(forged(name)))[1:]
