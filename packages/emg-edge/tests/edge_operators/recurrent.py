"""LSTM and GRU."""

from __future__ import annotations

import numpy as np

from edge_operators.common import rounded, sat, small, tensor
from emg_edge.kernels import Gru, Lstm, gate_table, multiplier


def _fields(rng, i, gates):
    d, steps = int(rng.integers(1, 3)), int(rng.integers(1, 7))
    depth, size = int(rng.integers(1, 12)), int(rng.choice([1, 2, 3, 4, 5, 8, 13]))
    rows, dtype, last = gates * size, small(rng), int(rng.integers(0, 2))
    peak = {"int8": 128.0, "int16": 32768.0}[dtype] * 127 * np.sqrt(depth)
    gain = 4096 * np.stack([rng.uniform(0.5, 8, (d, rows)) / peak, rng.uniform(0.2, 4, (d, rows)) / (128 * 127)])
    mul, shift = multiplier(gain, int(rng.integers(8, 32)))
    if rng.random() < 0.15:
        mul, shift = rng.choice(np.array([0, 1, 2**30]), mul.shape).astype(np.int32), int(rng.choice([1, 62]))
    out = small(rng)
    out_mul, out_shift = (1 << 20, 20) if out == "int8" else (int(rng.integers(0, 2**31)), int(rng.choice([1, 23, 62])))
    extreme = rng.random() < 0.3
    fields = {
        "inputs": (f"x{i}",),
        "output": f"y{i}",
        "weight": rng.integers(-127, 128, (d, rows, depth)).astype(np.int8),
        "recurrent": rng.integers(-127, 128, (d, rows, size)).astype(np.int8),
        "bias": rng.integers(-(2**28), 2**28, (d, rows)).astype(np.int32) >> int(rng.integers(0, 28)),
        "hidden_bias": rng.integers(-(2**28), 2**28, (d, rows)).astype(np.int32) >> int(rng.integers(10, 28)),
        "input_mul": mul[0],
        "hidden_mul": mul[1],
        "shift": shift,
        "state": rng.integers(-32767, 32768, (d, size)).astype(np.int16) if extreme else np.zeros((d, size), np.int16),
        "hidden": rng.integers(-128, 128, (d, size)).astype(np.int8) if extreme else np.zeros((d, size), np.int8),
        "sigmoid": gate_table("sigmoid"),
        "tanh": gate_table("tanh"),
        "reverse": int(rng.integers(0, 2)),
        "last": last,
        "out_mul": out_mul,
        "out_shift": out_shift,
    }
    shape = (d * size,) if last else (steps, d * size)
    feeds = [tensor(rng, f"x{i}", (steps, depth), dtype)]
    return fields, feeds, tensor(rng, f"y{i}", shape, out, symmetric=out == "int8")


def lstm(rng, i):
    fields, feeds, out = _fields(rng, i, 4)
    return Lstm(name=f"lstm{i}", cell_bits=int(rng.integers(0, 16)), **fields), feeds, out


def gru(rng, i):
    fields, feeds, out = _fields(rng, i, 3)
    return Gru(name=f"gru{i}", reset_after=int(rng.integers(0, 2)), **fields), feeds, out


def _look_up(table, value):
    place = sat(value, "int16") + 2**15
    k, f = place // 256, place % 256
    low, high = int(table[k]), int(table[k + 1])
    return low + rounded((high - low) * f, 8)


class _Cell:
    """One direction of an operator in Python integers."""

    def __init__(self, op, d):
        self.op, self.d, self.n = op, d, len(op.state[d])
        self.state, self.hidden = ([int(v) for v in part[d]] for part in (op.state, op.hidden))

    def sum_x(self, x, g):
        op, d = self.op, self.d
        total = sum(v * int(w) for v, w in zip(x, op.weight[d, g], strict=True)) + int(op.bias[d, g])
        assert abs(total) < 2**31
        return total

    def sum_h(self, h, g):
        op, d = self.op, self.d
        total = sum(v * int(w) for v, w in zip(h, op.recurrent[d, g], strict=True)) + int(op.hidden_bias[d, g])
        assert abs(total) < 2**31
        return total

    def gate(self, ax, ah, g):
        total = ax * int(self.op.input_mul[self.d, g]) + ah * int(self.op.hidden_mul[self.d, g])
        assert abs(total) < 2**63
        return sat(rounded(total, self.op.shift), "int32")

    def both(self, x, h, g):
        return self.gate(self.sum_x(x, g), self.sum_h(h, g), g)

    def lstm(self, x):
        n, c, state, hidden = self.n, self.op.cell_bits, [], []
        for j in range(n):
            u = [self.both(x, self.hidden, k * n + j) for k in range(4)]
            i, o, f = (_look_up(self.op.sigmoid, v) for v in u[:3])
            total = f * self.state[j] * 2 ** (15 - c) + i * _look_up(self.op.tanh, u[3])
            state.append(sat(rounded(total, 30 - c), "int16"))
            v = state[-1] * 2 ** (12 - c) if c <= 12 else rounded(state[-1], c - 12)
            hidden.append(sat(rounded(o * _look_up(self.op.tanh, v), 23), "int8"))
        self.state, self.hidden = state, hidden

    def gru(self, x):
        n, sums = self.n, []
        reset = [_look_up(self.op.sigmoid, self.both(x, self.hidden, n + j)) for j in range(n)]
        gated = [sat(rounded(r * s, 23), "int8") for r, s in zip(reset, self.state, strict=True)]
        for j in range(n):
            g = 2 * n + j
            if self.op.reset_after:
                a, b = self.gate(self.sum_x(x, g), 0, g), self.gate(0, self.sum_h(self.hidden, g), g)
                sums.append(a + rounded(reset[j] * b, 15))
            else:
                sums.append(self.both(x, gated, g))
        update = [_look_up(self.op.sigmoid, self.both(x, self.hidden, j)) for j in range(n)]
        new = [_look_up(self.op.tanh, v) for v in sums]
        self.state = [rounded(z * s + (2**15 - z) * v, 15) for z, s, v in zip(update, self.state, new, strict=True)]
        self.hidden = [sat(rounded(s, 8), "int8") for s in self.state]


def _walk(op, array, step):
    """Run every direction; call ``step(cell, x)`` for each step, which returns what the step writes."""
    x = [[int(v) for v in row] for row in array.reshape(-1, op.weight.shape[2])]
    steps, directions = len(x), len(op.weight)
    y = [[None] * directions for _ in range(steps)]
    final = []
    for d in range(directions):
        cell = _Cell(op, d)
        for t in reversed(range(steps)) if d or op.reverse else range(steps):
            y[t][d] = step(cell, x[t])
        final.append(y[0 if d or op.reverse else steps - 1][d])
    rows = [final] if op.last else y
    return [v for row in rows for part in row for v in part]


def recurrent_oracle(op, arrays, tensors, out):
    del tensors

    def step(cell, x):
        getattr(cell, op.kind)(x)
        return list(cell.hidden)

    stored = _walk(op, arrays[0], step)
    return [sat(rounded(h * op.out_mul, op.out_shift) + out.zero_point, out.dtype) for h in stored]


def _sigmoid(x):
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _exact_lstm(cell, x):
    """Hidden state of the exact cell from the states that the integers reached, float64."""
    op, n, d = cell.op, cell.n, cell.d
    real = [op.input_mul[d] * 2.0 ** -(op.shift + 12), op.hidden_mul[d] * 2.0 ** -(op.shift + 12)]
    u = real[0] * [cell.sum_x(x, g) for g in range(4 * n)] + real[1] * [
        cell.sum_h(cell.hidden, g) for g in range(4 * n)
    ]
    reach = 2.0 ** (15 - op.cell_bits)
    c = _sigmoid(u[2 * n : 3 * n]) * np.array(cell.state) * 2.0**-op.cell_bits + _sigmoid(u[:n]) * np.tanh(u[3 * n :])
    return _sigmoid(u[n : 2 * n]) * np.tanh(np.clip(c, -reach, reach * (1 - 2.0**-15)))


def _exact_gru(cell, x):
    op, n, d = cell.op, cell.n, cell.d
    real = [op.input_mul[d] * 2.0 ** -(op.shift + 12), op.hidden_mul[d] * 2.0 ** -(op.shift + 12)]
    a, b = (
        real[0] * [cell.sum_x(x, g) for g in range(3 * n)],
        real[1] * [cell.sum_h(cell.hidden, g) for g in range(3 * n)],
    )
    state = np.array(cell.state) * 2.0**-15
    z, r = _sigmoid((a + b)[:n]), _sigmoid((a + b)[n : 2 * n])
    if op.reset_after:
        inner = r * b[2 * n :]
    else:
        inner = real[1][2 * n :] * (
            op.recurrent[d, 2 * n :].astype(float) @ (128 * r * state) + op.hidden_bias[d, 2 * n :]
        )
    return z * state + (1 - z) * np.tanh(a[2 * n :] + inner)


def recurrent_real(op, arrays, tensors, out):
    """Every step exactly, from the state that the integers reached before it."""
    del tensors
    exact = {"lstm": _exact_lstm, "gru": _exact_gru}[op.kind]

    def step(cell, x):
        y = exact(cell, x)
        getattr(cell, op.kind)(x)
        return list(y)

    hidden = np.array(_walk(op, arrays[0], step))
    return 128.0 * hidden * op.out_mul * 2.0**-op.out_shift + out.zero_point


GENERATORS = {"gru": gru, "lstm": lstm}
ORACLES = {"gru": recurrent_oracle, "lstm": recurrent_oracle}
REALS = {"gru": recurrent_real, "lstm": recurrent_real}
