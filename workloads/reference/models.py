"""The reference models, with random weights from a fixed seed: no downloads.

Shapes: BERT-base (12 layers, 768 wide, 12 heads), GPT-2 small (the same, causal, 1024 positions),
an encoder-decoder transformer of 6 + 6 layers, ResNet-50.
"""

import torch
from torch import nn

from layers import Block, Embedding

WIDTH, HEADS, LAYERS = 768, 12, 12
SEED = 20240


class Bert(nn.Module):
    """Encoder and pooler; gives one vector a sequence."""

    def __init__(self, vocabulary=30522, positions=512):
        super().__init__()
        self.embedding = Embedding(vocabulary, positions, WIDTH)
        self.blocks = nn.Sequential(*[Block(WIDTH, HEADS) for _ in range(LAYERS)])
        self.norm, self.pooler = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens):
        x = self.norm(self.blocks(self.embedding(tokens)))
        return torch.tanh(self.pooler(x[:, 0]))


class Gpt2(nn.Module):
    """Decoder; gives logits over the vocabulary, whose size is a multiple of 128."""

    def __init__(self, vocabulary=50304, positions=1024):
        super().__init__()
        self.embedding = Embedding(vocabulary, positions, WIDTH)
        self.blocks = nn.Sequential(*[Block(WIDTH, HEADS, causal=True) for _ in range(LAYERS)])
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, vocabulary, bias=False)

    def forward(self, tokens):
        return self.head(self.norm(self.blocks(self.embedding(tokens))))


class Transformer(nn.Module):
    """Encoder-decoder of 6 + 6 layers, fed with one sequence on both sides; gives logits."""

    def __init__(self, vocabulary=32768, positions=512):
        super().__init__()
        self.embedding = Embedding(vocabulary, positions, WIDTH)
        self.encoder = nn.Sequential(*[Block(WIDTH, HEADS) for _ in range(LAYERS // 2)])
        self.decoder = nn.ModuleList(
            [Block(WIDTH, HEADS, causal=True, cross=True) for _ in range(LAYERS // 2)])
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
