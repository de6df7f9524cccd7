"""Photos -> labels and probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from kerastl.backbones.inference import Compiled
from kerastl.data.photos import Photos
from kerastl.logits import probabilities_of


@attrs.frozen
class Prediction:
    """What a model says of one photo.

    Args:
        name: The photo's path.
        top: The most probable labels with their probabilities, highest first.
        labels: Where photos have any number of labels, those more probable than not, with their
            probabilities; else None.
    """

    name: str
    top: tuple[tuple[str, float], ...]
    labels: tuple[tuple[str, float], ...] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the prediction made of what JSON has."""
        label, probability = self.top[0]
        top, labels = (
            [{"label": name, "probability": value} for name, value in some]
            for some in (self.top, self.labels or ())
        )
        several = {} if self.labels is None else {"labels": labels}
        return {
            "file": self.name,
            "label": label,
            "probability": probability,
            **several,
            "top": top,
        }


def predict(
    model: Compiled,
    photos: Photos,
    classes: Sequence[str],
    top: int,
    batch_size: int = 32,
    multi_label: bool = False,
) -> list[Prediction]:
    """Return a prediction for each photo, with its `top` most probable labels.

    Where photos have any number of labels, each has a probability for itself.
    """
    (logits,) = model(photos.images, batch_size, "predicting")
    probabilities = probabilities_of(logits, multi_label)
    order = np.argsort(-probabilities, axis=1)[:, :top]
    return [
        Prediction(
            name,
            tuple((classes[i], float(row[i])) for i in best),
            _likely(row, classes) if multi_label else None,
        )
        for name, row, best in zip(photos.names, probabilities, order, strict=True)
    ]


def _likely(probabilities: Any, classes: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Return the labels that are more probable than not, the most probable first."""
    order = np.argsort(-probabilities)
    return tuple((classes[i], float(probabilities[i])) for i in order if probabilities[i] > 0.5)
