"""The options that change a recipe, and what they change in it."""

from __future__ import annotations

import attrs
import click

from kerastl.backbones.names import require_name
from kerastl.cli.options import (
    Command,
    go_offline,
    offline_option,
    seed_option,
    set_option,
    with_settings,
)
from kerastl.errors import UsageError
from kerastl.labelled import DataSource, Division
from kerastl.recipe import Recipe
from kerastl.settings import parse

# In the order of the help.
_OPTIONS = (
    click.option("--data", metavar="DATA", help="A folder, a .csv, .tsv or .jsonl, or tfds:NAME."),
    click.option(
        "--class-level",
        type=click.IntRange(min=1),
        metavar="N",
        help="How many folders deep the class folders are.",
    ),
    click.option(
        "--split",
        metavar="RUN",
        help="Divide the photos as in that run, or a recipe's newest.",
    ),
    click.option("--fold", metavar="I/K", help="Validate on the I-th of K parts."),
    click.option("--backbone", metavar="NAME", help="Another network of keras.applications."),
    click.option(
        "--weights",
        metavar="WEIGHTS",
        multiple=True,
        help="imagenet, procedural, none, or a file; several are tried in order.",
    ),
    click.option("--image-size", type=int, metavar="PIXELS", help="Side of the photos."),
    click.option(
        "--batch-size", metavar="N", help="Photos a step, or auto: what fits into memory."
    ),
    click.option("--precision", metavar="PRECISION", help="auto, float32 or mixed."),
    click.option(
        "--unfreeze-after",
        type=click.IntRange(min=0),
        metavar="EPOCHS",
        help="Length of the frozen stage; 0 drops it.",
    ),
    seed_option,
    set_option("stages.unfrozen.epochs=3; `kerastl show` lists them"),
    offline_option,
)


def recipe_options(command: Command) -> Command:
    """Add the options that change values of a recipe; see `changed`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def changed(
    recipe: Recipe,
    *,
    data: str | None,
    class_level: int | None,
    split: str | None,
    fold: str | None,
    backbone: str | None,
    weights: tuple[str, ...],
    image_size: int | None,
    batch_size: str | None,
    precision: str | None,
    unfreeze_after: int | None,
    seed: int | None,
    settings: tuple[str, ...],
    offline: bool,
) -> Recipe:
    """Return the recipe with what the options of `recipe_options` change in it."""
    go_offline(offline)
    if backbone is not None:
        require_name(backbone)
    recipe = attrs.evolve(
        recipe,
        data=_data(recipe, data, class_level),
        division=_division(recipe, split, fold),
        batch_size=recipe.batch_size if batch_size is None else parse(batch_size),
        seed=recipe.seed if seed is None else seed,
        precision=precision or recipe.precision,
        backbone=attrs.evolve(
            recipe.backbone,
            name=backbone or recipe.backbone.name,
            # The options of one network mean nothing to another.
            options=recipe.backbone.options if backbone in (None, recipe.backbone.name) else {},
            image_size=recipe.backbone.image_size if image_size is None else image_size,
            weights=tuple(map(_weights, weights)) or recipe.backbone.weights,
        ),
    )
    if unfreeze_after is not None:
        recipe = recipe.unfreeze_after(unfreeze_after)
    return with_settings(recipe, settings)


def _data(recipe: Recipe, text: str | None, class_level: int | None) -> DataSource:
    """Return the data source that `--data` and `--class-level` mean."""
    from kerastl.data import ImageFolder, source_of

    data = recipe.data if text is None else source_of(text)
    if class_level is None:
        return data
    if not isinstance(data, ImageFolder):
        raise UsageError("--class-level is of folders; name one with --data FOLDER.")
    return attrs.evolve(data, class_level=class_level)


def _division(recipe: Recipe, split: str | None, fold: str | None) -> Division:
    """Return the division that `--split` and `--fold` mean."""
    from kerastl.data.lock import file_of

    division = recipe.division
    if split is not None:
        # A run that does not exist is told before TensorFlow is imported.
        file_of(split)
    return attrs.evolve(
        division,
        file=division.file if split is None else split,
        fold=division.fold if fold is None else fold,
    )


def _weights(text: str) -> str | None:
    return None if text.lower() == "none" else text
