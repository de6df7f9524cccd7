"""A run's model taken up again: to be evaluated, to predict, to be exported."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from kerastl import runs
from kerastl.backbones.inference import Compiled, compiled
from kerastl.begun import recipe_of, splits_of
from kerastl.cache import Cache
from kerastl.console import note, say
from kerastl.data import Manifest, source_of
from kerastl.data.photos import Photos, read_photos
from kerastl.errors import DataError, ExportError, RunDirectoryError, UsageError
from kerastl.evaluation.calibration import threshold_for
from kerastl.evaluation.scores import Scores
from kerastl.evaluation.scoring import evaluate
from kerastl.exports import about_run, export
from kerastl.labelled import TEST, TRAIN, VALIDATION, Split, Splits
from kerastl.logits import probabilities_of
from kerastl.rundir import RunDirectory
from kerastl.serving.about import UNSURE, About
from kerastl.serving.form import Form
from kerastl.serving.keras_file import load_harmless
from kerastl.serving.opened import Opened, Pixels
from kerastl.serving.served import open_served, served
from kerastl.trial import exact_logits, examples_of, trial

# What to do where photos of the run are gone.
_OTHERS = "Name other photos with --data FOLDER."
_ITS_OWN = (
    "--target-precision needs the run's own validation photos; bring them back, or leave it out."
)


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

    def _own_photos(self, remedy: str = _OTHERS) -> dict[str, Split]:
        try:
            names = (VALIDATION, TEST)
            splits, changes = splits_of(self.directory, recipe_of(self.directory), names)
        except DataError as error:
            raise DataError(f"{error} {remedy}") from error
        if changes:
            raise DataError(f"Since {self.directory.path} began, {'; '.join(changes)}. {remedy}")
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

    def export(
        self,
        folder: Path | None = None,
        forms: Sequence[Form] = (Form(),),
        *,
        data: str | None = None,
        target_precision: float | None = None,
    ) -> list[Path]:
        """Write the model, each form tried on photos before it is there.

        Args:
            folder: Where exports are; the run's own folder of them unless it is given.
            forms: As what it is written.
            data: Other photos to try it on, as of `evaluate`, and to find the ranges of `int8` on;
                the run's own unless it is given.
            target_precision: So large a share (0..1) of the photos that have a label should have
                the right one: photos below a probability that is chosen on the validation photos
                are `unsure`.

        Returns:
            Where each is: `folder/NAME/1`, or the next number.

        Raises:
            DataError: There are no photos to try it on, or the precision cannot be reached.
            ExportError: An export does not answer as the model does.
            RunDirectoryError: It cannot be written.
        """
        remedy = _ITS_OWN if target_precision else _OTHERS
        splits, cache = self._other_photos(data) if data else self._own_photos(remedy), Cache()
        threshold = self._threshold(target_precision, cache) if target_precision else None
        name, photos = self._to_try_on(splits, cache)
        about = about_run(self.directory, threshold)
        examples = examples_of(photos) if data else self._examples
        called = "other" if data else name
        with trial(self.model, about, called, splits[name], photos, examples) as proof:
            return export(self.model.model, about, self.directory, forms, proof, folder)

    def _to_try_on(self, splits: Mapping[str, Split], cache: Cache) -> tuple[str, Photos]:
        """Return photos that exports are tried on: those of the last split that has some."""
        for name in reversed([*splits]):
            photos = self._read(splits[name], f"reading {name} photos", cache)
            if len(photos):
                return name, photos
        raise DataError("There are no photos to try an export on; name some with --data FOLDER.")

    def _threshold(self, precision: float, cache: Cache) -> float | None:
        """Return below which probability a photo is `unsure`, by the run's validation photos."""
        if self.multi_label:
            raise UsageError("--target-precision is of photos with one label each.")
        if UNSURE in self.classes:
            raise UsageError(
                f"--target-precision calls doubtful photos {UNSURE!r}, and so is a class called; "
                "rename the class, and train on it anew."
            )
        split = self._own_photos(_ITS_OWN)[VALIDATION]
        photos = self._read(split, "reading validation photos", cache)
        if not len(photos):
            raise DataError("The run has no validation photos to find --target-precision on.")
        probabilities = probabilities_of(exact_logits(self.model, photos), multi_label=False)
        found = threshold_for(probabilities, photos.labels, precision)
        if found is None:
            raise DataError(
                f"Not even the most certain answers to {len(photos)} validation photos are right "
                f"in {precision:.0%}; ask for a lower --target-precision."
            )
        sure = probabilities.max(axis=1) >= found
        right = (probabilities.argmax(axis=1) == photos.labels)[sure].mean()
        below = f"Below {found:.3f}, {(~sure).sum()}" if found else "None"
        say(
            f"{below} of {len(photos)} validation photos are unsure; of the others {right:.3f} are "
            "told right"
        )
        return found or None

    def _examples(self) -> Pixels:
        splits, _ = splits_of(self.directory, recipe_of(self.directory), (TRAIN,))
        return examples_of(self._read(splits.train, "reading train photos", Cache()))()

    @property
    def about(self) -> About:
        """What the model says of itself."""
        return about_run(self.directory)

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
    path, about = directory.require_model(), about_run(directory)
    if not directory.is_finished:
        status = directory.read_record().get("status", "unknown")
        note(
            f"Warning: {directory.path} is not finished (status: {status}); its model is the best "
            "that it has come to."
        )
    try:
        model = load_harmless(path)
    except ExportError as error:
        raise RunDirectoryError(str(error)) from error
    expected = (None, about.image_size, about.image_size, 3), (None, len(about.classes))
    if (model.inputs[0].shape, model.outputs[0].shape) != expected:
        raise RunDirectoryError(
            f"{directory.record} is damaged: its model is of photos of "
            f"{model.inputs[0].shape[1]} pixels and {model.outputs[0].shape[1]} classes, and it "
            f"says {about.image_size} and {len(about.classes)}."
        )
    return Trained(directory, compiled(model), about.classes, about.resize, about.multi_label)


def _kind(multi_label: bool) -> str:
    return "any number of labels a photo" if multi_label else "one label a photo"
