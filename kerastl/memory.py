"""Lets the C library keep memory that is used again at once."""

from __future__ import annotations

import ctypes

# Numbers of `mallopt(3)`.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8


def keep_memory(shared: bool = False) -> None:
    """Keep freed memory in this process, where the C library is one that can (glibc).

    Without it each large tensor is mapped anew by the system at each step and its pages are filled
    with zeros: training a small network takes a third longer.

    Args:
        shared: Whether all threads share what is kept. Else threads beside the first keep blocks of
            up to 64 MB only, which is less than the features of a batch may take.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return
    set_option(_MMAP_MAX, 0)
    set_option(_TRIM_THRESHOLD, 2**31 - 1)
    set_option(_TOP_PAD, 2**28)
    if shared:
        set_option(_ARENA_MAX, 1)
