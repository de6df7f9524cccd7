"""Photos that have to be in the same split: of one person or occasion, and copies."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from kerastl.console import say
from kerastl.errors import DataError
from kerastl.labelled import Labelled
from kerastl.validators import as_tuple

if TYPE_CHECKING:
    from kerastl.cache import Cache
    from kerastl.data.facts import Facts

Pairs = list[tuple[int, int]]


@attrs.define(eq=False)
class Group:
    """Photos that stay together.

    Args:
        name: What tells the group from others, whatever is added to it or beside it.
        photos: Their numbers.
        stratum: The class that most of them are of; of several labels of a photo, the rarest.
        labels: The classes that some of them are of.
        part: Where they are.
        is_fixed: Whether they have to stay there.
    """

    name: str
    photos: list[int]
    stratum: int
    labels: frozenset[int]
    part: str = ""
    is_fixed: bool = False


def groups_of(
    labelled: Labelled, facts: Facts, pool: Sequence[int], least: int, cache: Cache
) -> list[Group]:
    """Return the photos of the pool in groups; files that are no photos are in none.

    Args:
        labelled: All photos.
        facts: What is known of each.
        pool: The numbers of those that are to be divided; others may link them.
        least: How many groups a class needs. One that has fewer because its photos are copies of
            one another, as they are of nothing in front of a fixed camera, is taken apart: that is
            said.
        cache: Where copies are found and kept.

    Raises:
        DataError: A label is that of no class.
    """
    from kerastl.data.copies import all_copies

    labels = _labels(labelled, [number for number in pool if not facts["reason"][number]])
    exact, near = (pairs.tolist() for pairs in all_copies(facts, cache))
    same = [*_named_alike(labelled), *exact]
    groups = _joined(labelled, facts, labels, same + near)
    thin = {label for label, count in counts_of(groups).items() if count < least}
    apart = [pair for pair in near if thin.isdisjoint(_all_of(labelled, pair))]
    if len(apart) < len(near):
        groups = _joined(labelled, facts, labels, same + apart)
        for label in sorted(label for label in thin if counts_of(groups)[label] >= least):
            say(
                f"Warning: the photos of class {labelled.classes[label]!r} are copies of one "
                "another, and are in several splits nevertheless: they are all there is of it."
            )
    return groups


def counts_of(groups: Sequence[Group]) -> Counter[int]:
    """Return how many groups have photos of each class."""
    return Counter(label for group in groups for label in group.labels)


def _all_of(labelled: Labelled, numbers: Sequence[int]) -> set[int]:
    return {label for number in numbers for label in as_tuple(labelled.photos.labels[number])}


def _labels(labelled: Labelled, numbers: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """Return the classes of each photo by its number, the rarest first."""
    found = {number: as_tuple(labelled.photos.labels[number]) for number in numbers}
    counts = Counter(label for some in found.values() for label in some)
    wrong = [label for label in counts if label not in range(len(labelled.classes))]
    if wrong:
        number = next(number for number, some in found.items() if wrong[0] in some)
        raise DataError(
            f"{labelled.photos.names[number]} has the label {wrong[0]}; the classes are 0 to "
            f"{len(labelled.classes) - 1}."
        )
    return {
        number: tuple(sorted(some, key=lambda label: (counts[label], label)))
        for number, some in found.items()
    }


def _named_alike(labelled: Labelled) -> Pairs:
    first: dict[str, int] = {}
    return [
        (first.setdefault(name, number), number)
        for number, name in enumerate(labelled.groups)
        if name
    ]


def _joined(
    labelled: Labelled, facts: Facts, labels: Mapping[int, tuple[int, ...]], pairs: Pairs
) -> list[Group]:
    """Return the groups that pairs make of the photos of which the labels are told."""
    import numpy as np

    from kerastl.data.near_copies import components

    members = components(np.array(pairs, np.int64).reshape(-1, 2), len(labelled.splits)).tolist()
    together: dict[int, list[int]] = defaultdict(list)
    for number in labels:
        together[members[number]].append(number)
    return [
        Group(
            _name(labelled, facts, photos),
            photos,
            # Photos without any label are no class.
            Counter(next(iter(labels[n]), -1) for n in photos).most_common(1)[0][0],
            frozenset(label for number in photos for label in labels[number]),
        )
        for photos in together.values()
    ]


def _name(labelled: Labelled, facts: Facts, photos: Sequence[int]) -> str:
    """Return the name of a group: that which it was given, or what its first photo is.

    The first is that of the shortest name: copies are called `photo (1).jpg`, `photo_small.jpg`.
    """
    names = {labelled.groups[number] for number in photos} - {""} if labelled.groups else set()
    if names:
        return "group " + min(names, key=lambda name: (len(name), name))
    ids: dict[int, str] = {number: facts["id"][number].tobytes().hex() for number in photos}
    called = {number: Path(labelled.photos.names[number]).name for number in photos}
    return ids[min(photos, key=lambda number: (len(called[number]), called[number], ids[number]))]
