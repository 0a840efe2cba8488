"""GRABMyo: electrodes by name, labels by file name, and records that are not of the set."""

import numpy as np
import pytest

from emg_io import EmgIoError, open_dataset
from emg_io.engines._wfdb_write import SignalText, record_bytes
from emg_io.formats import REGISTRY
from emg_io.formats.grabmyo import CHANNELS, LABELS

NAMES = [*CHANNELS[:16], "U1", *CHANNELS[16:22], "U2", "U3", *CHANNELS[22:], "U4"]


def trial(folder, names=NAMES, gesture=3, unit="mV", rate=2048.0, session=1):
    name = f"session{session}_participant5_gesture{gesture}_trial7"
    codes = np.arange(len(names) * 10).reshape(len(names), 10).astype(np.int16)
    place = folder / f"Session{session}" / f"session{session}_participant5"
    place.mkdir(parents=True)
    for file, content in record_bytes(name, codes, [SignalText(n, 10.0, 1, unit) for n in names], rate).items():
        (place / file).write_bytes(content)
    return dict(zip(names, codes, strict=True))


def test_channels_are_chosen_by_name(tmp_path):
    rows = trial(tmp_path)
    (recording,) = open_dataset(tmp_path)
    assert recording.channels == CHANNELS
    assert np.array_equal(recording.raw(), [rows[name] for name in CHANNELS])
    assert np.array_equal(recording.raw(3, 5), [rows[name][3:5] for name in CHANNELS])
    assert np.allclose(recording.signal()[16], (rows["W1"] - 1) / 10)
    assert recording.reader.record.verify(recording.reader.opened) is None


def test_any_order_of_the_signals_reads_the_same(tmp_path):
    shuffled = [NAMES[n] for n in np.random.default_rng(0).permutation(32)]
    rows = trial(tmp_path, [name.lower() for name in shuffled])
    (recording,) = open_dataset(tmp_path)
    assert np.array_equal(recording.raw(), [rows[name.lower()] for name in CHANNELS])


def test_labels_come_from_the_name(tmp_path):
    trial(tmp_path, gesture=17, session=3)
    (recording,) = open_dataset(tmp_path)
    assert (recording.subject, recording.session, recording.task, recording.repetition) == ("5", "3", "rest", 7)
    assert recording.label_counts() == {"rest": 10}
    assert set(recording.track("repetition").values.tolist()) == {7}


def test_names_of_the_labels_and_rings():
    assert list(LABELS) == list(range(1, 18))
    assert [LABELS[n] for n in (1, 7, 11, 16, 17)] == [
        "lateral prehension",
        "index and middle finger extension",
        "wrist extension",
        "hand close",
        "rest",
    ]
    layout = REGISTRY["grabmyo"].info.layout
    assert [len([c for c in row if c >= 0]) for row in layout.cells] == [8, 8, 6, 6]
    assert layout.neighbours(CHANNELS.index("W6")) == (CHANNELS.index("W1"), CHANNELS.index("W5"))


def test_volts_become_millivolts(tmp_path):
    rows = trial(tmp_path, unit="V")
    (recording,) = open_dataset(tmp_path)
    assert recording.unit == "mV"
    assert np.allclose(recording.signal()[0], (rows["F1"] - 1) * 100.0)


def test_forged_records_leave_the_unused_signals_out(forged):
    dataset = open_dataset(forged("grabmyo"))
    assert {r.n_chans for r in dataset} == {28}
    assert {r.session for r in dataset} == {"1", "2", "3"}
    assert all(isinstance(r.scale, tuple) for r in dataset)
    assert len({r.scale for r in dataset}) == len(dataset)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": NAMES[1:]}, r"not a record of GRABMyo: expected F1\.\.F16 and W1\.\.W12 at 2048 Hz.*without F1"),
        ({"rate": 1000.0}, "found 1000 Hz, without nothing"),
        ({"unit": "N"}, "signal 0: not an electrode of the set: expected F1 once, in mV.*F1 in N"),
        ({"names": [*NAMES, "W3"]}, "signal 32: not an electrode of the set: expected W3 once"),
        ({"gesture": 18}, r"name: no such gesture: expected gesture 1\.\.17, found 18"),
        ({"gesture": 0}, "no such gesture"),
    ],
)
def test_records_that_are_not_of_the_set_are_refused(changes, message, tmp_path):
    trial(tmp_path, **changes)
    with pytest.raises(EmgIoError, match=message):
        open_dataset(tmp_path)
