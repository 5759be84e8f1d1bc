#!/usr/bin/env python3
"""workloads/reference's models, made small: shapes of what they give, and losses that can be
derived. Exits with 77 where PyTorch is missing."""

import math
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "workloads" / "reference"))
try:
    import torch
except ImportError:
    print("PyTorch is not installed")
    sys.exit(77)

import catalogue  # noqa: E402
import models  # noqa: E402
import other_models  # noqa: E402
import text_models  # noqa: E402


def attention(query, key, value, is_causal=False):
    """As PyTorch 2 has it."""
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    if is_causal:
        scores = scores.masked_fill(torch.ones(scores.shape[-2:]).triu(1).bool(), -math.inf)
    return scores.softmax(-1) @ value


if not hasattr(torch.nn.functional, "scaled_dot_product_attention"):
    torch.nn.functional.scaled_dot_product_attention = attention

SIZE = (32, 2, 1)
WORDS = 512
T = text_models
SMALL = {
    "spans": (models.Spans(16, lambda: T.Bert(*SIZE, True, WORDS)), (2, 2, 16)),
    "tokens": (models.Tokens(16, lambda: T.Gpt2(*SIZE, WORDS)), (2, 16, WORDS)),
    "both sides": (models.Tokens(16, lambda: T.Transformer(*SIZE, WORDS)), (2, 16, WORDS)),
    "summaries": (models.Summaries(16, 4, lambda: T.Seq2Seq(*SIZE, WORDS)), (2, 4, WORDS)),
    "speech": (models.Speech(8, 4, lambda: other_models.Whisper(8, *SIZE, WORDS)), (2, 4, WORDS)),
    "points": (models.Points(), (2, 16)),
}
for _task, _ in SMALL.values():
    _task.vocabulary = WORDS


def fresh(task, size):
    """(a model with the same weights each time, a batch for it)."""
    torch.manual_seed(1)
    return task.make().train(), task.batch(size, torch.Generator().manual_seed(1))


class Small(unittest.TestCase):
    def test_each_task_gives_its_shape_and_a_loss_that_reaches_every_weight(self):
        for name, (task, shape) in SMALL.items():
            with self.subTest(name):
                model, batch = fresh(task, 2)
                answer = model(task.ready(batch, torch.float32))
                self.assertEqual(tuple(answer.shape), shape)
                loss = task.loss(answer, batch)
                self.assertTrue(math.isfinite(loss.item()))
                loss.backward()
                without = [n for n, p in model.named_parameters() if p.grad is None]
                self.assertEqual(without, [])

    def test_a_few_steps_lower_the_loss(self):
        for name, (task, _) in SMALL.items():
            with self.subTest(name):
                model, batch = fresh(task, 4)
                optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
                losses = []
                for _ in range(5):
                    loss = task.loss(model(task.ready(batch, torch.float32)), batch)
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                    losses.append(loss.item())
                self.assertLess(losses[-1], losses[0])

    def test_a_detector_answers_each_question(self):
        model = other_models.Yolos((32, 48), width=12, heads=2, layers=1).eval()
        answer = model(torch.zeros(2, 3, 32, 48))
        self.assertEqual(tuple(answer.shape), (2, 100, 96))

    def test_a_batch_is_the_same_each_time(self):
        for name in ("bert-qa", "pegasus", "pointnet"):
            self.assertTrue(torch.equal(models.random_input(name, 2),
                                        models.random_input(name, 2)))

    def test_the_catalogue_names_tasks(self):
        self.assertLessEqual({*catalogue.TRAINED, *catalogue.SERVED}, set(models.TASKS))


if __name__ == "__main__":
    unittest.main()
