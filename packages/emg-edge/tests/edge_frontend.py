"""Front ends for tests: declarations, random ones, a plain-integer oracle, and a driver that feeds the C with them."""

from __future__ import annotations

import json
import math
import subprocess
from importlib import resources

import numpy as np

from emg_edge.frontend._declaration import Declaration
from emg_edge.frontend._design import design_frontend
from emg_edge.frontend._raw import RawInput
from emg_edge.program._tensor import DTYPES, Tensor

SCALARS = (
    "n_chans",
    "n_times",
    "hop",
    "every",
    "n_sections",
    "code",
    "low",
    "high",
    "shift_in",
    "kind",
    "shift",
    "zero",
)
SCALARS += ("gain", "base", "whole", "ddof", "out", "step")
TABLES = ("offset", "b", "a", "shift_b", "keep", "mul", "add", "eps", "place")
WORDS = {"EMG_INT8": 1, "EMG_INT16": 2, "EMG_INT32": 4, "EMG_AFFINE": 0, "EMG_MINMAX": 1, "EMG_ZSCORE": 2}

DRIVER = r"""
#include <stdio.h>
#include "emg_frontend.h"
#include "emg_trace.h"
#define MOST 65536
static FILE *in, *out;
static int64_t word(void)
{
    int64_t value = 0;
    if (fread(&value, 1, sizeof value, in) != sizeof value) value = 0;
    return value;
}
void emg_trace(int32_t layer, const void *values, int32_t nbytes)
{
    int32_t head[2] = {layer, nbytes};
    fwrite(head, 1, sizeof head, out);
    fwrite(values, 1, (size_t)nbytes, out);
}
static void table(int32_t *to, int64_t count) { for (int64_t i = 0; i < count; i++) to[i] = (int32_t)word(); }
static void wide(int64_t *to, int64_t count) { for (int64_t i = 0; i < count; i++) to[i] = word(); }
int main(void)
{
    static int32_t offset[MOST], b[512], a[512], shift[256], keep[256], mul[MOST], place[MOST];
    static int32_t newest[MOST], older[MOST], rest[MOST];
    static int32_t ring[MOST], x[MOST], frame[MOST];
    static int64_t add[MOST], eps[MOST];
    in = fopen("input.bin", "rb");
    out = fopen("output.bin", "wb");
    for (int64_t cases = word(); cases > 0; cases--) {
        emg_frontend_params p = {0};
        p.n_chans = (int32_t)word(); p.n_times = (int32_t)word(); p.hop = (int32_t)word(); p.every = (int32_t)word();
        p.n_sections = (int32_t)word(); p.code = (emg_type)word(); p.low = (int32_t)word(); p.high = (int32_t)word();
        p.shift_in = (int32_t)word(); p.kind = (emg_scaling)word(); p.shift = (int32_t)word(); p.zero = (int32_t)word();
        p.gain = word(); p.base = word(); p.whole = (int32_t)word(); p.ddof = (int32_t)word();
        p.out = (emg_type)word(); p.step = (int32_t)word();
        table(offset, word()); table(b, word()); table(a, word()); table(shift, word()); table(keep, word());
        table(mul, word());
        wide(add, word()); wide(eps, word()); table(place, word());
        p.offset = offset; p.b = b; p.a = a; p.shift_b = shift; p.keep = keep;
        p.mul = mul; p.add = add; p.eps = eps; p.place = place;
        emg_frontend_state s = {newest, older, rest, ring, 0, 0, 0, 0};
        emg_frontend_init(&p, &s);
        for (int64_t n = word(); n > 0; n--) {
            for (int32_t c = 0; c < p.n_chans; c++) {
                int64_t code = word();
                if (p.code == EMG_INT16) ((int16_t *)(void *)frame)[c] = (int16_t)code; else frame[c] = (int32_t)code;
            }
            if (emg_frontend_step(&p, &s, frame)) {
                int64_t sample = s.frames - 1;
                emg_frontend_window(&p, &s, x);
                emg_trace(1, &sample, 8);
            }
        }
        emg_trace(2, x, 0);
    }
    return fclose(out);
}
"""


def build_driver(folder, compiler, flags):
    """Compile the driver with the front end's C."""
    folder.mkdir(parents=True, exist_ok=True)
    source = resources.files("emg_edge") / "csrc"
    for entry in source.iterdir():
        if entry.name.endswith(".h") or entry.name == "emg_frontend.c":
            (folder / entry.name).write_bytes(entry.read_bytes())
    (folder / "driver.c").write_text(DRIVER)
    flags = ["-std=c99", "-fno-strict-aliasing", "-DEMG_TRACE", *flags]
    subprocess.run([compiler, *flags, "driver.c", "emg_frontend.c", "-o", "driver"], cwd=folder, check=True)
    return folder / "driver"


def words(front, codes):
    """Return one case as the driver reads it."""
    members = front.members()
    found = [WORDS.get(members[name], members[name]) for name in SCALARS]
    for name in TABLES:
        array = [] if members[name] is None else members[name].tolist()
        found += [len(array), *array]
    return [*found, codes.shape[1], *codes.T.ravel().tolist()]


def run_driver(command, folder, cases):
    """Return, per case, what every stage wrote, as `FrontEndState.push` traces it, and the samples of events."""
    flat = [len(cases)] + [word for front, codes in cases for word in words(front, codes)]
    np.array(flat, np.int64).tofile(folder / "input.bin")
    subprocess.run(command, cwd=folder, check=True, timeout=300, capture_output=True)
    raw, at, found = (folder / "output.bin").read_bytes(), 0, []
    for front, _ in cases:
        parts = {name: [] for name in (*front.stages, "sample")}
        while True:
            layer, nbytes = np.frombuffer(raw, np.int32, 2, at)
            body = raw[at + 8 : at + 8 + nbytes]
            at += 8 + int(nbytes)
            if layer == 2:
                break
            parts["sample" if layer == 1 else front.stages[-1 - layer]].append(body)
        found.append({name: b"".join(chunks) for name, chunks in parts.items()})
    assert at == len(raw)
    return found


def stage_bytes(front, windows):
    """Return what the driver writes for the same codes."""
    found = {"sample": windows.sample.tobytes()}
    for name, array in windows.trace.items():
        kept = array if name in {"scaled", "window"} else array.astype(np.int32)
        found[name] = (kept if name == "window" else np.ascontiguousarray(kept.T)).tobytes()
    return found


def oracle(front, codes):
    """Every window of a recording, element by element in plain Python integers, from the docstrings alone."""
    half, limit = 1 << (front.shift - 1), 1 << (front.bits - 1)
    _, low, high = DTYPES[front.out]
    used = [[int(v) for v in codes[:, t]] for t in range(0, codes.shape[1], front.every)]
    lanes = [[] for _ in range(front.n_chans)]
    for c in range(front.n_chans):
        nodes = [[0, 0] for _ in range(front.n_sections + 1)]
        rests = [0] * front.n_sections
        for frame in used:
            v = (min(max(frame[c], -limit), limit - 1) << front.shift_in) - front.offset[c]
            for s in range(front.n_sections):
                b, a = front.b[3 * s : 3 * s + 3], front.a[2 * s : 2 * s + 2]
                acc = (b[0] * v + b[1] * nodes[s][0] + b[2] * nodes[s][1]) >> front.shift_b[s]
                acc += a[0] * nodes[s + 1][0] + a[1] * nodes[s + 1][1] + rests[s]
                assert abs(acc) < 2**63
                nodes[s] = [v, nodes[s][0]]
                rests[s], v = front.keep[s] * (acc & (2**30 - 1)), acc >> 30
                assert abs(v) <= front.bound[s + 1]
            nodes[-1] = [v, nodes[-1][0]]
            lanes[c].append(v)
    found = []
    for end in range(front.n_times, len(used) + 1, front.hop):
        window = [lane[end - front.n_times : end] for lane in lanes]
        x = [0] * (front.n_chans * front.n_times)
        everything = [v for lane in window for v in lane]
        for c, lane in enumerate(window):
            group = everything if front.over == "window" else lane
            eps = front.eps[0 if front.over == "window" else c] if front.eps else 0
            for t, v in enumerate(lane):
                if front.kind == "affine":
                    q = (v * front.mul[c] + front.add[c] + half) >> front.shift
                else:
                    centre, factor = own_numbers(front, group, eps)
                    assert abs((v - centre) * factor) <= 2**61
                    q = ((v - centre) * factor + front.base + half) >> front.shift
                x[front.place[c] + t * front.step] = min(max(q + front.zero, low), high)
        found.append(((end - 1) * front.every, x))
    return found


def own_numbers(front, group, eps):
    """Centre and factor of one group."""
    if front.kind == "minmax":
        reach = max(group) - min(group) + eps
        return min(group), front.gain // reach if reach else 0
    n = len(group)
    mean = (2 * sum(group) + n) // (2 * n)
    far = [abs(v - mean) for v in group]
    p = max(0, max(far).bit_length() - (62 - n.bit_length()) // 2)
    total = sum((d >> p) ** 2 for d in far)
    assert total < 2**62
    j = max((k for k in range(0, 63, 2) if total << k < 2**62), default=0) if total else 0
    root = math.isqrt((total << j) // (n - front.ddof))
    up = 8 + p - j // 2
    spread = (root << up if up >= 0 else root >> -up) + eps
    return mean, front.gain // max(spread, 256)


def declare(sections=(), normalisation=None, **changed):
    """A declaration of four channels, 20 samples, hop 7, at 2 kHz."""
    given = {"sfreq": 2000.0, "unit": "V", "n_chans": 4, "resample": None, "length": 20, "hop": 7}
    return Declaration(**(given | {"sections": sections, "normalisation": normalisation} | changed))


def notch(freq, sfreq, q=30.0):
    gain = 1 / (1 + math.tan(math.pi * freq / q / sfreq))
    cosine = math.cos(2 * math.pi * freq / sfreq)
    return (gain, -2 * gain * cosine, gain, 1.0, -2 * gain * cosine, 2 * gain - 1)


def butter(freq, sfreq, *, high):
    """A Butterworth section of order two by the bilinear transform."""
    k = math.tan(math.pi * freq / sfreq)
    norm = 1 / (1 + math.sqrt(2) * k + k * k)
    b = (norm, -2 * norm, norm) if high else (k * k * norm, 2 * k * k * norm, k * k * norm)
    return (*b, 1.0, 2 * (k * k - 1) * norm, (1 - math.sqrt(2) * k + k * k) * norm)


def random_front(rng, i):
    """A front end of some kind, and codes for it."""
    n_chans, sfreq = int(rng.integers(1, 5)), float(rng.choice([200, 1000, 2000, 2048, 4000]))
    count = int(rng.integers(0, 4))
    shelf = [
        butter(20, sfreq, high=True),
        notch(50, sfreq),
        butter(5, sfreq, high=False),
        notch(0.49 * sfreq, sfreq),
        butter(90, sfreq, high=False),
    ]
    sections = tuple(shelf[k] for k in rng.permutation(5)[:count])
    over = str(rng.choice(["channel", "window"]))
    rule = [
        None,
        {
            "kind": "zscore",
            "mean": rng.normal(0, 1e-5, n_chans).tolist(),
            "std": (10 ** rng.uniform(-6, -3, n_chans)).tolist(),
        },
        {"kind": "scale", "factor": float(-(10 ** rng.uniform(1, 4)))},
        {"kind": "minmax", "low": -1.0, "high": 1.0, "eps": float(rng.choice([0.0, 1e-8, 1e-4])), "over": over},
        {"kind": "zscore-window", "ddof": int(rng.integers(0, 2)), "eps": float(rng.choice([0.0, 1e-6])), "over": over},
    ][i % 5]
    every = int(rng.choice([1, 1, 3]))
    length, hop = int(rng.integers(2, 30)), int(rng.integers(1, 40))
    declared = declare(
        sections, rule, n_chans=n_chans, sfreq=sfreq, length=length, hop=hop, resample="hold" if every > 1 else None
    )
    dtype = str(rng.choice(["int16", "int32"]))
    raw = RawInput(scale=1e-6, offset=float(rng.choice([0, 2050.25])), dtype=dtype, sfreq=sfreq * every)
    out = str(rng.choice(["int8", "int16"]))
    scale = {"int8": 0.03, "int16": 0.0002}[out] if rule is not None else 2e-4
    shape = (n_chans, length) if rng.random() < 0.7 else (length, n_chans)
    tensor = Tensor(name="emg", shape=shape, dtype=out, scale=scale, zero_point=int(rng.integers(-50, 50)))
    return design_frontend(declared, raw, tensor), random_codes(rng, n_chans, int(rng.integers(0, 120)), dtype)


def random_codes(rng, n_chans, n, dtype):
    _, low, high = DTYPES[dtype]
    rows = [
        rng.integers(low, high + 1, n),
        np.where(np.arange(n) // 11 % 2, low, high),
        np.full(n, rng.integers(low, high + 1)),
        rng.integers(-1, 2, n),
        np.where(np.arange(n) < n // 4, high, 0),
    ]
    return np.array([rows[k] for k in rng.integers(0, len(rows), n_chans)], dtype).reshape(n_chans, n)


def record(sections=(), normalisation=None, **changed):
    """What emg-models writes for windows of 4 channels and 10 samples at 1 kHz, hop 3."""
    found = {
        "sfreq": 1000.0,
        "unit": "V",
        "channels": ["a", "b", "c", "d"],
        "resample": None,
        "filter": {"kind": "sos", "causal": True, "sos": [list(row) for row in sections]} if sections else None,
        "normalisation": normalisation,
        "window": {"length": 10, "hop": 3, "unit": "samples", "seconds": 0.01},
    }
    return found | changed


def write_model(path, declared):
    """A perceptron over (1, 4, 10) windows that declares its preprocessing."""
    import edge_programs as programs
    import onnx

    arrays = programs.write_onnx(path)
    model = onnx.load(str(path))
    metadata = {"emg.version": "1", "emg.preprocessing": json.dumps(declared)}
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, str(path))
    return arrays
