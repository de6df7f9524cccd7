"""A run's model taken up again: to be evaluated, to predict, to be exported."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import attrs
import keras

from kerastl import runs
from kerastl.backbones.inference import Compiled, compiled
from kerastl.begun import recipe_of, splits_of
from kerastl.cache import Cache
from kerastl.console import say
from kerastl.data import Manifest, source_of
from kerastl.data.files import files_in
from kerastl.data.photos import Photos, Skipped, read_photos
from kerastl.errors import DataError, RunDirectoryError, one_line
from kerastl.evaluation.scores import Scores
from kerastl.evaluation.scoring import evaluate
from kerastl.exports import about_run, export
from kerastl.labelled import Split, Splits
from kerastl.recipe import SQUASH
from kerastl.rundir import RunDirectory
from kerastl.serving.about import About
from kerastl.serving.opened import Opened
from kerastl.serving.predict import Prediction, predict
from kerastl.serving.served import open_served, served

# Photos that are in memory at once while there are many to predict.
_AT_A_TIME = 1024


@attrs.frozen(eq=False)
class Trained:
    """The model of a run, with what is needed to use it.

    Args:
        directory: The run's.
        model: From photos of 0..255 to logits.
        classes: Their names, in the order of the logits.
        resize: How photos become squares, as in a recipe.
        multi_label: Whether a photo has any number of labels.
    """

    directory: RunDirectory
    model: Compiled
    classes: tuple[str, ...]
    resize: str
    multi_label: bool

    @property
    def image_size(self) -> int:
        """Height and width in pixels of the photos that the model takes."""
        return int(self.model.model.inputs[0].shape[1])

    def evaluate(self, data: str | None = None) -> dict[str, Scores]:
        """Score the model on the run's validation and test photos, or on a folder of other photos.

        What it says of each of the run's own photos is written beside the run's scores.

        Args:
            data: A folder of class folders, or one of `validation` and `test` folders of those.

        Raises:
            DataError: The photos cannot be found again, or their classes are not the model's.
        """
        splits = self._other_photos(data) if data else self._own_photos()
        found, cache = {}, Cache()
        # Who may only read a run may still have it scored.
        keeping = not data and os.access(self.directory.path, os.W_OK)
        for name, split in splits.items():
            photos = self._read(split, f"reading {name} photos", cache)
            for one in photos.skipped:
                say(f"Skipped {one.name}: {one.reason}")
            if len(photos):
                file = self.directory.predictions(name) if keeping else None
                done = evaluate(self.model, photos, self.classes, name, file=file)
                found[name] = done.scores
        if not found:
            raise DataError("There are no photos to evaluate on.")
        return found

    def _read(self, split: Split, what: str = "reading", cache: Cache | None = None) -> Photos:
        classes = len(self.classes) if self.multi_label else None
        return read_photos(split, self.image_size, what, cache, self.resize, classes)

    def _own_photos(self) -> dict[str, Split]:
        try:
            splits, changes = splits_of(self.directory, recipe_of(self.directory))
        except DataError as error:
            raise DataError(f"{error} Name other photos with --data FOLDER.") from error
        if changes:
            raise DataError(
                f"Since {self.directory.path} began, {'; '.join(changes)}. Name other photos with "
                "--data FOLDER."
            )
        return {"validation": splits.validation, "test": splits.test}

    def _other_photos(self, data: str) -> dict[str, Split]:
        source = source_of(data)
        if isinstance(source, Manifest):
            # A photo of several labels need not be among them.
            source = attrs.evolve(source, multi_label=self.multi_label)
        splits = source.find().parted()
        if splits.multi_label != self.multi_label:
            raise DataError(f"{data} has {_kind(splits.multi_label)}, unlike the model's photos.")
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
        number = [self.classes.index(name) for name in splits.classes]
        labels = (
            tuple(number[one] for one in label) if isinstance(label, tuple) else number[label]
            for label in split.labels
        )
        return attrs.evolve(split, labels=tuple(labels))

    def predict(self, paths: Sequence[str], top: int = 1) -> tuple[list[Prediction], list[Skipped]]:
        """Predict the labels of photo files and of all files in folders.

        Args:
            paths: Files and folders.
            top: How many of the most probable labels each prediction holds.

        Returns:
            The predictions, and the files that are no usable photos.

        Raises:
            DataError: A path does not exist, or there is no file at all.
        """
        files = [file for path in paths for file in _files(path)]
        if not files:
            raise DataError(f"There are no files in {', '.join(paths)}.")
        predictions: list[Prediction] = []
        skipped: list[Skipped] = []
        for start in range(0, len(files), _AT_A_TIME):
            some = files[start : start + _AT_A_TIME]
            photos = self._read(Split(some, [() if self.multi_label else 0] * len(some)))
            several = self.multi_label
            predictions += predict(self.model, photos, self.classes, top, multi_label=several)
            skipped += photos.skipped
        return predictions, skipped

    def export(self, folder: Path | None = None) -> Path:
        """Write a SavedModel.

        Args:
            folder: Where exports are; the run's own folder of them unless it is given.

        Returns:
            Where it is: `folder/NAME/1`, or the next number.

        Raises:
            RunDirectoryError: It cannot be written.
        """
        return export(self.model.model, self.about, folder or self.directory.export)

    @property
    def about(self) -> About:
        """What the model says of itself."""
        return about_run(self.directory, self.directory.read_record())

    def opened(self) -> Opened:
        """Return the model as one that answers."""
        return open_served(served(self.model.model, self.about), self.directory.path)


def load(name: str) -> Trained:
    """Take up the run of that directory, or the newest run of the recipe of that name.

    No code that is stored in the directory is run.

    Raises:
        RunDirectoryError: There is no such run, or it has no model yet.
    """
    directory = runs.find(name)
    path = directory.require_model()
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise RunDirectoryError(f"{path} is damaged: {one_line(error)}") from error
    resize = directory.require("recipe").get("resize", SQUASH)
    multi_label = bool(directory.read_record().get("multi_label", False))
    classes = tuple(directory.require("classes"))
    return Trained(directory, compiled(model), classes, resize, multi_label)


def _files(path: str) -> list[str]:
    if os.path.isdir(path):
        return files_in(path)
    if not os.path.lexists(path):
        raise DataError(f"There is no file or folder {path!r}.")
    return [path]


def _kind(multi_label: bool) -> str:
    return "any number of labels a photo" if multi_label else "one label a photo"
