"""Kernels of emg-edge are compiled once in a run."""

import edge_builds
import pytest


@pytest.fixture(scope="session", autouse=True)
def _kernels_are_compiled_once(tmp_path_factory):
    with edge_builds.kernels_compiled_once(tmp_path_factory.mktemp("kernels")):
        yield
