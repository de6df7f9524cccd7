"""Reads the photos of a split: each file is decoded once, and a bad one is named, not fatal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version

import attrs
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kerastl.cache import (
    LIMIT,
    Array,
    Cache,
    Ids,
    NoPlaceError,
    Numbers,
    Rows,
    code_of,
    gather,
    id_of,
    ids_of,
    in_memory,
)
from kerastl.data import conversion, headers, reader
from kerastl.data.conversion import as_pixels, complaint
from kerastl.data.pipeline import read_ahead
from kerastl.data.reader import fit, read_image
from kerastl.errors import DataError
from kerastl.live import progress
from kerastl.recipe import SQUASH, Split

# Photos that are decoded before they are handed on.
_AT_ONCE = 16
# Photos that the cache does not take may fill so many bytes of memory.
_MOST_BYTES = 4 * 2**30
# Traced once a size; of what is written in TensorFlow's operations autograph has nothing to do.
_read = tf.function(read_image, autograph=False, reduce_retracing=True)


@attrs.frozen
class Skipped:
    """A file that is no usable photo, and why."""

    name: str
    reason: str


@attrs.frozen(eq=False)
class Photos:
    """Photos of one size, decoded: in memory, or on disk where only those that are used are read.

    Args:
        images: RGB, uint8 `[photos, height, width, 3]`.
        labels: Indices into the classes, int64 `[photos]`.
        names: Where each photo came from.
        ids: What tells each photo from others, by the bytes of its file: uint8 `[photos, 16]`.
        reader: What tells how they were read from other ways: the code, the libraries, the size.
        skipped: The files of the split that are not among them.
    """

    images: Rows = attrs.field(repr=False)
    labels: npt.NDArray[np.int64] = attrs.field(repr=False)
    names: tuple[str, ...] = attrs.field(repr=False)
    ids: npt.NDArray[np.uint8] = attrs.field(repr=False)
    reader: str = attrs.field(repr=False)
    skipped: tuple[Skipped, ...] = ()

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.labels)

    def first(self, count: int) -> Photos:
        """Return the first so many of them."""
        return Photos(
            self.images[:count],
            self.labels[:count],
            self.names[:count],
            self.ids[:count],
            self.reader,
        )


def read_photos(
    split: Split,
    image_size: int,
    description: str = "reading",
    cache: Cache | None = None,
    resize: str = SQUASH,
) -> Photos:
    """Decode every photo of the split to a square of the given size.

    What TensorFlow cannot decode but Pillow can (TIFF, HEIF, ...) is converted on the way.

    Args:
        split: The photos, as files.
        image_size: Height and width in pixels.
        description: What the progress bar says.
        cache: Where decoded photos are looked for and kept; without it they are in memory.
        resize: How photos become squares, as in a recipe.

    Raises:
        DataError: The cache cannot take the photos, and they are too many for the memory.
    """
    ids, shape, key = _ids(split), (image_size, image_size, 3), _reader_key(image_size, resize)
    reasons: dict[bytes, str] = {}

    def decoded(numbers: Numbers) -> Iterator[tuple[Numbers, Array]]:
        left = np.zeros(len(ids), bool)
        left[numbers] = True
        with progress(description, len(numbers)) as done:
            for some, images in _decoded(split, ids, numbers, image_size, resize):
                left[some] = False
                yield some, images
                done(len(some))
            others = np.flatnonzero(left)
            for number, image in _converted(split, ids, others, image_size, resize):
                if isinstance(image, str):
                    reasons[ids[number].tobytes()] = image
                else:
                    yield np.array([number]), image[np.newaxis]
                done(1)

    images, there = _kept(cache, f"photos-{image_size}", key, shape, ids, decoded)
    kept = np.flatnonzero(there)
    return Photos(
        images,
        np.asarray(split.labels, np.int64)[kept],
        tuple(split.names[number] for number in kept),
        ids[kept],
        key,
        tuple(
            Skipped(split.names[number], reasons[ids[number].tobytes()])
            for number in np.flatnonzero(~there)
        ),
    )


def _kept(
    cache: Cache | None,
    name: str,
    key: str,
    shape: tuple[int, ...],
    ids: Ids,
    decoded: Callable[[Numbers], Iterator[tuple[Numbers, Array]]],
) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """Return the images in memory, or from the cache; and which there are."""
    if cache is None:
        held = np.empty((len(ids), *shape), np.uint8)
        return in_memory(held, np.zeros(len(ids), bool), decoded)
    table = cache.table(name, key, shape, np.uint8)
    try:
        return gather(cache, table, ids, decoded, _MOST_BYTES)
    except NoPlaceError as error:
        raise DataError(
            f"{len(ids)} decoded photos have no place in the cache, and none in memory: {error}. "
            f"Raise {LIMIT}, or name another folder by KERASTL_CACHE."
        ) from error


def _reader_key(image_size: int, resize: str) -> str:
    """Return what tells photos of this size, by this code and these libraries, from others."""
    code = code_of(sys.modules[__name__], conversion, headers, reader)
    others = (tf.__version__, version("Pillow"), str(image_size), resize)
    return id_of(code, *(text.encode() for text in others)).hex()


def _ids(split: Split) -> Ids:
    """Return the ids of all photos; those of files that cannot be read are by their names."""
    ids = [id_of(b"unreadable", name.encode(errors="surrogateescape")) for name in split.names]
    readable = split.encoded().enumerate().ignore_errors().batch(_AT_ONCE)
    for numbers, files in read_ahead(readable).as_numpy_iterator():
        for number, encoded in zip(numbers, files, strict=True):
            ids[number] = id_of(encoded)
    return ids_of(ids)


def _decoded(
    split: Split, ids: Ids, numbers: Numbers, image_size: int, resize: str
) -> Iterator[tuple[Numbers, npt.NDArray[np.uint8]]]:
    """Yield numbers and images of the photos that TensorFlow can decode, some at a time."""

    @tf.autograph.experimental.do_not_convert
    def decoded(number: tf.Tensor, encoded: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return number, encoded, tf.cast(_read(encoded, image_size, resize), tf.uint8)

    images = _files(split, numbers).map(
        decoded, num_parallel_calls=tf.data.AUTOTUNE, deterministic=False
    )
    batches = read_ahead(images.ignore_errors().batch(_AT_ONCE)).as_numpy_iterator()
    for some, files, found in batches:
        # What is kept under an id is made of the bytes that it tells of, and of no others.
        same = (ids_of(map(id_of, files)) == ids[some]).all(axis=1)
        sound = same & [not complaint(encoded) for encoded in files]
        if sound.any():
            yield some[sound], found[sound]


def _converted(
    split: Split, ids: Ids, numbers: Numbers, image_size: int, resize: str
) -> Iterator[tuple[int, npt.NDArray[np.uint8] | str]]:
    """Yield number and image of the photos that Pillow can decode, or why it cannot."""
    unreadable = set(numbers.tolist())
    files = read_ahead(_files(split, numbers).ignore_errors()) if unreadable else None
    for number, encoded in files.as_numpy_iterator() if files else ():
        unreadable.remove(number)
        if id_of(encoded) != ids[number].tobytes():
            yield number, "the file was changed while it was read"
            continue
        try:
            image = fit(tf.constant(as_pixels(encoded)), image_size, resize)
        except ValueError as error:
            yield number, str(error)
        else:
            yield number, image.numpy().astype(np.uint8)
    yield from ((number, "the file cannot be read") for number in sorted(unreadable))


def _files(split: Split, numbers: Numbers) -> tf.data.Dataset:
    """Return number and bytes of the photo files of these numbers."""
    wanted = np.zeros(len(split), bool)
    wanted[numbers] = True
    mask = tf.constant(wanted)
    return split.encoded().enumerate().filter(lambda number, _: mask[number])
