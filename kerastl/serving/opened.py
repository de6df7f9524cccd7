"""A model that answers, in whatever form it was stored: what `predict` and `serve` ask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from kerastl.serving.about import UNSURE, About

# RGB, uint8 or float32 `[photos, size, size, 3]` of 0..255.
Pixels = npt.NDArray[Any]
Values = npt.NDArray[np.float32]


@attrs.frozen(eq=False)
class Opened:
    """A model taken up from a run directory or an export.

    Args:
        about: What it says of itself.
        path: Where it is.
        kind: `"run"`, `"saved_model"`, `"keras"`, `"litert"` or `"onnx"`.
        probabilities: From photos to the probability of each class, float32 `[photos, classes]`.
        embed: From photos to their features, float32 `[photos, channels]`; None where the form
            does not have them.
        explain: From photos to where the most probable class is seen, float32 `[photos, height,
            width]` of 0..1; None where form or head do not allow it.
        number: Of an export, which it is of its name.
    """

    about: About
    path: Path
    kind: str
    probabilities: Callable[[Pixels], Values] = attrs.field(repr=False)
    embed: Callable[[Pixels], Values] | None = attrs.field(default=None, repr=False)
    explain: Callable[[Pixels], Values] | None = attrs.field(default=None, repr=False)
    number: int = 1


def blank(about: About, count: int = 1) -> Pixels:
    """Return black photos, uint8 `[count, size, size, 3]`: what a model is asked of to try it."""
    return np.zeros((count, about.image_size, about.image_size, 3), np.uint8)


@attrs.frozen
class Answer:
    """What a model says of one photo.

    Args:
        label: The most probable class, or `unsure` where that is not probable enough.
        probability: That of the most probable class.
        top: The most probable classes with their probabilities, highest first.
        labels: Where photos have any number of labels, those more probable than not, with their
            probabilities; else None.
    """

    label: str
    probability: float
    top: tuple[tuple[str, float], ...]
    labels: tuple[tuple[str, float], ...] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it made of what JSON has."""
        several = {} if self.labels is None else {"labels": _named(self.labels)}
        return {
            "label": self.label,
            "probability": self.probability,
            **several,
            "top": _named(self.top),
        }


def _named(labels: tuple[tuple[str, float], ...]) -> list[dict[str, Any]]:
    return [{"label": label, "probability": probability} for label, probability in labels]


def answer_of(probabilities: Values, about: About, most: int | None = None) -> Answer:
    """Return in words what the probabilities of one photo `[classes]` mean.

    Args:
        probabilities: Of each class, or of each label for itself.
        about: What the classes are.
        most: How many of the most probable ones are named; all unless it is given.
    """
    order = np.argsort(-probabilities, kind="stable")
    named = tuple((about.classes[number], float(probabilities[number])) for number in order)
    label, probability = named[0]
    unsure = about.threshold is not None and probability < about.threshold
    several = tuple(one for one in named if one[1] > 0.5) if about.multi_label else None
    return Answer(UNSURE if unsure else label, probability, named[:most], several)
