from __future__ import annotations

import pytest
from scipy.stats import binom

from kerastl.intervals import interval_of


def test_an_interval_by_hand():
    low, high = interval_of(20, 20)
    # 20 / (20 + 1.96 ** 2)
    assert (low, high) == (pytest.approx(0.8389, abs=1e-4), 1.0)
    assert interval_of(0, 20) == (0.0, pytest.approx(1 - low))


@pytest.mark.parametrize(("count", "share"), [(20, 0.95), (50, 0.97), (100, 0.98), (200, 0.9)])
def test_the_true_share_is_mostly_within(count: int, share: float):
    within = 0.0
    for right in range(count + 1):
        low, high = interval_of(right, count)
        within += float(binom.pmf(right, count, share)) * (low <= share <= high)
    assert 0.9 < within < 0.99
