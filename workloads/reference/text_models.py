"""Reference models of text: BERT, GPT-2, and two of an encoder and a decoder.

Sizes are (width, heads, layers), as base BERT's and small GPT-2's 768, 12, 12.
"""

import torch
from torch import nn

from layers import Block, Embedding


class Bert(nn.Module):
    """Encoder and pooler; gives one vector a sequence, or two scores a token with `spans`, [n, 2,
    length]."""

    def __init__(self, width, heads, layers, spans=False, vocabulary=30522, positions=512):
        super().__init__()
        self.embedding = Embedding(vocabulary, positions, width)
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.spans = nn.Linear(width, 2) if spans else None
        self.pooler = None if spans else nn.Linear(width, width)

    def forward(self, tokens):
        x = self.norm(self.blocks(self.embedding(tokens)))
        if self.spans is not None:
            return self.spans(x).transpose(1, 2)
        return torch.tanh(self.pooler(x[:, 0]))


class Gpt2(nn.Module):
    """Decoder; gives logits over the vocabulary, whose size is a multiple of 128."""

    def __init__(self, width, heads, layers, vocabulary=50304, positions=1024):
        super().__init__()
        self.embedding = Embedding(vocabulary, positions, width)
        self.blocks = nn.Sequential(*[Block(width, heads, causal=True) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens):
        return self.head(self.norm(self.blocks(self.embedding(tokens))))


class Seq2Seq(nn.Module):
    """Encoder and decoder of `layers` each; takes (source, target) tokens and gives logits of the
    target's."""

    def __init__(self, width, heads, layers, vocabulary=32768, positions=512):
        super().__init__()
        self.embedding = Embedding(vocabulary, positions, width)
        self.encoder = nn.Sequential(*[Block(width, heads) for _ in range(layers)])
        self.decoder = nn.ModuleList(
            [Block(width, heads, causal=True, cross=True) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, both):
        source, target = both
        return self.answer(self.embedding(source), self.embedding(target))

    def answer(self, source, target):
        memory = self.encoder(source)
        for block in self.decoder:
            target = block(target, memory)
        return self.head(self.norm(target))


class Transformer(Seq2Seq):
    """The same, fed with one sequence on both sides."""

    def forward(self, tokens):
        x = self.embedding(tokens)
        return self.answer(x, x)
