"""The photos of a run -> what exports of its model are tried on."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kerastl.backbones.engine import has_gpu
from kerastl.backbones.inference import Compiled, compiled
from kerastl.data.decoding import decodable, files_of
from kerastl.data.photos import Photos
from kerastl.labelled import Split
from kerastl.logits import probabilities_of
from kerastl.serving.about import About
from kerastl.serving.gate import Evidence
from kerastl.serving.opened import Pixels
from kerastl.serving.rebuilding import in_float32
from kerastl.serving.seen import seen_by
from kerastl.serving.served import served

# More would prove no more, and take longer.
_MOST_PHOTOS = 1000
# So many show which values there are.
_MOST_EXAMPLES = 200
# So many are enough to tell embeddings and heat maps from others.
_FEW = 8


@attrs.frozen(eq=False)
class Trial:
    """What exports of a model are tried on.

    Args:
        evidence: What they have to answer.
        examples: Photos that the model has learned from, uint8 `[photos, size, size, 3]`.
    """

    evidence: Evidence
    examples: Callable[[], Pixels] = attrs.field(repr=False)


@contextmanager
def trial(
    model: Compiled,
    about: About,
    name: str,
    split: Split,
    photos: Photos,
    examples: Callable[[], Pixels],
) -> Iterator[Trial]:
    """Yield what exports of a model are tried on.

    Args:
        model: From photos to logits.
        about: What it says of itself.
        name: Of the split.
        split: Photos that the model has not learned from, as files.
        photos: The same, as training reads them.
        examples: Photos that it has learned from.
    """
    step = -(-len(photos) // _MOST_PHOTOS)
    some = photos.some(np.arange(0, len(photos), max(step, 1)))
    logits = exact_logits(model, some)
    probabilities = probabilities_of(logits.astype(np.float64), some.labels.ndim == 2)
    numbers = {one: number for number, one in enumerate(split.names)}
    chosen = split.some(sorted(numbers[one] for one in some.names))
    size = some.images.shape[1]
    with tempfile.TemporaryDirectory() as folder:
        paths = _paths(chosen, size, Path(folder))
        for number, one in enumerate(some.names):
            if one not in paths:
                paths[one] = _as_png(some.images[number], Path(folder) / f"{number}.png")
        pixels, files = np.asarray(some.images[:]), tuple(paths[one] for one in some.names)
        few = np.linspace(0, len(files) - 1, min(_FEW, len(files))).astype(int)
        seen = seen_by(
            served(model.model, about),
            pixels[few],
            tuple(files[number] for number in few),
            probabilities[few],
        )
        evidence = Evidence(name, pixels, some.labels, probabilities, files, seen)
        yield Trial(evidence, examples)


def exact_logits(model: Compiled, photos: Photos) -> npt.NDArray[np.float32]:
    """Return what the model says of photos in float32, as exports do.

    What was trained in 16 bits is not to be blamed for them; nor is a GPU, which multiplies float32
    with fewer digits.
    """
    exact = in_float32(model.model)
    asked = model if exact is model.model and not has_gpu() else compiled(exact)
    with tf.device("CPU"):
        (logits,) = asked(photos.images, 32, "asking the model")
    return logits


def _as_png(image: Pixels, path: Path) -> str:
    """Write what only Pillow can read as a file that holds the very pixels made of it."""
    path.write_bytes(tf.io.encode_png(image).numpy())
    return str(path)


def _paths(split: Split, size: int, folder: Path) -> dict[str, str]:
    """Return where the file of each photo is that TensorFlow can read, by the photo's name."""
    readable = decodable(split, size)
    if split.encoded is None:
        return {split.names[number]: split.names[number] for number in readable}
    found = {}
    for number, encoded in files_of(split, readable).as_numpy_iterator():
        path = folder / str(number)
        path.write_bytes(encoded)
        found[split.names[number]] = str(path)
    return found


def examples_of(photos: Photos) -> Callable[[], Pixels]:
    """Return what gives a few of the photos that a model has learned from."""
    step = max(len(photos) // _MOST_EXAMPLES, 1)
    return lambda: np.asarray(photos.images[np.arange(0, len(photos), step)[:_MOST_EXAMPLES]])
