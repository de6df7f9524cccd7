"""The processor: how many cores of it there are to use, and TensorFlow as fast on them as it is."""

from __future__ import annotations

import os
from pathlib import Path

# Where Linux tells a container how much processor time it has (cgroup v2): microseconds, and in how
# many microseconds.
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
_ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
_OWN_THREADS = "TF_OVERRIDE_GLOBAL_THREADPOOL"


def cores(quota: Path = _QUOTA) -> int:
    """Return how many cores this process may use, by its affinity and its container's quota.

    Args:
        quota: The file of the quota; without one, or with the quota `max`, there is none.
    """
    allowed = _allowed()
    try:
        time, period = map(int, quota.read_text(encoding="ascii").split())
        return min(allowed, max(1, -(-time // period)))
    except (OSError, ValueError, ZeroDivisionError):
        return allowed


def use_processor(quota: Path = _QUOTA) -> None:
    """Say how TensorFlow is to use the processor, before it begins and unless others said it.

    Args:
        quota: As of `cores`.
    """
    # By itself TensorFlow takes oneDNN only where there is AVX-512. With AVX2, too, it trains a
    # MobileNetV2 in less than half of the time.
    os.environ.setdefault(_ONEDNN, "1")
    # Else all sessions share the threads of the first one, whatever they ask for.
    os.environ.setdefault(_OWN_THREADS, "1")
    # It honours the affinity, and not the quota: in a container with two of 64 cores it would start
    # 64 threads that wait for each other.
    if cores(quota) < _allowed() and not os.environ.keys() & {*_THREADS, "OMP_NUM_THREADS"}:
        os.environ |= dict.fromkeys(_THREADS, str(cores(quota)))


def _allowed() -> int:
    """Return how many cores the system lets this process run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
