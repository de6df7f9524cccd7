"""What a run began with, found again: its recipe, and its photos."""

from __future__ import annotations

import os
from collections.abc import Collection

import attrs

from kerastl import settings
from kerastl.cache import Cache
from kerastl.data.facts import Facts, known_of
from kerastl.data.lock import Lock, read_lock
from kerastl.errors import DataError, RunDirectoryError, UsageError
from kerastl.labelled import SPLITS, DataSource, Labelled, Splits
from kerastl.recipe import Recipe
from kerastl.rundir import RunDirectory


def recipe_of(directory: RunDirectory) -> Recipe:
    """Return the recipe of a run as it ran, after all overrides.

    Raises:
        DataError: It holds values of somebody else's classes, such as a data source of their own.
        RunDirectoryError: The record is damaged.
    """
    try:
        recipe = settings.from_json(directory.require("recipe"))
    except UsageError as error:
        raise RunDirectoryError(f"{directory.record} is damaged: {error}") from error
    if not isinstance(recipe, Recipe):
        raise RunDirectoryError(f"{directory.record} is damaged: its recipe is none.")
    return recipe


def splits_of(
    directory: RunDirectory, recipe: Recipe, names: Collection[str] = SPLITS
) -> tuple[Splits, list[str]]:
    """Return the very photos that a run was given, whatever has been added since.

    Args:
        directory: The run's.
        recipe: Its recipe.
        names: Of the splits that are wanted; the others are left empty.

    Returns:
        The photos that are still there, and what has become of the others, in words.

    Raises:
        DataError: The source has other classes now.
        RunDirectoryError: The record of the photos is missing or damaged.
    """
    lock = read_lock(directory.splits).only(names)
    labelled = lock.labelled() if lock.root else _found_again(lock, recipe.data)
    gone = len(lock.names) - len(labelled.photos)
    changes = [f"photos of it are no more in {recipe.data}: {gone}"] if gone else []
    labelled, facts = known_of(labelled, Cache())
    return labelled.parted(), [*changes, *_changes(lock, labelled, facts)]


def _found_again(lock: Lock, source: DataSource) -> Labelled:
    """Return those photos of a source, which are no files, that an earlier run was given."""
    labelled = source.find()
    if labelled.classes != lock.classes:
        raise DataError(f"{source} no longer has the classes that the run was given.")
    where = dict(zip(lock.names, lock.splits, strict=True))
    numbers = [i for i, name in enumerate(labelled.photos.names) if name in where]
    photos = labelled.photos.some(numbers)
    splits = tuple(where[name] for name in photos.names)
    return attrs.evolve(labelled, photos=photos, splits=splits, groups=())


def _changes(lock: Lock, labelled: Labelled, facts: Facts) -> list[str]:
    """Return which photos are gone, or are not what they were, in words."""
    ids = dict(zip(lock.names, lock.ids, strict=True))
    gone, other = [], []
    for name, fact in zip(labelled.photos.names, facts, strict=True):
        if lock.root and not os.path.lexists(name):
            gone.append(name)
        elif ids[name] and ids[name] != fact["id"].tobytes().hex() and not fact["reason"]:
            other.append(name)
    return [
        f"photos of it {what}: {len(some)}, such as {some[0]}"
        for some, what in ((gone, "are gone"), (other, "were changed"))
        if some
    ]
