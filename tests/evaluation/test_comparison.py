from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import bootstrap
from sklearn.metrics import f1_score

from kerastl.evaluation.comparison import Difference, difference, scored
from kerastl.evaluation.predictions import Predictions
from kerastl.evaluation.scores import score

CLASSES = ("a", "b", "c")


def told(labels: Sequence[int], predicted: Sequence[int], names: str = "") -> Predictions:
    photos = tuple(names or map(str, range(len(labels))))
    one_hot = np.eye(len(CLASSES), dtype=bool)
    return Predictions(photos, CLASSES, one_hot[list(labels)], one_hot[list(predicted)], False)


def told_each(labels: list[list[int]], predicted: list[list[int]]) -> Predictions:
    flags = (np.array(some, bool) for some in (labels, predicted))
    return Predictions(tuple(map(str, range(len(labels)))), CLASSES, *flags, True)


def drawn(photos: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels, and predictions of which the share and some more are right."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, len(CLASSES), photos)
    others = random.integers(0, len(CLASSES), photos)
    return labels, np.where(random.random(photos) < share, labels, others)


def test_scores_are_those_of_the_run():
    labels, predicted = drawn(80, 0.6, 1)
    logits = np.eye(3, dtype=np.float32)[predicted]
    expected = score(logits, labels, CLASSES)
    found = scored(told(labels, predicted), expected.loss)
    assert found.accuracy.score == pytest.approx(expected.accuracy)
    assert found.macro_f1.score == pytest.approx(expected.macro_f1)
    assert (found.loss, found.images) == (expected.loss, 80)
    assert scored(told(labels, predicted), expected.loss) == found


@pytest.mark.parametrize(("photos", "share"), [(100, 0.5), (300, 0.4)])
def test_intervals_are_those_of_scipy(photos: int, share: float):
    labels, predicted = drawn(photos, share, 2)
    found = scored(told(labels, predicted), 0.0)

    def f1(labels: np.ndarray, predicted: np.ndarray) -> float:
        return float(f1_score(labels, predicted, average="macro"))

    expected = bootstrap(
        (labels, predicted),
        f1,
        paired=True,
        vectorized=False,
        n_resamples=800,
        random_state=np.random.default_rng(0),
    ).confidence_interval
    assert found.macro_f1.low == pytest.approx(expected.low, abs=0.012)
    assert found.macro_f1.high == pytest.approx(expected.high, abs=0.012)


def test_of_several_labels_all_have_to_be_right():
    labels = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]])
    logits = np.array([[3, -2, -1], [2, -1, -1], [-1, -3, -2], [-2, 2, -3]], np.float32)
    expected = score(logits, labels, CLASSES)
    found = scored(told_each(labels.tolist(), (logits > 0).tolist()), expected.loss)
    assert found.accuracy.score == expected.accuracy == 0.75
    assert found.macro_f1.score == pytest.approx(expected.macro_f1)
    nothing = scored(told_each([[0, 0, 0]], [[0, 0, 0]]), 0.0)
    assert (nothing.accuracy.score, nothing.macro_f1.score) == (1, 0)


def test_where_all_are_right_the_interval_is_wilsons():
    found = scored(told([0, 1, 2] * 7, [0, 1, 2] * 7), 0.0)
    assert str(found.accuracy) == "1.000 (0.845-1.000)"
    assert found.as_json()["caution"].startswith("all 21 are right: how far off macro-F1 may be")
    wrong = scored(told([0, 1], [1, 0]), 0.0)
    assert str(wrong.accuracy) == "0.000 (0.000-0.658)"
    assert "caution" not in wrong.as_json()


def test_mcnemar_by_hand():
    right, wrong = [0] * 30, [1] * 30
    first = told(right, wrong[:4] + right[4:])
    second = told(right, right[:4] + wrong[:1] + right[5:])
    found = difference(first, second)
    # Of 32 ways in which 5 photos fall to either side 12 are so uneven.
    assert found == Difference(photos=30, of=(30, 30), gained=4, lost=1, p=12 / 32)
    assert found.line("runs/b", "runs/a", "test") == (
        "runs/b against runs/a, 30 test photos of both: 4 right that were wrong, 1 the other way, "
        "p = 0.375: no difference can be told."
    )
    better = difference(told(right, wrong[:10] + right[10:]), told(right, right))
    assert better.p == pytest.approx(2 / 2**10)
    assert better.line("b", "a", "test").endswith("p = 0.002: better by more than chance.")
    worse = difference(told(right, right), told(right, wrong))
    assert worse.line("b", "a", "test").endswith("p < 0.001: worse by more than chance.")
    assert difference(first, first).p == 1


def test_only_photos_of_both_are_compared():
    first = told([0, 0, 1, 1], [0, 1, 1, 0], "abcd")
    second = told([1, 0, 0, 2], [1, 0, 0, 2], "dbex")
    found = difference(first, second)
    assert (found.photos, found.gained, found.lost) == (2, 2, 0)
    assert "2 test photos of both (of 4 and 4): 2 right" in found.line("b", "a", "test")
    # With another label it is another question.
    relabelled = told([1, 1], [1, 1], "ab")
    none = difference(first, relabelled)
    assert none.photos == 0
    assert "b against a: they have no test photo in common" in none.line("b", "a", "test")
    assert "--split RUN" in none.line("b", "a", "test")


def test_copies_are_photos_of_their_own_and_classes_are_known_by_name():
    first = told([0, 0, 0], [0, 1, 0], "aab")
    assert difference(first, first).photos == 3
    order = Predictions(
        first.photos, ("c", "b", "a"), first.labels[:, ::-1], first.predicted[:, ::-1], False
    )
    assert difference(first, order) == Difference(3, (3, 3), 0, 0, 1.0)
