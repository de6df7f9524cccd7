from __future__ import annotations

import io

import numpy as np
from PIL import Image

from kerastl.evaluation.mistakes import draw_mistakes, mistakes
from kerastl.evaluation.predictions import Predictions
from kerastl.evaluation.scores import score
from kerastl.evaluation.scoring import Evaluation

CLASSES = ("mars", "twix", "torn")


def evaluation(
    labels: list[list[int]], probabilities: list[list[float]], multi_label: bool = False
) -> Evaluation:
    true, given = np.array(labels, bool), np.array(probabilities)
    predicted = given > 0.5 if multi_label else np.eye(3, dtype=bool)[given.argmax(axis=1)]
    names = tuple(f"{number}.jpg" for number in range(len(labels)))
    told = Predictions(names, CLASSES, true, predicted, multi_label)
    numbers = true.astype(int) if multi_label else true.argmax(axis=1)
    logits = np.log(given + 1e-6).astype(np.float32)
    return Evaluation(score(logits, numbers, CLASSES), told, given, logits)


def test_the_most_certain_of_a_wrong_class_are_first():
    some = evaluation(
        [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]],
        # The first is right. The second's own class was given least, but so was the wrong one.
        [[0.9, 0.1, 0.0], [0.0, 0.55, 0.45], [0.8, 0.1, 0.1], [0.1, 0.6, 0.3]],
    )
    assert [str(one) for one in mistakes(some)] == [
        "twix taken for mars (0.80)",
        "torn taken for twix (0.60)",
        "mars taken for twix (0.55)",
    ]
    assert [one.number for one in mistakes(some, most=2)] == [2, 3]


def test_labels_that_are_missed_or_added_are_wrong():
    some = evaluation(
        [[0, 1, 1], [1, 0, 0], [0, 1, 0]],
        [[0.1, 0.9, 0.3], [0.7, 0.1, 0.8], [0.2, 0.1, 0.3]],
        multi_label=True,
    )
    assert [str(one) for one in mistakes(some)] == [
        "twix taken for none (0.90)",
        "mars taken for mars + torn (0.80)",
        "twix + torn taken for twix (0.70)",
    ]


def test_they_are_drawn_and_large_photos_are_reduced():
    some = evaluation([[1, 0, 0], [0, 1, 0]], [[0.1, 0.9, 0.0], [0.0, 1.0, 0.0]])
    drawn = draw_mistakes(some, np.full((2, 640, 640, 3), 9, np.uint8))
    assert [*drawn] == ["01 mars taken for twix (0.90)"]
    with Image.open(io.BytesIO(*drawn.values())) as image:
        assert image.size == (320, 320)
        assert image.getpixel((0, 0)) == (9, 9, 9)


def test_without_a_mistake_there_is_nothing_to_draw():
    some = evaluation([[1, 0, 0]], [[0.8, 0.1, 0.1]])
    assert draw_mistakes(some, np.zeros((1, 32, 32, 3), np.uint8)) == {}
