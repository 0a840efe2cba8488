"""Multiply-accumulates of TinyMyo by formula and to the printed precision (reference section 2), task by task."""

import pytest

from emg_models import model_info

TABLE = [
    (16, 1000, 800, (2.831, 1.966), 4.800, 2.402),
    (8, 1000, 400, (1.416, 0.492), 1.909, 0.955),
    (16, 200, 160, (0.566, 0.079), 0.645, 0.323),
    (8, 200, 80, (0.283, 0.020), 0.303, 0.152),
]


def encoder_macs(blocks, tokens):
    return blocks * (442_368 * tokens + 384 * tokens**2) + 3_840 * tokens


@pytest.mark.parametrize(("n_chans", "n_times", "tokens", "parts", "eight", "four"), TABLE)
def test_table(n_chans, n_times, tokens, parts, eight, four):
    shape = {"n_chans": n_chans, "n_times": n_times}
    for name, blocks, printed in (("tinymyo", 8, eight), ("tinyissimomyo", 4, four), ("tinymyo-released", 8, eight)):
        macs = model_info(name, task="tokens", **shape)["macs"]
        assert macs == encoder_macs(blocks, tokens)
        assert round(macs / 1e9, 3) == printed
    assert round(8 * 442_368 * tokens / 1e9, 3) == parts[0]
    assert round(8 * 384 * tokens**2 / 1e9, 3) == parts[1]


@pytest.mark.parametrize(("n_chans", "n_times"), [(16, 1000), (8, 200)])
def test_every_task_adds_its_head(n_chans, n_times):
    shape = {"n_chans": n_chans, "n_times": n_times}
    patches, width, n_outputs = n_times // 20, n_chans * 192, 6
    heads = {
        "classification": width * n_outputs,
        "events": patches * width * n_outputs,
        "regression": patches * (width * 256 + 3 * 256 + 256 * n_outputs),
        "reconstruction": patches * width * 20,
    }
    for task, head in heads.items():
        outputs = None if task == "reconstruction" else n_outputs
        macs = model_info("tinymyo", task=task, **shape, n_outputs=outputs)["macs"]
        assert macs == encoder_macs(8, n_chans * patches) + head


def test_the_advertised_four_gflop_fit_eight_channels_alone():
    assert 2 * model_info("tinymyo", n_chans=8)["macs"] / 1e9 == pytest.approx(3.82, abs=0.005)
    assert 2 * model_info("tinymyo")["macs"] / 1e9 == pytest.approx(9.60, abs=0.005)


def test_a_short_last_patch_costs_a_patch():
    assert model_info("tinymyo", n_times=981)["macs"] == model_info("tinymyo")["macs"]
