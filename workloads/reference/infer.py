#!/usr/bin/env python3
"""Inference with open-loop arrivals, as a workload of corun bench.

  infer.py --model bert-base --graph --rate 300
  infer.py --model resnet50 --eager --load 0.5
  infer.py --model yolos-small --fp32 --closed

Requests arrive on a schedule drawn before the window (with --closed when the one before is
answered); one server answers them in order: copies the input, runs the model (a CUDA graph, or
eagerly), copies the answer back. The latency of a request counts from its arrival. Every answer
is compared with the first one, bit by bit.
"""

import argparse
import sys
import time

import catalogue
import device as devices
import row_protocol
import serving


class Inference(row_protocol.Workload):
    kind, unit = "inference", "requests/s"

    def __init__(self, options):
        self.options, self.notes = options, []
        self.capacity, self.answers, self.wrong = 0.0, 0, 0

    def initialise(self):
        import models
        import torch
        self.torch, self.device = torch, devices.Device(self.options)
        self.graph = None
        exact = self.options.fp32 or not self.device.cuda
        dtype = torch.float32 if exact else torch.bfloat16
        model = models.make(self.options.model).to(self.device.name, dtype).eval()
        if models.TASKS[self.options.model].images:
            model = model.to(memory_format=torch.channels_last)
        self.request = self.device.pinned(
            models.random_input(self.options.model, self.options.batch))
        self.input = self.request.to(self.device.name)
        self.forward = lambda: model(models.to_model_input(self.options.model, self.input, dtype))
        with torch.inference_mode():
            self._prepare()
        self.answer = self.device.pinned(torch.empty_like(self.output, device="cpu"))
        self._serve()
        self.expected = self.answer.clone()

    def _prepare(self):
        """Libraries choose their algorithms first; then the graph is captured."""
        torch = self.torch
        if not self.device.cuda:
            self.output = self.forward()
            return
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.output = self.forward()
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        if self.options.mode == "eager":
            # 367 to 384 requests/s in windows of 1 s, measured (BERT-base, results/h200)
            self.settle_tolerance = 0.10
            self.notes.append("eager: warm when three windows agree within 10 %")
        if self.options.mode == "graph":
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.output = self.forward()

    def _serve(self):
        """One request, start to answer."""
        with self.torch.inference_mode():
            self.input.copy_(self.request, non_blocking=True)
            if self.graph is not None:
                self.graph.replay()
            else:
                self.output = self.forward()
            self.answer.copy_(self.output, non_blocking=True)
        self.device.finish()

    def _check(self):
        self.answers += 1
        self.wrong += not self.torch.equal(self.answer, self.expected)

    def warm(self, seconds):
        times, begin = [], time.monotonic()
        while not times or time.monotonic() < begin + seconds:
            start = time.monotonic()
            self._serve()
            times.append(time.monotonic() - start)
        self.capacity = 1.0 / serving.percentile(times, 0.5)
        return len(times) / (time.monotonic() - begin), self.capacity

    def run(self, window, log):
        if self.options.closed and not window.load:
            return self._run_closed(window, log)
        load = window.load or self.options.load
        rate = load * self.capacity if load else self.options.rate
        arrivals = serving.arrivals_s(self.options.arrivals, rate, window.seconds, window.seed)
        free_ns, lags_us = window.start_ns, []
        serving.wait_until(window.start_ns, self.device.spin)
        for arrival in arrivals:
            scheduled_ns = window.start_ns + int(arrival * 1e9)
            due_ns = max(scheduled_ns, free_ns)
            serving.wait_until(due_ns, self.device.spin)
            start_ns = time.monotonic_ns()
            if start_ns >= window.give_up_ns or not log.listening():
                break
            self._serve()
            end_ns = time.monotonic_ns()
            log.request(scheduled_ns, start_ns, end_ns)
            lags_us.append((start_ns - due_ns) / 1e3)
            self._check()
            free_ns = time.monotonic_ns()
        serving.wait_until(window.end_ns, self.device.spin)
        if lags_us:
            self.notes.append(f"generator lag: p50 {serving.percentile(lags_us, 0.5):.1f} us, "
                              f"p99 {serving.percentile(lags_us, 0.99):.1f} us")
        return len(arrivals) - len(lags_us)

    def _run_closed(self, window, log):
        """One request after the other: each arrives when the one before is answered."""
        serving.wait_until(window.start_ns, self.device.spin)
        while (start_ns := time.monotonic_ns()) < window.end_ns and log.listening():
            self._serve()
            log.request(start_ns, start_ns, time.monotonic_ns())
            self._check()
        return 0

    def verify(self):
        if self.wrong:
            self.notes.append(f"{self.wrong} of {self.answers} answers were wrong")
        return devices.digest(self.answer), self.wrong == 0

    def memory_bytes(self):
        return self.device.memory_bytes()

    def take_notes(self):
        notes, self.notes = self.notes, []
        return notes


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=catalogue.SERVED, default="bert-base")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--fp32", action="store_true", help="weights and products in FP32")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--graph", dest="mode", action="store_const", const="graph", default="graph",
                      help="run the model as a CUDA graph (default)")
    mode.add_argument("--eager", dest="mode", action="store_const", const="eager")
    load = parser.add_mutually_exclusive_group(required=True)
    load.add_argument("--rate", type=devices.positive, help="arrivals per second")
    load.add_argument("--load", type=devices.positive,
                      help="arrivals as a fraction of the capacity measured in the warm-up")
    load.add_argument("--closed", action="store_true",
                      help="the next one arrives when the last is answered")
    parser.add_argument("--arrivals", choices=["poisson", "constant"], default="poisson")
    devices.add_options(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    options = parse(sys.argv[1:])
    sys.exit(row_protocol.run(Inference(options), options.duration))
