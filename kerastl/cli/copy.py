"""`kerastl copy`: a recipe into a file of one's own."""

from __future__ import annotations

import re
from pathlib import Path

import click

_EXAMPLES = """\b
Examples:
  kerastl copy candy my_candy.py
  kerastl run ./my_candy.py
"""


@click.command(epilog=_EXAMPLES)
@click.argument("recipe")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def copy(recipe: str, file: Path) -> None:
    """Copy RECIPE to a .py FILE that is yours to change."""
    from kerastl.console import say
    from kerastl.errors import UsageError
    from kerastl.files import write_text
    from kerastl.registry import find_with_module

    found, module = find_with_module(recipe)
    if file.suffix != ".py":
        raise UsageError(f"A recipe file ends in .py: {file.with_suffix('.py')}, not {file}.")
    if file.exists():
        raise UsageError(f"{file} exists and is left as it is. Name another file.")
    text = Path(str(module.__file__)).read_text(encoding="utf-8")
    # Under the old name its runs would be taken for those of the old recipe.
    write_text(file, text.replace(f'name="{found.name}"', f'name="{_name(file)}"', 1))
    say(f"Wrote {file}. Run it with: kerastl run {_runnable(file)}")


def _name(file: Path) -> str:
    """Return the file's name as far as a recipe may be called so."""
    return re.sub(r"[^\w.-]", "_", file.stem, flags=re.ASCII).lstrip("_.-") or "mine"


def _runnable(file: Path) -> str:
    return str(file) if file.parent != Path() else f"./{file}"
