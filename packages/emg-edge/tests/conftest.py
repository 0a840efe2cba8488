"""Shared helpers as fixtures; a derandomised hypothesis profile."""

import edge_onnx
import pytest
from hypothesis import settings

settings.register_profile("emg-edge", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("emg-edge")


@pytest.fixture(scope="session")
def builders():
    return edge_onnx
