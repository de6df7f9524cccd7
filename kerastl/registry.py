"""Finds recipes: kerastl's own, those of other packages, and files."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

import attrs

from kerastl.errors import UsageError, cause, did_you_mean
from kerastl.recipe import Recipe

GROUP = "kerastl.recipes"


@attrs.frozen
class Entry:
    """A recipe that can be picked by name.

    Args:
        name: What a person types.
        module: The module that holds it, perhaps with `:attribute`.
        package: The distribution that brings it.
    """

    name: str
    module: str
    package: str

    def load(self) -> tuple[Recipe, ModuleType]:
        """Return the recipe and the module it stands in."""
        name, _, attribute = self.module.partition(":")
        module = importlib.import_module(name)
        return _recipe_of(module, attribute or "recipe", self.name), module


def entries() -> dict[str, Entry]:
    """Return every recipe that is installed, by name; none is imported for it."""
    ours = importlib.import_module("kerastl.recipes")
    found = {
        name: Entry(name, f"kerastl.recipes.{name}", "kerastl")
        for _, name, _ in pkgutil.iter_modules(ours.__path__)
    }
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, Entry(point.name, point.value, _package(point)))
    return dict(sorted(found.items()))


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"


def find(name: str) -> Recipe:
    """Return the recipe of that name, or of that `.py` file.

    Raises:
        UsageError: There is no such recipe, or it cannot be loaded.
    """
    return find_with_module(name)[0]


def summary(module: ModuleType) -> str:
    """Return the first line of a recipe file's docstring."""
    return (module.__doc__ or "").strip().partition("\n")[0]


def find_with_module(name: str) -> tuple[Recipe, ModuleType]:
    """Return the recipe and the module that it stands in, for its docstring and its file."""
    if name.endswith(".py"):
        return _load_file(Path(name))
    known = entries()
    if name not in known:
        hint = did_you_mean(name, known)
        raise UsageError(f"There is no recipe {name!r}. {hint} (`kerastl list` shows them all.)")
    try:
        return known[name].load()
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"Recipe {name!r} of {known[name].package} is broken: {cause(error)}"
        ) from error


def _load_file(path: Path) -> tuple[Recipe, ModuleType]:
    if not path.is_file():
        raise UsageError(f"There is no recipe file {str(path)!r}.")
    # The name is its own so that a file called keras.py cannot stand in for Keras.
    name = f"kerastl_recipe_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        raise UsageError(f"Recipe file {str(path)!r} cannot be loaded: {cause(error)}") from error
    return _recipe_of(module, "recipe", str(path)), module


def _recipe_of(module: ModuleType, attribute: str, name: str) -> Recipe:
    recipe = getattr(module, attribute, None)
    if not isinstance(recipe, Recipe):
        raise UsageError(f"Recipe {name!r} must set `{attribute} = Recipe(...)`; it does not.")
    return recipe
