from __future__ import annotations

import numpy as np
import pytest

from kerastl.evaluation.scores import score

CLASSES = ("a", "b", "c")


def logits_for(predicted: list[int], margin: float = 2.0) -> np.ndarray:
    return (np.eye(3)[predicted] * margin).astype(np.float32)


def test_figures_that_can_be_counted_by_hand():
    labels = np.array([0, 0, 0, 1, 1, 2])
    found = score(logits_for([0, 0, 1, 1, 1, 0]), labels, CLASSES)
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.images == 6
    assert found.confusion.tolist() == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    a, b, c = found.by_class
    assert (a.precision, a.recall, a.images) == (pytest.approx(2 / 3), pytest.approx(2 / 3), 3)
    assert (b.precision, b.recall, b.images) == (pytest.approx(2 / 3), 1.0, 2)
    assert (c.precision, c.recall, c.f1) == (0.0, 0.0, 0.0)
    assert found.macro_f1 == pytest.approx((2 / 3 + 0.8 + 0.0) / 3)


def test_the_loss_is_the_cross_entropy_of_the_softmax():
    found = score(logits_for([0, 1]), np.array([0, 2]), CLASSES)
    probability = np.exp(2) / (np.exp(2) + 2)
    other = 1 / (np.exp(2) + 2)
    assert found.loss == pytest.approx(-(np.log(probability) + np.log(other)) / 2, rel=1e-6)


def test_a_class_that_is_not_there_does_not_count_as_a_failure():
    found = score(logits_for([0, 1, 1]), np.array([0, 1, 1]), CLASSES)
    assert found.macro_f1 == 1.0


def test_json_has_every_class():
    found = score(logits_for([0, 1]), np.array([0, 1]), CLASSES).as_json()
    assert found["classes"].keys() == set(CLASSES)
    assert found["accuracy"] == 1.0
    assert found["confusion"][0] == [1, 0, 0]


def test_each_of_several_labels_is_scored_for_itself():
    labels = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]])
    logits = np.array([[3, -2, -1], [2, -1, -1], [-1, -3, -2], [-2, 2, -3]], np.float32)
    found = score(logits, labels, ("a", "b", "c"))
    assert found.accuracy == 0.75
    a, b, c = found.by_class
    assert (a.precision, a.recall, a.f1, a.images, a.average_precision) == (1, 1, 1, 2, 1)
    assert (b.precision, b.recall, b.images) == (1, 0.5, 2)
    assert c.images == 0
    # A label that is neither there nor told has no F1.
    assert found.macro_f1 == pytest.approx((1 + 2 / 3) / 2)
    probabilities = 1 / (1 + np.exp(-logits))
    loss = -np.log(np.where(labels == 1, probabilities, 1 - probabilities)).mean()
    assert found.loss == pytest.approx(loss, rel=1e-5)
    assert found.as_json()["confusion"][1] == [[2, 0], [1, 1]]
    assert found.as_json()["classes"]["b"]["average_precision"] == 1
