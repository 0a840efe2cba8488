"""One contract over every registered format, and completeness of the registry."""

import importlib
import importlib.util
import pickle
import pkgutil
from pathlib import Path

import numpy as np
import pytest

import emg_io
from emg_io import formats, open_dataset
from emg_io.formats import REGISTRY, Format

NAMES = [info.name for info in formats()]
UNITS = {"V", "mV", "uV", "adc", "unknown"}


def _tables():
    spec = importlib.util.spec_from_file_location("io_tables", Path(__file__).with_name("io_tables.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DEFAULT, FORGED, REAL = _tables().DEFAULT, _tables().FORGED, _tables().REAL


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
    assert info.writes
    assert info.unit in UNITS
    if info.generic:
        assert info.n_chans is None
        assert info.sfreq is None
    else:
        assert info.doi.startswith("10.") or info.doi == "none known"
        assert info.sfreq > 0
    if info.layout is not None:
        assert info.layout.n_chans == info.n_chans


def pick(items, n=6):
    """Some of many, the first and the last among them."""
    return [items[i] for i in sorted({round(k * (len(items) - 1) / (n - 1)) for k in range(n)})]


def contract(dataset, info):
    """What holds for every data set, real or forged."""
    assert dataset.format == info.name
    assert (dataset.licence, dataset.citation, dataset.doi) == (info.licence, info.citation, info.doi)
    assert len(dataset) == len(dataset.recordings) > 0
    assert len({r.key for r in dataset}) == len(dataset)
    assert list(dict.fromkeys(r.subject for r in dataset)) == list(dataset.subjects)
    for recording in pick(dataset):
        contract_of_recording(recording, info)


def contract_of_recording(recording, info):
    raw, n = recording.raw(), recording.n_samples
    assert raw.shape == (recording.n_chans, n)
    assert n > 0
    assert raw.dtype.kind in "iuf"
    assert not raw.flags.writeable
    assert recording.n_chans == recording.layout.n_chans == len(recording.channels)
    assert info.n_chans in {None, recording.n_chans}
    assert info.layout in {None, recording.layout}
    assert recording.unit == info.unit or info.generic
    assert recording.sfreq > 0
    places = {recording.layout.position(channel) for channel in range(recording.n_chans)}
    assert len(places) == recording.n_chans
    signal = recording.signal(dtype=np.float64)
    assert np.isfinite(signal).all() or recording.metadata["missing_samples"] > 0
    assert (recording.timestamps is None) == recording.uniform
    if not recording.uniform:
        assert recording.timestamps.shape == (n,)
        assert np.all(np.diff(recording.timestamps) >= 0)
    for name, track in recording.tracks.items():
        assert track.name == name
        assert track.values.shape == (n,)
        assert track.values.dtype.kind in "iu"
        assert not track.values.flags.writeable
    if "label" in recording.tracks and not info.generic:
        assert set(np.unique(recording.labels()).tolist()) <= set(info.label_names)
        assert sum(recording.label_counts().values()) == n
    assert [event.onset for event in recording.events] == sorted(event.onset for event in recording.events)
    for name in recording.aux_names:
        aux = recording.aux(name)
        assert aux.name == name
        assert aux.values.ndim == 2
        assert aux.sfreq > 0
        assert len(aux.channels) in {0, len(aux.values)}
    middle = n // 2
    assert np.array_equal(
        recording.raw(middle, middle + 9), raw[:, middle : middle + 9], equal_nan=raw.dtype.kind == "f"
    )
    assert recording.raw(n, n).shape == (recording.n_chans, 0)
    recording.check()


@pytest.mark.parametrize("name", NAMES)
def test_forged_data_set_keeps_the_contract(name, forged):
    info = REGISTRY[name].info
    contract(open_dataset(forged(name)), info)
    assert open_dataset(forged(name), name).recordings == open_dataset(forged(name)).recordings
    assert not open_dataset(forged(name)).duplicates()


@pytest.mark.parametrize("name", NAMES)
def test_what_was_written_is_read_to_the_last_bit(name, forgery):
    folder, truths = forgery(name)
    found = {recording.key: recording for recording in open_dataset(folder, name)}
    assert set(found) == {(t.subject, t.session, t.task, t.repetition) for t in truths}
    for truth in truths:
        recording = found[truth.subject, truth.session, truth.task, truth.repetition]
        raw = recording.raw()
        assert raw.dtype == truth.raw.dtype
        assert np.array_equal(raw, truth.raw, equal_nan=raw.dtype.kind == "f")
        if truth.labels is not None:
            assert np.array_equal(recording.labels(), truth.labels)


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_bytes(name, forged, tmp_path):
    options = FORGED.get(name, DEFAULT)
    REGISTRY[name].forge(tmp_path, seed=3, **options)
    files = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert files == {p.relative_to(forged(name)): p.read_bytes() for p in forged(name).rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", NAMES)
def test_recordings_travel_to_other_processes(name, forged):
    recording = open_dataset(forged(name))[0]
    twin = pickle.loads(pickle.dumps(recording))  # noqa: S301  our own bytes
    assert twin == recording
    assert np.array_equal(twin.raw(), recording.raw(), equal_nan=recording.raw().dtype.kind == "f")


@pytest.mark.parametrize("name", NAMES)
def test_forged_recordings_fill_a_window_store(name, forged, tmp_path):
    dataset = open_dataset(forged(name))
    recording = dataset[0] if dataset[0].uniform else dataset[0].resample(max(dataset.info.sfreq, dataset[0].sfreq))
    store = emg_io.WindowStore.create(tmp_path / "store", [recording])
    n = min(50, recording.n_samples - 7)
    assert np.array_equal(store.raw(0, 7, n), recording.raw(7, 7 + n), equal_nan=recording.raw().dtype.kind == "f")


@pytest.mark.real
@pytest.mark.parametrize("name", sorted(REAL))
def test_real_data_set_keeps_the_contract(name, real):
    info = REGISTRY[name].info
    assert info.verified_on_real_files
    contract(open_dataset(real(REAL[name]), name), info)


def test_verified_means_tested_on_real_files():
    assert {info.name for info in formats() if info.verified_on_real_files and not info.generic} <= set(REAL)
