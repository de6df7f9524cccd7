"""Photos that were told wrongly, those of which the model was most certain first."""

from __future__ import annotations

import io

import attrs
import numpy as np
from PIL import Image

from kerastl.cache import Array, Rows
from kerastl.evaluation.predictions import Flags
from kerastl.evaluation.scoring import Evaluation

# Pixels; a larger photo shows no more of what is in it.
_SIDE = 320


@attrs.frozen
class Mistake:
    """A photo that was told wrongly.

    Args:
        number: The photo's, among those of the split.
        label: What it is; of several labels, all.
        predicted: What it was taken for.
        certainty: The probability that the model gave to what is wrong, 0..1.
    """

    number: int
    label: str
    predicted: str
    certainty: float

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.label} taken for {self.predicted} ({self.certainty:.2f})"


def mistakes(evaluation: Evaluation, most: int = 16) -> list[Mistake]:
    """Return the photos that were told wrongly, those that the model was most certain of first.

    Args:
        evaluation: What the model said of each photo of a split.
        most: How many there may be.
    """
    told, probabilities = evaluation.predictions, evaluation.probabilities
    wrong = told.labels != told.predicted
    if not told.multi_label:
        # What was taken for another class was not taken for its own either: that counts once.
        wrong &= told.predicted
    given = np.where(told.predicted, probabilities, 1 - probabilities)
    certainty = np.where(wrong, given, 0).max(axis=1)
    order = [int(number) for number in np.argsort(-certainty, kind="stable")]
    return [
        Mistake(
            number,
            _named(told.labels[number], told.classes),
            _named(told.predicted[number], told.classes),
            float(certainty[number]),
        )
        for number in order
        if not told.right[number]
    ][:most]


def draw_mistakes(evaluation: Evaluation, images: Rows) -> dict[str, bytes]:
    """Return the photos of `mistakes` as PNG files, by what was wrong in each.

    Args:
        evaluation: What the model said of each photo of a split.
        images: The photos, RGB, uint8 `[photos, height, width, 3]`.
    """
    found = mistakes(evaluation)
    photos = images[np.array([one.number for one in found], int)]
    return {
        f"{place:02} {one}": _png(photo)
        for place, (one, photo) in enumerate(zip(found, photos, strict=True), 1)
    }


def _png(photo: Array) -> bytes:
    image, file = Image.fromarray(photo), io.BytesIO()
    image.thumbnail((_SIDE, _SIDE))
    image.save(file, "PNG")
    return file.getvalue()


def _named(flags: Flags, classes: tuple[str, ...]) -> str:
    names = [name for name, is_there in zip(classes, flags, strict=True) if is_there]
    return " + ".join(names) or "none"
