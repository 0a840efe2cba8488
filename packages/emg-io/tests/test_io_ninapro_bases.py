"""NinaPro DB2 to DB8: each base's quirks, label numbering, signals beside the EMG, broken contents."""

import zipfile

import numpy as np
import pytest
import scipy.io

from emg_io import EmgIoError, open_dataset
from emg_io._container import Folder
from emg_io.engines._mat5 import MatFile
from emg_io.engines._mat5_write import mat_bytes
from emg_io.formats import REGISTRY
from emg_io.formats._ninapro_aux import DOA, degrees_of_actuation
from emg_io.formats._ninapro_bases import BASES
from emg_io.formats._ninapro_names import FORCE_CODES
from emg_io.formats.ninapro import _facts

N = 240
ROW = np.arange(N)[:, None]
CODES = (1, 2, 4, 6, 8, 9, 16, 32, 40)
OTHERS = [base.number for base in BASES if base.number > 1]


def fields(n_chans, labels, subject=1, exercise=1, **changes):
    label = np.repeat(np.array([0, *labels]), N // (len(labels) + 1))
    label = np.concatenate([label, np.zeros(N - len(label), label.dtype)]).astype(np.uint8)
    repetition = (label > 0).astype(np.uint8)
    made = {
        "subject": np.array([[subject]], np.uint8),
        "exercise": np.array([[exercise]], np.uint8),
        "emg": np.random.default_rng(n_chans).normal(0, 1e-4, (N, n_chans)).astype(np.float32),
        "stimulus": label,
        "restimulus": label,
        "repetition": repetition,
        "rerepetition": repetition,
    }
    return {name: value for name, value in (made | changes).items() if value is not None}


def written(folder, name, base, *values, **changes):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(mat_bytes(fields(*values, **changes)))
    return open_dataset(folder, f"ninapro-db{base}")


def seen(recording, track="label"):
    return sorted(set(recording.labels(track).tolist()))


@pytest.mark.parametrize("number", OTHERS)
def test_values_equal_scipy(number, forged):
    for recording in open_dataset(forged(f"ninapro-db{number}")):
        theirs = scipy.io.loadmat(recording.source)
        n, emg = recording.n_samples, theirs["emg"]
        if number == 6:
            assert not emg[:, 8:10].any()
            emg = np.delete(emg, (8, 9), axis=1)
        assert recording.raw().dtype == emg.dtype
        assert np.array_equal(recording.raw(), emg[:n].T)
        assert np.array_equal(recording.labels("repetition"), theirs.get("rerepetition", theirs["repetition"])[:n, 0])
        stored = sorted(set(theirs) & {"acc", "gyro", "mag", "glove", "inclin", "force"})
        assert sorted(set(recording.aux_names) - {"doa"}) == stored
        for name in stored:
            aux = recording.aux(name)
            assert aux.sfreq == recording.sfreq
            assert aux.values.dtype == theirs[name].dtype
            assert np.array_equal(aux.values, theirs[name][:n].T, equal_nan=True)


@pytest.mark.parametrize(("number", "n_chans", "sfreq", "unit", "shape", "n_labels"), [
    (1, 10, 100.0, "V", (2, 8), 53), (2, 12, 2000.0, "V", (2, 8), 50), (3, None, 2000.0, "V", None, 50),
    (4, 12, 2000.0, "V", (2, 8), 53), (5, 16, 200.0, "adc", (2, 8), 53), (6, 14, 2000.0, "V", (2, 8), 8),
    (7, 12, 2000.0, "V", (2, 8), 41), (8, 16, 2000.0, "V", (2, 8), 10),
])  # fmt: skip
def test_facts(number, n_chans, sfreq, unit, shape, n_labels):
    info = REGISTRY[f"ninapro-db{number}"].info
    assert (info.n_chans, info.sfreq, info.unit, len(info.label_names)) == (n_chans, sfreq, unit, n_labels)
    assert (info.layout and info.layout.shape) == shape
    assert info.label_names[0] == "rest"
    assert len(set(info.label_names.values())) == n_labels
    assert info.verified_on_real_files == (number == 1)
    assert info.doi.startswith("10.")


def test_movements_are_the_same_in_every_base():
    names = {base.number: base.names for base in BASES}
    assert [names[2][label] for label in range(1, 41)] == [names[1][label] for label in range(13, 53)]
    assert names[3] == names[2]
    assert names[4] == names[5] == names[1]
    assert names[7] == {label: names[2][label] for label in range(41)}
    assert names[2][18] == names[1][30] == "large diameter grasp"
    assert names[8][9] == "tripod grip"
    assert tuple(FORCE_CODES) == CODES


def test_rings_close_and_single_electrodes_do_not():
    layouts = {base.number: base.layout for base in BASES}
    assert layouts[5].neighbours(7) == (0, 6)
    assert layouts[5].neighbours(8) == (9, 15)
    assert layouts[6].neighbours(13) == (8, 12)
    assert layouts[2].neighbours(7) == (0, 6)
    assert layouts[2].neighbours(11) == ()
    assert layouts[8].position(8) == (1, 0)


# exercise, stored labels, number of movements before, rule: "restart" adds, "continue" does not
@pytest.mark.parametrize(("base", "exercise", "stored", "labels", "local"), [
    (2, 1, (1, 17), (1, 17), (1, 17)),
    (2, 2, (18, 40), (18, 40), (1, 23)),
    (2, 2, (18, 20), (18, 20), (1, 3)),  # could be local 18 and 20: the base's habit holds
    (2, 2, (1, 23), (18, 40), (1, 23)),
    (3, 2, (1, 2), (18, 19), (1, 2)),
    (7, 2, (18, 40), (18, 40), (1, 23)),
    (4, 2, (1, 17), (13, 29), (1, 17)),
    (4, 2, (13, 17), (25, 29), (13, 17)),  # as above, the other habit
    (4, 2, (13, 29), (13, 29), (1, 17)),
    (5, 3, (1, 23), (30, 52), (1, 23)),
    (5, 3, (30, 52), (30, 52), (1, 23)),
    (4, 3, (), (), ()),
])  # fmt: skip
def test_labels_count_on_over_exercises(tmp_path, base, exercise, stored, labels, local):
    changes = {"emg": np.zeros((N, 16))} if base == 5 else {}
    recording = written(tmp_path, f"S1_E{exercise}_A1.mat", base, 12, stored, 1, exercise, **changes)[0]
    assert recording.key == ("1", "1", f"E{exercise}", None)
    assert seen(recording) == [0, *labels]
    assert seen(recording, "cue") == [0, *labels]
    assert seen(recording, "local_label") == [0, *local]
    names = recording.track("local_label").names
    assert [names[number] for number in local] == [recording.track("label").names[label] for label in labels]


@pytest.mark.parametrize("moved", [True, False])
def test_force_codes_become_labels_41_to_49(tmp_path, moved):
    changes = {} if moved else {"restimulus": None, "rerepetition": None}
    forces = {"force": np.ones((N, 6)), "forcecal": np.array([[0.0] * 6, [9.0] * 6])}
    recording = written(tmp_path, "S12_E3_A1.mat", 2, 12, CODES, 12, 3, **changes, **forces)[0]
    assert seen(recording) == [0, *range(41, 50)]
    assert seen(recording, "local_label") == list(range(10))
    names = recording.track("label").names
    assert names[46] == "force: index and little finger flexion"
    assert ("cue" in recording.tracks) == moved
    assert recording.metadata["label_field"] == ("restimulus" if moved else "stimulus")
    assert recording.metadata["force_calibration"] == [[0.0] * 6, [9.0] * 6]
    assert recording.aux("force").values.shape == (6, N)


def test_force_labels_that_are_numbered_already_stay(tmp_path):
    recording = written(tmp_path, "S12_E3_A1.mat", 2, 12, (41, 49), 12, 3)[0]
    assert seen(recording) == [0, 41, 49]


@pytest.mark.parametrize(("base", "name", "values", "changes", "message"), [
    (2, "S1_E3_A1.mat", (12, (3,), 1, 3), {}, r"restimulus, row 120: value outside its set.*0, 1, 2, 4, .*found 3"),
    (2, "S1_E2_A1.mat", (12, (18, 41), 1, 2), {}, r"restimulus, row 160.*0 or 18\.\.40, found 41"),
    (2, "S1_E2_A1.mat", (12, (1, 24), 1, 2), {}, r"restimulus, row 160.*0\.\.23, found 24"),
    (2, "S1_E2_A1.mat", (12, (18,), 1, 2), {"restimulus": None}, "restimulus: variable is missing"),
    (2, "S1_E1_A1.mat", (10, (1,)), {}, r"emg: wrong shape: expected \(time, 12\), found \(240, 10\)"),
    (2, "S1_E1_A1.mat", (12, (1,)), {"repetition": np.full(N, 7)}, r"repetition, row 0.*0\.\.6, found 7"),
    (5, "S1_E1_A1.mat", (16, (1,)), {"emg": np.full((N, 16), 128.0)}, "emg, row 0, column 0.*-128 to 127 adc"),
    (6, "S1_D1_T1.mat", (16, (1,)), {}, "not the electrodes of the set.*14 columns that are not.*found 16"),
    (6, "S1_D1_T1.mat", (14, (2,)), {}, r"restimulus, row 120.*0, 1, 3, 4, 6, 9, 10, 11, found 2"),
    (6, "S1_D1_T1.mat", (15, (1,)), {}, r"emg: wrong shape: expected \(time, 14\) or \(time, 16\)"),
    (8, "S1_E1_A2.mat", (16, (10,)), {}, r"restimulus, row 120.*0\.\.9, found 10"),
    (8, "S1_E1_A2.mat", (16, (1,)), {"emg": np.full((N, 16), np.nan)}, "emg, row 0, column 0: sample out of range"),
])  # fmt: skip
def test_broken_content_names_the_field(tmp_path, base, name, values, changes, message):
    recording = written(tmp_path, name, base, *values, **changes)[0]
    with pytest.raises(EmgIoError, match=message) as caught:
        recording.check()
    assert caught.value.file.endswith(name)


def test_db3_takes_its_channels_from_the_files(tmp_path, forged):
    dataset = open_dataset(forged("ninapro-db3"))
    assert {recording.n_chans for recording in dataset} == {10, 12}
    few = next(recording for recording in dataset if recording.n_chans == 10)
    assert few.layout.kind == "unplaced"
    assert few.raw().shape[0] == 10
    (tmp_path / "S6_A1_E1.mat").write_bytes(mat_bytes(fields(11, (1,), 6)))
    with pytest.raises(EmgIoError, match="emg: wrong number of channels: expected 12 or 10, found 11"):
        open_dataset(tmp_path, "ninapro-db3")


@pytest.mark.parametrize(("number", "name", "n_chans"), [(2, "S1_E1_A1.mat", 12), (8, "S1_E1_A1.mat", 16)])
def test_another_subject_in_the_file_is_a_warning_where_no_real_file_was_seen(tmp_path, number, name, n_chans):
    recording = written(tmp_path, name, number, n_chans, (1,), 2)[0]
    recording.check()
    assert recording.subject == "1"
    assert recording.metadata["warnings"] == ("subject: [2] in the file, 1 by its name, which counts",)


def test_an_empty_field_is_not_there(tmp_path):
    recording = written(tmp_path, "S1_E1_A1.mat", 3, 12, (1,), acc=np.zeros((N, 36)), glove=np.zeros((0, 0)))[0]
    recording.check()
    assert recording.aux_names == ("acc",)


def test_db6_sessions_are_day_and_time(forged):
    dataset = open_dataset(forged("ninapro-db6"))
    assert [recording.session for recording in dataset[:3]] == ["D1T1", "D1T2", "D2T1"]
    assert {recording.task for recording in dataset} == {""}
    assert "constant" in dataset[0].metadata["channels"]
    assert "local_label" not in dataset[0].tracks
    assert "not established" in dataset[0].metadata["labels"]
    assert seen(dataset[0]) == [0, 1, 11]


def test_db6_keeps_a_dead_electrode_in_its_place_and_names_it(tmp_path):
    """As published: S9_D1_T1 has an electrode that is 0 throughout, beside the two spare columns."""
    emg = np.where(np.isin(np.arange(16), (3, 8, 9)), 0.0, np.sin(ROW * 1.0 + np.arange(16))) * 1e-4
    recording = written(tmp_path, "S1_D1_T1.mat", 6, 16, (1,), emg=emg)[0]
    assert np.array_equal(recording.raw(), emg[:, [*range(8), *range(10, 16)]].T)
    assert recording.metadata["dead_channels"] == (3,)
    recording = written(tmp_path, "S1_D5_T2.mat", 6, 16, (1,), emg=emg[:, 2:])[1]
    assert recording.raw().shape == (14, N)


def test_db6_with_data_in_spare_columns_is_refused(tmp_path):
    emg = np.where(np.isin(np.arange(16), (3, 4, 9)), 0.0, np.sin(ROW * 1.0 + np.arange(16))) * 1e-4
    with pytest.raises(EmgIoError, match=r"columns \(8, 9\) constant, found 13: columns \[0, 1, 2, 5, "):
        written(tmp_path, "S1_D1_T1.mat", 6, 16, (1,), emg=emg)[0].raw()


def test_db8_glove_gives_degrees_of_actuation(forged):
    dataset = open_dataset(forged("ninapro-db8"))
    assert [recording.session for recording in dataset[:3]] == ["A1", "A2", "A3"]
    recording = dataset[0]
    assert (recording.sfreq, recording.metadata["information_rate_hz"]) == (2000.0, 1111.0)
    glove, doa = recording.aux("glove").values, recording.aux("doa")
    assert doa.channels == DOA
    matrix = np.zeros((18, 5))
    for row, column, weight in (
        (0, 0, 0.639), (1, 0, 0.383), (3, 0, -0.639), (16, 0, -0.19), (2, 1, 1.0), (4, 2, 0.4), (5, 2, 0.6),
        (6, 3, 0.4), (7, 3, 0.6), (9, 4, 0.1667), (10, 4, 0.3333), (12, 4, 0.1667), (13, 4, 0.3333),
    ):  # fmt: skip
        matrix[row, column] = weight
    np.testing.assert_allclose(doa.values, (glove.T @ matrix).T, rtol=1e-12)
    lost = np.isnan(glove).all(axis=0)
    assert lost.sum() == 3
    assert np.array_equal(np.isnan(doa.values), np.broadcast_to(lost, doa.values.shape))
    assert np.isfinite(recording.raw()).all()


def test_a_sensor_that_no_degree_uses_does_not_spoil_them():
    glove = np.ones((18, 4))
    glove[17] = np.nan
    assert np.isfinite(degrees_of_actuation(glove)).all()
    with pytest.raises(EmgIoError, match=r"expected \(18, time\), found \(22, 4\)"):
        degrees_of_actuation(np.ones((22, 4)))


def test_a_session_split_means_sessions(forged):
    """Exercises of one wearing never fall on two sides of a split by session."""
    for number in (2, 5, 7):
        assert {recording.session for recording in open_dataset(forged(f"ninapro-db{number}"))} == {"1"}


def test_nan_in_an_accelerometer_is_refused(tmp_path):
    acc = np.where(ROW == 9, np.nan, np.zeros((N, 36)))
    recording = written(tmp_path, "S12_E1_A1.mat", 2, 12, (1,), 12, acc=acc)[0]
    with pytest.raises(EmgIoError, match="acc, row 9, column 0: value out of range: expected a finite number"):
        recording.aux("acc")


def tags(folder, name, n_chans, subject=1, **beside):
    """Write a file that has just what tells data bases apart."""
    columns = {"acc": 36, "gyro": 36, "mag": 36}
    extra = {field: np.zeros((N, columns.get(field, n))) for field, n in beside.items()}
    (folder / name).write_bytes(mat_bytes(fields(n_chans, (1,), subject, **extra)))


@pytest.mark.parametrize(("files", "found"), [
    ([("S1_A1_E1.mat", 10, {})], "ninapro-db1"),
    ([("S1_E1_A1.mat", 10, {"glove": 22})], "ninapro-db1"),
    ([("S12_E1_A1.mat", 12, {"acc": 1})], "ninapro-db2"),
    ([("S1_E1_A1.mat", 12, {"acc": 1}), ("S6_E1_A1.mat", 10, {"acc": 1})], "ninapro-db3"),
    ([("S1_E1_A1.mat", 12, {})], "ninapro-db4"),
    ([("S1_E1_A1.mat", 16, {"acc": 1, "glove": 22})], "ninapro-db5"),
    ([("S1_E2_A1.mat", 16, {})], "ninapro-db5"),
    ([("S1_D1_T1.mat", 14, {})], "ninapro-db6"),
    ([("S1_E1_A1.mat", 12, {"acc": 1, "gyro": 1, "mag": 1, "glove": 18})], "ninapro-db7"),
    ([("S1_E1_A1.mat", 16, {"acc": 1, "gyro": 1, "glove": 18})], "ninapro-db8"),
    ([("S1_E1_A2.mat", 16, {})], "ninapro-db8"),
])  # fmt: skip
def test_bases_that_share_file_names_are_told_apart(tmp_path, files, found):
    for name, n_chans, beside in files:
        tags(tmp_path, name, n_chans, int(name[1 : name.index("_")]), **beside)
    assert open_dataset(tmp_path).format == found


@pytest.mark.parametrize(("name", "n_chans", "beside", "first", "second"), [
    ("S1_E1_A1.mat", 12, {"acc": 1}, "ninapro-db2", "ninapro-db3"),
    ("S1_E1_A1.mat", 16, {}, "ninapro-db5", "ninapro-db8"),
])  # fmt: skip
def test_what_cannot_be_told_apart_must_be_named(tmp_path, name, n_chans, beside, first, second):
    tags(tmp_path, name, n_chans, **beside)
    with pytest.raises(EmgIoError, match=f"ambiguous data set: name the format.*found {first} in .*{second} in "):
        open_dataset(tmp_path)
    assert open_dataset(tmp_path, first)[0].raw().shape == (n_chans, N)
    assert open_dataset(tmp_path, second)[0].raw().shape == (n_chans, N)


@pytest.mark.parametrize("name", ["ninapro-db3", "ninapro-db6", "ninapro-db8", "capgmyo-b", "fors-emg"])
def test_an_archive_reads_like_the_folder(name, forged, tmp_path):
    folder, archive = forged(name), tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for file in sorted(folder.rglob("*.mat")):
            out.write(file, file.relative_to(folder).as_posix())
    mine, theirs = open_dataset(archive), open_dataset(folder)
    assert mine.format == name
    assert [recording.key for recording in mine] == [recording.key for recording in theirs]
    for one, other in zip(mine[:3], theirs[:3], strict=True):
        assert np.array_equal(one.raw(), other.raw())
        assert one.aux_names == other.aux_names
        for aux in one.aux_names:
            assert np.array_equal(one.aux(aux).values, other.aux(aux).values, equal_nan=True)


@pytest.mark.parametrize(("name", "n_opened"), [
    ("ninapro-db1", 0), ("ninapro-db2", 0), ("ninapro-db3", 6), ("ninapro-db8", 0), ("capgmyo-a", 0), ("fors-emg", 0),
])  # fmt: skip
def test_opening_reads_names_only(name, n_opened, forged, monkeypatch):
    """DB3's files alone are opened, for the number of their channels, and only their tags are read."""
    opened, original = [], Folder.open
    monkeypatch.setattr(Folder, "open", lambda self, file: opened.append(file) or original(self, file))
    monkeypatch.setattr(MatFile, "read", None)
    _facts.cache_clear()
    assert len(open_dataset(forged(name), name)) > 1
    assert len(opened) == n_opened


def test_a_set_of_no_base_is_not_claimed(tmp_path):
    tags(tmp_path, "S1_E1_A1.mat", 11)
    with pytest.raises(EmgIoError, match="no recordings found"):
        open_dataset(tmp_path)
