"""Layers of the transformers among the reference models."""

import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    """Multi-head attention; keys and values from `memory` where one is given."""

    def __init__(self, width, heads, causal=False):
        super().__init__()
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out, self.heads, self.causal = nn.Linear(width, width), heads, causal

    def forward(self, x, memory=None):
        def split(t):
            return t.view(t.shape[0], t.shape[1], self.heads, -1).transpose(1, 2)

        key, value = self.key_value(x if memory is None else memory).chunk(2, dim=-1)
        mixed = F.scaled_dot_product_attention(split(self.query(x)), split(key), split(value),
                                               is_causal=self.causal)
        return self.out(mixed.transpose(1, 2).reshape(x.shape))


class Block(nn.Module):
    """Self-attention, attention to a memory if `cross`, feed-forward; normalised before each."""

    def __init__(self, width, heads, causal=False, cross=False):
        super().__init__()
        self.attention, self.norm1 = Attention(width, heads, causal), nn.LayerNorm(width)
        self.cross = Attention(width, heads) if cross else None
        self.norm_cross = nn.LayerNorm(width) if cross else None
        self.norm2 = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(),
                                          nn.Linear(4 * width, width))

    def forward(self, x, memory=None):
        x = x + self.attention(self.norm1(x))
        if self.cross is not None:
            x = x + self.cross(self.norm_cross(x), memory)
        return x + self.feed_forward(self.norm2(x))


class Embedding(nn.Module):
    def __init__(self, vocabulary, positions, width):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(torch.randn(positions, width) * 0.02)

    def forward(self, tokens):
        return self.tokens(tokens) + self.positions[: tokens.shape[1]]
