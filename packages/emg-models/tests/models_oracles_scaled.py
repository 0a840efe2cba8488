"""Scaled Transformer in NumPy, one frame, one tap, one head at a time, from reference section 1: float64."""

import math

import numpy as np

erf = np.vectorize(math.erf)


def gelu(x):
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def layer_norm(x, w, name):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]


def linear(x, w, name):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def feature_norm(x, w, config):
    """Scale and shift each row of (F, ...), by its own statistics or by stored ones."""
    out = np.empty_like(x)
    for row in range(len(x)):
        mean, variance = x[row].mean(), ((x[row] - x[row].mean()) ** 2).mean()
        if config.feature_norm == "running":
            mean, variance = w["featurizer.norm.running_mean"][row], w["featurizer.norm.running_var"][row]
        scaled = (x[row] - mean) / math.sqrt(variance + 1e-5)
        out[row] = scaled * w["featurizer.norm.weight"][row] + w["featurizer.norm.bias"][row]
    return out


def convolve(x, weight, stride):
    """Valid convolution of (C, n) with (F, C, K)."""
    kernel = weight.shape[2]
    n_frames = (x.shape[1] - kernel) // stride + 1
    return np.stack([np.tensordot(weight, x[:, t * stride : t * stride + kernel]) for t in range(n_frames)], 1)


def spectrogram(x, window, hop):
    """log10(|STFT|² / Σw² + 1e-6) of (C, n): (C, bins, T)."""
    hann = 0.5 * (1 - np.cos(2 * np.pi * np.arange(window) / window))
    starts = range(0, x.shape[1] - window + 1, hop)
    power = [np.abs(np.fft.rfft(x[:, s : s + window] * hann)) ** 2 / (hann**2).sum() for s in starts]
    return np.log10(np.stack(power, -1) + 1e-6)


def featurize(x, w, config):
    """Frames (T, F) of samples (C, n)."""
    if config.featurizer == "spectrogram":
        normed = feature_norm(spectrogram(x, config.stft_window, config.stft_hop), w, config)
        return normed.reshape(-1, normed.shape[-1]).T
    for index, stride in enumerate(config.conv_strides):
        x = convolve(x, w[f"featurizer.convolutions.{index}.weight"], stride)
        x = gelu(feature_norm(x, w, config) if index == 0 else x)
    return x.T


def position(z, w, config):
    """z + GELU(conv(z)), tap by tap."""
    weight = w["position.conv.weight"].copy()
    width, per_group, kernel = weight.shape
    if config.weight_norm:
        for tap in range(kernel):
            weight[:, :, tap] *= w["position.gain"][tap] / math.sqrt((weight[:, :, tap] ** 2).sum())
    newest = 0 if config.position == "causal" else kernel - 1 - kernel // 2
    out = z.copy()
    for t in range(len(z)):
        total = w["position.conv.bias"].copy()
        for tap in range(kernel):
            source = t + newest - (kernel - 1 - tap)
            if 0 <= source < len(z):
                for feature in range(width):
                    group = feature // (width // config.position_groups)
                    total[feature] += weight[feature, :, tap] @ z[source, group * per_group : (group + 1) * per_group]
        out[t] += gelu(total)
    return out


def attention(x, w, name, config):
    n_frames, width = x.shape
    d = width // config.n_heads
    qkv = linear(x, w, f"{name}.qkv")
    out = np.zeros_like(x)
    for head in range(config.n_heads):
        q, k, v = (qkv[:, part * width + head * d : part * width + (head + 1) * d] for part in range(3))
        for t in range(n_frames):
            first = 0 if config.context is None else max(0, t - config.context + 1)
            seen = list(range(first, t + 1 if config.causal else n_frames))
            score = np.array([q[t] @ k[s] / math.sqrt(d) for s in seen])
            weight = np.exp(score - score.max())
            out[t, head * d : (head + 1) * d] = weight / weight.sum() @ v[seen]
    return linear(out, w, f"{name}.proj")


def encode(x, w, config, frame_mask=None):
    """Features (T, d) of samples (C, n); `w` maps the encoder's names to float64 arrays."""
    z = linear(layer_norm(featurize(x * config.input_scale, w, config), w, "projection_norm"), w, "projection")
    if frame_mask is not None:
        z = np.stack([w["mask_vector"] if hidden else frame for frame, hidden in zip(z, frame_mask, strict=True)])
    z = position(z, w, config)
    pre = config.norm_placement == "pre"
    if not pre:
        z = layer_norm(z, w, "position_norm")
    for index in range(config.n_blocks):
        name = f"blocks.{index}"
        for norm, branch in (("norm1", attend), ("norm2", mlp)):
            norm_name = f"{name}.{norm}"
            if pre:
                z = z + branch(layer_norm(z, w, norm_name), w, name, config)
            else:
                z = layer_norm(z + branch(z, w, name, config), w, norm_name)
    return layer_norm(z, w, "norm") if pre else z


def attend(x, w, name, config):
    return attention(x, w, f"{name}.attn", config)


def mlp(x, w, name, config):
    del config
    return linear(gelu(linear(x, w, f"{name}.mlp.fc1")), w, f"{name}.mlp.fc2")


def symbols(features, w):
    """Log-probabilities (T, K)."""
    score = linear(features, w, "head")
    score = score - score.max(-1, keepdims=True)
    return score - np.log(np.exp(score).sum(-1, keepdims=True))
