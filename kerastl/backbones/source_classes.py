"""Which classes of a person's photos the pretrained weights were trained to tell apart already."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

IMAGENET = "imagenet"


def known_to_imagenet(classes: Iterable[str]) -> list[str]:
    """Return those classes whose names are those of classes of ImageNet's 1000.

    Case, spaces and the plural make no difference: `Ants` is `ant`. On photos of these, a score
    says less of other photos: some of them may have been among the photos of ImageNet.

    Args:
        classes: The names of the classes.
    """
    return [name for name in classes if not _forms(name).isdisjoint(_names())]


def overlap_line(classes: Iterable[str]) -> str:
    """Return the line that points out such classes; empty if there are none."""
    known = known_to_imagenet(classes)
    if not known:
        return ""
    named = " and ".join([*([", ".join(known[:-1])] if known[1:] else []), known[-1]])
    are = "are ImageNet classes" if len(known) > 1 else "is an ImageNet class"
    return (
        f"Note: {named} {are} already; the weights have seen such photos, and this score may not "
        "carry over to classes that they have not."
    )


@cache
def _names() -> frozenset[str]:
    text = files("kerastl.backbones").joinpath("shipped", "imagenet_classes.txt").read_text("utf-8")
    return frozenset(_plain(name) for line in text.splitlines() for name in line.split(","))


def _plain(name: str) -> str:
    return re.sub(r"[\s_.-]+", " ", name.casefold()).strip()


def _forms(name: str) -> set[str]:
    """Return a name as it is, and what it may be the plural of."""
    plain = _plain(name)
    ends = {"ies": "y", "es": "", "s": ""}
    singular = {plain.removesuffix(end) + new for end, new in ends.items() if plain.endswith(end)}
    return {plain, *singular}
