"""Builds the small network that tests of training begin with."""

from __future__ import annotations

import keras

from kerastl.data.photos import Photos
from kerastl.recipe import Recipe
from kerastl.training.model import build
from kerastl.training.normalization import estimate_statistics, some_of

# Photos to learn from, and photos to validate on.
Learning = tuple[Photos, Photos]


def network(recipe: Recipe, train: Photos) -> keras.Model:
    """Return a recipe's model for three classes, its statistics those of the photos."""
    keras.utils.set_random_seed(recipe.seed)
    model = build(recipe, 3).model
    estimate_statistics(model, [some_of(train.images, recipe.seed)])
    return model
