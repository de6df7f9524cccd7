"""Photo files -> squares of pixels, some at a time; or why a file is no photo."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import compress
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kerastl.cores import cores
from kerastl.data.conversion import as_pixels, complaint
from kerastl.data.pipeline import read_ahead
from kerastl.data.reader import fit, read_image, read_jpeg, upright_jpeg
from kerastl.labelled import Split
from kerastl.recipe import SQUASH

# Photos that are decoded before they are handed on.
AT_ONCE = 16
# Calls of the decoder that are going on at once: so many that no core waits for the next.
_CALLS = min(2 * cores(), 32)
# Traced once a size; of what is written in TensorFlow's operations autograph has nothing to do.
_read_jpeg, _read_image = (
    tf.function(read, autograph=False, reduce_retracing=True) for read in (read_jpeg, read_image)
)
_upright_jpeg = tf.function(
    upright_jpeg,
    autograph=False,
    input_signature=[tf.TensorSpec([None, None, 3], tf.uint8), tf.TensorSpec([], tf.string)],
)


@attrs.frozen(eq=False)
class Decoded:
    """Some photos of a split.

    Args:
        numbers: Which they are, int64 `[photos]`.
        files: The bytes of each.
        images: RGB, uint8 `[photos, size, size, 3]`; nothing of use where there is a reason.
        reasons: Why a file is no photo; empty where it is one.
    """

    numbers: npt.NDArray[np.int64]
    files: list[bytes] = attrs.field(repr=False)
    images: npt.NDArray[np.uint8] = attrs.field(repr=False)
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


def decode(
    split: Split, numbers: npt.NDArray[np.int64], size: int, resize: str
) -> Iterator[Decoded]:
    """Yield the photos of these numbers, each once, in no particular order.

    What TensorFlow cannot decode but Pillow can (TIFF, HEIF, ...) is converted.

    Args:
        split: The photos, as files.
        numbers: Which of them.
        size: Height and width in pixels.
        resize: How photos become squares, as in a recipe.
    """
    left = np.zeros(len(split), bool)
    left[numbers] = True
    # Each reader takes what those before it, which are faster, have left.
    for read in (_jpeg, _image):
        for some in _by_tensorflow(split, np.flatnonzero(left), read, size, resize):
            left[some.numbers] = False
            yield some
    yield from _by_pillow(split, np.flatnonzero(left), size, resize)


def decode_file(encoded: bytes, size: int, resize: str) -> npt.NDArray[np.uint8]:
    """Return one photo, RGB, uint8 `[size, size, 3]`; it may be called by several threads.

    Args:
        encoded: The bytes of its file.
        size: Height and width in pixels.
        resize: How it becomes a square, as in a recipe.

    Raises:
        ValueError: It is no photo; the reason.
    """
    try:
        image = _reader(size, resize)(encoded)
    except tf.errors.OpError:
        return _converted(encoded, size, resize)
    if reason := complaint(encoded):
        raise ValueError(reason)
    return image


@cache
def _reader(size: int, resize: str) -> Callable[[bytes], npt.NDArray[np.uint8]]:
    """Return what reads one photo, all of it in the thread that calls.

    Eager TensorFlow lets other threads take part, which at one photo takes half as long again.
    """

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def read(encoded: tf.Tensor) -> tf.Tensor:
        return tf.cast(read_image(encoded, size, resize), tf.uint8)

    function, graph = read.get_concrete_function(), tf.Graph()
    ends = [function.inputs[0].name, function.outputs[0].name]
    with graph.as_default():
        definition = function.graph.as_graph_def()
        encoded, image = tf.graph_util.import_graph_def(definition, {}, ends, name="")
    options = tf.compat.v1.ConfigProto(
        device_count={"GPU": 0},
        use_per_session_threads=True,
        inter_op_parallelism_threads=1,
        intra_op_parallelism_threads=1,
    )
    session = tf.compat.v1.Session(graph=graph, config=options)
    run = session.make_callable(image, [encoded], accept_options=True)
    here = tf.compat.v1.RunOptions(inter_op_thread_pool=-1)
    # As an object, since NumPy's own strings lose the zeros that a file may end in.
    return lambda file: np.asarray(run(np.array(file, object), options=here))


def decodable(split: Split, size: int, resize: str = SQUASH) -> npt.NDArray[np.int64]:
    """Return the numbers of the photos that TensorFlow alone can decode, ascending."""
    numbers = np.arange(len(split))
    found = [some.numbers for some in _by_tensorflow(split, numbers, _image, size, resize)]
    return np.sort(np.concatenate([np.zeros(0, np.int64), *found]))


def _converted(encoded: bytes, size: int, resize: str) -> npt.NDArray[np.uint8]:
    """Return what Pillow makes of a photo; what it can make nothing of is a ValueError."""
    return np.asarray(fit(tf.constant(as_pixels(encoded)), size, resize), np.uint8)


def _jpeg(encoded: tf.Tensor, size: int, resize: str) -> tuple[tf.Tensor, tf.Tensor]:
    image, may_be_turned = _read_jpeg(encoded, size, resize)
    return image, may_be_turned


def _image(encoded: tf.Tensor, size: int, resize: str) -> tuple[tf.Tensor, tf.Tensor]:
    return _read_image(encoded, size, resize), tf.constant(False)


def _by_tensorflow(
    split: Split, numbers: npt.NDArray[np.int64], read: Any, size: int, resize: str
) -> Iterator[Decoded]:
    """Yield the photos that one of TensorFlow's readers can decode."""
    if not len(numbers):
        return

    def decoded(number: tf.Tensor, encoded: tf.Tensor) -> tuple[tf.Tensor, ...]:
        image, may_be_turned = read(encoded, size, resize)
        return number, encoded, tf.cast(image, tf.uint8), may_be_turned

    made = read_ahead(files_of(split, numbers, decoded).ignore_errors().batch(AT_ONCE))
    for some, files, images, may_be_turned in made.as_numpy_iterator():
        encoded = files.tolist()
        if may_be_turned.any():
            images = images.copy()
        for number in np.flatnonzero(may_be_turned):
            images[number] = _upright_jpeg(images[number], encoded[number])
        found = Decoded(some, encoded, images, [""] * len(encoded))
        found = found.only([not complaint(file) for file in encoded])
        if found.files:
            yield found


def _by_pillow(
    split: Split, numbers: npt.NDArray[np.int64], size: int, resize: str
) -> Iterator[Decoded]:
    """Yield the photos that Pillow can decode, and the files that nobody can."""
    if not len(numbers):
        return
    unreadable = set(numbers.tolist())
    files = read_ahead(files_of(split, numbers).ignore_errors())
    for number, encoded in files.as_numpy_iterator():
        unreadable.remove(number)
        image, reason = np.zeros((size, size, 3), np.uint8), ""
        try:
            image = _converted(encoded, size, resize)
        except ValueError as error:
            reason = str(error)
        yield Decoded(np.array([number]), [encoded], image[np.newaxis], [reason])
    for number in sorted(unreadable):
        nothing = np.zeros((1, size, size, 3), np.uint8)
        yield Decoded(np.array([number]), [b""], nothing, [split.why_unreadable(number)])


def files_of(
    split: Split, numbers: npt.NDArray[np.int64], made: Callable[..., Any] = lambda *both: both
) -> tf.data.Dataset:
    """Return the bytes of photo files, each with its number, in no particular order.

    Args:
        split: The photos.
        numbers: Which of them, ascending.
        made: What is made of number and bytes before they are handed on.
    """
    stored, read = split.stored(numbers.tolist())
    numbered = tf.data.Dataset.zip((tf.data.Dataset.from_tensor_slices(numbers), stored))
    return numbered.map(
        tf.autograph.experimental.do_not_convert(lambda number, where: made(number, read(where))),
        num_parallel_calls=_CALLS,
        deterministic=False,
    )
