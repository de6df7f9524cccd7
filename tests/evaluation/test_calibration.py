from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from kerastl.evaluation.calibration import (
    calibration,
    calibration_error,
    fit_temperature,
    threshold_for,
)


def drawn(photos: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are true once they are divided by a temperature, and labels drawn by them."""
    random = np.random.default_rng(0)
    true = random.normal(0, 2, (photos, 4))
    labels = np.array([random.choice(4, p=row) for row in softmax(true, axis=1)])
    return (temperature * true).astype(np.float32), labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_of_logits_is_found(temperature: float):
    logits, labels = drawn(4000, temperature)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(temperature, rel=0.08)
    off = calibration(logits, labels, found)
    assert off["after"] < 0.02
    if temperature != 1:
        assert off["before"] > 3 * off["after"]


def test_what_is_all_right_is_not_made_certain():
    logits = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    assert fit_temperature(logits, np.array([0, 1, 2, 0])) > 0.2


def test_labels_for_themselves():
    random = np.random.default_rng(0)
    true = random.normal(0, 2, (3000, 3))
    labels = (random.uniform(size=true.shape) < 1 / (1 + np.exp(-true))).astype(np.int64)
    assert fit_temperature((2 * true).astype(np.float32), labels) == pytest.approx(2, rel=0.08)


def test_the_error_is_how_far_probabilities_are_off():
    # Four photos, each told with 0.8, and half of them right.
    probabilities = np.array([[0.8, 0.2]] * 4)
    assert calibration_error(probabilities, np.array([0, 0, 1, 1]), 1) == pytest.approx(0.3)
    assert calibration_error(probabilities, np.array([0, 0, 0, 0]), 1) == pytest.approx(0.2)
    each = np.array([[1, 0], [1, 1], [1, 0], [1, 0]])
    # Of eight labels each is told with 0.8, and seven of them right.
    assert calibration_error(probabilities, each, 1) == pytest.approx(0.075)


def test_a_threshold_answers_as_many_as_it_may():
    probabilities = np.array([[p, 1 - p] for p in (0.95, 0.9, 0.9, 0.8, 0.7, 0.6)])
    labels = np.array([0, 0, 1, 0, 0, 1])
    assert threshold_for(probabilities, labels, 0.8) == pytest.approx(0.65)
    assert threshold_for(probabilities, labels, 0.9) == pytest.approx(0.925)
    # All may have an answer, also those that are more doubtful than any of these.
    assert threshold_for(probabilities, labels, 0.5) == 0
    # Photos of one probability are answered together: 0.9 is right for one of two.
    assert threshold_for(probabilities[1:3], labels[1:3], 0.9) is None


def test_a_threshold_is_not_crossed_by_rounding():
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 500)
    logits = random.normal(0, 1, (500, 4)).astype(np.float32)
    logits[np.arange(500), labels] += 2
    exact, rounded = softmax(logits.astype(np.float64), axis=1), softmax(logits, axis=1)
    for precision in np.linspace(0.9, 0.97, 30):
        found = threshold_for(exact, labels, precision)
        assert found
        sure = rounded.max(axis=1) >= np.float32(found)
        np.testing.assert_array_equal(sure, exact.max(axis=1) >= found)
        assert (rounded.argmax(axis=1) == labels)[sure].mean() >= precision


def test_photos_that_rounding_makes_equal_are_answered_together():
    probabilities = np.array([[p, 1 - p] for p in (0.9, 0.8, 0.8 - 1e-9, 0.6)])
    labels = np.array([0, 0, 1, 1])
    assert threshold_for(probabilities, labels, 0.9) == pytest.approx(0.85)
