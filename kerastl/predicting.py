"""Photos that a person names -> what a model says of each of them."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import attrs
import tensorflow as tf

from kerastl.console import counted
from kerastl.data.given import STDIN, Given
from kerastl.data.photos import Photos, Skipped, read_photos
from kerastl.errors import RunDirectoryError
from kerastl.files import reason, replacing
from kerastl.labelled import Split
from kerastl.serving.opened import Opened
from kerastl.serving.predict import Prediction, predict

# Photos that are in memory at once while there are many to predict.
_AT_A_TIME = 1024
# A photo of any number of labels may have none of them.
_NONE = "none"


def predict_files(
    model: Opened, given: Given, top: int = 1
) -> Iterator[tuple[list[Prediction], tuple[Skipped, ...]]]:
    """Yield predictions, and the files that are no photos, some at a time.

    Args:
        model: What is asked.
        given: The photos; see `kerastl.data.given.gathered`.
        top: How many of the most probable labels each prediction names.
    """
    # A label that nobody looks at.
    for split in _splits(given, () if model.about.multi_label else 0):
        photos = _read(model, split)
        yield [*predict(model, photos, top)], photos.skipped


def _read(model: Opened, split: Split) -> Photos:
    about = model.about
    classes = len(about.classes) if about.multi_label else None
    return read_photos(split, about.image_size, "reading", resize=about.resize, classes=classes)


def _splits(given: Given, label: int | tuple[int, ...]) -> Iterator[Split]:
    if given.photo is not None:
        yield Split([STDIN], [label], partial(_dataset, given.photo))
    for start in range(0, len(given.files), _AT_A_TIME):
        some = given.files[start : start + _AT_A_TIME]
        yield Split(some, [label] * len(some))


def _dataset(photo: bytes, _: Sequence[int]) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensors(photo)


@attrs.define
class Sorting:
    """Copies photos into a folder for each label; no file is moved, and none is overwritten.

    A photo that is there already, under its name and with its bytes, is not copied again. After a
    copy that cannot be written no more are made; the answers are worth more than they are.

    Args:
        folder: Where the folders of the labels are made.
        copied: How many copies were made.
        there: How many were there already.
    """

    folder: Path
    copied: int = attrs.field(default=0, init=False)
    there: int = attrs.field(default=0, init=False)
    _failure: RunDirectoryError | None = attrs.field(default=None, init=False)

    def copy(self, predictions: Sequence[Prediction]) -> None:
        """Copy files; one of several labels to each of them, one of none to `none`."""
        for one in predictions:
            for label in _labels(one):
                if not self._failure:
                    self._copy(one.name, self.folder / _as_folder(label))

    def _copy(self, name: str, folder: Path) -> None:
        try:
            is_new = _copy(Path(name), folder)
        except OSError as error:
            self._failure = RunDirectoryError(
                f"Cannot copy {name} into {self.folder}: {reason(error)}."
            )
            return
        except RunDirectoryError as error:
            self._failure = error
            return
        self.copied += is_new
        self.there += not is_new

    def require_whole(self) -> None:
        """Make sure that all copies were made.

        Raises:
            RunDirectoryError: One could not be written.
        """
        if self._failure:
            raise self._failure

    def __str__(self) -> str:
        """Return what a person reads."""
        kept = f"; {self.there} were there already" if self.there else ""
        return f"Copied {counted(self.copied, 'photo')} into {self.folder}{kept}"


def _labels(prediction: Prediction) -> list[str]:
    answer = prediction.answer
    if answer.labels is None:
        return [answer.label]
    return [label for label, _ in answer.labels] or [_NONE]


def _copy(file: Path, folder: Path) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    number, target = 1, folder / file.name
    while os.path.lexists(target):
        if target.is_file() and filecmp.cmp(file, target, shallow=False):
            return False
        number += 1
        target = folder / f"{file.stem}-{number}{file.suffix}"
    with replacing(target) as partial:
        shutil.copy2(file, partial)
    return True


def _as_folder(label: str) -> str:
    """Return the name of a label's folder: a label may be what no folder can be called."""
    name = "".join("_" if mark in "/\\:\0" else mark for mark in label).strip()
    return name if name.strip(".") else "_"
