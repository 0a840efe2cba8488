"""TinyMyo's pre-training network as first published, from reference section 1: the peer of the benchmarks.

Nothing is shared with the package: built-in layers, rotation by stacked products in float32 with the defect of the
first release (the position is the head's index), built-in attention with dropout 0.1, branches dropped by a product.
"""

import torch
import torch.nn.functional as F
from torch import nn


class PublishedBlock(nn.Module):
    def __init__(self, width, n_heads, rate, attn_rate):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.drop = nn.Dropout(rate)
        self.n_heads, self.rate, self.attn_rate = n_heads, rate, attn_rate
        angle = torch.arange(1024.0)[:, None] * 10000 ** (-torch.arange(0, width // n_heads, 2) * n_heads / width)
        self.register_buffer("table", torch.stack([angle.cos(), angle.sin()], -1), persistent=False)

    def rotate(self, x):
        even, odd = x.float().reshape(*x.shape[:-1], -1, 2).unbind(-1)
        cos, sin = self.table[: x.shape[1]].view(1, x.shape[1], 1, -1, 2).unbind(-1)
        return torch.stack([even * cos - odd * sin, odd * cos + even * sin], -1).flatten(3).type_as(x)

    def attend(self, x):
        batch, n, width = x.shape
        qkv = self.qkv(x).reshape(batch, n, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = self.rotate(qkv[0]), self.rotate(qkv[1]), qkv[2]
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=self.attn_rate if self.training else 0.0)
        return self.drop(self.proj(y.transpose(2, 1).reshape(batch, n, width)))

    def drop_path(self, x):
        if not self.training:
            return x
        return x * x.new_empty(len(x), 1, 1).bernoulli_(1 - self.rate).div_(1 - self.rate)

    def forward(self, x):
        x = x + self.drop_path(self.attend(self.norm1(x)))
        return x + self.drop_path(self.drop(self.fc2(self.drop(F.gelu(self.fc1(self.norm2(x)))))))


class PublishedPretrainer(nn.Module):
    """Windows (B, C, T) and a mask of hidden patches (B, N) to rebuilt windows (B, C, T)."""

    def __init__(self, width=192, n_blocks=8, n_heads=3, patch=20, rate=0.1, attn_rate=0.1):
        super().__init__()
        self.patches = nn.Conv2d(1, width, (1, patch), (1, patch))
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.Sequential(*(PublishedBlock(width, n_heads, rate, attn_rate) for _ in range(n_blocks)))
        self.norm, self.decoder = nn.LayerNorm(width), nn.Linear(width, patch)

    def forward(self, x, hidden):
        tokens = self.patches(x.unsqueeze(1)).flatten(2).transpose(1, 2)
        tokens = torch.where(hidden[..., None], self.mask_token.repeat(*tokens.shape[:2], 1), tokens)
        return self.decoder(self.norm(self.blocks(tokens))).reshape(x.shape)

    @staticmethod
    def loss(rebuilt, x, hidden):
        hidden = hidden.view(*x.shape[:2], -1).repeat_interleave(x.shape[2] * x.shape[1] // hidden.shape[1], 2)
        return F.smooth_l1_loss(rebuilt[hidden], x[hidden]) + 0.1 * F.smooth_l1_loss(rebuilt[~hidden], x[~hidden])
