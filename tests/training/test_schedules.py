from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from kerastl.recipe import Stage
from kerastl.training.optimizers import last_rate, optimizer
from kerastl.training.schedules import cosine, is_over, paced_rate, schedule_of


@pytest.mark.parametrize(
    ("losses", "over", "rate"),
    [
        ([], False, 1.0),
        ([3.0, 2.0], False, 1.0),
        ([3.0, 2.0, 2.5, 2.5], False, 0.5),
        ([3.0, 2.0, 2.5, 2.5, 2.5, 2.5], True, 0.25),
        ([3.0, 2.0, 2.5, 2.5, 1.0, 2.5], False, 0.5),
    ],
)
def test_plateaus(losses: list[float], over: bool, rate: float):
    stage = Stage("a", "auto", 1.0, schedule="plateau", patience=4, warmup=0.0)
    assert is_over(stage, losses) == over
    assert paced_rate(stage, losses) == rate


def test_schedules_climb_and_fall():
    def rates(schedule: str, **values: Any) -> list[float]:
        found = schedule_of(Stage("a", 10, 1.0, schedule=schedule, **values), 10)
        return [float(found(step)) for step in range(101)]

    falling, cycle, steps = (rates(name) for name in ("cosine", "one-cycle", "step"))
    for one in (falling, cycle, steps):
        assert one[20] == max(one) == pytest.approx(1.0)
    # The first step is one of those that climb: a rate of 0 would waste it.
    assert (falling[0], falling[100]) == (pytest.approx(1 / 21), pytest.approx(0.0, abs=1e-6))
    assert (steps[0], steps[9]) == pytest.approx((1 / 21, 10 / 21))
    assert (cycle[0], cycle[100]) == (pytest.approx(1 / 25), pytest.approx(1e-4, abs=1e-6))
    assert (steps[30], steps[60], steps[90]) == pytest.approx((1.0, 0.1, 0.01))
    assert rates("cosine", warmup=0.0)[0] == 1.0
    assert rates("step", warmup=0.0)[0] == 1.0
    assert schedule_of(Stage("a", 10, 0.5, schedule="constant"), 10) == 0.5


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
@pytest.mark.parametrize("epochs", [10, "auto"])
def test_a_rate_of_whole_epochs_climbs_first(schedule: str, epochs: int | str):
    stage = Stage("a", epochs, 1.0, schedule=schedule, warmup=0.3, patience=10)
    rates = [paced_rate(stage, [1.0] * done) for done in range(6)]
    assert rates == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("accumulate", [1, 4])
def test_the_rate_of_the_last_step_is_told(accumulate: int):
    weight = keras.Variable(np.zeros(2))
    options = {"momentum": 0.0}
    if accumulate > 1:
        options["gradient_accumulation_steps"] = accumulate
    schedule = cosine(1.0, 4 * accumulate, accumulate)
    some = optimizer("SGD", schedule, 0.0, keras.Sequential(), options=options)
    for _ in range(3):
        before = weight.numpy()
        for _ in range(accumulate):
            some.apply([np.ones(2)], [weight])
        assert before - weight.numpy() == pytest.approx(last_rate(some), rel=1e-5)
