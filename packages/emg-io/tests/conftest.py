"""Shared data: two forged data sets, made once, and the oracles."""

import importlib.util
import os
from pathlib import Path

import pytest
from hypothesis import settings

import emg_io
from emg_io.formats import REGISTRY

settings.register_profile("emg-io", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("emg-io")


def _load(name: str):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TABLES = _load("io_tables")


@pytest.fixture(scope="session")
def oracles():
    return _load("io_oracles")


@pytest.fixture(scope="session")
def forgery(tmp_path_factory):
    """Folder of a forged data set and what a reader must find in it, by format name; each is made once."""
    made = {}

    def get(name: str):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            made[name] = folder, REGISTRY[name].forge(folder, seed=3, **TABLES.FORGED.get(name, TABLES.DEFAULT))
        return made[name]

    return get


@pytest.fixture(scope="session")
def forged(forgery):
    """Folder of a forged data set, by format name."""
    return lambda name: forgery(name)[0]


@pytest.fixture(scope="session")
def uci(forged):
    return emg_io.open_dataset(forged("uci"))


@pytest.fixture(scope="session")
def nina(forged):
    return emg_io.open_dataset(forged("ninapro-db1"))


@pytest.fixture(scope="session")
def real_places():
    """Where real recordings of a format lie below EMG_DATA, by format name."""
    return TABLES.REAL


@pytest.fixture
def real():
    """Path below EMG_DATA; skips where the variable is unset."""

    def get(name: str) -> Path:
        root = os.environ.get("EMG_DATA")
        if not root:
            pytest.skip("EMG_DATA is unset: no real recordings here")
        path = Path(root) / name
        if not path.exists():
            pytest.skip(f"{name} is not below EMG_DATA")
        return path

    return get
