"""`kerastl copy`: a recipe into a file of one's own."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import click

_EXAMPLES = """\b
Examples:
  kerastl copy candy my_candy.py
  kerastl run ./my_candy.py
"""

_MAKERS = ("Recipe", "evolve")


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
    source = Path(str(module.__file__))
    # Under the old name its runs would be taken for those of the old recipe.
    text = _renamed(source.read_text(encoding="utf-8-sig"), found.name, _name(file))
    if text is None:
        raise UsageError(
            f"Expected name={found.name!r} in the Recipe(...) of {source}, to give the copy a name "
            f"of its own, and found none. Copy the file yourself and change the recipe's name."
        )
    write_text(file, text)
    say(f"Wrote {file}. Run it with: kerastl run {_runnable(file)}")


def _renamed(text: str, old: str, new: str) -> str | None:
    """Return a recipe's text with another name, all else as it is; None if it tells no name."""
    for value in map(_name_in, ast.walk(ast.parse(text))):
        if isinstance(value, ast.Constant) and value.value == old:
            # The tree counts lines from 1, and columns in bytes.
            whole, last = text.encode(), value.end_lineno or value.lineno
            lengths = [len(line) for line in whole.splitlines(keepends=True)]
            start = sum(lengths[: value.lineno - 1]) + value.col_offset
            end = sum(lengths[: last - 1]) + (value.end_col_offset or 0)
            return (whole[:start] + f'"{new}"'.encode() + whole[end:]).decode()
    return None


def _name_in(node: ast.AST) -> ast.expr | None:
    """Return what a call that makes a recipe, perhaps from another, gives as its name."""
    # Data and stages have names, too.
    if not isinstance(node, ast.Call) or ast.unparse(node.func).split(".")[-1] not in _MAKERS:
        return None
    return next((each.value for each in node.keywords if each.arg == "name"), None)


def _name(file: Path) -> str:
    """Return the file's name as far as a recipe may be called so."""
    return re.sub(r"[^\w.-]", "_", file.stem, flags=re.ASCII).lstrip("_.-") or "mine"


def _runnable(file: Path) -> str:
    return str(file) if file.parent != Path() else f"./{file}"
