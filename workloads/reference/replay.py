#!/usr/bin/env python3
"""A model in a loop without requests: what PyTorch itself reaches. One line of JSON.

  replay.py --model bert-base --batch 1 --seconds 5

Half of the time batches run back to back (items_per_s), then one by one, each waited for (p50_us,
p99_us), without copies: as corun-infer-torch --measure does. A CUDA graph on a GPU unless --eager.
"""

import argparse
import json
import sys
import time

import device as devices
import serving

AHEAD = 16  # batches between two looks at the clock


def prepare(options):
    """(a function that gives the device a batch, the device)."""
    import models
    import torch
    device = devices.Device(options)
    dtype = torch.bfloat16 if device.cuda else torch.float32
    model = models.make(options.model).to(device.name, dtype).eval()
    if models.TASKS[options.model].images:
        model = model.to(memory_format=torch.channels_last)
    batch = models.random_input(options.model, options.batch).to(device.name)

    def forward():
        with torch.inference_mode():
            return model(models.to_model_input(options.model, batch, dtype))

    if not device.cuda or options.eager:
        return forward, device
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            forward()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        prepare.output = forward()  # it lives as long as the graph
    return graph.replay, device


def finisher(device):
    """Waits for the whole device as the C++ program waits for its stream."""
    return device.torch.cuda.synchronize if device.cuda else (lambda: None)


def timed(work, finish, seconds, batch):
    """The figures of the line."""
    work()
    finish()
    start = now = time.perf_counter()
    runs = 0
    while now < start + seconds / 2:
        for _ in range(AHEAD):
            work()
        finish()
        runs += AHEAD
        now = time.perf_counter()
    rate = batch * runs / (now - start)
    each_us = []
    before = now
    while before < start + seconds:
        work()
        finish()
        now = time.perf_counter()
        each_us.append((now - before) * 1e6)
        before = now
    each_us.sort()
    return {"items_per_s": rate, "runs": runs + len(each_us),
            "p50_us": serving.percentile(each_us, 0.5) if each_us else None,
            "p99_us": serving.percentile(each_us, 0.99) if each_us else None}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="bert-base",
                        choices=["bert-base", "gpt2", "resnet50", "transformer"])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--seconds", type=devices.positive, default=5)
    parser.add_argument("--eager", action="store_true")
    devices.add_options(parser)
    options = parser.parse_args()
    work, device = prepare(options)
    figures = timed(work, finisher(device), options.seconds, options.batch)
    print(json.dumps({"model": options.model, "device": device.name, "rows": options.batch,
                      "graph": device.cuda and not options.eager, **figures}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
