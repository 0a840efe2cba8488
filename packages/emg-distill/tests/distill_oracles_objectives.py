"""Objectives again, slowly: loops over rows and entries in float64, CTC by every alignment there is."""

import itertools
import math

import numpy as np

Arrays = dict[str, np.ndarray]


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def kl(teacher, student, tau):
    p, q = softmax(np.asarray(teacher) / tau), softmax(np.asarray(student) / tau)
    return tau**2 * sum(a * (math.log(a) - math.log(b)) for a, b in zip(p, q, strict=True) if a > 0)


def h(d, kind, beta=1.0):
    if kind == "l1":
        return abs(d)
    if kind == "l2":
        return d * d
    return d * d / (2 * beta) if abs(d) < beta else abs(d) - beta / 2


def weighted(pairs):
    """Mean of (value, weight) pairs, 0 where nothing counts; values of weight 0 are not looked at."""
    pairs = [(v() if w else 0.0, w) for v, w in pairs]
    total = sum(w for _, w in pairs)
    return sum(v * w for v, w in pairs) / total if total else 0.0


def entries(c: Arrays, row, value):
    shape = c["prediction"].shape[1:]
    frames = c["input_lengths"][row] if "input_lengths" in c else shape[0]
    out = []
    for index in np.ndindex(*shape):
        w = c["weight"][row][index] if "weight" in c else 1.0
        out.append((lambda index=index: value(index), float(w) if index[0] < frames else 0.0))
    return weighted(out)


def cross_entropy(c: Arrays, row, label_smoothing=0.0):
    p = softmax(c["prediction"][row])
    y = np.full(len(p), label_smoothing / len(p))
    y[c["target"][row]] += 1 - label_smoothing
    return -sum(a * math.log(b) for a, b in zip(y, p, strict=True))


def events(c: Arrays, row, positive_weight=1.0):
    def value(i):
        s, y = 1 / (1 + math.exp(-c["prediction"][row][i])), c["target"][row][i]
        return -(positive_weight * y * math.log(s) + (1 - y) * math.log(1 - s))

    return entries(c, row, value)


def soft_events(c: Arrays, row, temperature=1.0):
    def value(i):
        logits = [[0.0, c[name][row][i]] for name in ("teacher_prediction", "prediction")]
        return kl(*logits, temperature)

    return entries(c, row, value)


def _values(other, kind):
    def oracle(c: Arrays, row, beta=1.0, loss=kind):
        return entries(c, row, lambda i: h(c["prediction"][row][i] - c[other][row][i], loss, beta))

    return oracle


def angular(c: Arrays, row, unit="degrees"):
    scale = math.pi / 180 if unit == "degrees" else 1.0
    return entries(c, row, lambda i: 1 - math.cos(scale * (c["prediction"][row][i] - c["target"][row][i])))


def collapse(path, blank):
    return tuple(s for s, _ in itertools.groupby(path) if s != blank)


def path_sum(log_p, text):
    """Log-probability of a text: the sum over all paths of symbols and blanks that collapse to it."""
    frames, classes = log_p.shape
    paths = itertools.product(range(classes), repeat=frames)
    likely = [sum(log_p[f, s] for f, s in enumerate(p)) for p in paths if collapse(p, classes - 1) == tuple(text)]
    return math.log(sum(map(math.exp, likely))) if likely else -math.inf


def ctc(c: Arrays, row, reduction="mean", zero_infinity=False, target="target"):
    frames = c["input_lengths"][row] if "input_lengths" in c else c["prediction"].shape[1]
    symbols = c["target_lengths"][row] if "target_lengths" in c else c[target].shape[1]
    loss = -path_sum(c["prediction"][row][:frames], c[target][row][:symbols])
    if math.isinf(loss) and zero_infinity:
        return 0.0
    return loss / max(1, symbols) if reduction == "mean" else loss


def best_path(log_p):
    return collapse([int(np.argmax(frame)) for frame in log_p], log_p.shape[1] - 1)


def ctc_sequence_distillation(c: Arrays, row, **options):
    if "teacher_target" in c:
        texts, lengths = c["teacher_target"][row], c["teacher_target_lengths"][row]
    else:
        frames = c["input_lengths"][row] if "input_lengths" in c else c["prediction"].shape[1]
        texts = np.array(best_path(c["teacher_prediction"][row][:frames]), int)
        lengths = len(texts)
    if texts.ndim == 1:
        texts, lengths = texts[None], [lengths]
    weights = c["teacher_target_weight"][row] if "teacher_target_weight" in c else np.ones(len(texts))
    total = 0.0
    for text, length, weight in zip(texts, lengths, weights, strict=True):
        if weight:
            one = {k: v[row : row + 1] for k, v in c.items() if k in ("prediction", "input_lengths")}
            one |= {"target": text[None, :length]}
            total += weight / weights.sum() * ctc(one, 0, **options)
    return total


def ctc_distillation(c: Arrays, row, temperature=1.0, blank_weight=1.0, alignment="frames", max_shift=0):
    s, t = c["prediction"][row], c["teacher_prediction"][row]
    n = c["input_lengths"][row] if "input_lengths" in c else len(s)
    weight = [1 - (1 - blank_weight) * softmax(t[f])[-1] for f in range(n)]
    cost = {(f, g): kl(t[f], s[g], temperature) for f in range(n) for g in range(n)}
    if alignment == "frames":
        return weighted([(lambda f=f: cost[f, f], weight[f]) for f in range(n)])
    if alignment == "window":
        least = [min(cost[f, g] for g in range(n) if abs(f - g) <= max_shift) for f in range(n)]
        return weighted([(lambda f=f: least[f], weight[f]) for f in range(n)])
    means = []
    for d in range(-max_shift, max_shift + 1):
        pairs = [f for f in range(n) if 0 <= f + d < n]
        if 2 * len(pairs) >= n:
            means.append(weighted([(lambda f=f, d=d: cost[f, f + d], weight[f]) for f in pairs]))
    return min(means)


def logit_distillation(c: Arrays, row, temperature=2.0, alpha=0.5, label_smoothing=0.0):
    return alpha * soft_labels(c, row, temperature) + (1 - alpha) * cross_entropy(c, row, label_smoothing)


def soft_labels(c: Arrays, row, temperature=2.0):
    return kl(c["teacher_prediction"][row], c["prediction"][row], temperature)


def speech(c: Arrays, row, distance="l2", phoneme_weight=0.5):
    n = c["target"].shape[2]
    frames = c["input_lengths"][row] if "input_lengths" in c else c["target"].shape[1]

    def value(f):
        d = c["prediction"][row, f, :n] - c["target"][row, f]
        loss = math.sqrt(sum(d**2)) if distance == "l2" else sum(abs(d)) / n
        if "phonemes" in c:
            loss -= phoneme_weight * math.log(softmax(c["prediction"][row, f, n:])[c["phonemes"][row, f]])
        return loss

    def weight(f):
        w = c["weight"][row, f] if "weight" in c else 1.0
        return float(np.mean(w)) if f < frames else 0.0

    return weighted([(lambda f=f: value(f), weight(f)) for f in range(c["target"].shape[1])])


def masked_reconstruction(c: Arrays, row, loss="smooth_l1", visible_weight=0.1, beta=1.0):
    x, y = c["prediction"][row], c["target"][row]
    n_chans, n_times = x.shape
    patches = c["patch_mask"].shape[1] // n_chans
    size = int(c["patch_size"]) if "patch_size" in c else n_times // patches
    parts = {True: [], False: []}
    for chan, time in np.ndindex(n_chans, n_times):
        if "channel_mask" not in c or c["channel_mask"][row, chan]:
            hidden = bool(c["patch_mask"][row, chan * patches + time // size])
            parts[hidden].append(h(x[chan, time] - y[chan, time], loss, beta))
    hidden, visible = (sum(part) / len(part) if part else 0.0 for part in (parts[True], parts[False]))
    return hidden + visible_weight * visible


def feature_prediction(c: Arrays, row, loss="smooth_l1", beta=1.0):
    x, y = c["projected"][row], c["teacher_features"][row]
    hidden = [i for i in range(len(x)) if c["patch_mask"][row, i]]
    if "channel_mask" in c:
        patches = len(x) // c["channel_mask"].shape[1]
        hidden = [i for i in hidden if c["channel_mask"][row, i // patches]]
    values = [h(a - b, loss, beta) for i in hidden for a, b in zip(x[i], y[i], strict=True)]
    return sum(values) / len(values) if values else 0.0


def _n_features(c: Arrays, row, name):
    return c["feature_lengths"][row] if "feature_lengths" in c else c[name].shape[1]


def feature_distillation(c: Arrays, row, distance="mse"):
    values = []
    for f in range(_n_features(c, row, "projected")):
        x, y = c["projected"][row, f], c["teacher_features"][row, f]
        cosine = sum(x * y) / math.sqrt(sum(x * x) * sum(y * y))
        values.append(sum((x - y) ** 2) / len(x) if distance == "mse" else 1 - cosine)
    return sum(values) / len(values) if values else 0.0


def attention_transfer(c: Arrays, row, power=2.0):
    maps = []
    for name in ("features", "teacher_features"):
        q = np.array([sum(abs(v) ** power for v in x) for x in c[name][row][: _n_features(c, row, name)]])
        maps.append(q / math.sqrt(sum(q * q)))
    return math.sqrt(sum((maps[0] - maps[1]) ** 2))


def relation_distillation(c: Arrays, row, heads=1, temperature=1.0):
    n, total = _n_features(c, row, "features"), 0.0
    for kind, head, f in itertools.product(range(3), range(heads), range(n)):
        scores = []
        for name in ("teacher_features", "features"):
            width = c[name].shape[2] // 3 // heads
            first = (kind * heads + head) * width
            x = c[name][row, :n, first : first + width]
            scores.append([sum(x[f] * x[g]) / math.sqrt(width) for g in range(n)])
        total += kl(*scores, temperature)
    return total / (3 * heads * n)


def nt_xent(views, other_views, temperature=0.2):
    z = np.concatenate([views, other_views])
    z = z / np.sqrt((z**2).sum(1, keepdims=True))
    n, total = len(views), 0.0
    for i in range(2 * n):
        own = math.exp(z[i] @ z[(i + n) % (2 * n)] / temperature)
        total -= math.log(own / sum(math.exp(z[i] @ z[k] / temperature) for k in range(2 * n) if k != i))
    return total / (2 * n)


def info_nce(views, other_views, temperature=0.2, symmetric=True):
    x, y = (v / np.sqrt((v**2).sum(1, keepdims=True)) for v in (views, other_views))

    def one_way(a, b):
        rows = [[math.exp(p @ q / temperature) for q in b] for p in a]
        return -sum(math.log(row[i] / sum(row)) for i, row in enumerate(rows)) / len(rows)

    return (one_way(x, y) + one_way(y, x)) / 2 if symmetric else one_way(x, y)


def time_frequency_consistency(
    time_views, frequency_views, time_projected, frequency_projected, temperature=0.2, balance=0.5, margin=1.0
):
    ht, hta, hf, hfa = *time_views.swapaxes(0, 1), *frequency_views.swapaxes(0, 1)
    zt, zta, zf, zfa = *time_projected.swapaxes(0, 1), *frequency_projected.swapaxes(0, 1)
    within = nt_xent(ht, hta, temperature) + nt_xent(hf, hfa, temperature)
    near = nt_xent(zt, zf, temperature)
    pairs = ((zt, zfa), (zta, zf), (zta, zfa))
    consistency = sum(near - nt_xent(a, b, temperature) + margin for a, b in pairs)
    return balance * within + (1 - balance) * consistency


ROWS = {
    "angular": angular,
    "attention_transfer": attention_transfer,
    "cross_entropy": cross_entropy,
    "ctc": ctc,
    "ctc_distillation": ctc_distillation,
    "ctc_sequence_distillation": ctc_sequence_distillation,
    "events": events,
    "feature_distillation": feature_distillation,
    "feature_prediction": feature_prediction,
    "l1": _values("target", "l1"),
    "logit_distillation": logit_distillation,
    "masked_reconstruction": masked_reconstruction,
    "mse": _values("target", "l2"),
    "relation_distillation": relation_distillation,
    "smooth_l1": _values("target", "smooth_l1"),
    "soft_events": soft_events,
    "soft_labels": soft_labels,
    "soft_values": _values("teacher_prediction", "l2"),
    "speech": speech,
}
COUPLED = {"info_nce": info_nce, "nt_xent": nt_xent, "time_frequency_consistency": time_frequency_consistency}
OPTIONS = {
    "angular": [{"unit": "radians"}],
    "attention_transfer": [{"power": 1.5}],
    "cross_entropy": [{"label_smoothing": 0.2}],
    "ctc": [{"reduction": "sum"}, {"zero_infinity": True}],
    "ctc_distillation": [
        {"temperature": 2.0, "blank_weight": 0.25},
        {"alignment": "shift", "max_shift": 3},
        {"alignment": "window", "max_shift": 2, "blank_weight": 0.5},
    ],
    "ctc_sequence_distillation": [{"reduction": "sum"}],
    "events": [{"positive_weight": 3.0}],
    "feature_distillation": [{"distance": "cosine"}],
    "feature_prediction": [{"loss": "l2"}, {"beta": 0.3}, {"loss": "l1"}],
    "info_nce": [{"symmetric": False, "temperature": 0.7}],
    "logit_distillation": [{"temperature": 3.0, "alpha": 0.3, "label_smoothing": 0.1}],
    "masked_reconstruction": [{"loss": "l1"}, {"loss": "l2", "visible_weight": 0.5}, {"beta": 0.4}],
    "nt_xent": [{"temperature": 0.6}],
    "relation_distillation": [{"heads": 2, "temperature": 1.5}],
    "smooth_l1": [{"beta": 0.2}],
    "soft_events": [{"temperature": 2.5}],
    "soft_labels": [{"temperature": 1.0}],
    "soft_values": [{"loss": "smooth_l1", "beta": 0.5}],
    "speech": [{"distance": "l1", "phoneme_weight": 1.5}],
    "time_frequency_consistency": [{"balance": 0.2, "margin": 0.5, "temperature": 0.5}],
}


def evaluate(name, context: Arrays, options=None) -> float:
    """Value of an objective for a context of arrays."""
    options = options or {}
    if name in COUPLED:
        return COUPLED[name](**context, **options)
    batch = len(next(value for value in context.values() if value.ndim))
    return sum(ROWS[name](context, row, **options) for row in range(batch)) / batch
