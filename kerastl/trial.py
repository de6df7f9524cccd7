"""The photos of a run -> what exports of its model are tried on."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import numpy as np

from kerastl.backbones.inference import Compiled, compiled
from kerastl.data.decoding import decodable, files_of
from kerastl.data.photos import Photos
from kerastl.labelled import Split
from kerastl.logits import probabilities_of
from kerastl.serving.gate import Evidence
from kerastl.serving.opened import Pixels
from kerastl.serving.rebuilding import in_float32

# More would prove no more, and take longer.
_MOST_PHOTOS = 1000
# So many show which values there are.
_MOST_EXAMPLES = 200


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
    model: Compiled, name: str, split: Split, photos: Photos, examples: Callable[[], Pixels]
) -> Iterator[Trial]:
    """Yield what exports of a model are tried on.

    Args:
        model: From photos to logits.
        name: Of the split.
        split: Photos that the model has not learned from, as files.
        photos: The same, as training reads them.
        examples: Photos that it has learned from.
    """
    step = -(-len(photos) // _MOST_PHOTOS)
    some = photos.some(np.arange(0, len(photos), max(step, 1)))
    # Exports compute in float32, which what was trained in 16 bits is not to be blamed for.
    exact = in_float32(model.model)
    asked = model if exact is model.model else compiled(exact)
    (logits,) = asked(some.images, 32, "asking the model")
    numbers = {one: number for number, one in enumerate(split.names)}
    chosen = split.some(sorted(numbers[one] for one in some.names))
    size = some.images.shape[1]
    with tempfile.TemporaryDirectory() as folder:
        paths = _paths(chosen, size, Path(folder))
        evidence = Evidence(
            name,
            np.asarray(some.images[:]),
            some.labels,
            probabilities_of(logits.astype(np.float64), some.labels.ndim == 2),
            tuple(paths.get(one, "") for one in some.names),
        )
        yield Trial(evidence, examples)


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
