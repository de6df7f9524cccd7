"""What predictions tell of models: how sure their scores are, and whether two of them differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from kerastl.console import counted
from kerastl.evaluation.predictions import Predictions
from kerastl.intervals import interval_of

# A difference that chance alone brings less often than this is more than chance.
LEVEL = 0.05
_SAMPLES = 2000
_SAMPLES_AT_ONCE = 200

Array = npt.NDArray[Any]


@attrs.frozen
class Interval:
    """A score, and between which bounds it would be in 95 of 100 such sets of photos; all 0..1."""

    score: float
    low: float
    high: float

    def __str__(self) -> str:
        """Name all three, to thousandths."""
        return f"{self.score:.3f} ({self.low:.3f}-{self.high:.3f})"

    def as_json(self, name: str) -> dict[str, Any]:
        """Return the score by its name and the bounds as a pair, made of what JSON has."""
        score, *bounds = (round(value, 4) for value in (self.score, self.low, self.high))
        return {name: score, f"{name}_interval": bounds}


@attrs.frozen
class SplitScores:
    """How well a model does on a split, and how sure that is.

    Args:
        images: Number of photos.
        accuracy: As in `scores.Scores`, with its interval.
        macro_f1: The same.
        loss: Mean cross-entropy in nats.
    """

    images: int
    accuracy: Interval
    macro_f1: Interval
    loss: float

    @property
    def caution(self) -> str:
        """What is to be known where all photos are right, which no drawing of them can show."""
        if self.accuracy.score < 1:
            return ""
        return f"all {self.images} are right: how far off macro-F1 may be, they do not show"

    def as_json(self) -> dict[str, Any]:
        """Return all figures, made of what JSON has; the intervals are pairs."""
        return {
            "images": self.images,
            **self.accuracy.as_json("accuracy"),
            **self.macro_f1.as_json("macro_f1"),
            "loss": self.loss,
            **({"caution": self.caution} if self.caution else {}),
        }


def scored(predictions: Predictions, loss: float) -> SplitScores:
    """Return the scores with their intervals, which are the same at each call.

    Accuracy's is that of a share (Wilson, 1927). Macro-F1's is by the bootstrap's bias-corrected
    percentiles (Efron & Tibshirani, 1993): photos are drawn with replacement, as many as there are,
    2000 times.

    Args:
        predictions: What was said of the photos, of which there is at least one.
        loss: Mean cross-entropy in nats.
    """
    kinds, counts = _kinds(predictions)
    (macro_f1,) = _macro_f1(counts[None].astype(np.float64), *kinds)
    drawn = np.concatenate([_macro_f1(some, *kinds) for some in _samples(counts)])
    images, right = len(predictions), int(np.sum(predictions.right))
    accuracy = Interval(right / images, *interval_of(right, images))
    return SplitScores(images, accuracy, _interval(float(macro_f1), drawn), loss)


def _interval(score: float, drawn: Array) -> Interval:
    """Return the bounds of the middle of the drawn scores, corrected for their bias.

    Of a drawing some photos are missing, and with them perhaps a small class: most of the drawn
    macro-F1 lie on one side of that of all photos.
    """
    normal = NormalDist()
    below = ((drawn < score).mean() + (drawn <= score).mean()) / 2
    bias = normal.inv_cdf(float(np.clip(below, 1 / _SAMPLES, 1 - 1 / _SAMPLES)))
    ends = [normal.cdf(2 * bias + normal.inv_cdf(end)) for end in (LEVEL / 2, 1 - LEVEL / 2)]
    low, high = np.quantile(drawn, ends)
    return Interval(score, float(low), float(high))


def _kinds(predictions: Predictions) -> tuple[tuple[Array, Array], Array]:
    """Return labels and what was said of each kind of photo, and how many there are of each.

    Photos of the same labels of which the same was said count alike, and there are few such kinds.
    """
    classes = len(predictions.classes)
    both = np.concatenate([predictions.labels, predictions.predicted], axis=1)
    kinds, counts = np.unique(both, axis=0, return_counts=True)
    return (kinds[:, :classes], kinds[:, classes:]), counts


def _samples(counts: Array) -> Iterator[Array]:
    """Yield how many photos of each kind are drawn, float64 `[samples, kinds]`."""
    random = np.random.default_rng(0)
    photos = counts.sum()
    for _ in range(_SAMPLES // _SAMPLES_AT_ONCE):
        # So many of each kind are there when single photos are drawn.
        yield random.multinomial(photos, counts / photos, _SAMPLES_AT_ONCE).astype(np.float64)


def _macro_f1(counts: Array, labels: Array, predicted: Array) -> Array:
    """Return macro-F1 of each sample `[samples]`, as `scores.score` has it."""
    hits = counts @ (labels & predicted).astype(np.float64)
    # Twice the hits, and what was missed or said wrongly.
    all_of_class = counts @ (labels.astype(np.float64) + predicted)
    f1 = 2 * hits / np.maximum(all_of_class, 1)
    concerned = (all_of_class > 0).sum(axis=1)
    mean: Array = f1.sum(axis=1) / np.maximum(concerned, 1)
    return mean


@attrs.frozen
class Difference:
    """How two models differ on the photos that both tell of.

    Args:
        photos: How many these are.
        of: How many there are of each of the two.
        gained: Photos of which the second is right and the first is wrong.
        lost: The other way round.
        p: How likely (0..1) it is that chance alone makes them differ so much, or more.
    """

    photos: int
    of: tuple[int, int]
    gained: int
    lost: int
    p: float

    @property
    def more_than_chance(self) -> bool:
        """Whether they differ by more than chance."""
        return self.p < LEVEL

    def line(self, second: str, first: str, split: str) -> str:
        """Return what is meant in words.

        Args:
            second: The name of the model that is compared.
            first: The name of the model that it is compared with.
            split: The split of the photos.
        """
        pair = f"{second} against {first}"
        if not self.photos:
            return (
                f"{pair}: they have no {split} photo in common, so nothing can be tested; "
                "kerastl run --split RUN divides photos as in another run."
            )
        some = f" (of {self.of[0]} and {self.of[1]})" if {*self.of} != {self.photos} else ""
        photos = f"{counted(self.photos, f'{split} photo')} of both{some}"
        gained = f"{self.gained} right that {'was' if self.gained == 1 else 'were'} wrong"
        p = f"p = {self.p:.3f}" if self.p >= 0.001 else "p < 0.001"
        return f"{pair}, {photos}: {gained}, {self.lost} the other way, {p}: {self._verdict()}."

    def _verdict(self) -> str:
        if not self.more_than_chance:
            return "no difference can be told"
        return f"{'better' if self.gained > self.lost else 'worse'} by more than chance"

    def as_json(self) -> dict[str, Any]:
        """Return the difference made of what JSON has."""
        return attrs.asdict(self) | {"more_than_chance": self.more_than_chance}


def difference(first: Predictions, second: Predictions) -> Difference:
    """Test whether the second model differs from the first on the photos that both tell of.

    By McNemar's exact test (McNemar, 1947): of the photos of which one alone is right, chance gives
    half to each. A photo is the same where what it is known by is, and its labels are.
    """
    before, after = (_right_by_photo(some) for some in (first, second))
    both = before.keys() & after.keys()
    gained = sum(after[photo] and not before[photo] for photo in both)
    lost = sum(before[photo] and not after[photo] for photo in both)
    p = float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    return Difference(len(both), (len(first), len(second)), gained, lost, p)


def _right_by_photo(predictions: Predictions) -> dict[tuple[str, frozenset[str], int], bool]:
    """Return whether all was right that was said of each photo, by what tells it from others."""
    seen: Counter[tuple[str, frozenset[str]]] = Counter()
    found = {}
    for photo, labels, right in zip(
        predictions.photos, predictions.labels, predictions.right, strict=True
    ):
        key = (photo, frozenset(predictions.classes[number] for number in np.flatnonzero(labels)))
        # Of copies each is a photo of its own.
        found[(*key, seen[key])] = bool(right)
        seen[key] += 1
    return found
