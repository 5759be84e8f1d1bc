#!/usr/bin/env python3
"""Training back to back, as a workload of corun bench.

  train.py --model resnet50 --batch 128
  train.py --model gpt2
  train.py --model transformer --batch 32

Models of images in mixed precision (bfloat16 with FP32 weights), the others in bfloat16: with
autocast their many small casts would make the host, not the device, set the pace. With --fp32 all
in FP32, as PyTorch is without being told otherwise. Each step copies its batch to the device. The
checksum is of a frozen copy of the model: its answer to a fixed input must be the same before and
after the window, bit by bit, and the loss must be finite.
"""

import argparse
import collections
import copy
import math
import sys
import time

import catalogue
import device as devices
import row_protocol
import serving

STEPS_AHEAD = 3  # how far the host runs ahead of the device


class Training(row_protocol.Workload):
    kind, unit = "training", "samples/s"

    def __init__(self, options):
        self.options = options
        self.batch = options.batch or catalogue.TRAINED[options.model]

    def initialise(self):
        import models
        import torch
        self.torch, self.device = torch, devices.Device(self.options)
        name = self.options.model
        self.task = models.TASKS[name]
        exact = self.options.fp32 or not self.device.cuda
        self.mixed = self.task.mixed and not self.options.fp32
        self.dtype = torch.float32 if exact or self.mixed else torch.bfloat16
        model = models.make(name).to(self.device.name, self.dtype)
        if self.task.images:
            model = model.to(memory_format=torch.channels_last)
        self.frozen = copy.deepcopy(model).eval()
        self.model = model.train()
        self.optimiser = (torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
                          if self.task.sgd else
                          torch.optim.AdamW(model.parameters(), lr=1e-5, fused=self.device.cuda))
        self.host_batch = self.device.pinned(models.random_input(name, self.batch))
        self.probe = models.random_input(name, 1).to(self.device.name)
        self.loss = None
        self._step()
        self.device.finish()
        self.expected = self._probe_digest()

    def _autocast(self):
        return self.torch.autocast(self.device.name, dtype=self.torch.bfloat16, enabled=self.mixed)

    def _step(self):
        batch = self.host_batch.to(self.device.name, non_blocking=True)
        with self._autocast():
            answer = self.model(self.task.ready(batch, self.dtype))
            loss = self.task.loss(answer, batch)
        loss.backward()
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.loss = loss.detach()

    def _probe_digest(self):
        with self.torch.inference_mode(), self._autocast():
            answer = self.frozen(self.task.ready(self.probe, self.dtype))
        return devices.digest(answer)

    def _steps_until(self, end_ns, done):
        """Steps until end_ns or until done() says no, and then those that are still under way."""
        ahead = collections.deque()
        go_on = True
        while go_on and time.monotonic_ns() < end_ns:
            self._step()
            ahead.append(self.device.mark())
            if len(ahead) >= STEPS_AHEAD:
                self.device.wait(ahead.popleft())
                go_on = done()
        while ahead:
            self.device.wait(ahead.popleft())
            done()

    def warm(self, seconds):
        begin = time.monotonic()
        ends = [begin]

        def done():
            ends.append(time.monotonic())
            return True

        self._steps_until(time.monotonic_ns() + int(seconds * 1e9), done)
        steps = [later - earlier for earlier, later in zip(ends, ends[1:])]
        rate = self.batch * len(steps) / (ends[-1] - begin)
        return rate, self.batch / serving.percentile(steps, 0.5)

    def run(self, window, log):
        def done():
            log.items(self.batch)
            return log.listening()

        serving.wait_until(window.start_ns, spin=False)
        self._steps_until(window.end_ns, done)
        return 0

    def verify(self):
        digest = self._probe_digest()
        return digest, digest == self.expected and math.isfinite(self.loss.item())

    def memory_bytes(self):
        return self.device.memory_bytes()

    def take_notes(self):
        return []


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=sorted(catalogue.TRAINED), default="transformer")
    parser.add_argument("--batch", type=int, help="samples of a step (default: by model)")
    parser.add_argument("--fp32", action="store_true", help="weights and products in FP32")
    devices.add_options(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    options = parse(sys.argv[1:])
    sys.exit(row_protocol.run(Training(options), options.duration))
