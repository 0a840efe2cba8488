"""One contract over every registered format, and completeness of the registry."""

import importlib
import pkgutil

import numpy as np
import pytest

import emg_io
from emg_io import formats, open_dataset
from emg_io.formats import REGISTRY, Format

NAMES = [info.name for info in formats()]
REAL = {"uci": "uci_emg_gestures.zip", "ninapro-db1": "ninapro_db1"}


def test_every_format_module_is_registered():
    found = set()
    for module in pkgutil.iter_modules(importlib.import_module("emg_io.formats").__path__):
        if not module.name.startswith("_"):
            loaded = importlib.import_module(f"emg_io.formats.{module.name}")
            entries = [getattr(loaded, "FORMAT", None), *getattr(loaded, "FORMATS", ())]
            entries = [entry for entry in entries if isinstance(entry, Format)]
            assert entries, f"{module.name} defines no FORMAT: add one, or start its name with _"
            found |= {entry.info.name for entry in entries}
    assert found == set(REGISTRY) == set(NAMES)
    assert all(name == entry.info.name for name, entry in REGISTRY.items())


@pytest.mark.parametrize("name", NAMES)
def test_facts_are_stated(name):
    info = REGISTRY[name].info
    assert info.licence
    assert info.citation
    assert info.doi.startswith("10.")
    assert info.writes
    assert info.label_names
    assert info.sfreq > 0


def contract(dataset, info):
    """What holds for every data set, real or forged."""
    assert dataset.format == info.name
    assert (dataset.licence, dataset.citation, dataset.doi) == (info.licence, info.citation, info.doi)
    assert len(dataset) == len(dataset.recordings) > 0
    keys = [(r.subject, r.session, r.repetition) for r in dataset]
    assert len(set(keys)) == len(keys)
    assert list(dict.fromkeys(r.subject for r in dataset)) == list(dataset.subjects)
    for recording in dataset[:: max(1, len(dataset) // 6)]:
        raw, labels = recording.raw(), recording.labels()
        assert raw.shape == (info.n_chans, recording.n_samples)
        assert recording.n_chans == info.n_chans == recording.layout.n_chans
        assert recording.layout.position(info.n_chans - 1)
        assert np.isfinite(recording.signal()).all()
        assert labels.shape == (recording.n_samples,)
        assert set(np.unique(labels).tolist()) <= set(info.label_names)
        assert sum(recording.label_counts().values()) == recording.n_samples
        assert recording.sfreq > 0
        assert recording.unit in {"V", "mV", "uV", "adc", "unknown"}
        assert (recording.timestamps is None) == recording.uniform
        if not recording.uniform:
            assert recording.timestamps.shape == labels.shape
            assert np.all(np.diff(recording.timestamps) > 0)
        for track in recording.tracks.values():
            assert len(track.values) == recording.n_samples
            assert track.values.dtype.kind == "i"
        middle = recording.n_samples // 2
        assert np.array_equal(recording.raw(middle, middle + 9), raw[:, middle : middle + 9])
        uniform = recording.resample(max(info.sfreq, recording.sfreq))
        assert uniform.uniform
        assert uniform.timestamps is None
        assert set(np.unique(uniform.raw()).tolist()) <= set(np.unique(raw).tolist())


@pytest.mark.parametrize("name", NAMES)
def test_forged_data_set_keeps_the_contract(name, forged):
    info = REGISTRY[name].info
    contract(open_dataset(forged(name)), info)
    assert open_dataset(forged(name), name).recordings == open_dataset(forged(name)).recordings
    assert not open_dataset(forged(name)).duplicates()


@pytest.mark.parametrize("name", NAMES)
def test_forged_recordings_fill_a_window_store(name, forged, tmp_path):
    dataset = open_dataset(forged(name))
    uniform = [r if r.uniform else r.resample(dataset.info.sfreq) for r in dataset[:2]]
    store = emg_io.WindowStore.create(tmp_path / "store", uniform)
    for entry, recording in enumerate(uniform):
        assert np.array_equal(store.raw(entry, 7, 50), recording.raw(7, 57))
        assert np.array_equal(store.labels(entry, 7, 50), recording.labels()[7:57])


@pytest.mark.real
@pytest.mark.parametrize("name", NAMES)
def test_real_data_set_keeps_the_contract(name, real):
    info = REGISTRY[name].info
    assert info.verified_on_real_files
    contract(open_dataset(real(REAL[name])), info)
