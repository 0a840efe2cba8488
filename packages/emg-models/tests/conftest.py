"""Fixtures of the emg-models tests."""

import functools
import gc
import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from emg_models import TinyMyoClassifier, TinyMyoConfig

LABELS = ["rest", "fist", "flexion", "extension", "radial", "ulnar"]


@functools.cache
def helper(name):
    """A helper module beside this file, loaded once."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def pytest_configure(config):
    """Name the marks of long tests."""
    config.addinivalue_line("markers", "untraced: runs without coverage, which doubles the time of torch's compilers")
    config.addinivalue_line("markers", "compiles: of the rows, runs only on those that bring a class or a name")


def pytest_collection_finish():
    """Leave thousands of collected tests and the modules of torch out of every later garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Take the tracer of a coverage measurement away while an ``untraced`` test runs, in workers of xdist too."""
    tracer = sys.gettrace()
    if item.get_closest_marker("untraced"):
        sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


def pytest_generate_tests(metafunc):
    """Run a test that takes ``row`` on every model and task of the registry, one that takes ``live_row`` on streams."""
    small = helper("models_small")
    every = helper("models_rows").rows(small.SMALL, small.STREAM)
    if "row" in metafunc.fixturenames:
        compiles = metafunc.definition.get_closest_marker("compiles")
        metafunc.parametrize("row", [row for row in every if row.brings or not compiles], ids=str)
    if "live_row" in metafunc.fixturenames:
        metafunc.parametrize("live_row", [row for row in every if row.live is not None], ids=str)


@pytest.fixture
def small_table():
    """SMALL and STREAM."""
    return helper("models_small")


@pytest.fixture
def loss():
    return helper("models_rows").loss


@pytest.fixture
def once():
    return helper("models_rows").once


@pytest.fixture
def settle():
    return helper("models_rows").settle


@pytest.fixture
def distance():
    return helper("models_rows").distance


@pytest.fixture(scope="session")
def translations():
    """Let torch's exporter collect its table of translations once, not at every export: half of a small one's time."""
    registry = pytest.importorskip("torch.onnx._internal.exporter._registration").ONNXRegistry
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "from_torchlib", staticmethod(functools.cache(registry.from_torchlib)))
        yield


@pytest.fixture(autouse=True)
def seeded():
    """Make every test start from the same random state, whatever ran before it."""
    torch.manual_seed(0)


@pytest.fixture
def oracles():
    """The slow, obvious TinyMyo of models_oracles.py."""
    return helper("models_oracles")


@pytest.fixture(scope="module")
def slow(request):
    """The slow, obvious forms that a test file names in ``ORACLE``."""
    return helper(request.module.ORACLE)


@pytest.fixture
def small_config():
    return TinyMyoConfig(n_chans=8, n_times=100, n_outputs=6, sfreq=100.0, embed_dim=32, n_heads=2, n_blocks=2)


@pytest.fixture
def describe():
    """A preprocessing record that fits a configuration."""

    def preprocessing(config, **changes):
        return {
            "sfreq": config.sfreq,
            "unit": "V",
            "channels": [f"ch{i + 1}" for i in range(config.n_chans)],
            "resample": {"method": "hold", "sfreq": config.sfreq},
            "filter": {"kind": "sos", "causal": True, "sos": [[0.5, 0.5, 0.0, 1.0, 0.0, 0.0]]},
            "normalisation": {"kind": "zscore", "mean": [0.0] * config.n_chans, "std": [2e-5] * config.n_chans},
            "window": {"length": config.n_times, "hop": max(1, config.n_times // 4), "unit": "samples"},
        } | (grid(config) | changes)

    def grid(config):
        if not hasattr(config, "rows"):
            return {}
        places = [[row, col] for row in range(config.rows) for col in range(config.cols)]
        return {"grid": {"rows": config.rows, "cols": config.cols, "places": places}}

    return preprocessing


@pytest.fixture
def labels():
    return list(LABELS)


@pytest.fixture
def stir():
    """Move every parameter a little, as training would: biases are no longer 0, no two tensors are equal."""

    def stirred(model, seed=0, scale=0.02):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(scale * torch.randn(parameter.shape, generator=generator))
        return model

    return stirred


@pytest.fixture
def small_model(small_config, stir):
    torch.manual_seed(0)
    return stir(TinyMyoClassifier(small_config)).eval()
