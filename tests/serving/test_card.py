from __future__ import annotations

from typing import Any

import attrs
import pytest

from kerastl.serving.about import About
from kerastl.serving.card import Card, licence_of
from kerastl.serving.parity import Parity

SCORES = {"accuracy": 0.9, "macro_f1": 0.88, "calibration_error": 0.04, "images": 200}
ABOUT = About("candy", ("mars", "twix | co"), 160, scores={"test": SCORES}, licence="Nobody knows.")
PARITY = Parity("test", 200, 198, 2e-6, 1.0, None, 0.9, 0.9)


def record(**more: Any) -> dict[str, Any]:
    one = {"precision": 0.9, "recall": 0.8, "images": 100}
    return {
        "recipe": {"backbone": {"name": "MobileNetV2"}},
        "splits": {"train": 600, "validation": 200, "test": 200},
        "scores": {"test": {"classes": dict.fromkeys(ABOUT.classes, one)}},
        **more,
    }


@pytest.mark.parametrize("kind", ["saved_model", "keras", "litert", "onnx"])
def test_a_card_says_what_it_is_worth_and_how_to_call_it(kind: str):
    text = Card(ABOUT, record(), "my_photos", kind, None, PARITY).text()
    front, _, rest = text.removeprefix("---\n").partition("\n---\n")
    assert "pipeline_tag: image-classification" in front
    assert "value: 0.9" in front
    for expected in (
        "# candy",
        "600 train, 200 validation, 200 test",
        "| test | 200 | 0.900 (0.851 to 0.934) | 0.880 | 0.040 |",
        "| twix \\| co | 100 | 0.900 | 0.800 |",
        "Nobody knows.",
        "(198 of them as files)",
        "160",
    ):
        assert expected in rest
    assert "@" not in rest.replace("curl -d @-", "")
    assert ("-e MODEL_NAME=candy tensorflow" in rest) == (kind == "saved_model")
    (code,) = rest.split("```python\n")[1:]
    compile(code.partition("```")[0], "card", "exec")


@pytest.mark.parametrize("kind", ["keras", "litert", "onnx"])
@pytest.mark.parametrize(("resize", "how"), [("crop", "ImageOps.fit("), ("pad", "ImageOps.pad(")])
def test_a_card_makes_squares_of_photos_as_training_does(kind: str, resize: str, how: str):
    about = About("candy", ("mars", "twix"), 160, resize)
    assert how in Card(about, record(), "photos", kind, None, PARITY).text()


def test_a_card_says_what_is_unsure_and_what_is_smaller():
    about = About("candy", ("mars", "twix"), 160, threshold=0.75, scores={"test": SCORES})
    worse = attrs.evolve(PARITY, accuracy=0.85)
    text = Card(about, record(), "photos", "litert", "int8", worse).text()
    assert "below 0.750 is to be called `unsure`" in text
    assert "Of the model before its weights were quantised" in text
    assert "quantised (int8)" in text
    # What is said of the file is of the file.
    assert "value: 0.85" in text


def test_a_card_says_what_accuracy_is_where_photos_have_several_labels():
    about = attrs.evolve(ABOUT, multi_label=True)
    text = Card(about, record(), "photos", "onnx", None, PARITY).text()
    assert "Accuracy is the share of photos all of whose labels are told right.\n\n| split" in text


def test_shares_are_rounded_once():
    # Of 86 photos 74, as the record has it.
    about = attrs.evolve(ABOUT, scores={"test": {**SCORES, "accuracy": 0.8605, "images": 86}})
    text = Card(about, record(), "photos", "onnx", None, PARITY).text()
    assert "| test | 86 | 0.860 (" in text


def test_a_card_without_scores_has_no_index_of_them():
    text = Card(About("candy", ("a", "b"), 160), record(), "photos", "onnx", None, PARITY).text()
    assert "model-index" not in text
    assert "has no scores" in text


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("imagenet", "trained on ImageNet"),
        ("procedural", "images that it draws itself"),
        ("/home/me/secret/mine.weights.h5", "the weights file mine.weights.h5, whose terms"),
        (None, "random values"),
    ],
)
def test_where_weights_come_from_is_told(weights: str | None, expected: str):
    text = licence_of(record(weights=weights))
    assert expected in text
    assert "secret" not in text
