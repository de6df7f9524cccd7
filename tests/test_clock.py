from __future__ import annotations

import time

import pytest

from kerastl.clock import BEFORE, TOTAL, Clock


def test_it_adds_up_parts_and_notes_when_training_begins():
    clock = Clock(time.perf_counter() - 10, earlier=5)
    assert BEFORE not in clock.report()
    for _ in range(2):
        with clock.part("reading"):
            time.sleep(0.02)
    clock.training_begins()
    before = clock.before_training
    clock.training_begins()
    report = clock.report()
    assert list(report) == ["reading", BEFORE, TOTAL]
    assert 0.04 <= report["reading"] < 1
    assert 15 <= report[BEFORE] == pytest.approx(before, abs=0.01)
    assert report[BEFORE] <= report[TOTAL]
