"""All of a run that comes before training: the model is built, the photos are divided and read."""

from __future__ import annotations

from pathlib import Path

import attrs

from kerastl.backbones.devices import described
from kerastl.backbones.source_classes import IMAGENET, overlap_line
from kerastl.cache import Cache
from kerastl.clock import Clock
from kerastl.console import say
from kerastl.data.check import check_before
from kerastl.data.checks import read_all
from kerastl.data.facts import known_of
from kerastl.data.lock import file_of
from kerastl.data.photos import Photos
from kerastl.data.report import Report
from kerastl.data.splits import divide, is_divided
from kerastl.labelled import Labelled, Splits
from kerastl.recipe import Recipe
from kerastl.training.batch_size import with_batch_size
from kerastl.training.losses import require_balance
from kerastl.training.model import Network, build
from kerastl.training.normalization import estimate_statistics, some_of
from kerastl.training.optimizers import optimizer_of
from kerastl.training.stages import require_a_step


def inputs_of(recipe: Recipe, file: Path | None = None) -> list[Path]:
    """Return the files and folders that a run reads, none of which it may overwrite.

    Raises:
        RunDirectoryError: There is no such run as the one that it is to be divided like.
    """
    earlier = recipe.division.file and file_of(recipe.division.file)
    named = [*recipe.backbone.weights, getattr(recipe.data, "path", None), file, earlier]
    return [Path(path).expanduser() for path in named if path]


def find_photos(recipe: Recipe, clock: Clock) -> Labelled:
    """Find all photos, of which no file is opened yet."""
    with clock.part("reading"):
        labelled = recipe.data.find()
    labelled.require_two_classes(recipe.data)
    return labelled


def build_network(
    recipe: Recipe, labelled: Labelled | Splits, clock: Clock, begun: bool = False
) -> Network:
    """Build the model, which finds most mistakes in a recipe, before photos are read.

    Args:
        recipe: What to build.
        labelled: Its classes.
        clock: Is told the seconds.
        begun: Whether all weights are going to be those of a checkpoint: the ones that it began
            with may be gone by now.
    """
    if begun:
        recipe = recipe.override("backbone.weights", "none")
    say(f"Device: {described(recipe.precision)}")
    if labelled.multi_label:
        require_balance(recipe.balance)
    with clock.part("model"):
        network = build(recipe, len(labelled.classes))
        for stage in recipe.stages:
            # What cannot be made is told now, whatever its learning rate is going to be.
            optimizer_of(attrs.evolve(stage, learning_rate=1.0), 1, network.model, network.model)
    say(f"Weights: {'those of the checkpoint' if begun else network.weights}")
    if network.weights.name == IMAGENET and (line := overlap_line(labelled.classes)):
        say(line)
    return network


def divide_photos(
    recipe: Recipe, labelled: Labelled, clock: Clock, cache: Cache
) -> tuple[Splits, Report]:
    """Look at the photos, divide them, and tell what a person should know of them."""
    divided = is_divided(labelled, recipe.division)
    if divided and not labelled.root:
        return labelled.parted(), Report()
    with clock.part("checking"):
        labelled, facts = known_of(labelled, cache)
        if not divided:
            labelled = divide(labelled, facts, recipe.division, recipe.seed, cache)
        return labelled.parted(), check_before(labelled, facts, cache)


def sized(recipe: Recipe, network: Network, photos: dict[str, Photos], clock: Clock) -> Recipe:
    """Return the recipe with a batch size that fits, and make sure that each stage takes a step.

    Raises:
        UsageError: A stage accumulates over more steps than it has.
    """
    recipe = with_batch_size(recipe, network.model, photos["train"].labels, clock)
    steps = -(-len(photos["train"]) // recipe.photos_a_step)
    for _, stage in recipe.parts:
        require_a_step(stage, steps)
    return recipe


def read_splits(
    recipe: Recipe,
    splits: Splits,
    network: Network,
    clock: Clock,
    cache: Cache,
    begun: bool = False,
) -> dict[str, Photos]:
    """Read the photos; a network of random weights that has not learned is told of some."""
    with clock.part("reading"):
        photos = read_all(splits, recipe.data, recipe.backbone.image_size, cache, recipe.resize)
    say(f"Classes: {', '.join(splits.classes)}")
    if network.weights.name is None and not begun:
        with clock.part("model"):
            some = some_of(photos["train"].images, recipe.seed)
            estimate_statistics(network.model, [some])
    return photos
