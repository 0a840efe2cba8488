"""Slow, obvious forms of what the grid networks and the votes compute, in float64 NumPy, from the fact sheet."""

from collections import Counter

import numpy as np


def convolve(image, weight, bias, stride, *, ring=False):
    """3 x 3 or 1 x 1 convolution of one image (ins, rows, cols), padding 1 or 0; `ring` closes the rows."""
    outs, _, size, _ = weight.shape
    ins, rows, cols = image.shape
    pad = size // 2
    padded = np.zeros((ins, rows + 2 * pad, cols + 2 * pad))
    padded[:, pad : pad + rows, pad : pad + cols] = image
    if ring and pad:
        padded[:, 0, 1:-1] = image[:, -1]
        padded[:, -1, 1:-1] = image[:, 0]
    down, across = (rows + 2 * pad - size) // stride + 1, (cols + 2 * pad - size) // stride + 1
    out = np.zeros((outs, down, across))
    for o in range(outs):
        for r in range(down):
            for c in range(across):
                seen = padded[:, r * stride : r * stride + size, c * stride : c * stride + size]
                out[o, r, c] = (seen * weight[o]).sum() + (0.0 if bias is None else bias[o])
    return out


def normalise(image, state, name, eps):
    """Batch normalisation in evaluation, over axis 0."""
    mean, var, scale, shift = (state[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias"))
    shape = (-1, *[1] * (image.ndim - 1))
    centred = (image - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + eps)
    return centred * scale.reshape(shape) + shift.reshape(shape)


def unit(image, state, name, layer, eps):
    """A layer, its normalisation where the state has one, ReLU."""
    y = layer(image, state[f"{name}.layer.weight"], state.get(f"{name}.layer.bias"))
    if f"{name}.norm.weight" in state:
        y = normalise(y, state, f"{name}.norm", eps)
    return np.maximum(y, 0)


def allconvnet(frame, state, eps, *, ring=False, final_relu=False):
    """Logits of one frame (rows, cols); the trunk's children are dropouts and units in the table's order."""
    image = frame[None]
    units = [name for name in (f"trunk.{i}" for i in range(20)) if f"{name}.layer.weight" in state]
    for number, name in enumerate(units, start=1):
        stride = 2 if number in {3, 6} else 1
        image = unit(image, state, name, lambda x, w, b, s=stride: convolve(x, w, b, s, ring=ring), eps)
    logits = convolve(image, state["head.weight"], state["head.bias"], 1)
    return (np.maximum(logits, 0) if final_relu else logits).mean((1, 2))


def locally_connected(features, weight, bias):
    """Own matrix per place: features (ins, places)."""
    out = np.zeros((weight.shape[1], weight.shape[0]))
    for place in range(weight.shape[0]):
        out[:, place] = weight[place] @ features[:, place] + (0.0 if bias is None else bias[place])
    return out


def gengnet(frame, state, eps):
    """Logits of one frame (rows, cols)."""
    image = normalise(frame[None], state, "input_norm", eps) if "input_norm.weight" in state else frame[None]
    for name in ("convolutions.0", "convolutions.1"):
        image = unit(image, state, name, lambda x, w, b: convolve(x, w, b, 1), eps)
    features = image.reshape(image.shape[0], -1)
    for name in ("local.0", "local.1"):
        features = unit(features, state, name, locally_connected, eps)
    features = features.reshape(-1)
    for name in ("wide.0", "wide.2", "wide.4"):
        features = unit(features, state, name, lambda x, w, b: w @ x + (0.0 if b is None else b), eps)
    return state["head.weight"] @ features + state["head.bias"]


def vote(predictions, window, tie):
    """Majority of every window, by counting each window anew."""
    predictions = list(predictions)
    n = len(predictions)
    span = n if window == -1 else min(window, n)
    winners = []
    for start in range(n - span + 1):
        seen = predictions[start : start + span]
        counts = Counter(seen)
        tied = [label for label, count in counts.items() if count == max(counts.values())]
        winners.append(min(tied) if tie == "lowest" else next(label for label in reversed(seen) if label in tied))
    return winners


def source_norm(x, sources, scale, shift, eps):
    """Training-mode normalisation of (B, C, places), source after source, each by its own statistics."""
    parts = []
    for part in np.split(x, sources):
        mean, var = part.mean((0, 2), keepdims=True), part.var((0, 2), keepdims=True)
        parts.append((part - mean) / np.sqrt(var + eps) * scale[:, None] + shift[:, None])
    return np.concatenate(parts)
