"""A run without a harness: the same loop, summarised for a person."""

import time

import row_protocol


def run(workload, seconds):
    """Warms up, runs one window, prints a summary; returns the exit code."""
    workload.initialise()
    unsteady = ""
    try:
        rate = row_protocol.warm_up(workload, max_s=30, window_s=1)
    except row_protocol.NotWarm as error:  # beside others on the GPU it may never be steady
        rate, unsteady = error.rate, f", {error}"
    latencies_ms = []

    def keep(line):
        if line["type"] == "requests":
            latencies_ms.extend((end - scheduled) / 1e3
                                for scheduled, end in zip(line["scheduled_us"], line["end_us"]))

    window = row_protocol.Window(1, time.monotonic_ns() + 10_000_000, seconds, seed=1)
    done = row_protocol.measure(workload, window, keep)
    print(f"warm        {rate:.6g} {workload.unit}{unsteady}")
    print(f"throughput  {done['items'] / done['t_us'] * 1e6:.6g} {workload.unit}")
    if latencies_ms:
        latencies_ms.sort()
        p50, p99 = (latencies_ms[int(p * (len(latencies_ms) - 1))] for p in (0.5, 0.99))
        print(f"latency     n {len(latencies_ms)}, p50 {p50:.3f} ms, p99 {p99:.3f} ms")
    for note in workload.take_notes():
        print(note)
    if "checksum_ok" not in done:
        return 0
    print(f"checksum    {done['checksum']} {'ok' if done['checksum_ok'] else 'WRONG'}")
    return 0 if done["checksum_ok"] else 1
