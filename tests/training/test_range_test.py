from __future__ import annotations

from pathlib import Path

import attrs
import keras
import numpy as np
import pytest

from kerastl.backbones.values import values_of
from kerastl.cache import Cache
from kerastl.errors import TrainingError
from kerastl.recipe import Recipe
from kerastl.training.features import features_of
from kerastl.training.parts import split_stage
from kerastl.training.range_test import RangeTest, _suggested, find_rate
from kerastl.training.stages import Training
from kerastl.training.state import State
from networks import Learning, network


def found(recipe: Recipe, learning: Learning, model: keras.Model) -> RangeTest:
    stage = recipe.stages[0]
    parts = split_stage(model, stage)
    features, _ = features_of(parts, recipe, stage, range(1), learning, Cache())
    return find_rate(stage, parts, recipe, features)


def test_a_rate_is_found_and_the_model_left_as_it_was(recipe: Recipe, learning: Learning):
    model = network(recipe, learning[0])
    before = values_of(model.variables)
    test = found(recipe, learning, model)
    for now, then in zip(values_of(model.variables), before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert 1e-4 < test.suggestion < 0.2
    assert len(test.rates) == len(test.losses) <= 120
    assert min(test.losses) < 0.75 * test.losses[10]
    assert found(recipe, learning, model) == test


@pytest.mark.slow
def test_a_rate_is_found_where_it_is_auto_and_kept_for_who_goes_on(
    recipe: Recipe, learning: Learning, tmp_path: Path
):
    auto = attrs.evolve(recipe, stages=(attrs.evolve(recipe.stages[0], learning_rate="auto"),))
    state, model = State(), network(auto, learning[0])
    Training(model, auto, learning, state).run()
    rate = found(recipe, learning, network(recipe, learning[0])).suggestion
    assert state.audit["learning rates"] == {"frozen": rate}
    assert max(row["learning_rate"] for row in state.rows) <= rate
    state.save(tmp_path / "checkpoint.npz")
    assert State.load(tmp_path / "checkpoint.npz").audit == state.audit


def test_what_has_learned_well_is_tested_too(recipe: Recipe, learning: Learning):
    model = network(recipe, learning[0])
    learned = attrs.evolve(recipe.stages[0], epochs=30, learning_rate=3e-2)
    Training(model, attrs.evolve(recipe, stages=(learned,)), learning).run()
    assert found(recipe, learning, model).suggestion < 0.1


@pytest.mark.slow
def test_the_rates_are_those_that_a_run_takes(recipe: Recipe, learning: Learning):
    stages = tuple(attrs.evolve(stage, learning_rate="auto") for stage in recipe.stages)
    auto, state = attrs.evolve(recipe, stages=stages), State()
    Training(network(auto, learning[0]), auto, learning, state).run()
    tests = Training(network(auto, learning[0]), auto, learning).find_rates()
    assert {test.stage: test.suggestion for test in tests} == state.audit["learning rates"]


def test_nothing_can_be_learned_from_what_is_not_a_number(recipe: Recipe, learning: Learning):
    model = network(recipe, learning[0])
    kernel = model.get_layer("head_logits").kernel
    kernel.assign(kernel.numpy() * np.nan)
    with pytest.raises(TrainingError, match="The loss of stage frozen is no number already at"):
        found(recipe, learning, model)


@pytest.mark.parametrize(
    ("losses", "suggestion"),
    [
        # What falls: a tenth of the rate where it is lowest.
        ([2.0] * 60 + [1.5, 1.0, 0.5, 0.6, 1.4], 62 / 10),
        # What has learned before: half of the rate where it begins to climb.
        ([0.5] * 60 + [0.5, 0.49, 0.56, 0.9, 1.4], 62 / 2),
        # What a loss is at the lowest rates is chance.
        ([0.4, 0.6] * 20 + [0.5] * 20 + [0.5, 0.49, 0.56, 0.9, 1.4], 62 / 2),
    ],
)
def test_what_is_suggested(losses: list[float], suggestion: float):
    assert _suggested([float(rate) for rate in range(len(losses))], losses) == suggestion
