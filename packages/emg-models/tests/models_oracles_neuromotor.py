"""Spectral features and the networks on them in NumPy, one frame and one electrode pair at a time, in float64.

`w` maps parameter names to float64 arrays; sequences are lists of vectors.
"""

import warnings

import numpy as np
from scipy.linalg import logm


def power_matrices(signal, sfreq, window, stride, fft, hop, bands):
    """Matrices [frame][band] (C, C) of a signal (C, T), before the logarithm."""
    hann = np.array([0.5 - 0.5 * np.cos(2 * np.pi * n / (fft - 1)) for n in range(fft)])
    hann = hann / np.sqrt((hann**2).sum())
    span = window - hop + fft
    frames = []
    for start in range(0, signal.shape[1] - span + 1, stride):
        starts = range(start, start + window, hop)
        spectra = np.array([np.fft.rfft(signal[:, s : s + fft] * hann, axis=1) for s in starts])
        result = []
        for low, high in bands:
            power = []
            for k in range(fft // 2 + 1):
                if low < k * sfreq / fft <= high:
                    x = spectra[:, :, k].T
                    power.append(np.abs(x @ x.conj().T / len(spectra)) ** 2)
            result.append(np.mean(power, axis=0))
        frames.append(result)
    return frames


def features(matrices, pairs):
    """Features of one frame from its matrices [band]."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "logm result may be inaccurate", RuntimeWarning)  # at an error of 1e-12
        logs = [logm(matrix).real for matrix in matrices]
    return np.array([log[i, j] for log in logs for i, j in pairs])


def silu(x):
    return x / (1 + np.exp(-x))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def leaky(x):
    return np.where(x > 0, x, 0.01 * x)


def linear(x, w, name):
    return w[f"{name}.weight"] @ x + w[f"{name}.bias"]


def layer_norm(x, w, name):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]


def turned(matrices, pairs, w, name="features.mlp.linear"):
    """One frame of matrices [band]: both axes rolled by -1, 0, 1, one linear, LeakyReLU, mean."""
    total = 0
    for roll in (-1, 0, 1):
        rolled = [np.roll(np.roll(matrix, roll, 0), roll, 1) for matrix in matrices]
        total = total + leaky(linear(np.array([matrix[i, j] for matrix in rolled for i, j in pairs]), w, name))
    return total / 3


def feed_forward(x, w, name):
    hidden = silu(linear(layer_norm(x, w, f"{name}.norm"), w, f"{name}.wide"))
    return 0.5 * x + linear(hidden, w, f"{name}.narrow")


def attention(frames, w, name, n_heads, context):
    """Each frame asks the last `context` frames."""
    qkv = [linear(x, w, f"{name}.qkv") for x in frames]
    width = len(frames[0])
    size = width // n_heads
    result = []
    for now in range(len(frames)):
        heads = []
        for h in range(n_heads):
            part = slice(h * size, (h + 1) * size)
            q = qkv[now][:width][part]
            seen = [qkv[t] for t in range(max(0, now - context + 1), now + 1)]
            scores = np.array([q @ s[width : 2 * width][part] for s in seen]) / np.sqrt(size)
            weights = np.exp(scores - scores.max())
            weights = weights / weights.sum()
            heads.append(sum(p * s[2 * width :][part] for p, s in zip(weights, seen, strict=True)))
        result.append(linear(np.concatenate(heads), w, f"{name}.proj"))
    return result


def convolution(frames, w, name, stride):
    gated = []
    for x in frames:
        y = linear(layer_norm(x, w, f"{name}.norm"), w, f"{name}.gate")
        gated.append(y[: len(x)] * sigmoid(y[len(x) :]))
    kernel = w[f"{name}.depthwise.weight"][:, 0]
    size = kernel.shape[1]
    result = []
    for start in range(0, len(frames) - size + 1, stride):
        y = w[f"{name}.depthwise.bias"] + sum(kernel[:, tap] * gated[start + tap] for tap in range(size))
        mixed = linear(silu(layer_norm(y, w, f"{name}.depthwise_norm")), w, f"{name}.mix")
        result.append(frames[start + size - 1] + mixed)
    return result


def handwriting(matrices, pairs, w, contexts, strides, n_heads):
    """Log-probabilities, frame by frame, of matrices [frame][band]."""
    first = [turned(frame, pairs, w) for frame in matrices]
    frames = [linear(np.concatenate(two), w, "pair") for two in zip(first[::2], first[1::2], strict=False)]
    for number, (context, stride) in enumerate(zip(contexts, strides, strict=True)):
        name = f"blocks.{number}"
        frames = [feed_forward(x, w, f"{name}.before") for x in frames]
        normal = [layer_norm(x, w, f"{name}.attention_norm") for x in frames]
        answers = attention(normal, w, f"{name}.attention", n_heads, context)
        frames = [x + y for x, y in zip(frames, answers, strict=True)]
        frames = convolution(frames, w, f"{name}.convolution", stride)
        frames = [layer_norm(feed_forward(x, w, f"{name}.after"), w, f"{name}.norm") for x in frames]
    logits = [linear(x, w, "head") for x in frames]
    return np.array([x - x.max() - np.log(np.exp(x - x.max()).sum()) for x in logits])


def wrist(matrices, pairs, w, n_layers):
    """Changes of angle, frame by frame."""
    frames = [turned(frame, pairs, w) for frame in matrices]
    width = len(frames[0])
    for layer in range(n_layers):
        hidden, cell = np.zeros(width), np.zeros(width)
        result = []
        for x in frames:
            gates = w[f"lstm.weight_ih_l{layer}"] @ x + w[f"lstm.bias_ih_l{layer}"]
            gates = gates + w[f"lstm.weight_hh_l{layer}"] @ hidden + w[f"lstm.bias_hh_l{layer}"]
            i, f, g, o = np.split(gates, 4)
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
            hidden = sigmoid(o) * np.tanh(cell)
            result.append(hidden)
        frames = result
    return np.array([linear(leaky(x), w, "head") for x in frames])
