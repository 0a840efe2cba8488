"""MAT v7.3 copies of NinaPro, CapgMyo and FORS-EMG read like the v5 files they were made of."""

import struct

import h5py
import numpy as np
import pytest
import scipy.io

from emg_io import EmgIoError, open_dataset

CLASSES = {"f8": "double", "f4": "single"}
NAMES = ["ninapro-db2", "ninapro-db3", "ninapro-db5", "ninapro-db6", "ninapro-db8", "capgmyo-b", "fors-emg"]


def save73(path, fields):
    """Write variables as MATLAB does with -v7.3: HDF5 behind a user block, axes reversed."""
    with h5py.File(path, "w", userblock_size=512) as out:
        for name, value in fields.items():
            array = np.atleast_2d(value)
            made = out.create_dataset(name, data=array.T, chunks=array.T.shape, compression="gzip", compression_opts=1)
            kind = CLASSES.get(array.dtype.str[1:], array.dtype.name)
            made.attrs["MATLAB_class"] = np.bytes_(kind)
    head = b"MATLAB 7.3 MAT-file, HDF5 schema 1.00".ljust(116) + bytes(8) + struct.pack("<H2s", 0x0200, b"IM")
    with path.open("r+b") as out:
        out.write(head)


def copied(source, target):
    """Write each MAT file of a folder anew, one subject's."""
    for file in sorted(source.rglob("*.mat")):
        fields = {k: v for k, v in scipy.io.loadmat(file).items() if not k.startswith("__")}
        made = target / file.relative_to(source)
        made.parent.mkdir(parents=True, exist_ok=True)
        save73(made, fields)


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_in_version_73_reads_the_same(name, forged, tmp_path):
    copied(forged(name), tmp_path)
    mine, theirs = open_dataset(tmp_path), open_dataset(forged(name))
    assert mine.format == theirs.format == name
    assert [recording.key for recording in mine] == [recording.key for recording in theirs]
    for one, other in zip(mine[:3], theirs[:3], strict=True):
        assert one.metadata == other.metadata
        assert np.array_equal(one.raw(), other.raw())
        for track in other.tracks:
            assert np.array_equal(one.labels(track), other.labels(track))
        assert one.aux_names == other.aux_names
        for aux in one.aux_names:
            assert np.array_equal(one.aux(aux).values, other.aux(aux).values, equal_nan=True)


def test_a_copy_that_is_cut_off_is_refused(forged, tmp_path):
    copied(forged("ninapro-db5"), tmp_path)
    path = sorted(tmp_path.rglob("*.mat"))[0]
    data = path.read_bytes()
    for cut in (600, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(EmgIoError) as caught:
            open_dataset(tmp_path, "ninapro-db5")[0].check()
        assert caught.value.file == str(path)
