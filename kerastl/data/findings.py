"""What is wrong with labelled photos, or may be: facts -> findings."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import compress
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from kerastl.cache import Cache
from kerastl.console import counted
from kerastl.data.copies import all_copies
from kerastl.data.facts import Facts, text_of
from kerastl.data.near_copies import components
from kerastl.data.report import ERROR, NOTE, UNREADABLE, WARNING, Finding
from kerastl.labelled import SPLITS, TRAIN, Labelled
from kerastl.validators import as_tuple

# A side of fewer pixels than this shows little; a photo of less contrast (in grey levels) nothing.
_TINY = 32
_BLANK = 2.0
# Colours are so far from grey, on average, in a photo that is not grey.
_GREY = 2.0
# The largest class may have so many times the photos of the smallest.
_IMBALANCE = 5
_FEW = 10
_ENDINGS = {
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif"},
    "MPO": {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"},
    "TIFF": {".tif", ".tiff"},
    "HEIF": {".heic", ".heif", ".hif"},
    "PNG": {".png"},
    "GIF": {".gif"},
    "BMP": {".bmp", ".dib"},
    "WEBP": {".webp"},
}
_KNOWN_ENDINGS = frozenset().union(*_ENDINGS.values())


@attrs.frozen(eq=False)
class Looked:
    """Photos, and what is known of them.

    Args:
        names: Their paths.
        splits: The split of each.
        labels: The classes of each.
        facts: An array of `FACTS`.
        known: The names of all classes.
        multi_label: Whether a photo has any number of labels.
    """

    names: tuple[str, ...]
    splits: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    facts: Facts
    known: tuple[str, ...]
    multi_label: bool = False

    @classmethod
    def at(cls, labelled: Labelled, facts: Facts) -> Looked:
        """Put photos and what is known of them together."""
        names = [as_tuple(label) for label in labelled.photos.labels]
        return cls(
            labelled.photos.names,
            tuple(split or TRAIN for split in labelled.splits),
            tuple(tuple(labelled.classes[number] for number in some) for some in names),
            facts,
            labelled.classes,
            labelled.multi_label,
        )

    def classes(self) -> set[str]:
        """Return the names of all classes, also of those without photos."""
        return set(self.known)

    def photos(self) -> dict[str, int]:
        """Return how many photos there are in each split."""
        sound = Counter(compress(self.splits, self.sound()))
        return {split: sound[split] for split in SPLITS if split in self.splits}

    def counts(self) -> dict[str, Counter[str]]:
        """Return how many photos each class has in each split."""
        found = {split: Counter[str]() for split in SPLITS if split in self.splits}
        for split, labels in compress(zip(self.splits, self.labels, strict=True), self.sound()):
            found[split].update(labels)
        return found

    def sound(self) -> npt.NDArray[np.bool_]:
        """Say which are photos."""
        empty: npt.NDArray[np.bool_] = self.facts["reason"] == b""
        return empty


def findings_of(looked: Looked, cache: Cache) -> list[Finding]:
    """Return what was found, the worst first.

    Args:
        looked: The photos.
        cache: Where what takes long is found and kept.
    """
    found = [
        *_unreadable(looked),
        *_class_names(looked),
        *_class_folders(looked),
        *_copies(looked, cache),
        *_counts(looked),
        *_single_photos(looked),
    ]
    return sorted(found, key=lambda each: (ERROR, WARNING, NOTE).index(each.level))


def _unreadable(looked: Looked) -> Iterator[Finding]:
    bad = np.flatnonzero(~looked.sound())
    if len(bad):
        yield Finding(
            UNREADABLE,
            ERROR,
            "files that are no photos",
            tuple((looked.names[number],) for number in bad),
            tuple(text_of(looked.facts["reason"][number]) for number in bad),
        )


def _class_names(looked: Looked) -> Iterator[Finding]:
    alike: dict[str, set[str]] = defaultdict(set)
    for name in looked.classes():
        alike[re.sub(r"[\s_.-]+", "", name.casefold())].add(name)
    for names in alike.values():
        if len(names) > 1:
            named = " and ".join(repr(name) for name in sorted(names))
            text = f"classes whose names differ by case or spaces alone: {named}"
            yield Finding("class-names", WARNING, text)


def _class_folders(looked: Looked) -> Iterator[Finding]:
    """Find classes that are missing in a split that the data have."""
    for split, counts in (looked.counts() or {TRAIN: Counter()}).items():
        for missing in sorted(looked.classes() - set(counts)):
            level = ERROR if split == "train" else WARNING
            yield Finding("class-missing", level, f"class {missing!r} has no photos in {split}")


def _counts(looked: Looked) -> Iterator[Finding]:
    counts = looked.counts().get(TRAIN, Counter())
    for name, count in sorted(counts.items()):
        if count < _FEW:
            text = f"class {name!r} has only {counted(count, 'photo')} to learn from"
            yield Finding("few-photos", WARNING, text)
    for split, others in looked.counts().items():
        for name in sorted(name for name, count in others.items() if count == 1 < counts[name]):
            text = f"class {name!r} has a single photo in {split}: what is said of it says little"
            yield Finding("single-photo", WARNING, text)
    ordered = counts.most_common()
    if ordered and ordered[0][1] > _IMBALANCE * ordered[-1][1]:
        (most, many), (least, few) = ordered[0], ordered[-1]
        text = f"class {most!r} has {many} photos to learn from, and {least!r} only {few}"
        yield Finding("imbalance", WARNING, text)


def _copies(looked: Looked, cache: Cache) -> Iterator[Finding]:
    pairs = np.concatenate(all_copies(looked.facts, cache))
    members = components(pairs, len(looked.names))
    groups = [np.flatnonzero(members == member) for member in np.unique(members[pairs])]
    are_exact = [len(np.unique(looked.facts["id"][group], axis=0)) == 1 for group in groups]
    for is_exact, kind, text in (
        (True, "copies", "the same file"),
        (False, "near-copies", "nearly the same photo"),
    ):
        some = [group for group, is_it in zip(groups, are_exact, strict=True) if is_it == is_exact]
        yield from _of_copies(looked, [group.tolist() for group in some], kind, text)


def _of_copies(looked: Looked, groups: list[list[int]], kind: str, what: str) -> Iterator[Finding]:
    """Tell apart copies in several classes, in several splits, and those that merely repeat."""
    kinds: dict[tuple[str, str, str], list[list[int]]] = defaultdict(list)
    for group in groups:
        if len({looked.labels[number] for number in group}) > 1:
            differ = "with different labels" if looked.multi_label else "in several classes"
            where = (f"{kind}-across-classes", WARNING, f"{what}, {differ}")
        elif len({looked.splits[number] for number in group}) > 1:
            where = (f"{kind}-across-splits", WARNING, f"{what}, in several splits")
        else:
            where = (kind, NOTE, f"{what}, more than once")
        kinds[where].append(group)
    for (name, level, text), some in kinds.items():
        names = tuple(tuple(looked.names[number] for number in group) for group in some)
        yield Finding(name, level, text, names)


def _single_photos(looked: Looked) -> Iterator[Finding]:
    facts, sound = looked.facts, looked.sound()
    side = np.minimum(facts["height"], facts["width"])
    blank = facts["contrast"] < _BLANK
    misnamed = np.array(
        [
            _is_misnamed(name, text_of(kind))
            for name, kind in zip(looked.names, facts["format"], strict=True)
        ],
        bool,
    )
    for kind, level, which, text in (
        ("blank", WARNING, blank, "photos that show nothing"),
        ("wrong-ending", WARNING, misnamed, "files that are not what their names end in"),
        ("tiny", WARNING, side < _TINY, f"photos with a side below {_TINY} pixels"),
        (
            "turned",
            NOTE,
            facts["orientation"] > 1,
            "photos that lie on a side; kerastl turns them upright",
        ),
        ("grey", NOTE, (facts["color"] < _GREY) & ~blank, "photos without colours"),
    ):
        numbers = np.flatnonzero(sound & which)
        if len(numbers):
            yield Finding(
                kind,
                level,
                text,
                tuple((looked.names[number],) for number in numbers),
                tuple(_about(facts[number]) for number in numbers),
            )


def _is_misnamed(name: str, kind: str) -> bool:
    ending = os.path.splitext(name)[1].lower()
    return ending in _KNOWN_ENDINGS and ending not in _ENDINGS.get(kind, {ending})


def _about(fact: Any) -> str:
    return f"{text_of(fact['format'])}, {fact['width']} x {fact['height']}"
