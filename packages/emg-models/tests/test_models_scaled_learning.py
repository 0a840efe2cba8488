"""A scaled Transformer learns by connectionist temporal classification, and then reads a live signal."""

import torch
from torch.nn.functional import ctc_loss

from emg_models import ScaledTransformerConfig, ScaledTransformerCTC

CONFIG = ScaledTransformerConfig(
    n_chans=4,
    n_times=1221,
    n_outputs=4,
    n_blocks=1,
    embed_dim=32,
    n_heads=4,
    conv_widths=(16, 16, 16),
    position_kernel=8,
    position_groups=4,
    feature_dropout=0.0,
    dropout=0.0,
    head_dropout=0.0,
    input_scale=1e5,
).for_streaming(context=20)


def bursts(n_windows):
    """Windows in volts with five bursts of 60 ms each, and the electrodes on which they come."""
    keys = torch.randint(0, 3, (n_windows, 5))
    x = 1e-6 * torch.randn(n_windows, 4, 1221)
    for window, electrodes in zip(x, keys.tolist(), strict=True):
        for place, electrode in enumerate(electrodes):
            window[electrode, 240 * place + 20 : 240 * place + 140] += 1e-5 * torch.randn(120)
    return x, keys


def read(log_probs):
    best = log_probs.argmax(-1)
    return [[key for key in torch.unique_consecutive(row).tolist() if key != 3] for row in best]


def test_leaves_the_plateau_of_blanks_and_reads_live():
    x, keys = bursts(8)
    model = ScaledTransformerCTC(CONFIG).train()
    lengths = (torch.full((8,), model.frames(1221)), torch.full((8,), 5))
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(150):
        optimiser.zero_grad()
        loss = ctc_loss(model(x).transpose(0, 1), keys, *lengths, blank=3)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * min(losses[:20]), losses
    live = model.stream(batch=8)
    heard = torch.cat([live.push(chunk) for chunk in x.split(50, -1)], 1)
    assert sum(found == key for found, key in zip(read(heard), keys.tolist(), strict=True)) >= 7
