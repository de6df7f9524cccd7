"""`kerastl find-lr`: a learning rate for each stage of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from kerastl.cli.options import json_option, print_json, require_photos
from kerastl.cli.recipe_options import changed, recipe_options
from kerastl.clock import Clock
from kerastl.console import say
from kerastl.errors import UsageError
from kerastl.files import replacing, require_place
from kerastl.registry import find_with_module

_PNG = b"\x89PNG"

_EXAMPLES = """\b
Examples:
  kerastl find-lr candy
  kerastl find-lr flowers --data my_photos/ --output rates.png
  kerastl run candy --set stages.frozen.learning_rate=auto
"""


@click.command(name="find-lr", epilog=_EXAMPLES)
@click.argument("recipe")
@recipe_options
@click.option(
    "--output",
    metavar="PNG",
    type=click.Path(path_type=Path),
    help="The figure; NAME-learning-rates.png unless it is given.",
)
@json_option
@click.pass_obj
def find_lr(
    clock: Clock, /, recipe: str, output: Path | None, as_json: bool, **options: Any
) -> None:
    """Find a learning rate for each stage of RECIPE.

    From step to step, up to 120 of them, the rate climbs until the loss does. A stage that follows
    others is looked at after those have been trained: all of it takes about as long as a run.
    """
    if output and output.suffix.lower() != ".png":
        raise UsageError(f"--output takes the name of a .png file, not {str(output)!r}.")
    found, _ = find_with_module(recipe)
    found = changed(found, **options)
    path = output or Path(f"{found.name}-learning-rates.png")
    require_place(path, _PNG)
    require_photos(found.data)
    with clock.part("import"):
        from kerastl import rehearsal
    from kerastl.evaluation.figures import draw_rates

    tests = rehearsal.find_learning_rates(found)
    with replacing(path) as partial:
        draw_rates(tests, partial)
    for test in tests:
        say(f"Stage {test.stage}: learning rate {test.suggestion:g}")
    # A gradual stage is tested in parts, of which the recipe knows nothing.
    stage = found.parts[0][0].name
    say(f"Figure: {path}. Take one with: --set stages.{stage}.learning_rate=...")
    if as_json:
        print_json({test.stage: test.suggestion for test in tests})
