"""Causal attention in NumPy, one frame and one head at a time: slow, obvious, float64."""

import math

import numpy as np


def rotate(vector, position):
    """Turn the pair (2j, 2j+1) by position·10000^(-2j/width)."""
    result = vector.copy()
    for j in range(len(vector) // 2):
        angle = position * 10000.0 ** (-2 * j / len(vector))
        a, b = vector[2 * j], vector[2 * j + 1]
        result[2 * j] = a * math.cos(angle) - b * math.sin(angle)
        result[2 * j + 1] = b * math.cos(angle) + a * math.sin(angle)
    return result


def attention(frames, w, n_heads, *, context=None, causal=True, rotary=False):
    """Map frames (T, D); `w` holds qkv.weight, qkv.bias, proj.weight, proj.bias as float64."""
    n_frames, width = frames.shape
    d = width // n_heads
    qkv = frames @ w["qkv.weight"].T + w["qkv.bias"]
    out = np.zeros((n_frames, width))
    for head in range(n_heads):
        q, k, v = (qkv[:, part * width + head * d : part * width + (head + 1) * d] for part in range(3))
        if rotary:
            q, k = (np.stack([rotate(x[t], t) for t in range(n_frames)]) for x in (q, k))
        for t in range(n_frames):
            last = t if causal else n_frames - 1
            first = 0 if context is None else max(0, t - context + 1)
            seen = range(first, last + 1)
            score = np.array([q[t] @ k[s] / math.sqrt(d) for s in seen])
            weight = np.exp(score - score.max())
            out[t, head * d : (head + 1) * d] = weight / weight.sum() @ v[list(seen)]
    return out @ w["proj.weight"].T + w["proj.bias"]
