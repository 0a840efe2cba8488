"""Folders and archives: detection, hostile zips, links, the same content either way."""

import multiprocessing
import os
import shutil
import struct
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from emg_io import EmgIoError, _container, open_dataset
from emg_io._container import Archive, Folder, natural

MEMBER = "EMG_data_for_gestures-master/01/1_raw_data_10-11_02.03.16.txt"


def packed(path, entries, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as out:
        for name, data in entries:
            out.writestr(name, data)
    return path


def same(one, other):
    assert [r.subject for r in one] == [r.subject for r in other]
    for a, b in zip(one, other, strict=True):
        assert np.array_equal(a.raw(), b.raw())
        assert np.array_equal(a.labels(), b.labels())


def test_archive_folder_and_folder_with_archive_are_the_same(forged, uci, tmp_path, oracles):
    archive = oracles.zip_folder(forged("uci"), tmp_path / "set.zip")
    before = sorted(p.name for p in tmp_path.iterdir())
    same(uci, open_dataset(archive))
    same(uci, open_dataset(tmp_path))
    same(uci, open_dataset(forged("uci") / "EMG_data_for_gestures-master"))
    same(
        open_dataset(oracles.zip_folder(forged("ninapro-db1"), tmp_path / "n.zip")), open_dataset(forged("ninapro-db1"))
    )
    assert before == ["set.zip"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["n.zip", "set.zip"]


def test_detection_refuses_to_guess(forged, tmp_path, oracles):
    with pytest.raises(EmgIoError, match=r"no recordings found: expected .*uci"):
        open_dataset(tmp_path)
    with pytest.raises(EmgIoError, match=r"no such folder or archive"):
        open_dataset(tmp_path / "absent")
    with pytest.raises(EmgIoError, match=r"unknown format: expected .*uci.*, found nonsense"):
        open_dataset(tmp_path, "nonsense")
    oracles.zip_folder(forged("uci"), tmp_path / "a.zip")
    (tmp_path / "S1_A1_E1.mat").write_bytes(b"")
    with pytest.raises(EmgIoError, match=r"ambiguous.*ninapro-db1 in .*uci in .*a\.zip"):
        open_dataset(tmp_path)
    assert open_dataset(tmp_path, "uci").format == "uci"
    oracles.zip_folder(forged("uci"), tmp_path / "b.zip")
    with pytest.raises(EmgIoError, match=r"b\.zip.*recording occurs twice.*found also .*a\.zip"):
        open_dataset(tmp_path, "uci")


def test_an_unreadable_archive_beside_a_folder_is_no_obstacle_but_among_archives_it_may_hold_recordings(
    forged, tmp_path, oracles
):
    (tmp_path / "x.zip").write_bytes(b"broken")
    with pytest.raises(EmgIoError, match=r"x\.zip, directory: not a readable zip archive"):
        open_dataset(tmp_path)
    oracles.zip_folder(forged("uci"), tmp_path / "good.zip")
    with pytest.raises(EmgIoError, match=r"x\.zip, directory: not a readable zip archive"):
        open_dataset(tmp_path)
    (tmp_path / "good.zip").unlink()
    shutil.copytree(forged("uci"), tmp_path, dirs_exist_ok=True)
    assert len(open_dataset(tmp_path)) == 12


def test_a_set_may_come_as_an_archive_a_subject(nina, tmp_path):
    for recording in nina:
        with zipfile.ZipFile(tmp_path / f"s{recording.subject}.zip", "w") as out:
            out.write(recording.source, f"s{recording.subject}/{Path(recording.source).name}")
    same(nina, open_dataset(tmp_path, nina.format))


def test_what_was_unpacked_beside_its_archives_is_not_all_there_is(nina, tmp_path):
    """One of three archives is unpacked: the other two still belong to the set, and nothing occurs twice."""
    for recording in nina:
        with zipfile.ZipFile(tmp_path / f"s{recording.subject}.zip", "w") as out:
            out.write(recording.source, f"s{recording.subject}/{Path(recording.source).name}")
    with zipfile.ZipFile(tmp_path / "s1.zip") as archive:
        archive.extractall(tmp_path)
    found = open_dataset(tmp_path)
    assert len(found) == len(nina)
    assert [("::" in r.source) for r in sorted(found, key=lambda r: r.subject)] == [r.subject != "1" for r in nina]


def test_a_recording_that_lies_there_twice_raises(tmp_path):
    for folder in ("x/01", "y/01"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "1_raw_data_a.txt").write_bytes(b"")
    with pytest.raises(EmgIoError, match=r"occurs twice.*found also .*x"):
        open_dataset(tmp_path, "uci")


@pytest.mark.parametrize("name", ["../01/1_raw_data_a.txt", "/01/1_raw_data_a.txt", "c:/01/1_raw_data_a.txt"])
def test_zip_slip_is_refused(tmp_path, name):
    with pytest.raises(EmgIoError, match=r"path leaves the data set"):
        open_dataset(packed(tmp_path / "x.zip", [(name, b"")]))


def test_bombs_and_lies_are_refused(tmp_path):
    bomb = packed(tmp_path / "bomb.zip", [(MEMBER, bytes(2**24))])
    with pytest.raises(EmgIoError, match=r"compression ratio is beyond the limit: expected <= 200"):
        open_dataset(bomb)
    path = packed(tmp_path / "lie.zip", [(MEMBER, b"time\t" * 100)], zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    central = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, central + 24, 90)
    path.write_bytes(data)
    with pytest.raises(EmgIoError, match=r"damaged archive member|size disagrees"):
        open_dataset(path)[0].raw()
    struct.pack_into("<I", data, central + 24, 2**31)
    path.write_bytes(data)
    with pytest.raises(EmgIoError, match=r"size is beyond the limit|ratio is beyond"):
        open_dataset(path)
    struct.pack_into("<HH", data, central + 8, 1, 0)
    struct.pack_into("<I", data, central + 24, 500)
    path.write_bytes(data)
    with pytest.raises(EmgIoError, match=r"encrypted member"):
        open_dataset(path)
    path.write_bytes(b"not a zip")
    with pytest.raises(EmgIoError, match=r"not a readable zip archive"):
        open_dataset(path)


def test_flipped_byte_in_a_member_fails_its_checksum(forged, tmp_path, oracles):
    path = oracles.zip_folder(forged("uci"), tmp_path / "x.zip")
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)
    with pytest.raises(EmgIoError, match=r"damaged archive member") as caught:
        [recording.raw() for recording in open_dataset(path)]
    assert "x.zip::EMG_data_for_gestures-master/" in caught.value.file


def test_links_may_not_leave_the_folder(tmp_path):
    inside, outside = tmp_path / "set" / "01", tmp_path / "secret.txt"
    inside.mkdir(parents=True)
    outside.write_bytes(b"secret")
    (inside / "1_raw_data_a.txt").symlink_to(outside)
    with pytest.raises(EmgIoError, match=r"link leads out of the data set"):
        open_dataset(tmp_path / "set", "uci")[0].raw()
    with pytest.raises(EmgIoError, match=r"leads out of the data set"):
        Folder(tmp_path / "set").read("../secret.txt")
    with pytest.raises(EmgIoError, match=r"no such file in the archive"):
        Archive(packed(tmp_path / "a.zip", [("a", b"")])).read("b")
    with pytest.raises(EmgIoError, match=r"cannot be read"):
        Folder(tmp_path).read("absent")


def test_links_that_lead_nowhere_stand_for_files_that_cannot_be_read(forged, tmp_path):
    """As in a git-annex whose content was not fetched: the file is part of the set, and it is not there."""
    shutil.copytree(forged("uci"), tmp_path / "set")
    file = sorted((tmp_path / "set").rglob("*.txt"))[0]
    file.unlink()
    file.symlink_to("gone")
    (tmp_path / "set" / ".#lock").symlink_to("nobody@nowhere")
    dataset = open_dataset(tmp_path / "set")
    assert len(dataset) == 12
    with pytest.raises(EmgIoError, match=r"cannot be read.*No such file"):
        [recording.raw() for recording in dataset]
    file.unlink()
    file.symlink_to(file.name)
    with pytest.raises(EmgIoError, match=r"cannot be read|leads out"):
        [recording.raw() for recording in open_dataset(tmp_path / "set")]


def test_folders_that_would_be_left_out_are_named(forged, tmp_path):
    shutil.copytree(forged("uci"), tmp_path / "set")
    people = tmp_path / "set" / "EMG_data_for_gestures-master"
    (people / "again").symlink_to(people / "01", target_is_directory=True)  # inside: its files are there already
    assert len(open_dataset(tmp_path / "set")) == 12
    (people / "06").rename(tmp_path / "elsewhere")
    (people / "06").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(EmgIoError, match=r"06, path: linked folder leads out of the data set"):
        open_dataset(tmp_path / "set")
    (people / "06").unlink()
    (people / "/".join("abcdefghijkl")).mkdir(parents=True)
    with pytest.raises(EmgIoError, match=r"nested too deep: name the data set's own folder: expected at most 12"):
        open_dataset(tmp_path / "set")
    (people / "a").rename(people / ".hidden")
    assert len(open_dataset(tmp_path / "set")) == 10


def test_what_macos_adds_is_no_recording(forged, uci, tmp_path, oracles):
    folder = tmp_path / "set"
    shutil.copytree(forged("uci"), folder)
    for file in sorted(folder.rglob("*.txt")):
        for litter in (file.with_name(f"._{file.name}"), folder / "__MACOSX" / file.relative_to(folder)):
            litter.parent.mkdir(parents=True, exist_ok=True)
            litter.write_bytes(b"\0\5\x16\7")
    same(uci, open_dataset(folder))
    same(uci, open_dataset(oracles.zip_folder(folder, tmp_path / "set.zip")))


def test_a_directory_is_read_once_and_never_taken_for_another(tmp_path, monkeypatch):
    path, opened = packed(tmp_path / "x.zip", [(f"{n}.txt", b"%d" % n) for n in range(50)]), []
    monkeypatch.setattr(zipfile, "ZipFile", lambda *a, made=zipfile.ZipFile: opened.append(a) or made(*a))
    os.utime(path, (1, 1))
    archive = Archive(path)
    assert [archive.read(f"{n}.txt") for n in range(50)] == [b"%d" % n for n in range(50)]
    assert len(opened) == 1
    path.rename(tmp_path / "old.zip")
    packed(path, [("0.txt", b"new")])
    os.utime(path, (1, 1))
    assert Archive(path).read("0.txt") == b"new"
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        assert pool.submit(Archive(path).read, "0.txt").result() == b"new"


def published(path, n_people, size, monkeypatch):
    """The directory of an archive like the one of EPN-612, without its 5.5 GB."""
    infos = []
    for half in ("training", "testing"):
        infos += [f"EMG-EPN612 Dataset/{half}JSON/user{n}/" for n in range(1, n_people + 1)]
        infos += [f"EMG-EPN612 Dataset/{half}JSON/user{n}/user{n}.json" for n in range(1, n_people + 1)]
    made = [zipfile.ZipInfo(name) for name in infos]
    for info in made:
        info.file_size, info.compress_size = (0, 0) if info.filename.endswith("/") else (size, size * 5 // 11)
        info.CRC = 0
    path.write_bytes(b"")
    monkeypatch.setattr(zipfile, "ZipFile", lambda _: type("Z", (), {"infolist": lambda _: made})())
    return path


def test_epn_612_as_published_is_within_the_limits(tmp_path, monkeypatch):
    """5.5 GB, some 12 GB unpacked, 612 files in 1,839 entries or fewer."""
    dataset = open_dataset(published(tmp_path / "EMG-EPN612 Dataset.zip", 306, 20 * 10**6, monkeypatch))
    assert (dataset.format, len(dataset.subjects), len(dataset)) == ("epn-612", 612, 1224)


def test_small_files_of_zeros_are_no_bombs_and_large_ones_are_opened_not_read(tmp_path, monkeypatch):
    path = packed(tmp_path / "x.zip", [("zeros.npy", bytes(2**20)), ("a", b"content")])
    assert [member.size for member in Archive(path).members()] == [7, 2**20]
    monkeypatch.setattr(_container, "MAX_READ_BYTES", 5)
    assert Archive(path).open("a").read() == b"content"
    with pytest.raises(EmgIoError, match="size is beyond the limit: expected <= 5, found 7"):
        Archive(path).read("a")


def test_natural_order_survives_odd_digits():
    names = ["S10", "S2", "s1", "S²", "S" + "9" * 60, "a/2", "a/10"]
    assert sorted(names, key=natural)[:3] == ["a/2", "a/10", "s1"]


def test_a_member_without_a_name_is_refused(tmp_path):
    data = packed(tmp_path / "x.zip", [("a", b"content")]).read_bytes()
    at = data.index(b"PK\x01\x02") + 28
    assert struct.unpack_from("<HHH", data, at) == (1, 0, 0)
    (tmp_path / "x.zip").write_bytes(data[:at] + struct.pack("<HHH", 0, 1, 0) + data[at + 6 :])
    with pytest.raises(EmgIoError, match=r"expected a relative name, found ''"):
        open_dataset(tmp_path / "x.zip")


def test_any_folder_name_will_do(forged, tmp_path):
    import shutil

    for name in ("a:b", "tab\there", "back\\slash"):
        shutil.copytree(forged("uci"), tmp_path / name / name)
        assert open_dataset(tmp_path / name)[0].n_samples > 0
