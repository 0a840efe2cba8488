"""Speed of the speech, neuromotor and gesture networks, published sizes: `pytest` on this file (pytest-benchmark)."""

import pytest
import torch

from emg_models import create_model

NAMES = ["neuromotor-gestures", "tinymyo-neuromotor", "tinymyo-speech-production", "tinymyo-speech-recognition"]


@pytest.mark.parametrize("name", NAMES)
def test_forward(name, benchmark):
    """One nominal window: 8 s at 2 kHz, or 1.6 s at 1 kHz."""
    model = create_model(name).eval()
    x = torch.randn(1, *model.config.input_shape)
    with torch.no_grad():
        assert benchmark(model, x).shape == (1, *model.output_shape)


@pytest.mark.parametrize("context", [None, 200])
def test_live(context, benchmark):
    """10 ms at 2 kHz, two frames, by the LSTM (None) and by TinyMyo with 1 s of context."""
    settings = {} if context is None else {"context": context}
    stream = create_model("neuromotor-gestures" if context is None else "tinymyo-neuromotor", **settings).stream()
    stream.push(torch.randn(1, 16, 4000))
    chunk = torch.randn(1, 16, 20)
    assert benchmark(stream.push, chunk).shape == (1, 2, 9)
