from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, softmax

from kerastl.errors import RunDirectoryError
from kerastl.evaluation.predictions import Predictions, read_predictions, write_predictions

CLASSES = ("a,b", "c;d", "e")
NAMES = (os.fsdecode(b"gr\xfcn.jpg"), 'say "cheese".jpg', "two\r\nlines, one\rphoto.jpg")


def predictions(labels: list[list[int]], predicted: list[list[int]], multi_label: bool = False):
    flags = (np.array(some, bool) for some in (labels, predicted))
    return Predictions(NAMES, CLASSES, *flags, multi_label)


def assert_same(found: Predictions, expected: Predictions) -> None:
    assert (found.photos, found.classes) == (expected.photos, expected.classes)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.predicted, expected.predicted)


def test_what_is_written_is_read_again(tmp_path: Path):
    path = tmp_path / "report" / "predictions.csv"
    told = predictions([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 0, 1], [0, 0, 1]])
    write_predictions(path, told, softmax(np.array([[9, 1, 0], [0, 1, 2], [0, 0, 300.0]]), axis=1))
    assert_same(read_predictions(path, CLASSES, multi_label=False), told)
    first, second, *_ = path.read_bytes().splitlines()
    assert first == b'"photo","label","predicted","a,b","c;d","e"'
    assert second == b'"gr\xfcn.jpg","a,b","a,b",0.999541,0.000335309,0.000123353'


def test_several_labels_are_in_one_cell(tmp_path: Path):
    path = tmp_path / "predictions.csv"
    told = predictions([[1, 1, 1], [1, 0, 1], [0, 0, 0]], [[1, 1, 0], [0, 0, 0], [0, 0, 1]], True)
    write_predictions(path, told, expit(np.zeros((3, 3))))
    assert_same(read_predictions(path, CLASSES, multi_label=True), told)
    assert '"a,b;""c;d"";e"' in path.read_text(encoding="utf-8", errors="surrogateescape")
    assert told.right.tolist() == [False, False, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "its columns are not photo, label, predicted, a, b"),
        ("photo,label,predicted,a\nx,a,a,1\n", "its columns are not"),
        ("photo,label,predicted,a,b\nx,a,a,1,0\ny,a,b,0", "photo 2 has 4 cells, not 5"),
        ("photo,label,predicted,a,b\nx,a,c,1,0\n", "it names the class 'c', which"),
        ('photo,label,predicted,a,b\n"x,a,a,1,0\n', "unexpected end of data"),
    ],
)
def test_a_damaged_file_is_told(tmp_path: Path, text: str, message: str):
    path = tmp_path / "predictions.csv"
    path.write_text(text)
    with pytest.raises(RunDirectoryError, match=message) as caught:
        read_predictions(path, ("a", "b"), multi_label=False)
    assert str(caught.value).startswith(f"{path} is damaged: ")
