"""The roll-out networks of emg2pose: counts of the reference, the slow form, tracking and regression."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_models import Emg2Pose, Emg2PoseConfig, EmgModelsError, create_model, export_onnx, model_info
from emg_models._pose.rollout import _resample

ORACLE = "models_oracles_tds"

SMALL = {
    "n_chans": 4,
    "n_times": 60,
    "n_outputs": 3,
    "sfreq": 200.0,
    "width": 6,
    "kernels": (5, 4, 3),
    "strides": (2, 2, 2),
    "block_kernels": (3, 2),
    "stage_blocks": 1,
    "block_channels": 3,
    "n_features": 4,
    "hidden": 5,
    "position_time": 0.05,
    "output_scale": 0.5,
}
FORMS = pytest.mark.parametrize(
    ("decoder", "mode"), [("lstm", "tracking"), ("lstm", "regression"), ("mlp", "tracking"), ("mlp", "regression")]
)


@pytest.fixture
def build(stir):
    def small(**changes):
        return stir(Emg2Pose(Emg2PoseConfig(**SMALL | changes)), scale=0.2).eval()

    return small


def arguments(model, batch=1, n_times=60):
    """A signal and, in tracking, a first pose."""
    pose = {name: torch.randn(zeros.shape) for name, zeros in model.extra_inputs(batch).items()}
    return {"x": torch.randn(batch, 4, n_times), **pose}


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("name", "mode", "parameters", "poses"),
    [
        ("vemg2pose", "tracking", 5_970_068, 10_000),
        ("vemg2pose", "regression", 5_980_328, 10_000),
        ("emg2pose", "tracking", 2_952_340, 4_000),
        ("emg2pose", "regression", 2_952_340, 4_000),
    ],
)
def test_parameters_and_lengths_are_the_published_ones(name, mode, parameters, poses):
    with torch.device("meta"):
        model = create_model(name, mode=mode)
    assert count(model.encoder) == 2_633_856
    assert count(model) == parameters
    assert model.config.left_context == 1_790
    assert model.encoder.stages.receptive_field == model.config.receptive_field == 1_791
    assert (model.config.hop, model.config.step) == (80, 40)
    assert model.output_shape == (poses, 20)


def test_layers_of_the_encoder_are_the_derived_ones():
    with torch.device("meta"):
        encoder = create_model("vemg2pose").encoder
    assert [(stage.kernel, stage.stride) for stage in encoder.stages] == [
        *[(11, 5), (5, 2)],
        *[(17, 4), (9, 1), (9, 1)],
        *[(9, 2), (5, 1), (5, 1)],
    ]
    parts = [count(stage) for stage in encoder.stages]
    assert parts == [45_824, 328_448, 1_114_880, 134_928, 134_928, 590_592, 133_904, 133_904]
    assert encoder.stages.frames(11_790) == 125
    assert create_model("vemg2pose").config.position_steps == 12


@FORMS
def test_the_published_network_runs(decoder, mode):
    model = Emg2Pose(Emg2PoseConfig(decoder=decoder, mode=mode)).eval()
    with torch.no_grad():
        y = model(torch.randn(1, 16, 2000), **model.extra_inputs())
    assert y.shape == (1, 210, 20)
    assert y.isfinite().all()


@FORMS
@pytest.mark.parametrize("n_times", [60, 57, 35])
def test_equals_the_oracle(decoder, mode, n_times, build, slow):
    model = build(decoder=decoder, mode=mode)
    given = arguments(model, 2, n_times)
    weights = {key: value.double().numpy() for key, value in model.state_dict().items()}
    pose = given.get("initial_pose", torch.zeros(2, 3)).double().numpy()
    with torch.no_grad():
        found = model(**given).numpy()
    assert found.shape == (2, model.frames(n_times), 3)
    for signal, first, y in zip(given["x"].double().numpy(), pose, found, strict=True):
        np.testing.assert_allclose(y, slow.emg2pose(signal, first, weights, model.config), atol=1e-5)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(frames=st.integers(1, 6), factor=st.integers(1, 9))
def test_resampling_equals_the_oracle_and_keeps_the_mean_rate(slow, frames, factor):
    x = torch.randn(1, frames, 2, dtype=torch.float64)
    found = _resample(x, factor)[0].numpy()
    np.testing.assert_allclose(found, slow.resample(x[0].numpy(), factor), atol=1e-12)
    line = torch.arange(float(frames))[None, :, None]
    centres = (np.arange(frames * factor) + 0.5) / factor - 0.5
    np.testing.assert_allclose(_resample(line, factor)[0, :, 0].numpy(), centres.clip(0, frames - 1), atol=1e-6)


def constant(model, values):
    """Let every step of an LSTM decoder give `values`."""
    with torch.no_grad():
        model.decoder.head.weight.zero_()
        model.decoder.head.bias.copy_(torch.tensor(values))
    return model


def test_tracking_sums_velocities_from_the_first_pose(build):
    model = constant(build(mode="tracking"), [0.2, 0.4, 0.6])
    with torch.no_grad():
        poses = model._roll_out(torch.randn(1, 4, 4), torch.tensor([[1.0, 2.0, 3.0]]))
    required = [[1.1, 2.2, 3.3], [1.2, 2.4, 3.6], [1.3, 2.6, 3.9], [1.4, 2.8, 4.2]]  # output_scale is 0.5
    torch.testing.assert_close(poses[0], torch.tensor(required))


def test_regression_gives_positions_before_velocities(build):
    model = constant(build(), [2.0, 2.0, 2.0, 0.2, 0.2, 0.2])
    assert model.config.position_steps == 2
    with torch.no_grad():
        poses = model._roll_out(torch.randn(1, 5, 4), torch.zeros(1, 3))
    torch.testing.assert_close(poses[0, :, 0], torch.tensor([1.0, 1.0, 1.1, 1.2, 1.3]))


def test_only_an_lstm_in_regression_has_positions_and_velocities():
    steps = {
        (decoder, mode): Emg2PoseConfig(**SMALL | {"decoder": decoder, "mode": mode}).position_steps
        for decoder in ("lstm", "mlp")
        for mode in ("tracking", "regression")
    }
    assert steps == dict.fromkeys(steps, 0) | {("lstm", "regression"): 2}


@pytest.mark.parametrize("decoder", ["lstm", "mlp"])
def test_the_first_pose_reaches_the_output(decoder, build):
    model = build(decoder=decoder, mode="tracking")
    x, pose = torch.randn(2, 4, 60), torch.randn(2, 3)
    with torch.no_grad():
        assert not torch.allclose(model(x, pose), model(x, pose + 1), atol=1e-4)
        torch.testing.assert_close(model(x, pose.double()), model(x, pose))


@pytest.mark.parametrize("sizes", [{}, {"strides": (1, 2, 2)}])
def test_how_far_an_angle_looks_ahead(sizes, build):
    """Half a frame, half a step and what linear resampling needs: 6 samples at a hop of 8 and steps of 4."""
    model = build(decoder="mlp", **sizes)
    x = torch.randn(1, 4, 80, requires_grad=True)
    y, left, hop = model(x), model.config.left_context, model.config.hop
    ahead = []
    for sample in range(y.shape[1] - hop):
        (seen,) = torch.autograd.grad(y[0, sample, 0], x, retain_graph=True)
        ahead.append(int(seen[0].abs().sum(0).nonzero().max()) - left - sample)
    assert max(ahead) == hop - model.config.step // 2


def test_earlier_angles_do_not_depend_on_the_length(build):
    model, x = build(), torch.randn(1, 4, 90)
    with torch.no_grad():
        torch.testing.assert_close(model(x)[:, :16], model(x[..., :70])[:, :16])


def test_poses_keep_their_precision_under_autocast(build):
    model = build(mode="tracking")
    given = arguments(model)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        lowered = model(**given)
    assert lowered.dtype == torch.float32
    torch.testing.assert_close(lowered, model(**given), atol=0.03, rtol=0.03)


@FORMS
def test_gradient_reaches_every_parameter_and_the_signal(decoder, mode, build):
    model = build(decoder=decoder, mode=mode).train()
    model(**arguments(model, 3)).square().sum().backward()
    assert [key for key, value in model.named_parameters() if value.grad is None or not value.grad.any()] == []


@pytest.mark.untraced
@pytest.mark.usefixtures("translations")
def test_tracking_exports_with_two_inputs(build, describe, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = build(decoder="mlp", mode="tracking", n_times=35)
    path = tmp_path / "m.onnx"
    export_onnx(model, path, preprocessing=describe(model.config), labels=["thumb", "index", "wrist"], batch=2)
    inputs = arguments(model, 2, 35)
    session = onnxruntime.InferenceSession(path)
    assert [item.name for item in session.get_inputs()] == ["emg", "initial_pose"]
    (found,) = session.run(None, {"emg": inputs["x"].numpy(), "initial_pose": inputs["initial_pose"].numpy()})
    np.testing.assert_allclose(found, model(**inputs).detach().numpy(), atol=1e-5)


def test_tracking_is_described_like_regression():
    tracking, regression = (model_info("emg2pose", mode=mode) for mode in ("tracking", "regression"))
    assert tracking["macs"] == regression["macs"] > 0


@pytest.mark.parametrize(
    ("pose", "message"),
    [
        (None, "initial_pose: none was given, tracking needs the true first pose, floating point (2, 3) in radians"),
        (torch.zeros(1, 3), "initial_pose: (1, 3) torch.float32 was given"),
        (torch.zeros(2, 4), "initial_pose: (2, 4) torch.float32 was given"),
        (torch.zeros(2, 3, dtype=torch.int64), "initial_pose: (2, 3) torch.int64 was given"),
    ],
)
def test_tracking_refuses_to_guess_the_first_pose(pose, message, build):
    with pytest.raises(EmgModelsError, match=re.escape(message)):
        build(mode="tracking")(torch.zeros(2, 4, 60), pose)


def test_regression_refuses_a_first_pose(build):
    with pytest.raises(EmgModelsError, match="initial_pose was given, but regression starts from zeros; use mode="):
        build()(torch.zeros(1, 4, 60), torch.zeros(1, 3))


def test_it_does_not_stream(build):
    with pytest.raises(EmgModelsError, match="Emg2Pose cannot stream"):
        build().stream()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(1, 4, 34), "input has 34 samples, the first frame needs 35"),
        (torch.zeros(1, 5, 60), "input of shape (1, 5, 60) and torch.float32: floating point (batch, 4, samples)"),
    ],
)
def test_wrong_signals_are_refused(x, message, build):
    with pytest.raises(EmgModelsError, match=re.escape(message)):
        build()(x)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decoder": "gru"}, "decoder='gru': one of lstm, mlp is required"),
        ({"mode": "guess"}, "mode='guess': one of tracking, regression is required"),
        ({"strides": (2, 2)}, "strides=(2, 2), block_kernels=(3, 2): one stride per kernel"),
        ({"strides": (2, 2, 4)}, "not longer than it"),
        ({"block_kernels": (1, 1, 1, 1)}, "no more block kernels than kernels"),
        ({"kernels": (), "strides": (), "block_kernels": ()}, "kernels=(), strides=()"),
        ({"kernels": (5, 0, 3)}, "kernels entry=0: an integer >= 1"),
        ({"block_channels": 4}, "width=6 is not divisible by block_channels=4"),
        ({"rollout_rate": 30.0}, "gives steps of 6.66667 samples"),
        ({"rollout_rate": 40.0}, "gives steps of 5 samples"),
        ({"rollout_rate": 400.0}, "gives steps of 0.5 samples"),
        ({"position_time": 0.0}, "position_time=0.0: a finite number > 0 in seconds"),
        ({"output_scale": -1.0}, "output_scale=-1.0: a finite number > 0 in radians"),
        ({"n_times": 34}, "n_times=34 is below the encoder's receptive field of 35 samples"),
        ({"hidden": 0}, "hidden=0: an integer >= 1"),
    ],
)
def test_wrong_settings_are_refused(changes, message):
    with pytest.raises(EmgModelsError, match=re.escape(message)):
        Emg2PoseConfig(**SMALL | changes)


def test_configuration_survives_json():
    config = Emg2PoseConfig(**SMALL)
    assert Emg2PoseConfig.from_dict(config.to_dict()) == config
