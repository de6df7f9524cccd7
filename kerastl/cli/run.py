"""`kerastl run`: from photos to a trained, evaluated and exported model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kerastl import runs
from kerastl.cli.options import (
    go_offline,
    json_option,
    output_options,
    print_json,
    require_alone,
    require_photos,
    require_resume,
    resume_options,
)
from kerastl.cli.recipe_options import changed, recipe_options
from kerastl.clock import Clock
from kerastl.errors import UsageError
from kerastl.eventlog import command_to_watch
from kerastl.registry import find_with_module

if TYPE_CHECKING:
    from kerastl.flow import Run
    from kerastl.recipe import Recipe
    from kerastl.seeds import SeedRuns

_EXAMPLES = """\b
Examples:
  kerastl run candy --unfreeze-after 5
  kerastl run candy --data my_photos/ --output runs/mine
  kerastl run flowers --backbone ResNet50 --set stages.unfrozen.epochs=3
  kerastl run candy --seeds 5 --output runs/five
  kerastl run --resume runs/candy-20260131-120000
"""


@click.command(epilog=_EXAMPLES)
@click.argument("recipe", required=False)
@recipe_options
@output_options
@click.option(
    "--seeds",
    type=click.IntRange(min=2),
    metavar="N",
    help="Run it N times, with the seed and those that follow, and show mean and deviation.",
)
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
@click.option(
    "--tensorboard", is_flag=True, help="Print the command that shows the run in TensorBoard."
)
@json_option
@click.pass_obj
def run(
    clock: Clock, /, recipe: str | None, resume: str | None, as_json: bool, **options: Any
) -> None:
    """Train, evaluate and export RECIPE: a recipe's name, or a .py file.

    Everything goes into a run directory, a new one under runs/ unless --output names another.

    With --seeds each run has its own directory, with --output FOLDER these are FOLDER/seed-0 and so
    on. All that a seed decides is decided anew: splits that the data do not give (unless --split
    names a run), first weights, order.
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
    seeds: int | None,
    dry_run: bool,
    check_overfit: bool,
    exporting: bool | None,
    force: bool,
    tensorboard: bool,
    **options: Any,
) -> dict[str, Any]:
    require_resume(force)
    _require_dry(dry_run, seeds, tensorboard)
    # Before TensorFlow is imported, so that a typing mistake is told at once.
    recipe, module = find_with_module(name)
    recipe = changed(recipe, **options)
    require_photos(recipe.data)
    if not seeds:
        runs.check_free(output, overwrite)
    with clock.part("import"):
        from kerastl import flow, rehearsal

    if dry_run:
        return rehearsal.rehearse(recipe, output, overwrite=overwrite, overfitting=check_overfit)
    how: dict[str, Any] = {
        "overwrite": overwrite,
        "exporting": exporting is not False,
        "overfitting": check_overfit,
        "tensorboard": tensorboard,
        "clock": clock,
        "file": Path(str(module.__file__)),
    }
    if seeds:
        return _run_seeds(recipe, seeds, output, how)
    result = flow.run(recipe, output, **how)
    _show(result, tensorboard)
    return result.as_json()


def _require_dry(dry_run: bool, seeds: int | None, tensorboard: bool) -> None:
    """Make sure that nothing was asked for that `--dry-run`, if given, does not do."""
    if dry_run and seeds:
        raise UsageError("--dry-run is of one run; leave --seeds out.")
    if dry_run and tensorboard:
        raise UsageError("--dry-run writes no logs; leave --tensorboard out.")


def _run_seeds(
    recipe: Recipe, seeds: int, output: Path | None, how: dict[str, Any]
) -> dict[str, Any]:
    from kerastl.seeds import run_seeds

    results = run_seeds(recipe, seeds, output, **how)
    _show_seeds(results, how["tensorboard"])
    return results.as_json()


def _resume(
    clock: Clock,
    name: str,
    *,
    exporting: bool | None,
    force: bool,
    tensorboard: bool,
    offline: bool,
    **others: Any,
) -> dict[str, Any]:
    require_alone(others)
    go_offline(offline)
    runs.find(name, finished=False)
    with clock.part("import"):
        from kerastl import flow

    how: dict[str, Any] = {"exporting": exporting, "force": force, "tensorboard": tensorboard}
    result = flow.resume(name, clock=clock, **how)
    _show(result, tensorboard)
    return result.as_json()


def _show(result: Run, tensorboard: bool) -> None:
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
    _warn(result)
    folder = result.directory.path
    say(f"\nEverything is in {folder}: the model, the figures in report/, the history. Next:")
    say(f"  kerastl predict {folder} PHOTO...")
    say(f"  kerastl evaluate {folder} --data FOLDER")
    if result.export:
        say(f"  SavedModel for serving: {result.export}")
    else:
        say(f"  kerastl export {folder}")
    if tensorboard:
        say(f"  {command_to_watch(result.directory.logs)}")


def _warn(result: Run) -> None:
    from kerastl.console import say

    if result.weights == "none":
        say("\nWarning: the backbone began from random weights; pretrained ones give far more.")


def _show_seeds(results: SeedRuns, tensorboard: bool) -> None:
    """Print a table of each split, and what to type next."""
    from kerastl.console import console, say
    from kerastl.evaluation.tables import seed_table

    for number, (split, scores) in enumerate(results.by_split().items()):
        if number:
            say("")
        console.print(seed_table(split, scores, results.mean[split], results.deviation[split]))
    done = [*results.runs.values()]
    _warn(done[0])
    say("\nEach is a run of its own. Next:")
    say(f"  kerastl compare {' '.join(str(one.directory.path) for one in done)}")
    if tensorboard:
        say(f"  {command_to_watch(done[0].directory.path.parent)}")
