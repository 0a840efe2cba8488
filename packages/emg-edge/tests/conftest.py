"""Shared helpers: oracles, ONNX builders and hand-made programs, loaded by path; a derandomised hypothesis profile."""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("emg-edge", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("emg-edge")


def _load(name: str):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def oracles():
    return _load("edge_oracles")


@pytest.fixture(scope="session")
def builders():
    return _load("edge_onnx")
