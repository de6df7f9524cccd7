"""What is wrong with labelled photos, or may be: facts -> findings."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from kerastl.cache import Cache
from kerastl.console import counted
from kerastl.data.copies import all_copies, components
from kerastl.data.facts import Facts, text_of
from kerastl.labelled import SPLITS, TRAIN, Labelled
from kerastl.validators import as_tuple

ERROR, WARNING, NOTE = "error", "warning", "note"
UNREADABLE = "unreadable"

# What a person can do about each kind.
ADVICE = {
    UNREADABLE: "Runs leave them out. Copy or export them again, or remove them.",
    "class-names": "If they are one class, put their photos into one folder.",
    "class-missing": "Add photos of the class, or remove it.",
    "copies-across-classes": "Give all copies of a photo the same label.",
    "copies-across-splits": "Keep each in one split: a score on photos that were learned is a lie.",
    "copies": "They count twice; one of each is enough.",
    "few-photos": "Add photos, or expect little of the class.",
    "imbalance": "Add photos of the small class; look at the recall of each class.",
    "blank": "Remove them unless nothing is what they are to show.",
    "wrong-ending": "They are read as what they are; other programs may not.",
    "tiny": "They are enlarged, and show little.",
    "turned": "Nothing is to be done.",
    "grey": "Make sure that not one class alone is without colours.",
}

# A side of fewer pixels than this shows little; a photo of less contrast (in grey levels) nothing.
_TINY = 32
_BLANK = 2.0
# Colours are so far from grey, on average, in a photo that is not grey.
_GREY = 2.0
# The largest class may have so many times the photos of the smallest.
_IMBALANCE = 5
_FEW = 10
# Photos of a group that a line names.
_SHOWN = 2
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


@attrs.frozen
class Finding:
    """One kind of thing that was found.

    Args:
        kind: What it is called in JSON.
        level: `"error"`: it cannot be used; `"warning"`: scores may not mean what they seem to;
            `"note"`: good to know.
        text: What was found.
        groups: The photos it was found in; those that belong together are in one group.
        details: More about each group, or nothing.
    """

    kind: str
    level: str
    text: str
    groups: tuple[tuple[str, ...], ...] = attrs.field(default=(), repr=False)
    details: tuple[str, ...] = attrs.field(default=(), repr=False)

    @property
    def advice(self) -> str:
        """What a person can do about it."""
        return ADVICE[self.kind.removeprefix("near-")]

    def summary(self, root: str = "") -> str:
        """Return what was found in one line, with an example.

        Args:
            root: The folder that paths are told from.
        """
        if not self.groups:
            return self.text
        group = self.groups[0]
        shown = [os.path.relpath(name, root) if root else name for name in group[:_SHOWN]]
        more = f" and {len(group) - _SHOWN} more" if len(group) > _SHOWN else ""
        detail = f" ({self.details[0]})" if self.details else ""
        return f"{self.text}: {len(self.groups)}, such as {', '.join(shown)}{more}{detail}"

    def as_json(self) -> dict[str, Any]:
        """Return the finding made of what JSON has."""
        return attrs.asdict(self) | {"advice": self.advice}


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

    def counts(self, only_sound: bool = False) -> dict[str, Counter[str]]:
        """Return how many photos each class has in each split."""
        found = {split: Counter[str]() for split in SPLITS if split in self.splits}
        for split, labels, sound in zip(self.splits, self.labels, self.sound(), strict=True):
            if sound or not only_sound:
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
    counts = looked.counts(only_sound=True).get(TRAIN, Counter())
    for name, count in sorted(counts.items()):
        if count < _FEW:
            text = f"class {name!r} has only {counted(count, 'photo')} to learn from"
            yield Finding("few-photos", WARNING, text)
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
