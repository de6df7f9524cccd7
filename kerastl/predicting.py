"""Files, folders, patterns and standard input -> what a model says of each photo among them."""

from __future__ import annotations

import glob
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import tensorflow as tf

from kerastl.data.files import files_in
from kerastl.data.photos import Photos, Skipped, read_photos
from kerastl.errors import DataError, RunDirectoryError
from kerastl.files import reason
from kerastl.labelled import Split
from kerastl.serving.about import UNSURE
from kerastl.serving.opened import Opened
from kerastl.serving.predict import Prediction, predict

STDIN = "-"
# Photos that are in memory at once while there are many to predict.
_AT_A_TIME = 1024
# What is no text has such bytes among its first.
_NO_TEXT = b"\0"
# A photo of any number of labels may have none of them.
_NONE = "none"


def predict_files(
    model: Opened, paths: Sequence[str], top: int = 1
) -> Iterator[tuple[list[Prediction], tuple[Skipped, ...]]]:
    """Yield predictions, and the files that are no photos, some at a time.

    Args:
        model: What is asked.
        paths: Files, folders of them however deep, patterns such as `photos/**/*.jpg`, and `-` for
            standard input: a photo, or paths of photos, one a line.
        top: How many of the most probable labels each prediction names.

    Raises:
        DataError: A path does not exist, or there is no file at all.
    """
    several = model.about.multi_label
    for some in _splits(paths, () if several else 0):
        photos = _read(model, some)
        yield [*predict(model, photos, top)], photos.skipped


def _read(model: Opened, split: Split) -> Photos:
    about = model.about
    classes = len(about.classes) if about.multi_label else None
    return read_photos(split, about.image_size, "reading", resize=about.resize, classes=classes)


def _splits(paths: Sequence[str], label: int | tuple[int, ...]) -> Iterator[Split]:
    """Yield photos, some at a time; the label is one that nobody looks at."""
    files: list[str] = []
    for path in paths:
        if path != STDIN:
            files += _files(path)
            continue
        given = sys.stdin.buffer.read()
        if _NO_TEXT in given[:1024]:
            yield Split([STDIN], [label], partial(_dataset, given))
        else:
            lines = os.fsdecode(given).splitlines()
            files += [file for line in lines if line.strip() for file in _files(line)]
    if not files and STDIN not in paths:
        raise DataError(f"There are no files in {', '.join(paths)}.")
    for start in range(0, len(files), _AT_A_TIME):
        some = files[start : start + _AT_A_TIME]
        yield Split(some, [label] * len(some))


def _dataset(photo: bytes, _: Sequence[int]) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensors(photo)


def _files(path: str) -> list[str]:
    if os.path.isdir(path):
        return files_in(path)
    if os.path.lexists(path):
        return [path]
    found = sorted(glob.glob(path, recursive=True))
    if not found:
        raise DataError(f"There is no file or folder {path!r}.")
    return [file for one in found for file in (files_in(one) if os.path.isdir(one) else [one])]


def sort_into(folder: Path, predictions: Sequence[Prediction]) -> None:
    """Copy photos into a folder for each label; no file is moved, and none is overwritten.

    Args:
        folder: Where the folders of the labels are made.
        predictions: Of files; a photo from standard input is passed over. One of several labels is
            copied to each, one of none to `none`.

    Raises:
        RunDirectoryError: A copy cannot be written.
    """
    for one in predictions:
        for label in _labels(one) if one.name != STDIN else ():
            try:
                _copy(Path(one.name), folder / _as_folder(label))
            except OSError as error:
                raise RunDirectoryError(
                    f"Cannot copy {one.name} into {folder}: {reason(error)}."
                ) from error


def _labels(prediction: Prediction) -> list[str]:
    answer = prediction.answer
    if answer.labels is None or answer.label == UNSURE:
        return [answer.label]
    return [label for label, _ in answer.labels] or [_NONE]


def _copy(file: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    number, target = 1, folder / file.name
    while os.path.lexists(target):
        number += 1
        target = folder / f"{file.stem}-{number}{file.suffix}"
    shutil.copy2(file, target)


def _as_folder(label: str) -> str:
    """Return the name of a label's folder: a label may be what no folder can be called."""
    name = "".join("_" if mark in "/\\:\0" else mark for mark in label).strip()
    return name if name.strip(".") else "_"
