"""Slow, obvious forms of what cuts symbols, pulses, values and speech out of recordings."""

import math
from typing import Any

import numpy as np


def keys_between(onsets: Any, symbols: Any, times: Any, first: int, last: int, *, both_ends: bool) -> list[int]:
    """Look at every key and ask whether it is in the window of samples `first` to `last`."""
    found = []
    for onset, symbol in sorted(zip(onsets, symbols, strict=True), key=lambda pair: pair[0]):
        owner = max([sample for sample, time in enumerate(times) if time <= onset], default=-1)
        if both_ends and times[first] <= onset <= times[last]:
            found.append(int(symbol))
        if not both_ends and first <= owner <= last:
            found.append(int(symbol))
    return found


def pulses(events: list[tuple[int, int]], n_samples: int, n_channels: int) -> Any:
    """Return (samples, channels) of 0 and 1; events are (onset in tenths of ms, channel), the rate is 2 kHz."""
    out = np.zeros((n_samples, n_channels), np.float32)
    for onset, channel in events:
        for sample in range(n_samples):
            if onset + 800 <= 5 * sample < onset + 1200:
                out[sample, channel] = 1.0
    return out


def counted(events: list[tuple[int, int]], n_samples: int, n_channels: int) -> Any:
    """Return where channels count, (samples, channels); channels 1 and 3 release 0 and 2."""
    out = np.ones((n_samples, n_channels), np.float32)
    out[:, [1, 3]] = 0.0
    for release, press in ((1, 0), (3, 2)):
        open_press = None
        for onset, channel in sorted(events):
            if channel == press:
                open_press = onset
            if channel == release and open_press is not None:
                for sample in range(n_samples):
                    if open_press + 800 <= 5 * sample < onset + 1200:
                        out[sample, release] = 1.0
                open_press = None
    return out


def cepstra_frame(audio: Any, sfreq: float, middle_s: float) -> list[float]:
    """Return the 26 coefficients of one frame, sum by sum."""
    width = round(0.027 * sfreq)
    n_fft = 1
    while n_fft < width:
        n_fft *= 2
    start = round(middle_s * sfreq) - width // 2
    frame = []
    for place in range(width):
        inside = 0 <= start + place < len(audio)
        frame.append((audio[start + place] if inside else 0.0) * (0.5 - 0.5 * math.cos(2 * math.pi * place / width)))
    places = np.arange(width)
    power = [
        abs(sum(np.array(frame) * np.exp(-2j * math.pi * index * places / n_fft))) ** 2
        for index in range(n_fft // 2 + 1)
    ]

    def mel(hertz: float) -> float:
        return 2595 * math.log10(1 + hertz / 700)

    def hertz(mel_value: float) -> float:
        return 700 * (10 ** (mel_value / 2595) - 1)

    top = mel(min(8000.0, sfreq / 2))
    logs = []
    for band in range(80):
        low, middle, high = (hertz(top * (band + step) / 81) for step in (0, 1, 2))
        total = 0.0
        for index, value in enumerate(power):
            freq = index * sfreq / n_fft
            if low < freq <= middle:
                total += value * (freq - low) / (middle - low)
            elif middle < freq < high:
                total += value * (high - freq) / (high - middle)
        logs.append(math.log(max(total, 1e-10)))
    found = []
    for order in range(26):
        scale = math.sqrt((1 if order == 0 else 2) / 80)
        found.append(scale * sum(logs[band] * math.cos(math.pi * order * (2 * band + 1) / 160) for band in range(80)))
    return found
