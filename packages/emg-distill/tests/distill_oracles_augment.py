"""Augmentations as their docstrings state them: one example at a time, one number at a time, numpy alone.

Each takes x of one example (channels, time), the draws of that example alone (`SampleDraws` of one row), its real
samples `size` and its real channels `real`.
"""

import math

import numpy as np


def rings_of(x, n, real):
    size = len(x) // n
    return [[c for c in range(r * size, (r + 1) * size) if real[c]] for r in range(n)]


def rotate(x, recipe, draws, size, real):
    out = x.copy()
    if draws.uniform("rotate_p", 1)[0, 0] >= recipe.rotate_p:
        return out
    steps = draws.integers("rotate", -recipe.rotate, recipe.rotate, recipe.rings)[0]
    for ring, step in zip(rings_of(x, recipe.rings, real), steps, strict=True):
        for place, channel in enumerate(ring):
            out[ring[(place + step) % len(ring)]] = x[channel]
    return out


def electrode_shift(x, recipe, draws, size, real):
    out = x.copy()
    for r, ring in enumerate(rings_of(x, recipe.rings, real)):
        slip = recipe.electrode_shift * (2 * draws.uniform("electrode_shift", recipe.rings)[0, r] - 1)
        for place, channel in enumerate(ring):
            position = (place - slip) % len(ring)
            below = math.floor(position)
            part = position - below
            near, far = ring[below % len(ring)], ring[(below + 1) % len(ring)]
            out[channel] = (1 - part) * x[near] + part * x[far]
    return out


def grid_shift(x, recipe, draws, size, real):
    down, right = draws.integers("grid_shift", -recipe.grid_shift, recipe.grid_shift, 2)[0]
    rows, cols = x.shape
    out = np.zeros_like(x)
    for i in range(rows):
        for j in range(cols):
            a, b = i - down, j - right
            if recipe.grid_fill == "wrap":
                out[i, j] = x[a % rows, b % cols]
            elif recipe.grid_fill == "edge":
                out[i, j] = x[min(max(a, 0), rows - 1), min(max(b, 0), cols - 1)]
            elif 0 <= a < rows and 0 <= b < cols:
                out[i, j] = x[a, b]
    return out


def misalign(x, recipe, draws, size, real):
    """Return what is left, without the zeros that keep the shape."""
    reach = round(recipe.misalign * draws.sfreq)
    s = int(draws.integers("misalign", -reach, reach, 1)[0, 0])
    left, right = np.split(x[:, :size], 2)
    if s > 0:
        left, right = left[:, s:], right[:, :-s]
    if s < 0:
        left, right = left[:, :s], right[:, -s:]
    out = np.zeros_like(x)
    out[:, : size - abs(s)] = np.concatenate([left, right])
    return out


def shift(x, recipe, draws, size, real):
    out = x.copy()
    out[:, :size] = np.roll(x[:, :size], draws.integers("shift", -recipe.shift, recipe.shift, 1)[0, 0], axis=1)
    return out


def smooth(knots, position):
    k = min(int(position), len(knots) - 2)
    f = position - k
    return knots[k] + (knots[k + 1] - knots[k]) * (3 * f**2 - 2 * f**3)


def time_warp(x, recipe, draws, size, real):
    n = recipe.time_warp_knots
    spacing = (size - 1) / (n + 1)
    inner = recipe.time_warp / 3 * spacing * (2 * draws.uniform("time_warp", n)[0] - 1)
    knots = [0.0, *inner, 0.0]
    out = x.copy()
    for t in range(size - 1):
        at = t + smooth(knots, t / spacing)
        k = min(int(at), size - 2)
        out[:, t] = (1 - (at - k)) * x[:, k] + (at - k) * x[:, k + 1]
    return out


def gain(x, recipe, draws, size, real):
    return x * (1 + recipe.gain * (2 * draws.uniform("gain", 1, 1)[0, 0, 0] - 1))


def channel_gain(x, recipe, draws, size, real):
    factors = 1 + recipe.channel_gain * (2 * draws.uniform("channel_gain", len(x))[0] - 1)
    return np.stack([factor * row for factor, row in zip(factors, x, strict=True)])


def flip(x, recipe, draws, size, real):
    return -x if draws.uniform("flip", 1)[0, 0] < recipe.flip else x.copy()


def magnitude_warp(x, recipe, draws, size, real):
    n = recipe.magnitude_warp_knots
    knots = 1 + recipe.magnitude_warp * (2 * draws.uniform("magnitude_warp", len(x), n + 2)[0] - 1)
    out = x.copy()
    for c, row in enumerate(knots):
        for t in range(x.shape[1]):
            out[c, t] *= smooth(row, t * (n + 1) / (x.shape[1] - 1))
    return out


def mains(x, recipe, draws, size, real):
    out = x.copy()
    if draws.uniform("mains_p", 1)[0, 0] >= recipe.mains_p:
        return out
    weight = draws.uniform("mains_harmonic", recipe.mains_harmonics)[0]
    phase = 2 * math.pi * draws.uniform("mains_phase", recipe.mains_harmonics)[0]
    for c, peak in enumerate(recipe.mains * draws.uniform("mains", len(x))[0]):
        for t in range(size if real[c] else 0):
            for k in range(1, recipe.mains_harmonics + 1):
                if 2 * k * recipe.mains_freq < draws.sfreq:
                    height = 1.0 if k == 1 else weight[k - 1] / k
                    turn = 2 * math.pi * k * recipe.mains_freq * t / draws.sfreq + phase[k - 1]
                    out[c, t] += peak * height * math.sin(turn)
    return out


def motion(x, recipe, draws, size, real):
    out = x.copy()
    bursts = recipe.motion_bursts
    for b in range(bursts):
        if draws.uniform("motion_p", bursts)[0, b] >= recipe.motion_p:
            continue
        peaks = recipe.motion * (2 * draws.uniform("motion", bursts, len(x))[0, b] - 1)
        middle = x.shape[1] * draws.uniform("motion_middle", bursts)[0, b]
        length = recipe.motion_length * (0.5 + 0.5 * draws.uniform("motion_length", bursts)[0, b])
        half = max(length * draws.sfreq / 2, 1)
        mix = draws.uniform("motion_mix", bursts)[0, b]
        for t in range(size):
            u = (t - middle) / half
            if abs(u) < 1:
                one, two = (1 - u**2) ** 2, u * (1 - u**2) ** 2 / 0.28621670111997307
                out[:, t] += np.where(real, peaks * ((1 - mix) * one + mix * two), 0)
    return out


def noise(x, recipe, draws, size, real):
    out = x + recipe.noise * draws.normal("noise", *x.shape)[0]
    out[~real] = 0
    out[:, size:] = 0
    return out


def noise_share(x, recipe, draws, size, real):
    out = x.copy()
    white = draws.normal("noise_share", *x.shape)[0]
    for c, row in enumerate(x[:, :size]):
        out[c, :size] = row + recipe.noise_share * row.astype(float).std() * white[c, :size]
    return out


def drop_channel(x, recipe, draws, size, real):
    gone = draws.uniform("drop_channel", len(x))[0] < recipe.drop_channel
    return np.stack([np.zeros_like(row) if lost else row for row, lost in zip(x, gone, strict=True)])


def spans(name, share, span, draws, size, n):
    masked = np.zeros(n, bool)
    for u in draws.uniform(name, int(share * n / span))[0][: int(share * size / span)]:
        start = math.floor(u * (size - span + 1))
        masked[start : start + span] = True
    return masked


def time_mask(x, recipe, draws, size, real):
    span = max(1, round(recipe.time_mask_span * draws.sfreq))
    out = x.copy()
    out[:, spans("time_mask", recipe.time_mask, span, draws, size, x.shape[1])] = 0
    return out


def spec_augment(x, recipe, draws):
    """Mask one example's spectrogram (channels, bins, frames)."""
    out = x.copy()
    for axis, most, reach, size in (
        ("time", recipe.spec_time_masks, recipe.spec_time_width, x.shape[2]),
        ("freq", recipe.spec_freq_masks, recipe.spec_freq_width, x.shape[1]),
    ):
        counts = draws.integers(f"spec_{axis}_count", 0, most, len(x), 1)[0, :, 0]
        widths = draws.integers(f"spec_{axis}_width", 0, reach, len(x), most)[0]
        places = draws.uniform(f"spec_{axis}_start", len(x), most)[0]
        for c, count in enumerate(counts):
            for m in range(count):
                width = min(widths[c, m], size)
                start = math.floor(places[c, m] * (size - width + 1))
                if axis == "time":
                    out[c, :, start : start + width] = 0
                else:
                    out[c, start : start + width, :] = 0
    return out
