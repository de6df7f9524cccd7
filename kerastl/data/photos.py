"""Reads the photos of a split: each file is decoded once, and a bad one is named, not fatal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import attrs
import numpy as np
import numpy.typing as npt

from kerastl.cache import (
    ID_BYTES,
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
from kerastl.data.decoding import AT_ONCE, decode, files_of
from kerastl.data.facts import reader_id
from kerastl.data.pipeline import read_ahead
from kerastl.errors import DataError
from kerastl.labelled import Split
from kerastl.live import progress
from kerastl.recipe import SQUASH
from kerastl.validators import as_tuple

# Photos that the cache does not take may fill so many bytes of memory.
_MOST_BYTES = 4 * 2**30


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
        labels: Indices into the classes, int64 `[photos]`; where a photo has any number of labels,
            1 for each of them, int64 `[photos, classes]`.
        names: Where each photo came from.
        ids: What tells each photo from others, by the bytes of its file: uint8 `[photos, 16]`.
        reader: What tells how they were read from other ways: the code, the libraries, the size.
        skipped: The files of the split that are not among them.
        weights: How much each counts in the loss, float32 `[photos]`; None where all count alike.
    """

    images: Rows = attrs.field(repr=False)
    labels: npt.NDArray[np.int64] = attrs.field(repr=False)
    names: tuple[str, ...] = attrs.field(repr=False)
    ids: npt.NDArray[np.uint8] = attrs.field(repr=False)
    reader: str = attrs.field(repr=False)
    skipped: tuple[Skipped, ...] = ()
    weights: npt.NDArray[np.float32] | None = attrs.field(default=None, repr=False)

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.labels)

    def some(self, numbers: Numbers) -> Photos:
        """Return those of some numbers."""
        return Photos(
            self.images[numbers],
            self.labels[numbers],
            tuple(self.names[number] for number in numbers),
            self.ids[numbers],
            self.reader,
        )


def read_photos(
    split: Split,
    image_size: int,
    description: str = "reading",
    cache: Cache | None = None,
    resize: str = SQUASH,
    classes: int | None = None,
) -> Photos:
    """Decode every photo of the split to a square of the given size.

    What TensorFlow cannot decode but Pillow can (TIFF, HEIF, ...) is converted on the way.

    Args:
        split: The photos, as files.
        image_size: Height and width in pixels.
        description: What the progress bar says.
        cache: Where decoded photos are looked for and kept; without it they are in memory.
        resize: How photos become squares, as in a recipe.
        classes: How many there are, where a photo has any number of labels.

    Raises:
        DataError: The cache cannot take the photos, and they are too many for the memory.
    """
    shape, key = (image_size, image_size, 3), _reader_key(image_size, resize)
    # In memory a photo is told from others while it is decoded, and each file is read once.
    ids = np.zeros((len(split), ID_BYTES), np.uint8) if cache is None else _ids(split)
    reasons: dict[bytes, str] = {}

    def decoded(numbers: Numbers) -> Iterator[tuple[Numbers, Array]]:
        with progress(description, len(numbers)) as done:
            for some in decode(split, numbers, image_size, resize):
                # What is kept under an id is made of the bytes that it tells of, and of no others.
                found = ids_of(map(id_of, some.files))
                if cache is None:
                    ids[some.numbers] = found
                told = _told(some.reasons, (found == ids[some.numbers]).all(axis=1))
                reasons.update(zip(map(bytes, ids[some.numbers]), told, strict=True))
                sound = some.only([not reason for reason in told])
                yield sound.numbers, sound.images
                done(len(told))

    images, there = _kept(cache, f"photos-{image_size}", key, shape, ids, decoded)
    kept, left = np.flatnonzero(there), np.flatnonzero(~there)
    return Photos(
        images,
        _labels(split, classes)[kept],
        tuple(split.names[number] for number in kept),
        ids[kept],
        key,
        tuple(Skipped(split.names[number], reasons[bytes(ids[number])]) for number in left),
        np.asarray(split.weights, np.float32)[kept] if split.weights else None,
    )


def _told(reasons: Sequence[str], same: npt.NDArray[np.bool_]) -> list[str]:
    """Return why each file is no photo; also where it is not the one that its id tells of."""
    return [
        reason or ("" if is_same else "the file was changed while it was read")
        for reason, is_same in zip(reasons, same, strict=True)
    ]


def _labels(split: Split, classes: int | None) -> npt.NDArray[np.int64]:
    if classes is None:
        return np.asarray(split.labels, np.int64)
    found = np.zeros((len(split), classes), np.int64)
    for row, label in zip(found, split.labels, strict=True):
        row[list(as_tuple(label))] = 1
    return found


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
    return id_of(reader_id(), code_of(__name__), f"{image_size} {resize}".encode()).hex()


def with_ids(split: Split) -> Split:
    """Return photos, each with what tells its bytes from others; their files are read for it."""
    return attrs.evolve(split, ids=_ids(split))


def _ids(split: Split) -> Ids:
    """Return the ids of all photos; those of files that cannot be read are by their names."""
    if split.ids is not None:
        return split.ids
    ids = [id_of(b"unreadable", name.encode(errors="surrogateescape")) for name in split.names]
    readable = files_of(split, np.arange(len(split))).ignore_errors().batch(AT_ONCE)
    for numbers, files in read_ahead(readable).as_numpy_iterator():
        for number, encoded in zip(numbers, files, strict=True):
            ids[number] = id_of(encoded)
    return ids_of(ids)
