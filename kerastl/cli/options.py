"""What several verbs share: the options that change a recipe, and JSON instead of tables."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click

from kerastl.backbones.names import require_name
from kerastl.console import console
from kerastl.errors import UsageError
from kerastl.labelled import DataSource, Division
from kerastl.network import OFFLINE
from kerastl.recipe import Recipe
from kerastl.settings import override, parse

Command = TypeVar("Command", bound=Callable[..., Any])

Value = TypeVar("Value")

seed_option = click.option(
    "--seed", type=int, metavar="N", help="Decides all that is drawn by chance."
)
offline_option = click.option("--offline", is_flag=True, help="Do not use the network.")


def set_option(examples: str) -> Callable[[Command], Command]:
    """Return the option that sets any value by its path; see `with_settings`."""
    return click.option(
        "--set",
        "settings",
        metavar="PATH=VALUE",
        multiple=True,
        help=f"Any other value, such as {examples}.",
    )


def resume_options(command: Command) -> Command:
    """Add the options that go on with a run that was broken off."""
    resume = click.option("--resume", metavar="RUN", help="Go on with a run that was broken off.")
    force = click.option(
        "--force", is_flag=True, help="Resume though photos, versions or the recipe have changed."
    )
    return resume(force(command))


def output_options(command: Command) -> Command:
    """Add the options that say where a run is written to."""
    overwrite = click.option(
        "--overwrite", is_flag=True, help="Replace an earlier run in that folder."
    )
    path = click.Path(path_type=Path)
    output = click.option("--output", metavar="FOLDER", type=path, help="The run directory.")
    return output(overwrite(command))


# Those that change values of a recipe, in the order of the help.
_RECIPE_OPTIONS = (
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
    for option in reversed(_RECIPE_OPTIONS):
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


def require_photos(source: object) -> None:
    """Make sure, as far as that takes no time, that there are photos.

    It takes no TensorFlow, so that a mistyped folder is told of at once.

    Args:
        source: Where they come from; not all can be glanced at.

    Raises:
        DataError: There are none, or of one class alone.
    """
    if glance := getattr(source, "glance", None):
        glance()


def with_settings(value: Value, texts: tuple[str, ...]) -> Value:
    """Return the value with each `PATH=VALUE` of the texts set in it."""
    waiting = [*texts]
    while waiting:
        refused: dict[str, UsageError] = {}
        for text in waiting:
            try:
                value = _with_setting(value, text)
            except UsageError as error:
                refused[text] = error
        # What one does not allow another may, whatever their order.
        if len(refused) == len(waiting):
            raise next(iter(refused.values()))
        waiting = [*refused]
    return value


def _with_setting(value: Value, text: str) -> Value:
    path, equals, new = text.partition("=")
    if not equals:
        raise UsageError(f"--set takes PATH=VALUE, not {text!r}.")
    return override(value, path.strip(), new.strip())


def require_resume(force: bool) -> None:
    """Make sure that `--force` was not given to a run that begins."""
    if force:
        raise UsageError("--force is for --resume RUN.")


def require_alone(others: Mapping[str, Any]) -> None:
    """Make sure that nothing beside `--resume` was given: a run has one recipe to its end."""
    # A given 0 equals False and is no less given.
    if any(value not in (None, ()) and value is not False for value in others.values()):
        raise UsageError(
            "--resume goes on with the settings of the run; leave the other options out."
        )


def go_offline(offline: bool) -> None:
    """Forbid the network, if so asked, for all that follows."""
    if offline:
        os.environ[OFFLINE] = "1"


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
    division = recipe.division
    return attrs.evolve(
        division,
        file=division.file if split is None else split,
        fold=division.fold if fold is None else fold,
    )


def _weights(text: str) -> str | None:
    return None if text.lower() == "none" else text


def json_option(command: Command) -> Command:
    """Add `--json`: one JSON object as the last line of standard output, all else to stderr."""

    def redirect(context: click.Context, _: click.Parameter, value: bool) -> bool:
        # Decided here, before the verb begins, so that not one line goes astray; and for this
        # verb alone, since the console outlives it.
        context.call_on_close(partial(setattr, console, "stderr", console.stderr))
        console.stderr = value
        return value

    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        callback=redirect,
        help="Print one JSON object as the last line; all else goes to standard error.",
    )(command)


def print_json(value: Any) -> None:
    """Print the JSON object that `--json` promises."""
    click.echo(json.dumps(value, ensure_ascii=False))
