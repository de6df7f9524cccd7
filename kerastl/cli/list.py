"""`kerastl list`: the recipes there are."""

from __future__ import annotations

import click


@click.command("list", epilog="\b\nExamples:\n  kerastl list")
def list_() -> None:
    """List the recipes."""
    from rich.table import Table
    from rich.text import Text

    from kerastl.console import console
    from kerastl.errors import KerastlError
    from kerastl.registry import entries, find_with_module, summary

    table = Table("recipe", "backbone", "from", "what it does", box=None, header_style="bold")
    for name, entry in entries().items():
        try:
            recipe, module = find_with_module(name)
        except KerastlError as error:
            table.add_row(name, "", entry.package, Text(f"broken: {error}"))
        else:
            table.add_row(name, recipe.backbone.name, entry.package, Text(summary(module)))
    console.print(table)
