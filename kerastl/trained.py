"""A run's model taken up again: to be evaluated, to predict, to be exported."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import attrs
import keras

from kerastl import rundir, settings
from kerastl.backbones.inference import Compiled, compiled
from kerastl.data.folder import ImageFolder, photo_files
from kerastl.data.photos import Photos, Skipped, read_photos
from kerastl.errors import DataError, RunDirectoryError
from kerastl.evaluation.scores import Scores, score
from kerastl.recipe import Recipe, Split, Splits
from kerastl.rundir import RunDirectory
from kerastl.serving.predict import Prediction, predict
from kerastl.serving.saved_model import export, next_version


@attrs.frozen(eq=False)
class Trained:
    """The model of a run, with what is needed to use it.

    Args:
        directory: The run's.
        model: From photos of 0..255 to logits.
        classes: Their names, in the order of the logits.
    """

    directory: RunDirectory
    model: Compiled
    classes: tuple[str, ...]

    @property
    def image_size(self) -> int:
        """Height and width in pixels of the photos that the model takes."""
        return int(self.model.model.inputs[0].shape[1])

    def evaluate(self, data: str | None = None) -> dict[str, Scores]:
        """Score the model on the run's validation and test photos, or on a folder of other photos.

        Args:
            data: A folder of class folders, or one of `validation` and `test` folders of those.

        Raises:
            DataError: The photos cannot be found again, or their classes are not the model's.
        """
        splits = self._other_photos(data) if data else self._own_photos()
        found = {}
        for name, split in splits.items():
            photos = read_photos(split, self.image_size, f"reading {name} photos")
            if len(photos):
                found[name] = evaluate(self.model, photos, self.classes, name)
        if not found:
            raise DataError("There are no photos to evaluate on.")
        return found

    def _own_photos(self) -> dict[str, Split]:
        try:
            recipe = recipe_of(self.directory)
        except DataError as error:
            raise DataError(f"{error} Name the photos with --data FOLDER.") from error
        splits = recipe.data.load(recipe.seed)
        if splits.classes != self.classes:
            raise DataError(
                f"{recipe.data} now has the classes {', '.join(splits.classes)}; "
                f"the model knows {', '.join(self.classes)}."
            )
        return {"validation": splits.validation, "test": splits.test}

    def _other_photos(self, data: str) -> dict[str, Split]:
        splits = ImageFolder(data, validation=0, test=0).load(seed=0)
        unknown = set(splits.classes) - set(self.classes)
        if unknown:
            raise DataError(
                f"{data} has the classes {', '.join(sorted(unknown))}, which the model does not "
                f"know; it knows {', '.join(self.classes)}."
            )
        held_back = {"validation": splits.validation, "test": splits.test}
        named = held_back if any(map(len, held_back.values())) else {"all": splits.train}
        return {name: self._relabelled(split, splits) for name, split in named.items()}

    def _relabelled(self, split: Split, splits: Splits) -> Split:
        labels = tuple(self.classes.index(splits.classes[label]) for label in split.labels)
        return attrs.evolve(split, labels=labels)

    def predict(
        self, paths: Sequence[str], top: int = 1
    ) -> tuple[list[Prediction], tuple[Skipped, ...]]:
        """Predict the labels of photo files and of all files in folders.

        Args:
            paths: Files and folders.
            top: How many of the most probable labels each prediction holds.

        Returns:
            The predictions, and the files that are no usable photos.

        Raises:
            DataError: A path does not exist.
        """
        files = [file for path in paths for file in _files(path)]
        photos = read_photos(photo_files(files, [0] * len(files)), self.image_size)
        return predict(self.model, photos, self.classes, top), photos.skipped

    def export(self, target: Path | None = None) -> Path:
        """Write a SavedModel to a folder that does not exist yet.

        Args:
            target: The folder; the next number in the run's `export` folder unless it is given.

        Raises:
            RunDirectoryError: The folder exists, or cannot be written.
        """
        target = target or next_version(self.directory.export)
        if target.exists():
            raise RunDirectoryError(f"{target} exists. Name another folder with --output.")
        export(self.model, self.classes, target)
        return target


def load(name: str) -> Trained:
    """Take up the run of that directory, or the newest run of the recipe of that name.

    No code that is stored in the directory is run.

    Raises:
        RunDirectoryError: There is no such run, or it has no model yet.
    """
    directory = rundir.find(name)
    path = directory.require_model()
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise RunDirectoryError(f"{path} is damaged: {_line(error)}") from error
    return Trained(directory, compiled(model), tuple(directory.read_record()["classes"]))


def recipe_of(directory: RunDirectory) -> Recipe:
    """Return the recipe of a run as it ran, after all overrides.

    Raises:
        DataError: It holds values of somebody else's classes, such as a data source of their own.
    """
    recipe = settings.from_json(directory.read_record()["recipe"])
    assert isinstance(recipe, Recipe)
    return recipe


def evaluate(
    model: Compiled, photos: Photos, classes: Sequence[str], name: str, batch_size: int = 32
) -> Scores:
    """Score a model on the photos of a split; there is at least one."""
    (logits,) = model(photos.images, batch_size, f"evaluating {name}")
    return score(logits, photos.labels, classes)


def _files(path: str) -> list[str]:
    if os.path.isdir(path):
        walked = os.walk(path, followlinks=True)
        found = (os.path.join(where, file) for where, _, files in walked for file in files)
        return sorted(file for file in found if not os.path.basename(file).startswith("."))
    if not os.path.exists(path):
        raise DataError(f"There is no file or folder {path!r}.")
    return [path]


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
