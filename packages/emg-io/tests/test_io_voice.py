"""What every data set says in the same words: clock, unit, warnings, labels, clipped counts, facts of the sheet."""

import numpy as np
import pytest

from emg_io import open_dataset
from emg_io.formats import REGISTRY

SETS = [name for name, entry in REGISTRY.items() if not entry.info.generic]
MYO = ("epn-612", "myo-armband", "myo-readings", "ninapro-db5", "one-subject-myo", "uci")
UNLABELLED = {"biosppy", "emgflow", "emg2qwerty", "emg2pose", "gaddy"}
NON_COMMERCIAL = {"emg2pose", "emg2qwerty", "putemg"} | {n for n in SETS if n.startswith("neuromotor")}

# channels, Hz, unit, volts of one raw step where the sheet gives one, as the facts sheet of the field states them
FACTS = {
    "ninapro-db1": (10, 100, "V", 1), "ninapro-db2": (12, 2000, "V", 1), "ninapro-db3": (None, 2000, "V", 1),
    "ninapro-db4": (12, 2000, "V", 1), "ninapro-db5": (16, 200, "adc", None), "ninapro-db6": (14, 2000, "V", 1),
    "ninapro-db7": (12, 2000, "V", 1), "ninapro-db8": (16, 2000, "V", 1), "uci": (8, 100, "V", 1e-5),
    "epn-612": (8, 200, "adc", None), "capgmyo-a": (128, 1000, "mV", 2.5e-3), "capgmyo-b": (128, 1000, "mV", 2.5e-3),
    "capgmyo-c": (128, 1000, "mV", 2.5e-3), "csl-hdemg": (168, 2048, "unknown", None), "hyser": (256, 2048, "mV", None),
    "emg2qwerty": (32, 2000, "unknown", None), "emg2pose": (16, 2000, "unknown", None),
    "neuromotor-gestures": (16, 2000, "V", 1), "neuromotor-handwriting": (16, 2000, "V", 1),
    "neuromotor-wrist": (16, 2000, "V", 1), "gaddy": (8, 1000, "unknown", None), "myo-armband": (8, 200, "adc", None),
    "3dc": (10, 1000, "adc", None), "flexemg": (64, 1000, "mV", 0.0030517578125e-3),
    "myo-readings": (8, 200, "adc", None), "longterm-8ch": (8, 200, "unknown", None),
    "one-subject-myo": (8, 200, "adc", None), "grabmyo": (28, 2048, "mV", None), "fors-emg": (8, 985, "unknown", None),
    "putemg": (24, 5120, "V", 5 / 4096 / 200), "flexwear-hd": (64, 4000, "unknown", None),
    "biosppy": (1, 1000, "adc", None), "emgflow": (2, 2000, "unknown", None),
}  # fmt: skip
VOLTS = {"V": 1.0, "mV": 1e-3, "uV": 1e-6}


def test_every_data_set_of_the_sheet_is_here():
    assert set(SETS) == set(FACTS)
    assert {name for name in SETS if REGISTRY[name].info.non_commercial} == NON_COMMERCIAL


@pytest.mark.parametrize("name", SETS)
def test_channels_rate_unit_and_scale_are_those_of_the_sheet(name, forged):
    n_chans, sfreq, unit, volts = FACTS[name]
    info = REGISTRY[name].info
    assert (info.n_chans, info.sfreq, info.unit) == (n_chans, sfreq, unit)
    recording = open_dataset(forged(name), name)[0]
    assert recording.unit == unit
    if volts is not None:
        assert recording.scale * VOLTS[unit] == pytest.approx(volts, rel=1e-15)
        assert recording.offset == 0.0
    if recording.uniform:
        assert recording.sfreq == sfreq


@pytest.mark.parametrize("name", REGISTRY)
def test_metadata_have_one_voice(name, forged):
    for recording in open_dataset(forged(name), name)[:3]:
        said = recording.metadata
        assert isinstance(said["clock"], str)
        if name in SETS:
            assert isinstance(said["unit"], str)
        assert isinstance(said.get("warnings", ()), tuple)
        assert all(isinstance(warning, str) for warning in said.get("warnings", ()))
        assert "remarks" not in said


@pytest.mark.parametrize("name", [name for name in SETS if REGISTRY[name].info.label_names])
def test_where_labels_are_named_there_is_a_track_of_them(name, forged):
    assert name not in UNLABELLED
    dataset = open_dataset(forged(name), name)
    with_labels = [recording for recording in dataset if "label" in recording.tracks]
    assert with_labels
    assert {recording.tracks["label"].names == REGISTRY[name].info.label_names for recording in with_labels} == {True}


@pytest.mark.parametrize("name", MYO)
def test_saturated_counts_of_an_armband_are_reported(name, forged):
    recording = open_dataset(forged(name), name)[0]
    raw = recording.raw()
    ends = np.isin(raw, (-128, 127)).sum(axis=1).tolist()
    assert recording.metadata["clipped"] == ends
