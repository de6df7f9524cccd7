"""`kerastl run`: from photos to a trained, evaluated and exported model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kerastl.cli.options import (
    changed,
    go_offline,
    json_option,
    output_options,
    print_json,
    recipe_options,
    require_alone,
    require_resume,
    resume_options,
)
from kerastl.clock import Clock
from kerastl.errors import UsageError
from kerastl.registry import find_with_module

if TYPE_CHECKING:
    from kerastl.flow import Run

_EXAMPLES = """\b
Examples:
  kerastl run candy --unfreeze-after 5
  kerastl run candy --data my_photos/ --output runs/mine
  kerastl run flowers --backbone ResNet50 --set stages.unfrozen.epochs=3
  kerastl run --resume runs/candy-20260131-120000
"""


@click.command(epilog=_EXAMPLES)
@click.argument("recipe", required=False)
@recipe_options
@output_options
@resume_options
@click.option(
    "--dry-run", is_flag=True, help="Read the photos and build the model, but train nothing."
)
@click.option(
    "--check-overfit", is_flag=True, help="First learn one batch by heart, and forget it again."
)
@click.option(
    "--export/--no-export", "exporting", default=None, help="Whether to write a SavedModel."
)
@json_option
@click.pass_obj
def run(
    clock: Clock, /, recipe: str | None, resume: str | None, as_json: bool, **options: Any
) -> None:
    """Train, evaluate and export RECIPE: a recipe's name, or a .py file.

    Everything goes into a run directory, a new one under runs/ unless --output names another.
    """
    if recipe and not resume:
        result = _begin(clock, recipe, **options)
    elif resume and not recipe:
        result = _resume(clock, resume, **options)
    elif resume:
        raise UsageError(f"--resume goes on with the run's own recipe; leave {recipe!r} out.")
    else:
        raise UsageError("Name a recipe (`kerastl list` shows them), or --resume RUN.")
    if as_json:
        print_json(result)


def _begin(
    clock: Clock,
    name: str,
    *,
    output: Path | None,
    overwrite: bool,
    dry_run: bool,
    check_overfit: bool,
    exporting: bool | None,
    force: bool,
    **options: Any,
) -> dict[str, Any]:
    require_resume(force)
    # Before TensorFlow is imported, so that a typing mistake is told at once.
    recipe, module = find_with_module(name)
    recipe = changed(recipe, **options)
    with clock.part("import"):
        from kerastl import flow

    if dry_run:
        return flow.rehearse(recipe, output, overwrite=overwrite, overfitting=check_overfit)
    result = flow.run(
        recipe,
        output,
        overwrite=overwrite,
        exporting=exporting is not False,
        overfitting=check_overfit,
        clock=clock,
        file=Path(str(module.__file__)),
    )
    _show(result)
    return result.as_json()


def _resume(
    clock: Clock,
    name: str,
    *,
    exporting: bool | None,
    force: bool,
    offline: bool,
    **others: Any,
) -> dict[str, Any]:
    require_alone(others)
    go_offline(offline)
    with clock.part("import"):
        from kerastl import flow

    result = flow.resume(name, exporting=exporting, force=force, clock=clock)
    _show(result)
    return result.as_json()


def _show(result: Run) -> None:
    """Print the tables, and what to type next."""
    from kerastl.console import console, say
    from kerastl.evaluation.tables import class_table, score_table, time_table

    # The test split where there is one: the validation split has chosen the epoch.
    split = list(result.scores)[-1]
    tables = (
        score_table(result.scores),
        class_table(split, result.scores[split]),
        time_table(result.seconds),
    )
    for table in tables:
        say("")
        console.print(table)
    if result.weights == "none":
        say("\nWarning: the backbone began from random weights; pretrained ones give far more.")
    folder = result.directory.path
    say(f"\nEverything is in {folder}: the model, the figures in report/, the history. Next:")
    say(f"  kerastl predict {folder} PHOTO...")
    say(f"  kerastl evaluate {folder} --data FOLDER")
    if result.export:
        say(f"  SavedModel for serving: {result.export}")
    else:
        say(f"  kerastl export {folder}")
