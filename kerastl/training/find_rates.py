"""Finds a learning rate for each stage of a recipe."""

from __future__ import annotations

import attrs
import keras

from kerastl.cache import Cache
from kerastl.clock import Clock
from kerastl.recipe import Recipe
from kerastl.training.batch_size import within_memory
from kerastl.training.parts import split_stage
from kerastl.training.range_test import RangeTest, find_rate
from kerastl.training.stages import Learning, Training, features_of


def find_rates(
    model: keras.Model, recipe: Recipe, photos: Learning, clock: Clock, cache: Cache
) -> list[RangeTest]:
    """Find a learning rate for each stage; a later one is looked at after the earlier are trained.

    Args:
        model: The whole model, from photos to logits.
        recipe: Its stages.
        photos: For training and for validation.
        clock: Is told the seconds of each stage.
        cache: Where features are looked for and kept.
    """
    stages = [stage for _, stage in recipe.parts]
    found: list[RangeTest] = []
    with within_memory(recipe, model, photos[0].labels):
        for number, stage in enumerate(stages):
            if number:
                before = attrs.evolve(recipe, stages=(stages[number - 1],), interpolate=False)
                Training(model, before, photos, cache=cache, clock=clock).run()
            parts = split_stage(model, stage)
            features, _ = features_of(parts, recipe, stage, range(1), photos, cache)
            found.append(find_rate(stage, parts, recipe, features))
    return found
