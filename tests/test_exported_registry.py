"""Every model of emg-models in its small form, exported by it and compiled by emg-edge: equal in C, close to the model.

The small forms are those of emg-models' own contract, so that a model that is added there is compiled here.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import emg_edge
import emg_models

FOLDER = Path(__file__).parents[1] / "packages" / "emg-models" / "tests"
SAMPLES, COMPARED = 12, 2
SAME = {f"scaled-transformer-{size}" for size in ("small", "medium", "base", "large")} | {"tinyissimomyo"}
HEADS = {"tinymyo", "tinymyo-released"}  # compared in C at full width elsewhere
LEAST_DB = {"tds-emg2qwerty": 14.0}  # a logarithm of powers over eight decades, behind int8 sums


def helper(name):
    """A helper of emg-models' tests."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def distinct():
    """One row of the contract for every class and every name: those that come to the same network are taken once."""
    small = helper("models_small")
    rows = {}
    for row in helper("models_rows").rows(small.SMALL, small.STREAM):
        settings = dict(row.entry.settings) | row.small
        if row.brings:
            rows.setdefault(json.dumps([row.kind.__name__, sorted(settings.items())], default=str), row)
    return list(rows.values())


ROWS = distinct()


def preprocessing(config):
    """A record that fits a configuration."""
    places = [[row, col] for row in range(getattr(config, "rows", 0)) for col in range(config.cols)]
    grid = {"grid": {"rows": config.rows, "cols": config.cols, "places": places}} if places else {}
    return {
        "sfreq": config.sfreq,
        "unit": "V",
        "channels": [f"ch{i + 1}" for i in range(config.n_chans)],
        "resample": {"method": "hold", "sfreq": config.sfreq},
        "filter": {"kind": "sos", "causal": True, "sos": [[0.5, 0.5, 0.0, 1.0, 0.0, 0.0]]},
        "normalisation": {"kind": "zscore", "mean": [0.0] * config.n_chans, "std": [2e-5] * config.n_chans},
        "window": {"length": config.n_times, "hop": max(1, config.n_times // 4), "unit": "samples"},
        **grid,
    }


@pytest.fixture(scope="module", autouse=True)
def translations():
    """Let torch's exporter collect its table of translations once, not at every export."""
    registry = pytest.importorskip("torch.onnx._internal.exporter._registration").ONNXRegistry
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "from_torchlib", staticmethod(functools.cache(registry.from_torchlib)))
        yield


def test_every_model_of_the_registry_is_here():
    assert {row.name for row in ROWS} >= set(emg_models.list_models()) - SAME
    small = helper("models_small").SMALL
    assert {name for name, _ in small} == set(emg_models.list_models())


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_model_compiles_and_is_equal_in_c(row, tmp_path):
    model, x = row.trained, row.x(SAMPLES)
    labels = [f"out{i}" for i in range(model.config.n_outputs or 0)]
    path = emg_models.export_onnx(model, tmp_path / "m.onnx", preprocessing=preprocessing(model.config), labels=labels)
    compiled = emg_edge.compile_model(path, x.numpy(), target="gap9", out=tmp_path / "out")
    with torch.no_grad():
        wanted = model(x).numpy()
    error = compiled.run(x.numpy(), "reference").reshape(wanted.shape) - wanted
    assert 10 * np.log10(np.square(wanted).sum() / np.square(error).sum()) >= LEAST_DB.get(row.name, 20.0)
    if row.name not in HEADS and (row.leads or row.name == "vemg2pose"):
        report = compiled.compare(x[:COMPARED].numpy())
        assert report.equal, str(report.difference)
