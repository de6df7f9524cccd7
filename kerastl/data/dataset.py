"""Photos that come from `tf.data`, not from files: those of a data set, or a person's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import attrs

from kerastl import validators
from kerastl.data.splits import load_splits
from kerastl.errors import DataError
from kerastl.labelled import SPLITS, Division, Labelled, Split, Splits

if TYPE_CHECKING:
    import tensorflow as tf

# So many photos are looked at twice, to see whether they come in the same order.
_LOOKED_AT_TWICE = 64


def _is_data(value: Any) -> bool:
    return value is None or hasattr(value, "element_spec")


@attrs.frozen
class TFData:
    """A `tf.data.Dataset` of your own, of photos and labels, not batched or batched.

    A photo is the bytes of a file, or pixels of 0 to 255 in 1, 3 or 4 channels; a label is the
    number of a class. Each time that it is gone through, the same photos come in the same order:
    what shuffles and augments them is kerastl.

    Args:
        train: The photos to learn from.
        classes: The names of the classes, in the order of their numbers.
        validation: Those to choose the best epoch by; drawn from the others unless they are given.
        test: The same for the test.
    """

    train: Any = attrs.field(validator=validators.must_be("a tf.data.Dataset", _is_data))
    classes: tuple[str, ...] = attrs.field(converter=tuple)
    validation: Any = attrs.field(
        default=None, validator=validators.must_be("a tf.data.Dataset or None", _is_data)
    )
    test: Any = attrs.field(
        default=None, validator=validators.must_be("a tf.data.Dataset or None", _is_data)
    )

    def find(self) -> Labelled:
        """Return all photos; they are gone through once.

        Raises:
            DataError: They are no photos and labels, or come in another order each time.
        """
        parts = zip(SPLITS, (self.train, self.validation, self.test), strict=True)
        return Labelled.of(
            {
                name: _split(data, name, len(self.classes))
                for name, data in parts
                if data is not None
            },
            self.classes,
        )

    def load(self, seed: int = 0, division: Division | None = None) -> Splits:
        """Return the splits; those that are not given are drawn.

        Raises:
            DataError: As of `find`; or a class has too few photos.
        """
        return load_splits(self, seed, division)

    def __str__(self) -> str:
        """Name the photos in a line."""
        return "the tf.data.Dataset"


def chosen_from(everything: Callable[[], tf.data.Dataset]) -> Callable[..., tf.data.Dataset]:
    """Return what makes, for ascending numbers, a dataset of those elements of another one."""

    def encoded(numbers: Sequence[int]) -> tf.data.Dataset:
        import numpy as np
        import tensorflow as tf

        wanted = np.zeros(max(numbers, default=-1) + 1, bool)
        wanted[list(numbers)] = True
        mask = tf.constant(wanted)
        numbered = everything().take(len(wanted)).enumerate()
        return numbered.filter(lambda number, _: mask[number]).map(lambda _, photo: photo)

    return encoded


def _split(data: tf.data.Dataset, name: str, classes: int) -> Split:
    """Return a person's photos as a split, named by their numbers."""
    photos = _single(data, name)
    if any(os.path.lexists(photo) for photo, _ in _first(photos)[:1] if b"\0" not in photo):
        raise DataError(
            f"The photos for {name} are paths; expected the bytes of the files: map "
            "tf.io.read_file over them, or take ImageFiles."
        )
    for one, other in zip(*(_first(photos) for _ in range(2)), strict=True):
        if one != other:
            raise DataError(
                f"The photos for {name} come in another order each time, or are changed; expected "
                "the same: leave out shuffling and augmentation, which kerastl does itself."
            )
    labels = tuple(int(label) for _, label in photos.as_numpy_iterator())
    if not set(labels) <= set(range(classes)):
        raise DataError(
            f"The labels for {name} must be 0 to {classes - 1}, the numbers of the classes, not "
            f"{min(labels)} to {max(labels)}."
        )
    names = tuple(f"{name}/{number}" for number in range(len(labels)))
    return Split(names, labels, chosen_from(lambda: photos.map(lambda photo, _: photo)))


def _first(photos: tf.data.Dataset) -> list[tuple[bytes, Any]]:
    return [
        (photo, str(label)) for photo, label in islice(photos.as_numpy_iterator(), _LOOKED_AT_TWICE)
    ]


def _single(data: tf.data.Dataset, name: str) -> tf.data.Dataset:
    """Return the data as pairs of a file's bytes and a label."""
    import tensorflow as tf

    spec = data.element_spec
    if not (isinstance(spec, tuple) and len(spec) == 2):
        raise DataError(f"The dataset for {name} must hold pairs of a photo and a label.")
    photo, label = spec
    if label.shape.rank == 1 and photo.shape.rank in (1, 4):
        data, (photo, label) = data.unbatch(), data.unbatch().element_spec
    if not (label.shape.rank == 0 and label.dtype.is_integer):
        raise DataError(
            f"The labels for {name} must be numbers of classes, not {label.dtype.name} of shape "
            f"{label.shape}."
        )
    if photo.dtype == tf.string and photo.shape.rank == 0:
        return data
    if photo.shape.rank != 3:
        raise DataError(
            f"The photos for {name} must be bytes of files or pixels [height, width, channels], "
            f"not {photo.dtype.name} of shape {photo.shape}."
        )

    def encoded(pixels: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Nothing is lost in a PNG, and there is one reader for all that comes.
        whole = pixels if pixels.dtype == tf.uint8 else tf.round(tf.cast(pixels, tf.float32))
        return tf.io.encode_png(tf.cast(whole, tf.uint8)), label

    if photo.dtype != tf.uint8:
        _require_range(data, name)
    return data.map(encoded, num_parallel_calls=tf.data.AUTOTUNE)


def _require_range(data: tf.data.Dataset, name: str) -> None:
    """Make sure that pixels are of 0..255; of 0..1, rounded, nothing would be left."""
    import numpy as np

    some = [photo for photo, _ in islice(data.as_numpy_iterator(), _LOOKED_AT_TWICE)]
    least = min((float(np.min(photo)) for photo in some), default=0.0)
    most = max((float(np.max(photo)) for photo in some), default=255.0)
    if least < 0 or most > 255 or most <= 1:
        raise DataError(
            f"The pixels for {name} must be of 0 to 255, not of {least:g} to {most:g}; kerastl "
            "does what the backbone needs itself."
        )
