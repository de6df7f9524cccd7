from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from kerastl.evaluation.figures import draw_confusion, draw_curves
from kerastl.evaluation.scores import score

ROWS = [
    {
        "epoch": epoch,
        "stage": "frozen" if epoch < 3 else "unfrozen",
        "loss": 1 / epoch,
        "accuracy": 1 - 1 / epoch,
        "validation_loss": 1.1 / epoch,
        "validation_accuracy": 0.9 - 1 / epoch,
    }
    for epoch in range(1, 6)
]


def colors_in(path: Path) -> int:
    with Image.open(path) as image:
        assert image.format == "PNG"
        small = np.asarray(image.convert("RGB").resize((200, 200)))
        return len(np.unique(small.reshape(-1, 3), axis=0))


def test_curves_are_drawn_for_many_epochs_and_for_one(tmp_path: Path):
    draw_curves(ROWS, tmp_path / "many.png")
    draw_curves(ROWS[:1], tmp_path / "one.png")
    assert colors_in(tmp_path / "many.png") > 20
    assert colors_in(tmp_path / "one.png") > 20


def test_a_confusion_matrix_is_drawn_for_few_classes_and_many(tmp_path: Path):
    for classes in (2, 40):
        labels = np.arange(classes)
        logits = np.eye(classes, dtype=np.float32)
        scores = score(logits, labels, [f"class number {i}" for i in range(classes)])
        draw_confusion(scores, "test", tmp_path / f"{classes}.png")
        assert colors_in(tmp_path / f"{classes}.png") > 20
