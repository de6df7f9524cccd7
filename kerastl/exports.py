"""A trained model -> exports, each of which has shown that it answers as the model does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from kerastl.files import replacing
from kerastl.recipe import SQUASH
from kerastl.rundir import RunDirectory
from kerastl.serving.about import About
from kerastl.serving.saved_model import write
from kerastl.serving.served import served


def about_run(directory: RunDirectory, record: Mapping[str, Any]) -> About:
    """Return what the model of a run says of itself.

    Raises:
        RunDirectoryError: The record lacks what there is to say.
    """
    recipe = directory.require("recipe")
    return About(
        recipe["name"],
        tuple(directory.require("classes")),
        recipe["backbone"]["image_size"],
        recipe.get("resize", SQUASH),
        bool(record.get("multi_label", False)),
    )


def export(model: keras.Model, about: About, folder: Path) -> Path:
    """Write a SavedModel.

    Args:
        model: From photos to logits.
        about: What it says of itself.
        folder: Where exports of all names are; this one becomes the next number of its own.

    Returns:
        Where it is: `folder/NAME/1`, or the next number.

    Raises:
        RunDirectoryError: It cannot be written.
    """
    target = next_number(folder / about.name)
    with replacing(target) as partial:
        write(served(model, about), partial)
    return target


def newest_number(folder: Path) -> Path | None:
    """Return the numbered folder that TensorFlow Serving takes, the highest; None without."""
    versions = [path for path in folder.glob("*") if path.name.isdecimal()]
    return max(versions, key=lambda path: int(path.name), default=None)


def next_number(folder: Path) -> Path:
    """Return the folder of the next export of a name."""
    newest = newest_number(folder)
    return folder / str(int(newest.name) + 1 if newest else 1)
