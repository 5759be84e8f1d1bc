"""The reference models, with random weights from a fixed seed: no downloads.

A Task says how to make a model, what it is fed, and what training asks of its answer. What each
name is, and which scripts take it: catalogue.py.
"""

import torch
import torch.nn.functional as F

import other_models
import text_models

SEED = 20240


class Task:
    """A model and its data. Batches are tensors on the host whose first dimension is the batch."""

    sgd = False  # else AdamW
    mixed = False  # trained with FP32 weights under autocast, else all in one type
    images = False  # channels last

    def make(self):
        """On the host, in FP32."""
        raise NotImplementedError

    def batch(self, size, generator):
        raise NotImplementedError

    def ready(self, batch, dtype):
        """What the model takes, from a batch that is on its device."""
        return batch

    def loss(self, answer, batch):
        raise NotImplementedError


class Images(Task):
    """Classification of images of 224 x 224, [n, 224, 224, 3] bytes, by a model of torchvision."""

    sgd = mixed = images = True
    side = (224, 224)

    def __init__(self, name):
        self.name = name

    def make(self):
        import torchvision
        return getattr(torchvision.models, self.name)(weights=None)

    def batch(self, size, generator):
        return torch.randint(0, 256, (size, *self.side, 3), dtype=torch.uint8, generator=generator)

    def ready(self, batch, dtype):
        return batch.permute(0, 3, 1, 2).to(dtype).sub_(127.5).div_(64.0)

    def loss(self, answer, batch):
        return F.cross_entropy(answer, batch[:, 0, 0, 0].long())


class Detection(Images):
    """YOLOS: patches of one image and 100 questions to a transformer; no training."""

    images = False
    side = (800, 1056)

    def __init__(self):
        super().__init__("")

    def make(self):
        return other_models.Yolos(self.side)


class Tokens(Task):
    """The next token of [n, length] ones below `vocabulary`; `make` gives the model."""

    vocabulary = 30000

    def __init__(self, length, make):
        self.length, self.make = length, make

    def batch(self, size, generator):
        return torch.randint(0, self.vocabulary, (size, self.length), generator=generator)

    def loss(self, answer, batch):
        return F.cross_entropy(answer[:, :-1].flatten(0, 1), batch[:, 1:].flatten())


class Spans(Tokens):
    """Where an answer begins and ends in a text: two scores a token."""

    def loss(self, answer, batch):
        return F.cross_entropy(answer.flatten(0, 1), (batch[:, :2] % self.length).flatten())


class Summaries(Tokens):
    """Encoder-decoder: the last `target` tokens of a sample are predicted from the other_models."""

    def __init__(self, length, target, make):
        super().__init__(length + target, make)
        self.target = target

    def ready(self, batch, dtype):
        return batch[:, :-self.target], batch[:, -self.target:]

    def loss(self, answer, batch):
        return super().loss(answer, batch[:, -self.target:])


class Speech(Task):
    """Log-mel frames [n, mels, 3000] of 30 s; targets below `vocabulary` come from the first."""

    vocabulary = 51865

    def __init__(self, mels, target, make):
        self.mels, self.target, self.make = mels, target, make

    def batch(self, size, generator):
        return torch.randint(0, 256, (size, self.mels, 3000), dtype=torch.uint8,
                             generator=generator)

    def _targets(self, batch):
        return batch[:, 0, :self.target].long() * (self.vocabulary // 256)

    def ready(self, batch, dtype):
        return batch.to(dtype).sub_(127.5).div_(64.0), self._targets(batch)

    def loss(self, answer, batch):
        return F.cross_entropy(answer[:, :-1].flatten(0, 1), self._targets(batch)[:, 1:].flatten())


class Points(Task):
    """Classification of clouds [n, 3, 2500] into 16 kinds."""

    def make(self):
        return other_models.PointNet(16)

    def batch(self, size, generator):
        return torch.rand((size, 3, 2500), generator=generator)

    def ready(self, batch, dtype):
        return batch.to(dtype)

    def loss(self, answer, batch):
        return F.cross_entropy(answer, (batch[:, 0, 0] * 16).long())


TASKS = {
    "bert-base": Tokens(128, lambda: text_models.Bert(768, 12, 12)),
    "bert-large": Tokens(128, lambda: text_models.Bert(1024, 16, 24)),
    "bert-qa": Spans(384, lambda: text_models.Bert(768, 12, 12, spans=True)),
    "gpt2": Tokens(1024, lambda: text_models.Gpt2(768, 12, 12)),
    "gpt2-large": Tokens(512, lambda: text_models.Gpt2(1280, 20, 36)),
    "pegasus": Summaries(512, 64, lambda: text_models.Seq2Seq(768, 12, 12, vocabulary=96128)),
    "pointnet": Points(),
    "resnet50": Images("resnet50"),
    "resnet152": Images("resnet152"),
    "shufflenet": Images("shufflenet_v2_x1_0"),
    "transformer": Tokens(512, lambda: text_models.Transformer(768, 12, 6)),
    "whisper-large": Speech(128, 64, lambda: other_models.Whisper(128, 1280, 20, 32)),
    "yolos-small": Detection(),
}


def make(name):
    """The model on the host, in FP32, with the same weights each time."""
    torch.manual_seed(SEED)
    return TASKS[name].make()


def random_input(name, batch):
    """A fixed batch on the host."""
    return TASKS[name].batch(batch, torch.Generator().manual_seed(SEED))


def to_model_input(name, batch, dtype):
    """Images and sounds become normalised floats (images channels last); tokens stay."""
    return TASKS[name].ready(batch, dtype)
