"""How sure a share is that so many photos tell of."""

from __future__ import annotations

from scipy.stats import binomtest


def interval_of(right: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of the share of all photos that are as these are (Wilson, 1927).

    Args:
        right: How many of those looked at are so.
        count: How many were looked at, at least one.

    Returns:
        Its bounds, 0..1.
    """
    found = binomtest(right, count).proportion_ci(method="wilson")
    return float(found.low), float(found.high)
