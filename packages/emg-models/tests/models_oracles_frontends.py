"""Speech and neuromotor networks in NumPy, one frame, one head and one gate at a time: slow, obvious, float64.

`w` maps parameter names to float64 arrays; signals are (channels, time), sequences lists of vectors.
"""

import math

import numpy as np


def gelu(x):
    return np.array([0.5 * value * (1 + math.erf(value / math.sqrt(2))) for value in x])


def linear(x, w, name):
    return w[f"{name}.weight"] @ x + w[f"{name}.bias"]


def layer_norm(x, w, name):
    centred = x - x.mean()
    return centred / math.sqrt((centred**2).mean() + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]


def batch_norm(x, w, name):
    """One frame, by the running statistics."""
    standard = (x - w[f"{name}.running_mean"]) / np.sqrt(w[f"{name}.running_var"] + 1e-5)
    return standard * w[f"{name}.weight"] + w[f"{name}.bias"]


def convolve(frames, w, name, stride, padding):
    """Frames of a convolution over `frames`, which continue as zeros on both sides."""
    kernel = w[f"{name}.weight"]
    size = kernel.shape[2]
    zero = [np.zeros(kernel.shape[1])] * padding
    padded = zero + list(frames) + zero
    result = []
    for start in range(0, len(padded) - size + 1, stride):
        total = w[f"{name}.bias"].copy()
        for tap in range(size):
            total += kernel[:, :, tap] @ padded[start + tap]
        result.append(total)
    return result


def residual_convolution(frames, w, name):
    hidden = [gelu(batch_norm(x, w, f"{name}.norm1")) for x in convolve(frames, w, f"{name}.conv1", 2, 1)]
    main = [batch_norm(x, w, f"{name}.norm2") for x in convolve(hidden, w, f"{name}.conv2", 1, 1)]
    skip = [batch_norm(x, w, f"{name}.skip_norm") for x in convolve(frames, w, f"{name}.skip", 2, 0)]
    return [gelu(a + b) for a, b in zip(main, skip, strict=True)]


def rotate(vector, position):
    result = np.empty_like(vector)
    for j in range(len(vector) // 2):
        turn = complex(*vector[2 * j : 2 * j + 2]) * np.exp(1j * position * 10000.0 ** (-2 * j / len(vector)))
        result[2 * j : 2 * j + 2] = turn.real, turn.imag
    return result


def attention(tokens, w, name, n_heads, sees):
    """Attend from token t to all s for which ``sees(t, s)``; rotary position is the index."""
    width = len(tokens[0])
    d = width // n_heads
    qkv = [linear(token, w, f"{name}.qkv") for token in tokens]
    result = []
    for t in range(len(tokens)):
        heads = []
        for head in range(n_heads):
            part = [slice(third * width + head * d, third * width + (head + 1) * d) for third in range(3)]
            seen = [s for s in range(len(tokens)) if sees(t, s)]
            query = rotate(qkv[t][part[0]], t)
            score = np.array([query @ rotate(qkv[s][part[1]], s) / math.sqrt(d) for s in seen])
            weight = np.exp(score - score.max())
            heads.append(weight / weight.sum() @ np.array([qkv[s][part[2]] for s in seen]))
        result.append(linear(np.concatenate(heads), w, f"{name}.proj"))
    return result


def blocks(tokens, w, config, sees):
    for index in range(config.n_blocks):
        name = f"blocks.{index}"
        mixed = attention([layer_norm(x, w, f"{name}.norm1") for x in tokens], w, f"{name}.attn", config.n_heads, sees)
        tokens = [x + y for x, y in zip(tokens, mixed, strict=True)]
        for t, x in enumerate(tokens):
            hidden = gelu(linear(layer_norm(x, w, f"{name}.norm2"), w, f"{name}.mlp.fc1"))
            tokens[t] = x + linear(hidden, w, f"{name}.mlp.fc2")
    return [layer_norm(x, w, "norm") for x in tokens]


def speech(x, w, config):
    """Tokens (F, D) of one utterance (C, T)."""
    frames = list(x.T)
    for index in range(3):
        frames = residual_convolution(frames, w, f"front.blocks.{index}")
    return blocks([linear(frame, w, "tokens") for frame in frames], w, config, lambda *_: True)


def compress(x):
    return np.array([64.0 * value / (32.0 + abs(value)) for value in x.ravel()]).reshape(x.shape)


def frames(x, w, config, activation):
    """Frames of the neuromotor front end."""
    found = convolve(list(compress(x).T), w, "front.conv", config.stride, 0)
    return [layer_norm(activation(frame), w, "front.norm") for frame in found]


def neuromotor(x, w, config):
    """Logits (F, K) of TinyMyo for the neuromotor task."""

    def sees(t, s):
        return s <= t and (config.context is None or t - s < config.context)

    tokens = blocks(frames(x, w, config, gelu), w, config, sees)
    return np.array([linear(token, w, "head") for token in tokens])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(sequence, w, name, n_layers):
    """Hidden states of the last layer; rows of the weights are input, forget, cell and output gate."""
    for layer in range(n_layers):
        width = w[f"{name}.weight_hh_l{layer}"].shape[1]
        hidden, cell = np.zeros(width), np.zeros(width)
        outputs = []
        for x in sequence:
            gates = w[f"{name}.weight_ih_l{layer}"] @ x + w[f"{name}.bias_ih_l{layer}"]
            gates = gates + w[f"{name}.weight_hh_l{layer}"] @ hidden + w[f"{name}.bias_hh_l{layer}"]
            i, f, g, o = gates.reshape(4, width)
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
            hidden = sigmoid(o) * np.tanh(cell)
            outputs.append(hidden)
        sequence = outputs
    return sequence


def gestures(x, w, config):
    """Logits (F, K) of the discrete-gesture network."""
    states = lstm(frames(x, w, config, lambda frame: np.maximum(frame, 0)), w, "lstm", config.n_layers)
    return np.array([linear(layer_norm(state, w, "norm"), w, "head") for state in states])
