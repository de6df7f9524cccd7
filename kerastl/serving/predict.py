"""Photos -> labels and probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from kerastl.data.photos import Photos
from kerastl.live import progress
from kerastl.serving.opened import Answer, Opened, answer_of

_AT_A_TIME = 32


@attrs.frozen
class Prediction:
    """What a model says of one photo.

    Args:
        name: The photo's path.
        answer: What it says.
        probabilities: Of each class, in the order of the model's classes.
    """

    name: str
    answer: Answer
    probabilities: tuple[float, ...] = attrs.field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return it made of what JSON has."""
        return {"file": self.name, **self.answer.as_json()}


def predict(model: Opened, photos: Photos, top: int = 1) -> Iterator[Prediction]:
    """Yield what a model says of each photo.

    Args:
        model: The model.
        photos: Of the size that it takes.
        top: How many of the most probable labels are named.
    """
    with progress("predicting", len(photos)) as done:
        for start in range(0, len(photos), _AT_A_TIME):
            some = range(start, min(start + _AT_A_TIME, len(photos)))
            probabilities = model.probabilities(photos.images[some.start : some.stop])
            for number, row in zip(some, probabilities, strict=True):
                answer = answer_of(row, model.about, top)
                yield Prediction(photos.names[number], answer, tuple(map(float, row)))
            done(len(some))
