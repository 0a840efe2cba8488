"""vemg2pose and emg2pose: an encoder, and a decoder that steps from pose to pose."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from emg_models._errors import EmgModelsError
from emg_models._model import EmgModel

from .config import Emg2PoseConfig
from .encoder import PoseEncoder

__all__ = ["Emg2Pose"]

State = list[tuple[Float[Tensor, "batch hidden"], Float[Tensor, "batch hidden"]]]


class LSTMDecoder(nn.Module):
    """LSTM, LeakyReLU, Linear: one step of vemg2pose.

    Cells, not `torch.lstm`, which packs its weights anew at every call: six times slower step by step on a CPU.
    """

    def __init__(self, config: Emg2PoseConfig, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        widths = [n_inputs, *[config.hidden] * config.n_layers]
        self.cells = nn.ModuleList(nn.LSTMCell(before, after) for before, after in pairwise(widths))
        self.head = nn.Linear(config.hidden, n_outputs)

    def forward(self, x: Float[Tensor, "batch inputs"], state: State) -> tuple[Float[Tensor, "batch outputs"], State]:
        """Map one frame, and the memory that this returned before, empty at first."""
        after: State = []
        for layer, cell in enumerate(self.cells):
            x, memory = cell(x, state[layer] if state else None)
            after.append((x, memory))
        return self.head(F.leaky_relu(x)), after


class MLPDecoder(nn.Module):
    """Linear, LayerNorm, LeakyReLU per hidden layer, then Linear: one step of emg2pose (order derived)."""

    def __init__(self, config: Emg2PoseConfig, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        widths = [n_inputs, *[config.hidden] * config.n_layers]
        hidden = [
            nn.Sequential(nn.Linear(before, after), nn.LayerNorm(after), nn.LeakyReLU())
            for before, after in pairwise(widths)
        ]
        self.layers = nn.Sequential(*hidden, nn.Linear(config.hidden, n_outputs))

    def forward(self, x: Float[Tensor, "batch inputs"], state: State) -> tuple[Float[Tensor, "batch outputs"], State]:
        """Map one frame; there is no memory but the pose."""
        return self.layers(x), state


class Emg2Pose(EmgModel):
    """Joint angles in radians, one per sample from sample `left_context` on: (B, n_times - left_context, 20).

    Features of 25 Hz frames are resampled linearly to the roll-out rate; every step sees its features and the previous
    pose; poses are resampled linearly to the input rate. Frames are as wide as the time they stand for (half-pixel
    alignment, our choice), so an angle may depend on samples up to 60 (30 ms) after it, and the last frame is held.
    That is also why the model does not stream: the angles of the newest samples change when the next frame is known.

    In tracking `forward` needs the true first pose. Never compare tracking with regression.

    The roll-out is a loop in Python over 50 Hz steps, unrolled by exporters and compilers. At the published windows
    the ONNX graph of emg2pose (100 steps) has 1,306 nodes and took 100 s on a shared core; that of vemg2pose (250 steps
    of two cells) was not finished after five minutes. Export short windows (one step is 40 samples), or the encoder and
    one step apart.

    Parameters
    ----------
    config : Emg2PoseConfig
        Network; ``n_outputs`` must be given.

    References
    ----------
    emg2pose (arXiv 2412.02725), released code for sizes, rates and scale; alignment of the resampling, the number of
    position steps and the order of the LSTM's 40 outputs (positions, then velocities) are our reconstruction.
    """

    Config = Emg2PoseConfig
    task = "regression"
    output = "angles"

    def __init__(self, config: Emg2PoseConfig) -> None:
        super().__init__(config)
        n_outputs: int = self.config.n_outputs
        self.encoder = PoseEncoder(config)
        decoder = LSTMDecoder if config.decoder == "lstm" else MLPDecoder
        both = 2 if config.position_steps else 1
        self.decoder = decoder(config, config.n_features + n_outputs, both * n_outputs)

    def frames(self, n_times: int) -> int:
        """Return the poses that `n_times` samples give: one per sample after the left context."""
        return max(0, n_times - int(self.config.left_context))

    def extra_inputs(self, batch: int = 1, device: torch.device | None = None) -> dict[str, Tensor]:
        """Return what `forward` needs beside the signal, as zeros by name: in tracking the first pose, else nothing."""
        if self.config.mode == "regression":
            return {}
        return {"initial_pose": torch.zeros(batch, self.config.n_outputs, device=device)}

    def forward(
        self,
        x: Float[Tensor, "batch chans time"],
        initial_pose: Float[Tensor, "batch outputs"] | None = None,
    ) -> Float[Tensor, "batch frames outputs"]:
        """Map signals (B, C, n), in tracking with the pose (B, n_outputs) before the first step, to poses in radians.

        Raises
        ------
        EmgModelsError
            Shape or dtype do not fit, the signal is shorter than the receptive field, the first pose is missing in
            tracking or given in regression.
        """
        config = self.config
        features = _resample(self.encoder(x), config.hop // config.step)
        poses = _resample(self._roll_out(features, self._first_pose(x, initial_pose)), config.step)
        return poses[:, : self.frames(x.shape[2])]

    def _roll_out(self, features: Tensor, pose: Tensor) -> Tensor:
        """Step from pose to pose over features (B, steps, n_features); autocast does not lower the sum."""
        poses: list[Tensor] = []
        state: State = []
        for step, frame in enumerate(features.unbind(1)):
            given, state = self.decoder(torch.cat([frame, pose], -1), state)
            pose = self._advance(pose, given.to(pose.dtype) * self.config.output_scale, step)
            poses.append(pose)
        return torch.stack(poses, 1)

    def _advance(self, pose: Tensor, given: Tensor, step: int) -> Tensor:
        """Return the next pose from what the decoder gave, in radians."""
        if self.config.decoder == "mlp":
            return given
        if self.config.position_steps:
            position, velocity = given.chunk(2, -1)
            return position if step < self.config.position_steps else pose + velocity
        return pose + given

    def _first_pose(self, x: Tensor, initial_pose: Tensor | None) -> Tensor:
        """Return the pose before the first step."""
        needed = (x.shape[0], self.config.n_outputs)
        if self.config.mode == "regression":
            if initial_pose is not None:
                raise EmgModelsError("initial_pose was given, but regression starts from zeros; use mode='tracking'")
            return x.new_zeros(needed)
        if initial_pose is None or tuple(initial_pose.shape) != needed or not initial_pose.is_floating_point():
            given = "none" if initial_pose is None else f"{tuple(initial_pose.shape)} {initial_pose.dtype}"
            raise EmgModelsError(
                f"initial_pose: {given} was given, tracking needs the true first pose, floating point {needed} in "
                "radians; give it or use mode='regression'"
            )
        return initial_pose.to(x)


def _resample(x: Float[Tensor, "batch time width"], factor: int) -> Float[Tensor, "batch more width"]:
    """Raise the rate by a whole factor, linearly; values before the first and after the last centre are held."""
    if factor == 1:
        return x
    return F.interpolate(x.transpose(1, 2), scale_factor=float(factor), mode="linear").transpose(1, 2)
