"""TinyMyo's blocks and how they start, whatever stands in front of them."""

import math
from collections.abc import Iterable

import torch
from torch import nn

from emg_models._layers.transformer import Attention, Block

from .blocks_config import BlocksConfig

__all__ = ["make_block", "narrow_branches_", "xavier_"]


def make_block(config: BlocksConfig) -> Block:
    """Build one block with attention in both directions."""
    attention = Attention(config.embed_dim, config.n_heads, dropout=config.dropout, attn_dropout=config.attn_dropout)
    hidden = config.embed_dim * config.mlp_ratio
    return Block(attention, hidden, dropout=config.dropout, drop_path=config.drop_path)


def xavier_(module: nn.Module) -> None:
    """Xavier-uniform weight and zero bias for a linear, 1 and 0 for a LayerNorm."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.LayerNorm):
        module.reset_parameters()


@torch.no_grad()
def narrow_branches_(blocks: Iterable[nn.Module]) -> None:
    """Divide the two linears of block l = 1, 2, ... that feed the residual stream by √(2l)."""
    for depth, block in enumerate(blocks, start=1):
        for linear in (block.get_submodule("attn.proj"), block.get_submodule("mlp.fc2")):
            linear.get_parameter("weight").div_(math.sqrt(2 * depth))
