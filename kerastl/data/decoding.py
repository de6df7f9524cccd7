"""Photo files -> squares of pixels, some at a time; or why a file is no photo."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import compress
from typing import Any, cast

import attrs
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kerastl.cores import cores
from kerastl.data.conversion import as_pixels, complaint
from kerastl.data.exif import EXIF
from kerastl.data.fitting import fit
from kerastl.data.pipeline import read_ahead
from kerastl.data.reader import read_image, read_jpeg, upright_jpeg
from kerastl.labelled import Split
from kerastl.recipe import SQUASH
from kerastl.threads import alone, count, on_cores, once

Pixels = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]

# Photos that are decoded before they are handed on.
AT_ONCE = 16
# Files that are being read at once: so many that no core waits for the next.
_CALLS = min(2 * cores(), 32)
# Files in memory at once, about, however many cores there are.
_IN_MEMORY = 128
_JPEG = b"\xff\xd8\xff"
_FILE = tf.TensorSpec([], tf.string)


@attrs.frozen(eq=False)
class Decoded:
    """Some photos of a split.

    Args:
        numbers: Which they are, int64 `[photos]`.
        files: The bytes of each.
        images: RGB, uint8 `[photos, size, size, 3]`; nothing of use where there is a reason.
        reasons: Why a file is no photo; empty where it is one.
    """

    numbers: Numbers
    files: list[bytes] = attrs.field(repr=False)
    images: Pixels = attrs.field(repr=False)
    reasons: list[str]

    def only(self, chosen: list[bool]) -> Decoded:
        """Return some of them; where that is all, nothing is copied."""
        if all(chosen):
            return self
        return Decoded(
            self.numbers[chosen],
            list(compress(self.files, chosen)),
            self.images[chosen],
            list(compress(self.reasons, chosen)),
        )


def decode(split: Split, numbers: Numbers, size: int, resize: str) -> Iterator[Decoded]:
    """Yield the photos of these numbers, each once, in no particular order.

    What TensorFlow cannot decode but Pillow can (TIFF, HEIF, ...) is converted.

    Args:
        split: The photos, as files.
        numbers: Which of them, ascending.
        size: Height and width in pixels.
        resize: How photos become squares, as in a recipe.
    """

    def decoded(some: Numbers, files: list[bytes]) -> Decoded:
        found = Decoded(some, files, np.zeros((len(files), size, size, 3), np.uint8), [])
        for image, encoded in zip(found.images, files, strict=True):
            reason = ""
            try:
                image[...] = decode_file(encoded, size, resize)
            except ValueError as error:
                reason = str(error)
            found.reasons.append(reason)
        return found

    unread = set(numbers.tolist())
    for some in on_cores(decoded, _files(split, numbers)):
        unread.difference_update(some.numbers.tolist())
        yield some
    for number in sorted(unread):
        nothing = np.zeros((1, size, size, 3), np.uint8)
        yield Decoded(np.array([number]), [b""], nothing, [split.why_unreadable(number)])


def decode_file(encoded: bytes, size: int, resize: str) -> Pixels:
    """Return one photo, RGB, uint8 `[size, size, 3]`; it may be called by several threads.

    Args:
        encoded: The bytes of its file.
        size: Height and width in pixels.
        resize: How it becomes a square, as in a recipe.

    Raises:
        ValueError: It is no photo; the reason.
    """
    # What takes JPEGs alone is ready sooner, and mostly it is all that is needed.
    for read in (_jpeg, _image) if encoded.startswith(_JPEG) else (_image,):
        with suppress(tf.errors.OpError):
            image = read(encoded, size, resize)
            break
    else:
        return _converted(encoded, size, resize)
    if reason := complaint(encoded):
        raise ValueError(reason)
    return image


def decodable(split: Split, size: int, resize: str = SQUASH) -> Numbers:
    """Return the numbers of the photos that TensorFlow's one reader can decode, ascending."""

    def found(some: Numbers, files: list[bytes]) -> Numbers:
        return some[[_is_decodable(encoded, size, resize) for encoded in files]]

    each = on_cores(found, _files(split, np.arange(len(split))))
    return np.sort(np.concatenate([np.zeros(0, np.int64), *each]))


def _is_decodable(encoded: bytes, size: int, resize: str) -> bool:
    with suppress(tf.errors.OpError):
        _image(encoded, size, resize)
        return not complaint(encoded)
    return False


def _converted(encoded: bytes, size: int, resize: str) -> Pixels:
    """Return what Pillow makes of a photo; what it can make nothing of is a ValueError."""
    return np.asarray(fit(tf.constant(as_pixels(encoded)), size, resize), np.uint8)


def _jpeg(encoded: bytes, size: int, resize: str) -> Pixels:
    image = _jpeg_reader(size, resize)(encoded)
    return cast(Pixels, _turner()(image, encoded) if _may_be_turned(encoded) else image)


def _may_be_turned(encoded: bytes) -> bool:
    """Say whether a JPEG has EXIF data; for that not all of its bytes are looked through mostly."""
    # The tables, of which the first is this one, come after all that programs add. Before them
    # there is mostly one thing, of always the same size.
    begins = encoded.startswith(b"\xff\xd8\xff\xdb")
    follows = encoded.startswith(b"\xff\xd8\xff\xe0\0\x10") and encoded.startswith(b"\xff\xdb", 20)
    return not (begins or follows) and EXIF in encoded


def _image(encoded: bytes, size: int, resize: str) -> Pixels:
    return cast(Pixels, _image_reader(size, resize)(encoded))


@once
def _jpeg_reader(size: int, resize: str) -> Callable[..., Any]:
    return _compiled(lambda encoded: read_jpeg(encoded, size, resize), _FILE)


@once
def _image_reader(size: int, resize: str) -> Callable[..., Any]:
    return _compiled(lambda encoded: read_image(encoded, size, resize), _FILE)


@once
def _turner() -> Callable[..., Any]:
    return _compiled(upright_jpeg, tf.TensorSpec([None, None, 3], tf.uint8), _FILE)


def _compiled(make: Callable[..., tf.Tensor], *given: tf.TensorSpec) -> Callable[..., Any]:
    """Return what makes an image, uint8, in the thread that calls.

    Args:
        make: Makes it, in TensorFlow's operations.
        given: Of what.
    """
    made = tf.function(lambda *values: tf.cast(make(*values), tf.uint8), given, autograph=False)
    function, graph = made.get_concrete_function(), tf.Graph()
    names = [tensor.name for tensor in (*function.inputs, *function.outputs)]
    with graph.as_default():
        definition = function.graph.as_graph_def()
        *inputs, output = tf.graph_util.import_graph_def(definition, {}, names, name="")
    session = alone(graph, tf.compat.v1.ConfigProto(device_count={"GPU": 0}))
    run = session.compiled(inputs, [output])
    # As an object, since NumPy's own strings lose the zeros that a file may end in.
    return lambda *values: run(
        *(np.array(each, object) if isinstance(each, bytes) else each for each in values)
    )[0]


def _files(split: Split, numbers: Numbers) -> Iterator[tuple[Numbers, list[bytes]]]:
    """Yield the files that can be read, so many at a time that each core has some."""
    if not len(numbers):
        return
    most = min(AT_ONCE, max(1, _IN_MEMORY // count()), -(-len(numbers) // count()))
    files = read_ahead(files_of(split, numbers).ignore_errors().batch(most))
    for some, encoded in files.as_numpy_iterator():
        yield some, encoded.tolist()


def files_of(split: Split, numbers: Numbers) -> tf.data.Dataset:
    """Return the bytes of photo files, each with its number, in no particular order.

    Args:
        split: The photos.
        numbers: Which of them, ascending.
    """
    stored, read = split.stored(numbers.tolist())
    numbered = tf.data.Dataset.zip((tf.data.Dataset.from_tensor_slices(numbers), stored))
    return numbered.map(
        tf.autograph.experimental.do_not_convert(lambda number, where: (number, read(where))),
        num_parallel_calls=_CALLS,
        deterministic=False,
    )
