from __future__ import annotations

import pytest

from kerastl.data.splits import divide
from kerastl.errors import DataError

CLASSES = ("a", "b")
LABELS = [0] * 30 + [1] * 10


def test_each_split_has_its_share_of_each_class():
    parts = divide(LABELS, {"validation": 0.2, "test": 0.1}, CLASSES, seed=0)
    counts = {
        name: [sum(LABELS[i] == c for i in part) for c in (0, 1)] for name, part in parts.items()
    }
    assert counts == {"train": [21, 7], "validation": [6, 2], "test": [3, 1]}
    assert sorted(index for part in parts.values() for index in part) == list(range(40))


def test_every_split_gets_a_photo_of_a_small_class_and_train_is_never_empty():
    parts = divide([0, 0, 0], {"validation": 0.9, "test": 0.9}, ("a",), seed=0)
    assert {name: len(part) for name, part in parts.items()} == {
        "train": 1,
        "validation": 1,
        "test": 1,
    }


def test_a_share_of_0_draws_nothing():
    parts = divide(LABELS, {"validation": 0.0, "test": 0}, CLASSES, seed=0)
    assert parts == {"train": list(range(40)), "validation": [], "test": []}


def test_too_few_photos_are_told():
    with pytest.raises(DataError, match=r"Class 'b' has 1 photos; at least 2 are needed"):
        divide([0, 0, 1], {"validation": 0.5}, CLASSES, seed=0)
