"""A model's kernels as recorded on a GPU: Kineto's trace as one compact JSON object.

Pure functions; docs/profiles.md describes the format. Times are microseconds, offsets count from
the first step's begin. Needs the standard library only.
"""

FORMAT, VERSION = "corun-recording", 1
STEP = "corun-step"  # what record_profile.py calls the host's part of a step
DEVICE_KINDS = {"kernel": "kernel", "gpu_memcpy": "copy", "gpu_memset": "set"}
HOST_KINDS = ("cuda_runtime", "cuda_driver")
WAITS = ("cudaDeviceSynchronize", "cudaStreamSynchronize", "cudaEventSynchronize",
         "cuCtxSynchronize", "cuStreamSynchronize", "cuEventSynchronize")
DIRECTIONS = ("HtoD", "DtoH", "DtoD", "HtoH", "PtoP")
NAME_LENGTH = 60


class NoKernels(RuntimeError):
    """The trace has steps but nothing of the device: CUPTI was not allowed to look."""


def short_name(name):
    """A kernel's name without its return type, arguments and the arguments of its templates."""
    text = name.removeprefix("void ").replace("(anonymous namespace)", "anonymous")
    kept, depth = [], 0
    for letter in text:
        if letter == "(" and depth == 0:
            break
        depth += (letter == "<") - (letter == ">")
        if depth == 0 and letter != ">":
            kept.append(letter)
    short = "".join(kept) or text
    return short if len(short) <= NAME_LENGTH else "..." + short[3 - NAME_LENGTH:]


def direction(name):
    """h2d of 'Memcpy HtoD (Pinned -> Device)'; 'other' if it names none."""
    for known in DIRECTIONS:
        if known in name:
            return known.lower().replace("to", "2")
    return "other"


def complete(events, kinds):
    return [event for event in events if event.get("ph") == "X" and event.get("cat") in kinds]


def step_spans(events):
    """[(begin, end)] of the steps' host parts, in order of time."""
    return sorted((event["ts"], event["ts"] + event["dur"])
                  for event in complete(events, ("user_annotation",)) if event["name"] == STEP)


class Shapes:
    """The distinct kernels: a name with its grid, block, shared memory and registers."""

    def __init__(self):
        self.rows, self._index = [], {}

    def index(self, event):
        args = event["args"]
        row = (short_name(event["name"]), tuple(args["grid"]), tuple(args["block"]),
               args.get("shared memory", 0), args.get("registers per thread", 0))
        if row not in self._index:
            self._index[row] = len(self.rows)
            self.rows.append(list(map(list_of_tuple, row)))
        return self._index[row]


def list_of_tuple(value):
    return list(value) if isinstance(value, tuple) else value


def operation(event, shapes, streams):
    """What the device did, without its times."""
    args = event["args"]
    row = {"kind": DEVICE_KINDS[event["cat"]],
           "stream": streams.setdefault(args.get("stream", 0), len(streams))}
    if row["kind"] == "kernel":
        row["shape"] = shapes.index(event)
        return row
    row["bytes"] = args.get("bytes", 0)
    if row["kind"] == "copy":
        row["direction"] = direction(event["name"])
    return row


def waits(events, span, zero):
    """[start, duration] of what the host waited for in a step."""
    return [[round(event["ts"] - zero, 3), round(event["dur"], 3)]
            for event in events if event["name"] in WAITS and span[0] <= event["ts"] <= span[1]]


def convert(events):
    """(kernels' shapes, steps, number of streams) of Kineto's `traceEvents`.

    The device's work belongs to the step during which the host launched it: the host runs ahead of
    the device. Work that no step launched, as that of a warm-up, is left out.
    """
    spans = step_spans(events)
    host = complete(events, HOST_KINDS)
    host.sort(key=lambda event: event["ts"])
    launched = {}  # by correlation; of a graph's launch, all its kernels have the same
    for event in host:
        launched.setdefault(event.get("args", {}).get("correlation"), event)
    device = complete(events, DEVICE_KINDS)
    device.sort(key=lambda event: event["ts"])
    if spans and not any(event["cat"] == "kernel" for event in device):
        raise NoKernels("CUPTI gives no kernels")
    zero = spans[0][0] if spans else 0
    shapes, streams = Shapes(), {}
    steps = [{"host": [round(begin - zero, 3), round(end - begin, 3)],
              "waits": waits(host, (begin, end), zero), "ops": []} for begin, end in spans]
    for event in device:
        launch = launched.get(event["args"].get("correlation"), event)
        for step, (begin, end) in zip(steps, spans):
            if begin <= launch["ts"] <= end:
                row = operation(event, shapes, streams)
                row |= {"start": round(event["ts"] - zero, 3), "dur": round(event["dur"], 3)}
                if launch is not event:
                    row["launch"] = [round(launch["ts"] - zero, 3), round(launch["dur"], 3)]
                step["ops"].append(row)
                break
    return shapes.rows, steps, len(streams)


def summary(recording):
    """One line for a person."""
    steps = recording["steps"]
    kernels = [op["dur"] for step in steps for op in step["ops"] if op["kind"] == "kernel"]
    return (f"{recording['name']}: {len(steps)} steps, {len(kernels) / len(steps):g} kernels and "
            f"{sum(kernels) / len(steps):.1f} us of kernels a step, "
            f"{recording['step_us']:.1f} us a step without the profiler")


def compact(row):
    """An operation as an array; docs/profiles.md names its columns."""
    what = {"kernel": row.get("shape"), "copy": row.get("direction"), "set": None}[row["kind"]]
    return [row["kind"][0], what, row.get("bytes", 0), row["stream"], row["start"], row["dur"],
            *row.get("launch", [])]


def assemble(about, trace):
    """The whole recording; `about` is what record_profile.py knows beside the trace."""
    shapes, steps, streams = convert(trace["traceEvents"])
    if not steps or not all(step["ops"] for step in steps):
        raise NoKernels("a step of the trace has no work of the device")
    return {"format": FORMAT, "version": VERSION, **about, "streams": streams,
            "shapes": shapes, "steps": steps}


def packed(recording):
    """What is written: the same with its operations as arrays."""
    steps = [step | {"ops": [compact(op) for op in step["ops"]]} for step in recording["steps"]]
    return recording | {"steps": steps}
