"""Shared helpers as fixtures; a derandomised hypothesis profile; kernels compiled once in a run."""

import edge_builds
import edge_onnx
import pytest
from hypothesis import settings

settings.register_profile("emg-edge", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("emg-edge")


@pytest.fixture(scope="session")
def builders():
    return edge_onnx


@pytest.fixture(scope="session", autouse=True)
def _kernels_are_compiled_once(tmp_path_factory):
    with edge_builds.kernels_compiled_once(tmp_path_factory.mktemp("kernels")):
        yield
