"""Reference models that are neither of text nor torchvision's: YOLOS, Whisper, PointNet."""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from layers import Block, Embedding


class Yolos(nn.Module):
    """YOLOS-small: patches of 16 x 16 and 100 questions through 12 layers; gives each question's
    class and box, [n, 100, 92 + 4]."""

    QUESTIONS = 100

    def __init__(self, side, width=384, heads=6, layers=12):
        super().__init__()
        patches = side[0] // 16 * (side[1] // 16)
        self.patches = nn.Conv2d(3, width, 16, stride=16)
        self.first = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.questions = nn.Parameter(torch.randn(1, self.QUESTIONS, width) * 0.02)
        self.positions = nn.Parameter(torch.randn(1, 1 + patches + self.QUESTIONS, width) * 0.02)
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.classes, self.boxes = self._head(width, 92), self._head(width, 4)

    @staticmethod
    def _head(width, outputs):
        return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
                             nn.Linear(width, outputs))

    def forward(self, images):
        n = images.shape[0]
        x = torch.cat([self.first.expand(n, -1, -1),
                       self.patches(images).flatten(2).transpose(1, 2),
                       self.questions.expand(n, -1, -1)], dim=1)
        asked = self.norm(self.blocks(x + self.positions))[:, -self.QUESTIONS:]
        return torch.cat([self.classes(asked), self.boxes(asked).sigmoid()], dim=-1)


class Whisper(nn.Module):
    """Two convolutions and an encoder over 1500 frames, a decoder; takes (mel, target tokens) and
    gives logits. Training keeps each layer's input and computes the rest again."""

    def __init__(self, mels, width, heads, layers, vocabulary=51968, positions=448):
        super().__init__()
        self.first = nn.Conv1d(mels, width, 3, padding=1)
        self.second = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.randn(1500, width) * 0.02)
        self.encoder = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        self.norm_encoder = nn.LayerNorm(width)
        self.embedding = Embedding(vocabulary, positions, width)
        self.decoder = nn.ModuleList(
            [Block(width, heads, causal=True, cross=True) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def _through(self, block, *inputs):
        if self.training and torch.is_grad_enabled():
            return checkpoint(block, *inputs, use_reentrant=False)
        return block(*inputs)

    def forward(self, both):
        mel, target = both
        gelu = nn.functional.gelu
        x = gelu(self.second(gelu(self.first(mel)))).transpose(1, 2) + self.positions
        for block in self.encoder:
            x = self._through(block, x)
        memory, x = self.norm_encoder(x), self.embedding(target)
        for block in self.decoder:
            x = self._through(block, x, memory)
        return self.head(self.norm(x))


def _layers(*widths, kind):
    """Linear maps of points or vectors, each normalised over the batch."""
    made = []
    for one, next_one in zip(widths, widths[1:]):
        layer = nn.Conv1d(one, next_one, 1) if kind == "points" else nn.Linear(one, next_one)
        made += [layer, nn.BatchNorm1d(next_one), nn.ReLU()]
    return nn.Sequential(*made)


class Turn(nn.Module):
    """A matrix of `width` squared for each cloud, near the identity."""

    def __init__(self, width):
        super().__init__()
        self.width = width
        self.points = _layers(width, 64, 128, 1024, kind="points")
        self.cloud = _layers(1024, 512, 256, kind="vectors")
        self.matrix = nn.Linear(256, width * width)

    def forward(self, x):
        found = self.matrix(self.cloud(self.points(x).amax(dim=2)))
        return found.view(-1, self.width, self.width) + torch.eye(
            self.width, device=x.device, dtype=x.dtype)


class PointNet(nn.Module):
    """Clouds [n, 3, points] to scores of `kinds`, with both turns, which the loss does not know."""

    def __init__(self, kinds):
        super().__init__()
        self.turn, self.feature_turn = Turn(3), Turn(64)
        self.first = _layers(3, 64, kind="points")
        self.points = _layers(64, 128, 1024, kind="points")
        self.cloud = _layers(1024, 512, 256, kind="vectors")
        self.scores = nn.Linear(256, kinds)

    def forward(self, x):
        x = self.first(self.turn(x).transpose(1, 2) @ x)
        x = self.feature_turn(x).transpose(1, 2) @ x
        return self.scores(self.cloud(self.points(x).amax(dim=2)))
