#!/usr/bin/env python3
"""Records the kernels of the reference models on this GPU, one JSON file a model.

  record_profile.py --out DIR
  record_profile.py --models bert-base,train-gpt2 --steps 5 --out DIR

PyTorch's profiler (Kineto, CUPTI) looks at a few warm steps or requests of each model.
DIR/NAME.json holds each launch in its order with its time, grid, block, shared memory, registers
and stream, the copies, and what the host did meanwhile (docs/profiles.md). The time of a step
without the profiler is measured before. A model that fails is told in one line and the others go
on.

Exit codes: 0 all recorded, 1 a model failed, 2 usage, 3 no GPU, or CUPTI gives no kernels.
"""

import argparse
import gc
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import infer
import recording
import train

# name: (script, its arguments, steps recorded)
MODELS = {
    "bert-base": (infer, ["--model", "bert-base", "--graph"], 5),
    "bert-base-eager": (infer, ["--model", "bert-base", "--eager"], 5),
    "resnet50": (infer, ["--model", "resnet50", "--graph"], 5),
    "resnet50-eager": (infer, ["--model", "resnet50", "--eager"], 5),
    "train-resnet50": (train, ["--model", "resnet50"], 3),
    "train-gpt2": (train, ["--model", "gpt2"], 3),
    "train-transformer": (train, ["--model", "transformer"], 3),
}
ALIASES = {"bert": "bert-base", "bert-eager": "bert-base-eager", "gpt2": "train-gpt2",
           "transformer": "train-transformer"}
WARM_S = 0.6  # of each of the two measurements without the profiler
UNRECORDED_STEPS = 2  # the profiler's own first moments
# CUPTI stays from the first model to the last: taken down, it loses graphs made before.
os.environ.setdefault("TEARDOWN_CUPTI", "0")
os.environ.setdefault("DISABLE_CUPTI_LAZY_REINIT", "1")


class NotSupported(RuntimeError):
    pass


class Served:
    """One request after the other, each waited for, as infer.py serves them."""

    kind = "inference"

    def __init__(self, arguments):
        self.work = infer.Inference(infer.parse([*arguments, "--rate", "1", "--wait", "spin"]))
        self.work.initialise()
        self.step = self.work._serve
        self.batch, self.mode = self.work.options.batch, self.work.options.mode
        self.input = list(self.work.request.shape)


class Trained:
    """Steps whose launches run ahead of the device, as train.py makes them."""

    kind, mode = "training", "eager"

    def __init__(self, arguments):
        self.work = train.Training(train.parse([*arguments, "--wait", "spin"]))
        self.work.initialise()
        self.step = self.work._step
        self.batch = self.work.batch
        self.input = list(self.work.host_batch.shape)


def driver_version():
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=20, check=False)
        return done.stdout.split("\n")[0].strip() or None
    except (OSError, subprocess.TimeoutExpired):
        return None


def machine():
    """The GPU and the versions, as every file tells them."""
    import torch
    gpu = torch.cuda.get_device_properties(0)
    return {"gpu": {"name": gpu.name, "sm_count": gpu.multi_processor_count,
                    "compute_capability": f"{gpu.major}.{gpu.minor}",
                    "memory_bytes": gpu.total_memory, "driver": driver_version(),
                    # What bounds the blocks on an SM; null where this PyTorch does not tell.
                    "threads_per_sm": getattr(gpu, "max_threads_per_multi_processor", None),
                    "registers_per_sm": getattr(gpu, "regs_per_multiprocessor", None),
                    "shared_memory_per_sm": getattr(gpu, "shared_memory_per_multiprocessor",
                                                    None)},
            "versions": {"torch": torch.__version__, "cuda": torch.version.cuda,
                         "cudnn": torch.backends.cudnn.version(),
                         "python": sys.version.split()[0]}}


def traced(step, count):
    """Kineto's trace over `count` steps."""
    import torch
    from torch import profiler
    with profiler.profile(activities=[profiler.ProfilerActivity.CPU,
                                      profiler.ProfilerActivity.CUDA]) as profile:
        for _ in range(UNRECORDED_STEPS):
            step()
        torch.cuda.synchronize()
        for _ in range(count):
            with profiler.record_function(recording.STEP):
                step()
        torch.cuda.synchronize()
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "trace.json"
        profile.export_chrome_trace(str(path))
        return json.loads(path.read_text(encoding="utf-8", errors="replace"),
                          strict=False)


def record(name, steps, about):
    """The recording of one model."""
    script, arguments, usual = MODELS[name]
    model = (Served if script is infer else Trained)(arguments)
    items_s = max(model.work.warm(WARM_S)[1] for _ in range(2))
    items = model.batch if model.kind == "training" else 1
    trace = traced(model.step, steps or usual)
    return recording.assemble(
        {"name": name, "kind": model.kind, "mode": model.mode, "batch": model.batch,
         "input": model.input, "step_us": round(items / items_s * 1e6, 3),
         "command": " ".join([f"{script.__name__}.py", *arguments]), **about}, trace)


def probe():
    """Starts CUPTI before the first graph is made, and sees whether it may look at kernels."""
    import torch
    values = torch.zeros(1024, device="cuda")
    trace = traced(lambda: values.add_(1), 1)
    try:
        recording.convert(trace["traceEvents"])
    except recording.NoKernels as error:
        raise NotSupported(f"{error}; allow profiling (root, or the driver's option "
                           f"NVreg_RestrictProfilingToAdminUsers=0)") from None


def release():
    import torch
    gc.collect()
    torch.cuda.empty_cache()


def write(folder, result):
    path = folder / f"{result['name']}.json"
    path.write_text(json.dumps(recording.packed(result), separators=(",", ":")) + "\n",
                    encoding="utf-8")
    return path


def record_all(options):
    """The exit code."""
    import torch
    if not torch.cuda.is_available():
        raise NotSupported("no GPU that PyTorch can use; record where one is")
    options.out.mkdir(parents=True, exist_ok=True)
    probe()
    about, begin, failed = machine(), time.monotonic(), 0
    for name in options.models:
        try:
            result = record(name, options.steps, about)
            path = write(options.out, result)
            print(f"{recording.summary(result)}; {path} ({path.stat().st_size} bytes)", flush=True)
        except Exception as error:  # whatever it is, the other models are still to be recorded
            failed += 1
            text = (str(error).splitlines() or [""])[0]
            print(f"record_profile: {name}: {type(error).__name__}: {text}", file=sys.stderr,
                  flush=True)
        release()
    print(f"{len(options.models) - failed} of {len(options.models)} models in "
          f"{time.monotonic() - begin:.0f} s")
    return 1 if failed else 0


def parse_models(text):
    names = [ALIASES.get(name, name) for name in text.split(",") if name]
    for name in names:
        if name not in MODELS:
            raise argparse.ArgumentTypeError(f"no model '{name}'; there are {', '.join(MODELS)}")
    return names


def at_least_one(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of steps; write 1 or more")
    return int(text)


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=parse_models, default=list(MODELS), metavar="NAME,...",
                        help=f"of {', '.join(MODELS)} (default: all)")
    parser.add_argument("--steps", type=at_least_one, metavar="N",
                        help="steps recorded of each (default: 3 or 5)")
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="DIR")
    return parser.parse_args(arguments)


def main():
    try:
        return record_all(parse(sys.argv[1:]))
    except ImportError as error:
        print(f"record_profile: {error}; install PyTorch", file=sys.stderr)
    except NotSupported as error:
        print(f"record_profile: {error}", file=sys.stderr)
    return 3


if __name__ == "__main__":
    sys.exit(main())
