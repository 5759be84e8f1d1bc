"""Waiting in tests: for what is to become true, and not for ever."""

import time

PATIENCE_S = 60


def until(condition, what):
    """Waits for a true value of condition(), and returns it."""
    end = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"never: {what}")
        time.sleep(0.02)
    return value
