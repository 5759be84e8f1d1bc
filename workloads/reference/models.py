"""The reference models, with random weights from a fixed seed: no downloads.

Shapes: BERT-base (12 layers, 768 wide, 12 heads), GPT-2 small (the same, causal, 1024 positions),
an encoder-decoder transformer of 6 + 6 layers, ResNet-50.
"""

import torch
import torch.nn.functional as F
from torch import nn

WIDTH, HEADS, LAYERS = 768, 12, 12
SEED = 20240


class Attention(nn.Module):
    """Multi-head attention; keys and values from `memory` where one is given."""

    def __init__(self, causal=False):
        super().__init__()
        self.query, self.key_value = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2 * WIDTH)
        self.out, self.causal = nn.Linear(WIDTH, WIDTH), causal

    def forward(self, x, memory=None):
        def heads(t):
            return t.view(t.shape[0], t.shape[1], HEADS, WIDTH // HEADS).transpose(1, 2)

        key, value = self.key_value(x if memory is None else memory).chunk(2, dim=-1)
        mixed = F.scaled_dot_product_attention(heads(self.query(x)), heads(key), heads(value),
                                               is_causal=self.causal)
        return self.out(mixed.transpose(1, 2).reshape(x.shape))


class Block(nn.Module):
    """Self-attention, attention to a memory if `cross`, feed-forward; normalised before each."""

    def __init__(self, causal=False, cross=False):
        super().__init__()
        self.attention, self.norm1 = Attention(causal), nn.LayerNorm(WIDTH)
        self.cross = Attention() if cross else None
        self.norm_cross = nn.LayerNorm(WIDTH) if cross else None
        self.norm2 = nn.LayerNorm(WIDTH)
        self.feed_forward = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(),
                                          nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x, memory=None):
        x = x + self.attention(self.norm1(x))
        if self.cross is not None:
            x = x + self.cross(self.norm_cross(x), memory)
        return x + self.feed_forward(self.norm2(x))


class Embedding(nn.Module):
    def __init__(self, vocabulary, positions):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, WIDTH)
        self.positions = nn.Parameter(torch.randn(positions, WIDTH) * 0.02)

    def forward(self, tokens):
        return self.tokens(tokens) + self.positions[: tokens.shape[1]]


class Bert(nn.Module):
    """Encoder and pooler; gives one vector a sequence."""

    def __init__(self, vocabulary=30522, positions=512):
        super().__init__()
        self.embedding = Embedding(vocabulary, positions)
        self.blocks = nn.Sequential(*[Block() for _ in range(LAYERS)])
        self.norm, self.pooler = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens):
        x = self.norm(self.blocks(self.embedding(tokens)))
        return torch.tanh(self.pooler(x[:, 0]))


class Gpt2(nn.Module):
    """Decoder; gives logits over the vocabulary, whose size is a multiple of 128."""

    def __init__(self, vocabulary=50304, positions=1024):
        super().__init__()
        self.embedding = Embedding(vocabulary, positions)
        self.blocks = nn.Sequential(*[Block(causal=True) for _ in range(LAYERS)])
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, vocabulary, bias=False)

    def forward(self, tokens):
        return self.head(self.norm(self.blocks(self.embedding(tokens))))


class Transformer(nn.Module):
    """Encoder-decoder of 6 + 6 layers, fed with one sequence on both sides; gives logits."""

    def __init__(self, vocabulary=32768, positions=512):
        super().__init__()
        self.embedding = Embedding(vocabulary, positions)
        self.encoder = nn.Sequential(*[Block() for _ in range(LAYERS // 2)])
        self.decoder = nn.ModuleList(
            [Block(causal=True, cross=True) for _ in range(LAYERS // 2)])
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, vocabulary, bias=False)

    def forward(self, tokens):
        x = self.embedding(tokens)
        memory = self.encoder(x)
        for block in self.decoder:
            x = block(x, memory)
        return self.head(self.norm(x))


def make(name):
    """The model on the host, in FP32, with the same weights each time."""
    torch.manual_seed(SEED)
    if name == "resnet50":
        import torchvision
        return torchvision.models.resnet50(weights=None)
    return {"bert-base": Bert, "gpt2": Gpt2, "transformer": Transformer}[name]()


def sequence_length(name):
    return {"bert-base": 128, "gpt2": 1024, "transformer": 512}[name]


def random_input(name, batch):
    """A fixed batch on the host: images as bytes (channels last), or tokens."""
    generator = torch.Generator().manual_seed(SEED)
    if name == "resnet50":
        return torch.randint(0, 256, (batch, 224, 224, 3), dtype=torch.uint8, generator=generator)
    return torch.randint(0, 30000, (batch, sequence_length(name)), generator=generator)


def to_model_input(name, batch, dtype):
    """Images become normalised channels-last floats; tokens stay."""
    if name != "resnet50":
        return batch
    return batch.permute(0, 3, 1, 2).to(dtype).sub_(127.5).div_(64.0)
