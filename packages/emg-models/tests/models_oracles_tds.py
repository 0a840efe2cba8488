"""The networks of emg2qwerty and emg2pose in NumPy, one frame and one electrode at a time: slow, obvious, float64."""

import cmath
import math

import numpy as np


def hann(window, *, periodic):
    period = window if periodic else window - 1
    return np.array([0.5 - 0.5 * math.cos(2 * math.pi * n / period) for n in range(window)])


def fourier(signal, window, hop, *, periodic):
    """Complex transform of one channel, (bins, frames), of the window of unit L2 norm, by the definition."""
    taper = hann(window, periodic=periodic)
    taper = taper / math.sqrt(sum(taper**2))
    columns = []
    for start in range(0, len(signal) - window + 1, hop):
        frame = taper * signal[start : start + window]
        columns.append(
            [
                sum(frame[n] * cmath.exp(-2j * math.pi * k * n / window) for n in range(window))
                for k in range(window // 2 + 1)
            ]
        )
    return np.array(columns).T


def relu(x):
    return np.maximum(x, 0.0)


def leaky_relu(x):
    return np.where(x > 0, x, 0.01 * x)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def linear(x, w, name):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def layer_norm(x, w, name):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]


def rotation_mlp(rings, w, name, *, rolls, activation=relu, pooling="mean"):
    """Map frames of rings (time, electrodes, features) to (time, width)."""
    frames = []
    n_elecs = rings.shape[1]
    for ring in rings:
        turns = []
        for turn in rolls:
            flat = np.concatenate([ring[(elec - turn) % n_elecs] for elec in range(n_elecs)])
            turns.append(activation(linear(flat, w, f"{name}linear")))
        frames.append(np.mean(turns, 0) if pooling == "mean" else np.max(turns, 0))
    return np.array(frames)


def tds_block(x, w, name, channels, kernel):
    """Map frames (time, width) to frames; features are channel-major."""
    n_rows = x.shape[1] // channels
    weight, bias = w[f"{name}conv.weight"][:, :, 0], w[f"{name}conv.bias"]
    frames = []
    for t in range(kernel - 1, len(x)):
        grid = np.stack([x[s].reshape(channels, n_rows) for s in range(t - kernel + 1, t + 1)], -1)
        y = np.zeros((channels, n_rows))
        for out in range(channels):
            for row in range(n_rows):
                y[out, row] = bias[out] + (weight[out] * grid[:, row]).sum()
        y = layer_norm(relu(y).reshape(-1) + x[t], w, f"{name}conv_norm")
        dense = linear(relu(linear(y, w, f"{name}dense.0")), w, f"{name}dense.2")
        frames.append(layer_norm(y + dense, w, f"{name}dense_norm"))
    return np.array(frames)


def tds_convnet(signal, w, config):
    """Map one signal (channels, samples) to log-probabilities (frames, outputs)."""
    power = np.stack([np.abs(fourier(channel, config.window, config.hop, periodic=True)) ** 2 for channel in signal])
    spectrogram = np.log10(power + config.floor)
    front = "stages.chain.0."
    mean, var = w[f"{front}norm.running_mean"], w[f"{front}norm.running_var"]
    scale, shift = w[f"{front}norm.weight"], w[f"{front}norm.bias"]
    for elec in range(len(spectrogram)):
        spectrogram[elec] = (spectrogram[elec] - mean[elec]) / math.sqrt(var[elec] + 1e-5) * scale[elec] + shift[elec]
    rings = np.moveaxis(np.split(spectrogram, config.n_bands), -1, 1)
    bands = [rotation_mlp(ring, w, f"{front}bands.{band}.", rolls=config.rolls) for band, ring in enumerate(rings)]
    x = np.concatenate(bands, -1)
    for block in range(config.n_blocks):
        x = tds_block(x, w, f"stages.chain.{block + 1}.", config.block_channels, config.kernel)
    scores = linear(x, w, "head")
    return scores - np.log(np.exp(scores).sum(-1, keepdims=True))


def pose_encoder(signal, w, config):
    """Map one signal (channels, samples) to features (frames, n_features)."""
    x, place = signal.T, 0
    plain = len(config.kernels) - len(config.block_kernels)
    for conv, (kernel, stride) in enumerate(zip(config.kernels, config.strides, strict=True)):
        name = f"encoder.stages.chain.{place}."
        frames = []
        for start in range(0, len(x) - kernel + 1, stride):
            patch = x[start : start + kernel].T
            weights = zip(w[f"{name}conv.weight"], w[f"{name}conv.bias"], strict=True)
            y = [bias + (weight * patch).sum() for weight, bias in weights]
            frames.append(layer_norm(relu(np.array(y)), w, f"{name}norm"))
        x, place = np.array(frames), place + 1
        for _ in range(config.stage_blocks if conv >= plain else 0):
            over = config.block_kernels[conv - plain]
            x = tds_block(x, w, f"encoder.stages.chain.{place}.", config.block_channels, over)
            place += 1
    return linear(x, w, "encoder.project")


def resample(x, factor):
    """Linear values at `factor` times the rate, centres of frames aligned as centres of stretches of time."""
    times = [(i + 0.5) / factor - 0.5 for i in range(len(x) * factor)]
    return np.stack([np.interp(times, range(len(x)), column) for column in x.T], -1)


def lstm_step(x, hidden, cell, w, layer):
    name = f"decoder.cells.{layer}."
    gates = w[f"{name}weight_ih"] @ x + w[f"{name}bias_ih"] + w[f"{name}weight_hh"] @ hidden + w[f"{name}bias_hh"]
    i, f, g, o = np.split(gates, 4)
    cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(cell), cell


def roll_out(features, pose, w, config):
    """Poses (steps, n_outputs) from features (steps, n_features)."""
    memory = [(np.zeros(config.hidden), np.zeros(config.hidden)) for _ in range(config.n_layers)]
    poses = []
    for step, frame in enumerate(features):
        y = np.concatenate([frame, pose])
        if config.decoder == "mlp":
            for layer in range(config.n_layers):
                name = f"decoder.layers.{layer}."
                y = leaky_relu(layer_norm(linear(y, w, f"{name}0"), w, f"{name}1"))
            pose = config.output_scale * linear(y, w, f"decoder.layers.{config.n_layers}")
        else:
            for layer, (hidden, cell) in enumerate(memory):
                memory[layer] = lstm_step(y, hidden, cell, w, layer)
                y = memory[layer][0]
            given = config.output_scale * linear(leaky_relu(y), w, "decoder.head")
            if config.mode == "tracking":
                pose = pose + given
            elif step < math.floor(config.position_time * config.rollout_rate):
                pose = given[: config.n_outputs]
            else:
                pose = pose + given[config.n_outputs :]
        poses.append(pose)
    return np.array(poses)


def emg2pose(signal, pose, w, config):
    """Map one signal (channels, samples) and the pose before the first step to poses (samples, n_outputs)."""
    features = resample(pose_encoder(signal, w, config), config.hop // config.step)
    poses = resample(roll_out(features, pose, w, config), config.step)
    return poses[: signal.shape[1] - config.left_context]


def conv_unit(x, w, name):
    """Map images (channels, time, electrodes): zeros at both ends of time and after the last electrode."""
    weight, bias = w[f"{name}conv.weight"], w[f"{name}conv.bias"]
    _, n_times, n_elecs = x.shape
    padded = np.zeros((x.shape[0], n_times + 2, n_elecs + 1))
    padded[:, 1:-1, :-1] = x
    y = np.zeros((len(weight), n_times, n_elecs))
    for t in range(n_times):
        for elec in range(n_elecs):
            patch = padded[:, t : t + 3, elec : elec + 2]
            y[:, t, elec] = (weight * patch).sum((1, 2, 3)) + bias
    column = (slice(None), None, None)
    y = (y - w[f"{name}norm.running_mean"][column]) / np.sqrt(w[f"{name}norm.running_var"][column] + 1e-5)
    return relu(y * w[f"{name}norm.weight"][column] + w[f"{name}norm.bias"][column])


def neuropose(signal, w, config):
    """Map one signal (channels, samples) to poses."""
    x = signal.T[None]
    for place, (over, across) in enumerate(zip(config.time_factors, config.chan_pools, strict=True)):
        y = conv_unit(x, w, f"encoder.{place}.")
        n_times, n_elecs = y.shape[1] // over, y.shape[2] // across
        x = np.zeros((len(y), n_times, n_elecs))
        for t in range(n_times):
            for e in range(n_elecs):
                x[:, t, e] = y[:, t * over : (t + 1) * over, e * across : (e + 1) * across].max((1, 2))
    for block in range(config.n_blocks):
        y = x
        for conv in range(config.block_convs):
            y = conv_unit(y, w, f"blocks.{block}.convs.{conv}.")
        x = x + y
    for place, (over, across) in enumerate(zip(config.time_factors, config.chan_repeats, strict=True)):
        x = conv_unit(x.repeat(over, 1).repeat(across, 2), w, f"decoder.{place}.")
    return linear(x[0], w, "head")
