from __future__ import annotations

from kerastl.backbones.source_classes import known_to_imagenet, overlap_line


def test_classes_of_imagenet_are_known_in_any_spelling():
    classes = [
        "Ants",
        "bees",
        "golden_retriever",
        "strawberries",
        "Coca Cola",
        "roses",
        "Box-turtle",
    ]
    assert known_to_imagenet(classes) == [
        "Ants",
        "bees",
        "golden_retriever",
        "strawberries",
        "Box-turtle",
    ]


def test_the_line_that_says_so():
    assert overlap_line(["ants", "bees", "candy x"]).startswith(
        "Note: ants and bees are ImageNet classes already; "
    )
    assert overlap_line(["daisy", "roses"]).startswith("Note: daisy is an ImageNet class already")
    assert overlap_line(["twix", "snickers"]) == ""
