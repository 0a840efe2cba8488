"""Shared data: two forged data sets, made once, and the oracles."""

import importlib.util
import os
from pathlib import Path

import pytest
from hypothesis import settings

import emg_io

settings.register_profile("emg-io", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("emg-io")

FORGED = {"uci": {"n_subjects": 6}, "ninapro-db1": {"n_subjects": 3, "segment_s": 0.6, "gap_s": 0.4}}


def _load(name: str):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def oracles():
    return _load("io_oracles")


@pytest.fixture(scope="session")
def forged(tmp_path_factory):
    """Folder of a forged data set, by format name."""
    made = {}

    def get(name: str) -> Path:
        if name not in made:
            made[name] = emg_io.synthesize(tmp_path_factory.mktemp(name) / "set", name, seed=3, **FORGED[name])
        return made[name]

    return get


@pytest.fixture(scope="session")
def uci(forged):
    return emg_io.open_dataset(forged("uci"))


@pytest.fixture(scope="session")
def nina(forged):
    return emg_io.open_dataset(forged("ninapro-db1"))


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
