"""The device that the reference scripts work on, and the options they share."""

import argparse
import hashlib

import serving


def add_options(parser):
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--duration", type=float, default=10, metavar="SECONDS",
                        help="window of a run without corun")
    parser.add_argument("--wait", choices=["auto", "spin", "block"], default="auto",
                        help="how the host waits; auto polls only on processors given to it")


def positive(text):
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


class Device:
    """CUDA or the host, with what differs between them."""

    def __init__(self, options):
        import torch
        self.torch, self.cuda = torch, options.device == "cuda"
        if self.cuda and not torch.cuda.is_available():
            raise RuntimeError("no GPU that PyTorch can use; try --device cpu")
        self.name = options.device
        self.poll = options.wait == "spin" or (options.wait == "auto" and serving.placed())
        self.spin = options.wait != "block"  # for moments, not for the GPU
        torch.set_float32_matmul_precision("highest" if getattr(options, "fp32", False) else "high")
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True

    def pinned(self, tensor):
        return tensor.pin_memory() if self.cuda else tensor

    def mark(self):
        """An event behind all work so far; None on the host, where work is done at once."""
        if not self.cuda:
            return None
        event = self.torch.cuda.Event(blocking=not self.poll)
        event.record()
        return event

    def wait(self, event):
        if event is not None:
            event.synchronize()

    def finish(self):
        self.wait(self.mark())

    def memory_bytes(self):
        return self.torch.cuda.max_memory_reserved() if self.cuda else None


def digest(tensor):
    """16 hexadecimal digits over a tensor's exact bits."""
    flat = tensor.detach().float().cpu().contiguous().numpy()
    return hashlib.sha256(flat.tobytes()).hexdigest()[:16]
