"""putEMG: what the reader makes of a data frame of pandas and what it refuses; pickled lists are read, not run."""

import pickle
import pickletools
import shutil

import h5py
import numpy as np
import pytest

from emg_io import EmgIoError, open_dataset
from emg_io.engines._pandas_lists import text_table, texts
from emg_io.formats._forges._frames import spelled, spelled_array


@pytest.fixture
def folder(forged, tmp_path):
    """A copy of the forged set that may be damaged: file 0 is fixed, file 1 a table."""
    return shutil.copytree(forged("putemg"), tmp_path / "set")


def files(folder):
    return sorted(folder.glob("*.hdf5"))


def read(folder, which):
    recording = open_dataset(folder, "putemg")[which]
    recording.check()
    return recording


def test_recording_equals_an_independent_reading(forged):
    dataset = open_dataset(forged("putemg"))
    assert {recording.task for recording in dataset} == {"repeats_short", "sequential"}
    for recording in dataset:
        with h5py.File(recording.source) as file:
            if "table" in file["data"]:
                rows = file["data/table"][()]
                index, counts, tracks = (rows[name] for name in ("index", "values_block_0", "values_block_1"))
            else:
                index = file["data/axis1"][()]
                counts, tracks = (file[f"data/block{number}_values"][()] for number in (0, 1))
        assert np.array_equal(recording.raw(), counts.T)
        assert np.array_equal(recording.labels("cue"), tracks[:, 0])
        assert np.array_equal(recording.labels("label"), tracks[:, 1])
        assert np.array_equal(recording.aux("index").values[0], index)
        assert recording.aux("video_stamp").values.shape == (1, recording.n_samples)
        assert recording.signal(0, 5, np.float64)[3, 2] == counts[2, 3] * (5 / 4096 / 200)
        assert (recording.unit, recording.sfreq, recording.uniform) == ("V", 5120.0, True)
        assert recording.layout.shape == (3, 8)
        assert recording.channels[23] == "EMG_24"
        assert recording.session.startswith("2018-05-")
        assert recording.label_counts()["pause"] == 256


def python_2(names):
    """A list of texts as Python 2 pickled it, of which the published files were written."""
    return np.bytes_("".join(["(lp1\n", *(f"S'{name}'\np{n}\na" for n, name in enumerate(names, 2)), "."]).encode())


def published(path, n=40):
    """A file with blocks, dtypes and lists as in the published ones: two categories, a date, 29 columns of float64."""
    counts = [f"EMG_{number}" for number in range(1, 25)]
    blocks = (["type"], ["trajectory"], ["date_time"])
    blocks = (*blocks, [*counts, "TRAJ_1", "subject", "TRAJ_GT_NO_FILTER", "VIDEO_STAMP", "TRAJ_GT"])
    kinds = [("index", "<f8"), ("values_block_0", "i1", (1,)), ("values_block_1", "i1", (1,))]
    rows = np.zeros(n, [*kinds, ("values_block_2", "<i8", (1,)), ("values_block_3", "<f8", (29,))])
    rows["index"] = np.arange(n) / 5120
    rows["values_block_3"][:, :24] = np.arange(n * 24).reshape(n, 24) % 4096
    rows["values_block_3"][:, 25] = 3
    rows["values_block_3"][:, 28] = np.where(np.arange(n) < 20, -1, 7)
    with h5py.File(path, "w") as file:
        file.create_dataset("data/table", data=rows)
        lookup = np.array([(0, b"emg_gestures"), (1, b"emg_force")], [("index", "i8"), ("values", "S20")])
        file.create_dataset("data/meta/values_block_0/meta/table", data=lookup)
        file["data"].attrs["pandas_type"] = np.bytes_(b"frame_table")
        for number, names in enumerate(blocks):
            file["data/table"].attrs[f"values_block_{number}_kind"] = python_2(names)
    return rows


def test_files_as_published(tmp_path):
    rows = published(tmp_path / "emg_gestures-03-sequential-2018-05-11-11-10-50-475.hdf5")
    recording = open_dataset(tmp_path)[0]
    recording.check()
    assert recording.key == ("03", "2018-05-11", "sequential", None)
    assert np.array_equal(recording.raw(), rows["values_block_3"][:, :24].T)
    assert recording.label_counts() == {"pause": 20, "pinch thumb-middle": 20} | {
        name: 0 for name in recording.label_counts() if name not in {"pause", "pinch thumb-middle"}
    }
    assert recording.aux_names == ("index", "video_stamp")


def test_slices_of_both_layouts(forged):
    for recording in open_dataset(forged("putemg"))[:2]:
        raw = recording.raw()
        for start, stop in ((0, 1), (511, 514), (300, 1700)):
            assert np.array_equal(recording.raw(start, stop), raw[:, start:stop])


def edited(path, edit):
    with h5py.File(path, "r+") as file:
        edit(file["data"])


def changed(name, change):
    def edit(group):
        values = group[name][()]
        attributes = dict(group[name].attrs)
        del group[name]
        group[name] = change(values)
        for key, value in attributes.items():
            group[name].attrs[key] = value

    return edit


def put(field, at, value):
    def change(rows):
        (rows[field] if field else rows)[at] = value
        return rows

    return change


DAMAGE = {
    "label 4": (0, changed("block1_values", put(None, (9, 1), 4)), "label: expected TRAJ_GT of .*found 4 in row 9"),
    "cue 5": (1, changed("table", put("values_block_1", (9, 0), 5)), "label: expected TRAJ_1 of .*found 5 in row 9"),
    "half a label": (0, changed("block1_values", lambda v: v + 0.5), "unknown label"),
    "text label": (0, changed("block1_values", lambda v: v.astype("S3")), "unknown label"),
    "index back": (0, changed("axis1", put(None, 7, 0.0)), "index does not run forwards.*row 7"),
    "index NaN": (0, changed("axis1", put(None, 7, np.nan)), "index does not run forwards"),
    "rate": (0, changed("axis1", lambda v: v * 2), "index does not fit the rate: expected about 5120.0 .*found 2560"),
    "rate of table": (1, changed("table", put("index", -1, 1e9)), "index does not fit the rate"),
    "NaN count": (0, changed("block0_values", lambda v: np.full(v.shape, np.nan)), "sample is not a number"),
    "column": (0, changed("block0_items", put(None, 3, b"EMG_x")), "columns or rows are missing.*found EMG_4"),
    "column twice": (0, changed("block0_items", put(None, 3, b"EMG_1")), "columns do not name themselves apart"),
    "rows": (0, changed("block0_values", lambda v: v[:-1]), "block does not fit the frame"),
    "one row": (1, changed("table", lambda v: v[:1]), "columns or rows are missing.*found 1 rows"),
    "kind": (0, lambda g: g.attrs.__setitem__("pandas_type", "series"), "expected pandas_type frame or frame_table"),
    "no frame": (0, lambda g: g.attrs.__delitem__("pandas_type"), "expected one data frame, found no data frame"),
    "unsaid": (1, lambda g: g["table"].attrs.__delitem__("values_block_0_kind"), "expected values_block_0_kind"),
    "columns short": (
        1,
        lambda g: g["table"].attrs.__setitem__("values_block_0_kind", np.bytes_(spelled(["EMG_1"]).encode())),
        "columns do not fit the table",
    ),
    "columns code": (
        1,
        lambda g: g["table"].attrs.__setitem__("values_block_0_kind", np.bytes_(b"cos\nsystem\n(S'x'\ntR.")),
        "not a list",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_frames_are_refused(case, folder):
    which, edit, message = DAMAGE[case]
    edited(files(folder)[which], edit)
    with pytest.raises(EmgIoError, match=message) as caught:
        read(folder, which)
    assert caught.value.file == str(files(folder)[which])


def test_floating_labels_are_read_where_they_are_whole(folder):
    edited(files(folder)[0], changed("block1_values", lambda values: values.astype(float)))
    assert read(folder, 0).labels().tolist() == open_dataset(folder)[0].labels("label").tolist()


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_lists_of_texts_in_every_spelling_of_pickle(protocol):
    names = ["EMG_1", "höhe", "", "EMG_1", *(f"column {n}" for n in range(300))]
    assert texts(pickle.dumps(names, protocol), "x", "y") == names


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_texts_in_every_spelling_of_pickle(protocol, order):
    table = np.array([["a", "bb"], ["ccc", "a"], ["", "é"]], object, order=order)
    found = text_table(pickle.dumps(table, protocol), (3, 2), "x", "y")
    assert found == [["a", "ccc", ""], ["bb", "a", "é"]]
    column = pickle.dumps(np.array(["a", "b"], object), protocol)
    assert text_table(column, (2, 1), "x", "y") == [["a", "b"]]


def test_the_forge_spells_what_pickle_reads():
    assert pickle.loads(spelled(["a", "b"]).encode()) == ["a", "b"]  # noqa: S301  our own bytes
    table = np.array([[b"a", b"bb"], [b"ccc", b"d"]])
    assert [operation.name for operation, _, _ in pickletools.genops(spelled_array(table))][-1] == "STOP"
    assert text_table(spelled_array(table), (2, 2), "x", "y") == [["a", "ccc"], ["bb", "d"]]


HOSTILE = {
    "call": b"cos\nsystem\n(S'echo x'\ntR.",
    "new object": b"\x80\x02cos\nsystem\n)\x81.",
    "instance": b"(S'x'\nios\nsystem\n.",
    "persistent": b"Pabc\n.",
    "unfinished": b"(lp0\nVa\n",
    "no list": b"\x80\x04\x8c\x01a.",
    "two values": b"\x80\x04\x8c\x01a\x8c\x01b.",
    "list of lists": pickle.dumps([["a"]]),
    "list of itself": b"\x80\x04]\x94h\x00a.",
    "no mark": b"\x80\x04e.",
    "marks": b"(" * 100_000 + b"t" * 99_999,
    "long number": b"\x80\x04](\x8b\x00\x08\x00\x00" + b"\x7f" * 2048 + b"e.",
    "memo": b"\x80\x04h\x07.",
    "append to text": b"\x80\x04\x8c\x01a\x8c\x01ba.",
    "state of text": b"\x80\x04\x8c\x01a\x8c\x01bb.",
    "great number": b"\x80\x04\x8a\xffa.",
    "dictionary": pickle.dumps({"a": 1}),
    "large": b"x" * (4 * 2**20 + 1),
    "nothing": b"",
    "junk": bytes(range(256)),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_pickles_that_are_no_list_are_refused_and_never_run(case, monkeypatch):
    monkeypatch.setattr("os.system", lambda *_: pytest.fail("was run"))
    for call in (texts, lambda data, file, place: text_table(data, (1, 1), file, place)):
        with pytest.raises(EmgIoError, match=r"^x, y: not a list: expected a list of at most"):
            call(HOSTILE[case], "x", "y")


def shorten(folder, which, n_rows):
    """Write a file anew with its first rows only."""
    path = files(folder)[which]
    with h5py.File(path) as old, h5py.File(path.with_suffix(".new"), "w") as new:
        group = new.create_group("data")
        for name, value in old["data"].attrs.items():
            group.attrs[name] = value
        for name, node in old["data"].items():
            group[name] = node[()] if "items" in name or name == "axis0" else node[:n_rows]
            for key, value in node.attrs.items():
                group[name].attrs[key] = value
    path.with_suffix(".new").replace(path)
    return path


@pytest.mark.parametrize("which", [0, 1])
def test_mutated_files_raise_or_are_valid(which, folder):
    path, rng, errors = shorten(folder, which, 40), np.random.default_rng(8 + which), 0
    read(folder, which)
    whole = path.read_bytes()
    for _ in range(120):
        data = bytearray(whole)
        for at in rng.integers(0, len(whole), int(rng.integers(1, 6))).tolist():
            data[at] = int(rng.choice([0, 1, 127, 255, data[at] ^ 1, data[at] ^ 128]))
        path.write_bytes(data)
        try:
            recording = read(folder, which)
        except EmgIoError:
            errors += 1
        else:
            assert recording.raw().shape == (24, recording.n_samples)
            assert np.isfinite(recording.raw()).all()
    assert 5 < errors < 118
