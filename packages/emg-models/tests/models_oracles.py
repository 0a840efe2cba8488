"""TinyMyo in NumPy, one token and one head at a time, from reference section 1: slow, obvious, float64."""

import math

import numpy as np

erf = np.vectorize(math.erf)


def layer_norm(x, weight, bias):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * weight + bias


def rotate(vector, position):
    result = vector.copy()
    width = len(vector)
    for j in range(width // 2):
        angle = position * 10000.0 ** (-2 * j / width)
        a, b = vector[2 * j], vector[2 * j + 1]
        result[2 * j] = a * math.cos(angle) - b * math.sin(angle)
        result[2 * j + 1] = b * math.cos(angle) + a * math.sin(angle)
    return result


def attention(tokens, w, prefix, config, real):
    n, width = tokens.shape
    d = width // config.n_heads
    qkv = tokens @ w[f"{prefix}.qkv.weight"].T + w[f"{prefix}.qkv.bias"]
    out = np.zeros((n, width))
    for head in range(config.n_heads):
        q, k, v = (qkv[:, part * width + head * d : part * width + (head + 1) * d] for part in range(3))
        if config.rope != "none":
            position = [head if config.rope == "released" else t % config.n_patches for t in range(n)]
            q = np.stack([rotate(q[t], position[t]) for t in range(n)])
            k = np.stack([rotate(k[t], position[t]) for t in range(n)])
        for t in range(n):
            score = np.array([q[t] @ k[s] / math.sqrt(d) if real[s] else -np.inf for s in range(n)])
            weight = np.exp(score - score.max())
            out[t, head * d : (head + 1) * d] = weight / weight.sum() @ v
    return out @ w[f"{prefix}.proj.weight"].T + w[f"{prefix}.proj.bias"]


def encode(x, w, config, patch_mask=None, channel_mask=None):
    """Tokens (N, D) of one window (C, T); `w` maps parameter names to float64 arrays."""
    tokens, real = [], []
    x = np.concatenate([x, np.zeros((len(x), config.patch_size * config.n_patches - config.n_times))], axis=1)
    kernel = w["patch_embedding.patch_embed.proj.weight"].reshape(config.embed_dim, config.patch_size)
    for c in range(config.n_chans):
        for p in range(config.n_patches):
            patch = x[c, p * config.patch_size : (p + 1) * config.patch_size]
            token = kernel @ patch + w["patch_embedding.patch_embed.proj.bias"]
            if patch_mask is not None and patch_mask[c * config.n_patches + p]:
                token = w["mask_token"][0, 0]
            tokens.append(token + (w["channel_embed"][0, c, 0] if config.channel_embedding else 0))
            real.append(channel_mask is None or channel_mask[c])
    tokens = np.array(tokens)
    for block in range(config.n_blocks):
        name = f"blocks.{block}"
        normed = layer_norm(tokens, w[f"{name}.norm1.weight"], w[f"{name}.norm1.bias"])
        tokens = tokens + attention(normed, w, f"{name}.attn", config, real)
        normed = layer_norm(tokens, w[f"{name}.norm2.weight"], w[f"{name}.norm2.bias"])
        hidden = normed @ w[f"{name}.mlp.fc1.weight"].T + w[f"{name}.mlp.fc1.bias"]
        hidden = 0.5 * hidden * (1 + erf(hidden / math.sqrt(2)))
        tokens = tokens + hidden @ w[f"{name}.mlp.fc2.weight"].T + w[f"{name}.mlp.fc2.bias"]
    return layer_norm(tokens, w["norm.weight"], w["norm.bias"]) * np.array(real)[:, None]


def columns(x, w, config, channel_mask=None):
    """What every task's head reads: the channels' tokens side by side (P, C·D)."""
    encoder = {key.removeprefix("encoder."): value for key, value in w.items() if key.startswith("encoder.")}
    tokens = encode(x, encoder, config, channel_mask=channel_mask)
    return np.array(
        [
            np.concatenate([tokens[c * config.n_patches + p] for c in range(config.n_chans)])
            for p in range(config.n_patches)
        ]
    )


def classify(x, w, config, channel_mask=None):
    """Logits (K,) of one window, as published: mean over patches, linear."""
    return w["head.weight"] @ columns(x, w, config, channel_mask).mean(axis=0) + w["head.bias"]


def detect(x, w, config, channel_mask=None):
    """Logits (P, K) of one window: a linear on every patch."""
    return np.array([w["head.weight"] @ row + w["head.bias"] for row in columns(x, w, config, channel_mask)])


def regress(x, w, config, channel_mask=None):
    """Values (T_out, K) of one window, as published: three convolutions over patches, linear interpolation."""
    silu = np.vectorize(lambda v: v / (1 + math.exp(-v)))
    rows = columns(x, w, config, channel_mask)
    hidden = silu(rows @ w["regressor.0.weight"][:, :, 0].T + w["regressor.0.bias"])
    mixed = np.tile(w["regressor.3.bias"], (len(hidden), 1))
    for p in range(len(hidden)):
        for tap in range(3):
            if 0 <= p + tap - 1 < len(hidden):
                mixed[p] += hidden[p + tap - 1] * w["regressor.3.weight"][:, 0, tap]
    values = silu(mixed) @ w["regressor.5.weight"][:, :, 0].T + w["regressor.5.bias"]
    n_out = config.output_times or config.n_times
    middle = config.n_times * (np.arange(n_out) + 0.5) / n_out  # of every instant, in samples
    centres = config.patch_size * (np.arange(config.n_patches) + 0.5)  # of every patch, in samples
    return np.stack([np.interp(middle, centres, column) for column in values.T], axis=1)
