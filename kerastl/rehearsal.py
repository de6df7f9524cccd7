"""What can be found out about a recipe without a run: nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from kerastl import runs
from kerastl.cache import Cache
from kerastl.clock import Clock
from kerastl.console import say
from kerastl.data.photos import Photos
from kerastl.preparation import (
    build_network,
    divide_photos,
    find_photos,
    inputs_of,
    read_splits,
    sized,
)
from kerastl.recipe import Recipe
from kerastl.training.batch_size import within_memory
from kerastl.training.model import Network
from kerastl.training.overfit import check_overfit
from kerastl.training.parts import split_stage
from kerastl.training.range_test import RangeTest
from kerastl.training.stages import Training


def rehearse(
    recipe: Recipe,
    output: Path | str | None = None,
    *,
    overwrite: bool = False,
    overfitting: bool = False,
) -> dict[str, Any]:
    """Do all of a run that comes before training, and write nothing.

    Args:
        recipe: What to rehearse.
        output: The run directory that the run would be given.
        overwrite: Whether the run would be allowed to replace an earlier one.
        overfitting: Whether one batch has to be learned by heart, and forgotten again.

    Returns:
        What was found, made of what JSON has.

    Raises:
        KerastlError: A mistake in the recipe, the data, the weights or the output.
    """
    runs.check_free(Path(output) if output else None, overwrite, inputs_of(recipe))
    cache = Cache()
    recipe, network, photos, classes = _prepared(recipe, cache)
    if overfitting:
        check_overfit(network.model, recipe, photos["train"], cache)
    stages = {
        stage.name: split_stage(network.model, stage).describe(stage) for _, stage in recipe.parts
    }
    for line in stages.values():
        say(line)
    counts = {name: len(some) for name, some in photos.items()}
    weights = network.weights.name or "none"
    return {"classes": classes, "splits": counts, "weights": weights, "stages": stages}


def find_learning_rates(recipe: Recipe) -> list[RangeTest]:
    """Find a learning rate for each stage of a recipe, and write nothing.

    Raises:
        KerastlError: A mistake in the recipe, the data or the weights.
    """
    cache = Cache()
    recipe, network, photos, _ = _prepared(recipe, cache)
    learning = (photos["train"], photos["validation"])
    with within_memory(recipe, network.model, photos["train"].labels):
        return Training(network.model, recipe, learning, cache=cache).find_rates()


def _prepared(
    recipe: Recipe, cache: Cache
) -> tuple[Recipe, Network, dict[str, Photos], tuple[str, ...]]:
    """Return recipe, network, photos of each split and classes as a run begins with them."""
    clock = Clock()
    keras.utils.set_random_seed(recipe.seed)
    labelled = find_photos(recipe, clock)
    network = build_network(recipe, labelled, clock)
    splits, _ = divide_photos(recipe, labelled, clock, cache)
    photos = read_splits(recipe, splits, network, clock, cache)
    recipe = sized(recipe, network, photos, clock)
    return recipe, network, photos, splits.classes
