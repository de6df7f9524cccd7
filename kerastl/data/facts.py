"""What is known of each photo file, for which it is looked at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import numpy.typing as npt

from kerastl.cache import Array, Cache, Ids, Numbers, code_of, gather, id_of, ids_of
from kerastl.labelled import Labelled, Split
from kerastl.live import progress
from kerastl.recipe import SQUASH

if TYPE_CHECKING:
    from kerastl.data.decoding import Decoded

Facts = npt.NDArray[np.void]

SIDE = 32
FACTS = np.dtype(
    [
        # What tells its bytes from those of other files.
        ("id", np.uint8, 16),
        ("height", np.uint32),
        ("width", np.uint32),
        ("orientation", np.uint8),
        # As Pillow calls it: JPEG, PNG.
        ("format", "S8"),
        # The standard deviation of its grey levels, and how far its colours are from grey.
        ("contrast", np.float32),
        ("color", np.float32),
        # The mean of each of its colours.
        ("mean", np.uint8, 3),
        # Why it is no photo; empty where it is one.
        ("reason", "S200"),
        ("thumbnail", np.uint8, (SIDE, SIDE)),
    ]
)
# Photos are looked at in this size.
_SIZE = 64
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


def known_of(labelled: Labelled, cache: Cache) -> tuple[Labelled, Facts]:
    """Return photos, each with what tells its bytes from others, and what is known of each.

    Files that have not changed since they were looked at are not opened: that is, those of the same
    path, inode, size, and times of the last change to the nanosecond. Photos that are no files are
    known by their bytes.

    Args:
        labelled: The photos.
        cache: Where it is looked for and kept.

    Returns:
        The same photos, and an array of `FACTS` in their order.
    """
    photos = labelled.photos
    if not labelled.root:
        from kerastl.data.photos import with_ids

        photos = with_ids(photos)
    facts = facts_of(photos, cache, "looking at photos")
    photos = attrs.evolve(photos, ids=np.ascontiguousarray(facts["id"]))
    return attrs.evolve(labelled, photos=photos), facts


def facts_of(split: Split, cache: Cache, description: str = "looking at") -> Facts:
    """Return what is known of each photo of a split, an array of `FACTS` in their order.

    Args:
        split: The photos; files, unless they have ids.
        cache: Where it is looked for and kept.
        description: What the progress bar says.
    """

    def looked_at(numbers: Numbers) -> Iterator[tuple[Numbers, Array]]:
        from kerastl.data.decoding import decode

        with progress(description, len(numbers)) as done:
            for some in decode(split, numbers, _SIZE, SQUASH):
                done(len(some.files))
                rows = _facts(some).view(np.uint8).reshape(len(some.files), -1)
                # What cannot be read today may be readable tomorrow, unchanged.
                read = np.array([bool(file) for file in some.files])
                yield some.numbers[read], rows[read]

    key = id_of(reader_id(), code_of(__name__)).hex()
    table = cache.table("facts", key, (FACTS.itemsize,), np.uint8)
    ids = split.ids if split.ids is not None else _ids(split)
    rows, there = gather(cache, table, ids, looked_at)
    found = np.zeros(len(split), FACTS)
    found["id"] = ids
    found[there] = rows[:].view(FACTS).reshape(-1)
    for number in np.flatnonzero(~there):
        found["reason"][number] = split.why_unreadable(int(number)).encode()
    return found


def reader_id() -> bytes:
    """Return what tells the way in which photos are read from other ways; nothing is imported."""
    parts = ("conversion", "decoding", "encoded", "exif", "fitting", "headers", "reader")
    code = code_of(*(f"kerastl.data.{name}" for name in parts))
    return id_of(code, *map(_version, ("tensorflow", "Pillow", "pillow-heif")))


def _version(package: str) -> bytes:
    """Return the version of a package; nothing where it is not installed."""
    try:
        return version(package).encode()
    except PackageNotFoundError:
        return b""


def text_of(value: Any) -> str:
    """Return a text of `FACTS`."""
    return bytes(value).decode(errors="replace")


def _ids(split: Split) -> Ids:
    """Return what tells files from what they were before."""
    return ids_of(map(_id_of_file, split.names))


def _id_of_file(name: str) -> bytes:
    try:
        about = os.stat(name)
    except OSError:
        return id_of(b"no file", os.fsencode(name))
    # The time of the last change of status cannot be set back, as that of the contents can.
    what = (about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
    return id_of(os.fsencode(os.path.abspath(name)), repr(what).encode())


def _facts(some: Decoded) -> Facts:
    found = np.zeros(len(some.files), FACTS)
    for row, encoded, reason in zip(found, some.files, some.reasons, strict=True):
        row["id"] = np.frombuffer(id_of(encoded), np.uint8)
        row["reason"] = reason.encode()[: FACTS["reason"].itemsize]
        if not reason:
            row["format"], row["width"], row["height"], row["orientation"] = _header(encoded)
    grey = some.images @ _GREY
    found["contrast"] = grey.std(axis=(1, 2))
    red, green, blue = (some.images[..., channel] for channel in range(3))
    highest, lowest = (pick(pick(red, green), blue) for pick in (np.maximum, np.minimum))
    found["color"] = (highest - lowest).mean(axis=(1, 2))
    found["mean"] = some.images.mean(axis=(1, 2)).round()
    parts = grey.reshape(-1, SIDE, _SIZE // SIDE, SIDE, _SIZE // SIDE)
    found["thumbnail"] = parts.mean(axis=(2, 4)).round()
    return found


def _header(encoded: bytes) -> tuple[bytes, int, int, int]:
    """Return format, width, height and orientation, as the header says."""
    from kerastl.data.conversion import opened

    with opened(encoded) as image:
        orientation = image.getexif().get(0x0112, 1)
        kind = (image.format or "").encode()
        return kind, image.width, image.height, orientation if orientation in range(1, 9) else 1
