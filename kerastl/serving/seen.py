"""What a model makes of a few photos beside probabilities, as its exports have to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kerastl.errors import ExportError
from kerastl.serving.opened import Pixels, Values
from kerastl.serving.served import Served

# How far rounding takes values, in shares of the largest one; other values are much farther away.
_ROUNDING = 0.01
# Below such a share of what speaks for and against classes, a peak may be rounding alone.
_LEAST_PEAK = 0.05
# Two classes that are so near to each other may change places.
_TIE = 3e-4


@attrs.frozen(eq=False)
class Seen:
    """What a model sees in photos, asked in Keras and not in the graph that exports are made of.

    Args:
        files: Where the photos are.
        embeddings: The features that the head begins with, float32 `[photos, channels]`.
        heat_maps: Where the most probable class is seen, float32 `[photos, height, width]` of 0..1,
            NaN for photos where rounding decides of that; None where the head does not allow it.
    """

    files: tuple[str, ...] = attrs.field(repr=False)
    embeddings: Values = attrs.field(repr=False)
    heat_maps: Values | None = attrs.field(repr=False)

    def require_same(self, told: Mapping[str, npt.NDArray[Any]], kind: str) -> None:
        """Make sure that an export sees the same.

        Args:
            told: Its `embeddings`, and `heat_maps` where it has them.
            kind: What it is called.

        Raises:
            ExportError: It sees something else.
        """
        if ("heat_maps" in told) != (self.heat_maps is not None):
            raise ExportError(
                f"The {kind} export has heat maps where the model has none, or has none where it "
                "has; it was not written."
            )
        off = {"embeddings": _farthest(told["embeddings"], self.embeddings)}
        if self.heat_maps is not None:
            off["heat maps"] = _farthest(told["heat_maps"], self.heat_maps)
        for name, share in off.items():
            # What is no number is no small share.
            if not share <= _ROUNDING:
                raise ExportError(
                    f"The {kind} export does not answer as the model does: {name} of "
                    f"{len(self.files)} photos differ by up to {share:.2g} of their largest value "
                    f"(at most {_ROUNDING:g} is allowed); it was not written."
                )


def seen_by(model: Served, photos: Pixels, files: tuple[str, ...], best: npt.NDArray[Any]) -> Seen:
    """Return what a model sees in a few photos.

    Args:
        model: The model.
        photos: As training reads them, `[photos, size, size, 3]` of 0..255.
        files: The same as files.
        best: The probabilities that it gives them, `[photos, classes]`.
    """
    # A GPU multiplies float32 with fewer digits.
    with tf.device("CPU"):
        embeddings, features = _looked_at(model, photos.astype(np.float32))
    maps = None if model.kernel is None else _heat_maps(features @ model.kernel, best)
    return Seen(files, embeddings, maps)


def _looked_at(model: Served, photos: Values) -> tuple[Values, Values]:
    """Return the embeddings, and the backbone's features `[photos, height, width, channels]`."""
    _, embeddings, features = map(np.asarray, model.look(photos, training=False))
    if model.views == 1:
        return embeddings, features
    _, mirrored, others = map(np.asarray, model.look(photos[:, :, ::-1], training=False))
    return (embeddings + mirrored) / 2, (features + others[:, :, ::-1]) / 2


def _heat_maps(values: Values, probabilities: npt.NDArray[Any]) -> Values:
    """Return the maps of the most probable classes.

    Args:
        values: How much each place speaks for each class, `[photos, height, width, classes]`.
        probabilities: `[photos, classes]`.
    """
    number = probabilities.argmax(axis=1)[:, np.newaxis, np.newaxis, np.newaxis]
    maps = np.take_along_axis(values, number, axis=3)[..., 0].clip(0)
    peaks, largest = maps.max(axis=(1, 2)), np.abs(values).max(axis=(1, 2, 3))
    second, first = np.sort(probabilities, axis=1)[:, -2:].T
    maps[(peaks <= _LEAST_PEAK * largest) | (first - second < _TIE)] = np.nan
    return np.asarray(maps / peaks[:, np.newaxis, np.newaxis])


def _farthest(found: npt.NDArray[Any], expected: Values) -> float:
    """Return the largest difference from what is a number, as a share of the largest value."""
    if found.shape != expected.shape:
        return float("inf")
    there = ~np.isnan(expected)
    largest = np.abs(expected)[there].max(initial=np.finfo(np.float32).tiny)
    return float(np.abs(found - expected)[there].max(initial=0) / largest)
