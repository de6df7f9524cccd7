"""The photos of all splits: read, counted, and checked for something to learn from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from kerastl.cache import Cache
from kerastl.console import counted, say
from kerastl.data.photos import Photos, read_photos
from kerastl.errors import DataError
from kerastl.labelled import DataSource, Splits
from kerastl.recipe import SQUASH


def read_all(
    splits: Splits,
    source: DataSource,
    image_size: int,
    cache: Cache | None = None,
    resize: str = SQUASH,
) -> dict[str, Photos]:
    """Read the three splits, name what is no photo, and make sure of something to learn from."""
    classes = len(splits.classes) if splits.multi_label else None
    photos = {
        name: read_photos(split, image_size, f"reading {name} photos", cache, resize, classes)
        for name, split in splits.by_name().items()
    }
    skipped = [one for some in photos.values() for one in some.skipped]
    for one in skipped:
        say(f"Skipped {one.name}: {one.reason}")
    counts = ", ".join(f"{len(some)} {name}" for name, some in photos.items())
    say(f"Photos: {counts}; {counted(len(skipped), 'file')} skipped")
    _require_all(photos, splits.classes, source)
    return photos


def _require_all(
    photos: Mapping[str, Photos], classes: tuple[str, ...], source: DataSource
) -> None:
    for name in ("train", "validation"):
        if not len(photos[name]):
            raise DataError(f"There are no usable {name} photos in {source}.")
    for name, some in photos.items():
        _require_labels(some.labels, len(classes), f"{name} photos of {source}")
    weights = photos["train"].weights
    if weights is not None and not weights.any():
        raise DataError(f"All training photos of {source} have the weight 0.")
    for label, name in enumerate(classes):
        if not name.isprintable():
            raise DataError(f"The class name {name!r} cannot be printed; rename its folder.")
        if not _has(photos["train"].labels, label):
            raise DataError(f"There is no usable training photo of class {name!r} in {source}.")


def _require_labels(labels: npt.NDArray[np.int64], classes: int, what: str) -> None:
    """Make sure that labels are numbers of classes; of several labels that is sure."""
    if labels.ndim == 1 and len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise DataError(
            f"The {what} have the labels {labels.min()} to {labels.max()}; expected 0 to "
            f"{classes - 1}, the numbers of the classes counted from 0."
        )


def _has(labels: npt.NDArray[np.int64], label: int) -> bool:
    return bool(labels[:, label].any() if labels.ndim == 2 else (labels == label).any())
