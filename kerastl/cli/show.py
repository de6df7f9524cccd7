"""`kerastl show`: a recipe's settings, and the cuts of its backbone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kerastl.cli.recipe_options import changed, recipe_options

if TYPE_CHECKING:
    from rich.table import Table

    from kerastl.recipe import Recipe

_EXAMPLES = """\b
Examples:
  kerastl show candy
  kerastl show candy --backbone ResNet50
  kerastl show ./my_candy.py --set stages.unfrozen.unfreeze=0.5
"""


@click.command(epilog=_EXAMPLES)
@click.argument("recipe")
@recipe_options
def show(recipe: str, **options: Any) -> None:
    """Show every setting of RECIPE and the cuts of its backbone.

    A cut is a place where all before can be frozen and all after can learn. A stage's `unfreeze`
    is the share of the backbone above the cut, counted in layers with weights.
    """
    from kerastl.console import console, say
    from kerastl.registry import find_with_module

    found, module = find_with_module(recipe)
    found = changed(found, **options)
    if module.__doc__:
        say(module.__doc__.strip() + "\n")
    console.print(_settings(found))
    say("")
    console.print(_cuts(found))


def _settings(recipe: Recipe) -> Table:
    from rich.table import Table
    from rich.text import Text

    from kerastl.settings import paths

    table = Table("setting", "value", box=None, header_style="bold")
    for path, value in paths(recipe):
        table.add_row(Text(path), Text(value))
    return table


def _cuts(recipe: Recipe) -> Table:
    import attrs
    from rich.table import Table

    from kerastl.backbones.cuts import find_cuts, nearest_cut

    # Where the cuts lie does not depend on the weights, and two classes are enough of a head.
    model = attrs.evolve(recipe, backbone=attrs.evolve(recipe.backbone, weights=None)).build(
        classes=2
    )
    cuts = find_cuts(model)
    stages = [(stage.name, nearest_cut(cuts, stage.unfreeze)) for stage in recipe.stages]
    table = Table("cut", "after layer", box=None, header_style="bold")
    for column in ("share above", "parameters above"):
        table.add_column(column, justify="right")
    table.add_column("stage")
    for index, cut in enumerate(cuts):
        names = ", ".join(name for name, chosen in stages if chosen is cut)
        row = (str(index), cut.layer, f"{cut.share:.3f}", f"{cut.parameters:,}", names)
        table.add_row(*row, style="bold" if names else "")
    return table
