"""Timing that can be believed: contenders in turn, round after round, and the median of each."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping

__all__ = ["machine", "medians", "ratio_text"]


def medians(contenders: Mapping[str, Callable[[], object]], *, rounds: int, warm: bool = False) -> dict[str, float]:
    """Median seconds of each contender; one untimed call first, unless they are `warm` already.

    They take turns within a round, so that a slow second of the machine hits all of them, and the garbage collector
    waits.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for run in () if warm else contenders.values():
        run()
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, run in contenders.items():
                started = time.perf_counter()
                result = run()
                seconds[name].append(time.perf_counter() - started)
                del result
    finally:
        if collecting:
            gc.enable()
    return {name: statistics.median(values) for name, values in seconds.items()}


def ratio_text(ours: float, theirs: float | None) -> str:
    """How many times faster than `theirs`: ``x12``, ``x0.8``; empty for None."""
    if theirs is None:
        return ""
    ratio = theirs / ours
    return f"x{ratio:.0f}" if ratio >= 10 else f"x{ratio:.1f}"


def machine() -> str:
    """Processor, cores this process may use, Python."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as lines:
            model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores, Python {platform.python_version()}"
