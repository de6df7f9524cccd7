from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from kerastl.errors import RunDirectoryError
from kerastl.predicting import Sorting
from kerastl.serving.about import UNSURE, About
from kerastl.serving.opened import answer_of
from kerastl.serving.predict import Prediction


def test_a_photo_of_several_labels_is_copied_to_each_whatever_they_are_called(tmp_path: Path):
    about = About("marks", (UNSURE, "b", "c"), 32, multi_label=True)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"a photo")
    row = np.array([0.9, 0.8, 0.1], np.float32)
    sorting, predictions = Sorting(tmp_path), [Prediction(str(photo), answer_of(row, about), ())]
    sorting.copy(predictions)
    assert (sorting.copied, sorting.there) == (2, 0)
    assert (tmp_path / UNSURE / "photo.jpg").is_file()
    assert (tmp_path / "b" / "photo.jpg").is_file()
    (tmp_path / "b" / "photo.jpg").unlink()
    sorting.copy(predictions)
    assert (sorting.copied, sorting.there) == (3, 1)
    sorting.require_whole()


def test_a_copy_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def half(source: Path, target: Path) -> None:
        target.write_bytes(b"ha")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copy2", half)
    about, row = About("marks", ("a", "b"), 32), np.array([0.9, 0.1], np.float32)
    (tmp_path / "photo.jpg").write_bytes(b"half")
    sorting = Sorting(tmp_path / "sorted")
    sorting.copy([Prediction(str(tmp_path / "photo.jpg"), answer_of(row, about), ())])
    with pytest.raises(RunDirectoryError, match="No space left on device"):
        sorting.require_whole()
    assert sorting.copied == 0
    assert not list((tmp_path / "sorted" / "a").iterdir())
