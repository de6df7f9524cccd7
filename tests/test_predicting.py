from __future__ import annotations

from pathlib import Path

import numpy as np

from kerastl.predicting import sort_into
from kerastl.serving.about import UNSURE, About
from kerastl.serving.opened import answer_of
from kerastl.serving.predict import Prediction


def test_a_photo_of_several_labels_is_copied_to_each_whatever_they_are_called(tmp_path: Path):
    about = About("marks", (UNSURE, "b", "c"), 32, multi_label=True)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"a photo")
    row = np.array([0.9, 0.8, 0.1], np.float32)
    assert sort_into(tmp_path, [Prediction(str(photo), answer_of(row, about), tuple(row))]) == 2
    assert (tmp_path / UNSURE / "photo.jpg").is_file()
    assert (tmp_path / "b" / "photo.jpg").is_file()
